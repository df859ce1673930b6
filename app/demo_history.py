"""A plausible past for the demo's customer: rows of the ledger, one UTC day at a time, pure and deterministic.

The customer runs a chat on a website (busy in European office hours, quiet at weekends) and a nightly report. The
same day always gives the same rows with the same ids, so a day may be written again without counting twice. Both
limits keep room: a day uses at most a 31st of 60% of the monthly cap, an hour at most half of its ceiling.
"""

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from models.catalog import Model, Price
from models.ledger import FinalRow, Usage
from models.refusals import Line
from models.windows import DAY, HOUR, hour_end

REPORT_HOUR: Final = 2
REPORT_LIMIT: Final = 12
"""Requests of each night's report; on Mondays it wants more, and is refused."""

_PER_DAY: Final = 64
_TOKENS_PER_DAY: Final = 100_000
_SHARE_OF_CAP: Final = 0.6
_BY_HOUR: Final = (1, 1, 1, 1, 1, 2, 4, 8, 12, 14, 14, 12, 10, 13, 14, 13, 11, 8, 6, 5, 5, 4, 2, 1)
_BY_WEEKDAY: Final = (1.0, 1.08, 1.05, 1.0, 0.85, 0.5, 0.45)
_BY_MODEL: Final = (45, 20, 20, 8, 7)
"""How often each model is asked, by its place in `Customer.models`; further ones as the last."""


@dataclass(frozen=True, slots=True)
class Customer:
    """Whose past it is. `models` stand in the order of their popularity, `cost` is the ledger's own."""

    account_id: int
    chat_key: int
    report_key: int
    models: Sequence[Model]
    hourly_requests: int
    monthly_tokens: int
    cost: Callable[[Usage, Price], int]


@dataclass(frozen=True, slots=True)
class Day:
    finals: list[FinalRow]
    refused: list[Line]


def day(customer: Customer, start: int, *, until: int) -> Day:
    """What happened in the day that begins at `start` (UTC midnight, Unix seconds) and was over before `until`."""
    chance = random.Random(f"starscoo demo {start}")  # noqa: S311  # no secret depends on it
    budget = min(_TOKENS_PER_DAY, int(customer.monthly_tokens * _SHARE_OF_CAP / 31))
    finals: list[FinalRow] = []
    for number, (key_id, moment_ms) in enumerate(_moments(customer, start, chance)):
        row = _request(customer, key_id, moment_ms, f"{start} {number}", chance)
        budget -= row.usage.total_tokens
        if budget < 0:
            break
        finals.append(row)
    refused = [*_typing_errors(customer, start, chance), *_too_many_reports(customer, start)]
    return Day(
        [row for row in finals if row.admitted_ms + row.total_ms < until * 1000],
        [line for line in refused if line.at < until],
    )


def report_limit(hourly_requests: int) -> int | None:
    """The nightly key's own ceiling, under an account that allows so many; None where that leaves no room."""
    return REPORT_LIMIT if hourly_requests >= 2 * REPORT_LIMIT else None


def days(now: int, count: int) -> Iterator[int]:
    """The last `count` days' beginnings and today's, oldest first."""
    today = now - now % DAY
    yield from range(today - count * DAY, today + 1, DAY)


def _moments(customer: Customer, start: int, chance: random.Random) -> Iterator[tuple[int, int]]:
    """Key and millisecond of each request, in order."""
    day_of_week = weekday(start)
    most = customer.hourly_requests // 2
    of_day = _PER_DAY * _BY_WEEKDAY[day_of_week] * chance.uniform(0.8, 1.15)
    for hour, weight in enumerate(_BY_HOUR):
        reports = REPORT_LIMIT if hour == REPORT_HOUR and day_of_week < 5 else 0
        chats = round(of_day * weight / sum(_BY_HOUR) * chance.uniform(0.6, 1.4))
        begin_ms = (start + hour * HOUR) * 1000
        for index in range(min(reports, most)):
            yield customer.report_key, begin_ms + 60_000 + index * 20_000 + chance.randrange(4_000)
        for moment in sorted(chance.randrange(HOUR * 1000) for _ in range(min(chats, most - reports))):
            yield customer.chat_key, begin_ms + moment


def _request(customer: Customer, key_id: int, moment_ms: int, name: str, chance: random.Random) -> FinalRow:
    weights = [_BY_MODEL[min(place, len(_BY_MODEL) - 1)] for place in range(len(customer.models))]
    model = chance.choices(customer.models, weights)[0]
    outcome, status, code = ending(chance)
    prompt = int(min(6_000, 60 + chance.lognormvariate(5.9, 0.8)))
    cached = prompt // 2 if chance.random() < 0.2 else 0
    output = int(min(2_500, 20 + chance.lognormvariate(5.3, 0.7)))
    if outcome == "error":
        prompt, cached, output = 0, 0, 0
    used = Usage(input_tokens=prompt - cached, cache_read_tokens=cached, output_tokens=output)
    first_ms = int(chance.lognormvariate(6.2, 0.35))
    is_answered = outcome != "error"
    price = model.targets[0].price
    return FinalRow(
        id=id_of(name),
        account_id=customer.account_id,
        key_id=key_id,
        model=model.id,
        admitted_ms=moment_ms,
        outcome=outcome,
        http_status=status,
        error_code=code,
        usage=used,
        is_estimated=outcome in ("cut", "client_abort"),
        cost_nusd=0 if price is None else customer.cost(used, price),
        first_token_ms=first_ms if is_answered else None,
        total_ms=first_ms + output * 14,
        stop=("length" if output >= 2_500 else "end") if outcome == "ok" else None,
        hour=moment_ms // 3_600_000,
    )


def ending(chance: random.Random, *, more_failures: float = 0) -> tuple[str, int, str | None]:
    """Outcome, status and code: some 3% do not end well, or as many more as the share says."""
    draw = chance.random() - more_failures
    if draw < 0.012:
        return "error", 503, "upstream_overloaded"
    if draw < 0.017:
        return "error", 504, "upstream_timeout"
    if draw < 0.022:
        return "cut", 200, "upstream_disconnected"
    if draw < 0.032:
        return "client_abort", 200, None
    return "ok", 200, None


def _typing_errors(customer: Customer, start: int, chance: random.Random) -> Iterator[Line]:
    """Every third day somebody asks for a model that is not on offer."""
    if chance.random() < 0.35:
        yield Line(
            request_id=id_of(f"{start} model"),
            at=start + 9 * HOUR + chance.randrange(6 * HOUR),
            account_id=customer.account_id,
            key_id=customer.chat_key,
            model="gpt-4o",
            status=404,
            code="model_not_found",
            param="model",
            message="The model 'gpt-4o' does not exist here. GET /v1/models lists the models that this key may use.",
        )


def _too_many_reports(customer: Customer, start: int) -> Iterator[Line]:
    if weekday(start) != 0 or report_limit(customer.hourly_requests) is None:
        return
    begin = start + REPORT_HOUR * HOUR
    for index in range(2):
        at = begin + 60 + (REPORT_LIMIT + index) * 20
        rest = hour_end(begin) - at
        yield Line(
            request_id=id_of(f"{start} report {index}"),
            at=at,
            account_id=customer.account_id,
            key_id=customer.report_key,
            model=customer.models[0].id,
            status=429,
            code="rate_limited",
            message=f"Hourly request limit exceeded. The limit of this key is {REPORT_LIMIT} requests per clock "
            f"hour (UTC); it resets in {rest // 60}m{rest % 60}s.",
            limit_name="hourly_requests",
            layer="key",
            value=REPORT_LIMIT,
            count=REPORT_LIMIT,
            window_end=hour_end(begin),
        )


def weekday(start: int) -> int:
    """0 is Monday; 1970 began on a Thursday."""
    return (start // DAY + 3) % 7


def id_of(name: str) -> str:
    """In the shape of the gateway's own ids."""
    return "req_" + hashlib.sha256(name.encode()).hexdigest()[:24]

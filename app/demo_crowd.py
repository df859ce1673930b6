"""The demo's busy customers: hundreds of thousands of requests, so that charts, logs and files have something to do.

Like the month of the demo's own customer, a day is the same whenever it is told, and its rows have the same ids; but a
day that stands in the tables whole is recognised by its size and not told again. A day is one transaction of the
ledger itself, so that sums and rows agree as they do anywhere else.
"""

import random
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from app.demo_history import Day, ending, id_of, weekday
from models import accounts, keys, ledger, limits, passwords, refusals, usage
from models.catalog import Model, Price
from models.database import Database
from models.ledger import FinalRow, OpenRow, Usage
from models.live import Limit
from models.refusals import Line
from models.windows import DAY, HOUR, hour_end, hour_of

DAYS: Final = 60
_BY_HOUR: Final = (3, 2, 2, 2, 2, 3, 5, 8, 11, 13, 13, 12, 11, 13, 14, 13, 12, 10, 9, 9, 8, 7, 5, 4)
_BY_WEEKDAY: Final = (1.0, 1.1, 1.05, 1.0, 0.9, 0.55, 0.5)
_BY_KEY: Final = (40, 25, 15, 10, 6, 4)
_BY_MODEL: Final = (45, 22, 18, 9, 6)
_PACE: Final = (0.45, 1.0, 0.85, 1.5, 1.9)
"""How slow a model is, by its place in the order of popularity: small ones are asked most."""
_STREAMED: Final = (0.9, 0.0, 0.7, 0.3, 0.9, 0.0)
"""The share of streamed answers by the key's place: some programs stream, some do not."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Whose past it is. `per_day` is the mean of a working day."""

    name: str
    account_id: int
    key_ids: Sequence[int]
    models: Sequence[Model]
    per_day: int
    cost: Callable[[Usage, Price], int]


@dataclass(frozen=True, slots=True)
class Member:
    """A customer to be made: `limits` are what staff has set for the account, `key_limit` the last key's own hour."""

    email: str
    key_names: Sequence[str]
    per_day: int
    hourly_requests: int = 1_000
    monthly_tokens: int = 5_000_000
    key_limit: int | None = None


MEMBERS: Final = (
    Member(
        "bob@example.com",
        ("Shop assistant", "Product texts", "Search", "Support inbox", "Translations", "Experiments"),
        per_day=4_400,
        hourly_requests=20_000,
        monthly_tokens=1_000_000_000,
        key_limit=200,
    ),
    Member("carol@example.com", ("Blog", "Research", "Old laptop"), per_day=60, key_limit=20),
)


@dataclass(slots=True)
class _Wheel:
    """Draws a place by weights that stay."""

    weights: Sequence[float]
    sums: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.sums = list(accumulate(self.weights))

    def turn(self, draw: float) -> int:
        return bisect(self.sums, draw * self.sums[-1])


def size(crowd: Crowd, start: int) -> int:
    """How many requests the day that begins at `start` (UTC midnight) has in all."""
    return sum(_sizes(crowd, start))


def day(crowd: Crowd, start: int, *, until: int) -> tuple[Day, list[OpenRow]]:
    """What was over before `until`; the open rows are those of streamed answers."""
    finals: list[FinalRow] = []
    streams: list[OpenRow] = []
    for hour, count in enumerate(_sizes(crowd, start)):
        begin = start + hour * HOUR
        if begin >= until:
            break
        chance = random.Random(f"{crowd.name} {begin}")  # noqa: S311  # no secret depends on it
        for row in _requests(crowd, begin, count, chance):
            if row.admitted_ms + row.total_ms >= until * 1000:
                continue
            finals.append(row)
            if chance.random() < _STREAMED[crowd.key_ids.index(row.key_id) % len(_STREAMED)]:
                streams.append(opened(row))
    refused = [line for line in _refused(crowd, start) if line.at < until]
    return Day(finals, refused), streams


def join(database: Database, member: Member, password: str, *, now: int) -> tuple[int, list[int]]:
    """The account and its keys, in the order of their names, made unless they are there."""
    begin = now - (DAYS + 1) * DAY
    account = database.run_now(accounts.ensure, member.email, plan="starter", now=begin)
    if account.password_hash is None or not passwords.verify(password, account.password_hash):
        hashed = passwords.hash_password(password)
        database.run_now(accounts.set_password, account.id, hashed, now=now)
    listed = database.read_now(keys.listing, account.id, now=now)
    own = {line.key.name: line.key.id for line in reversed(listed)}
    if not own:
        _raise_limits(database, account.id, member, now=begin)
    for name in member.key_names:
        if name not in own:
            made = database.run_now(keys.issue, account.id, name, actor=member.email, now=begin).key
            own[name] = made.id
            if member.key_limit is not None and name == member.key_names[-1]:
                database.run_now(
                    limits.set_key_limit,
                    account.id,
                    made.public_id,
                    "hourly_requests",
                    member.key_limit,
                    actor=member.email,
                    now=begin,
                )
    return account.id, [own[name] for name in member.key_names]


def missing(database: Database, crowd: Crowd, *, now: int, days: int = DAYS) -> list[int]:
    """The days that are not there as a whole, newest first; today never is."""
    today = now - now % DAY
    since = today - days * DAY
    lines = database.read_now(usage.by_day, crowd.account_id, since=since, until=now)
    there: dict[int, int] = {}
    for line in lines:
        there[line.day] = there.get(line.day, 0) + line.requests
    starts = range(today, since - 1, -DAY)
    return [start for start in starts if start == today or there.get(start, 0) < size(crowd, start)]


def write(database: Database, crowd: Crowd, start: int, *, until: int) -> None:
    """One day, in one transaction; what is there already stays as it is."""
    past, streams = day(crowd, start, until=until)
    told = database.read_now(refusals.last, crowd.account_id, 1_000)
    known = {line.request_id for line in told}
    fresh = [line for line in past.refused if line.request_id not in known]
    with database.write_batch() as connection:
        ledger.write(connection, streams, past.finals, fresh)


def _raise_limits(database: Database, account_id: int, member: Member, *, now: int) -> None:
    wanted: tuple[tuple[Limit, int, int], ...] = (
        ("hourly_requests", member.hourly_requests, 1_000),
        ("monthly_tokens", member.monthly_tokens, 5_000_000),
    )
    for name, value, usual in wanted:
        if value != usual:
            database.run_now(
                limits.set_account_limit,
                account_id,
                name,
                value,
                actor="admin@example.com",
                reason="Signed the yearly contract for the shop",
                now=now,
            )


def _sizes(crowd: Crowd, start: int) -> list[int]:
    """By hour of the day."""
    chance = random.Random(f"{crowd.name} size {start}")  # noqa: S311  # no secret depends on it
    of_day = crowd.per_day * _BY_WEEKDAY[weekday(start)] * chance.uniform(0.85, 1.15)
    total = sum(_BY_HOUR)
    return [round(of_day * weight / total * chance.uniform(0.7, 1.3)) for weight in _BY_HOUR]


def _requests(crowd: Crowd, begin: int, count: int, chance: random.Random) -> Iterator[FinalRow]:
    key_wheel = _Wheel(_BY_KEY[: len(crowd.key_ids)])
    model_wheel = _Wheel([_BY_MODEL[min(place, len(_BY_MODEL) - 1)] for place in range(len(crowd.models))])
    hour = hour_of(begin)
    # An hour in which the provider is overloaded now and then: what an error rate is looked at for.
    fails = 0.25 if chance.random() < 0.01 else 0.0
    for number in range(count):
        place = model_wheel.turn(chance.random())
        model, pace = crowd.models[place], _PACE[min(place, len(_PACE) - 1)]
        outcome, status, code = ending(chance, more_failures=fails)
        is_answered = outcome != "error"
        prompt = min(60_000, 40 + int(chance.lognormvariate(5.6, 0.9)))
        cached = prompt // 2 if chance.random() < 0.2 else 0
        output = min(4_000, 10 + int(chance.lognormvariate(4.9, 0.8)))
        used = Usage(prompt - cached, cached, 0, output) if is_answered else Usage()
        first_ms = int(chance.lognormvariate(6.2, 0.45) * pace)
        price = model.targets[0].price
        yield FinalRow(
            id=id_of(f"{crowd.name} {begin} {number}"),
            account_id=crowd.account_id,
            key_id=crowd.key_ids[key_wheel.turn(chance.random())],
            model=model.id,
            admitted_ms=begin * 1000 + chance.randrange(HOUR * 1000),
            outcome=outcome,
            http_status=status,
            error_code=code,
            usage=used,
            is_estimated=outcome in ("cut", "client_abort"),
            cost_nusd=0 if price is None else crowd.cost(used, price),
            first_token_ms=first_ms if is_answered else None,
            total_ms=first_ms + int(output * 16 * pace) if is_answered else first_ms,
            stop="end" if outcome == "ok" else None,
            hour=hour,
        )


def opened(row: FinalRow) -> OpenRow:
    """As it stood before its end, of a streamed answer: a final row alone does not say that."""
    held = row.usage.prompt_tokens + 400
    return OpenRow(row.id, row.account_id, row.key_id, row.model, row.admitted_ms, True, held, row.hour)


def _refused(crowd: Crowd, start: int) -> Iterator[Line]:
    """A burst against the last key's own ceiling, at times too many at once, and a model that is not on offer."""
    chance = random.Random(f"{crowd.name} refused {start}")  # noqa: S311  # no secret depends on it
    key_id, model = crowd.key_ids[-1], crowd.models[0].id
    begin = start + chance.choice((9, 11, 14, 16)) * HOUR
    for number in range(chance.choice((0, 4, 9, 22))):
        at = begin + 1_800 + number * 7
        yield Line(
            id_of(f"{crowd.name} {start} hour {number}"),
            at,
            crowd.account_id,
            key_id,
            model,
            429,
            "rate_limited",
            message="Hourly request limit exceeded.",
            limit_name="hourly_requests",
            layer="key",
            value=200,
            count=200,
            window_end=hour_end(begin),
            skipped=chance.choice((0, 0, 0, 12)),
        )
    for number in range(chance.choice((0, 0, 3))):
        yield Line(
            id_of(f"{crowd.name} {start} at once {number}"),
            begin + 40 + number,
            crowd.account_id,
            crowd.key_ids[0],
            model,
            429,
            "concurrency_limited",
            message="Too many requests of this key at once.",
            limit_name="concurrent_requests",
            layer="key",
            value=100,
            count=100,
            window_end=begin + 41 + number,
        )
    if chance.random() < 0.3:
        yield Line(
            id_of(f"{crowd.name} {start} model"),
            begin + 600,
            crowd.account_id,
            crowd.key_ids[1],
            "gpt-4o",
            404,
            "model_not_found",
            "model",
            "The model 'gpt-4o' does not exist here. GET /v1/models lists the models that this key may use.",
        )

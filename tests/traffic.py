"""Requests of two accounts as a test of charts, logs and files wants them: many, mixed, and the same each time."""

import random
from dataclasses import dataclass

from models import keys, ledger
from models.accounts import Account
from models.database import Database
from models.keys import ApiKey
from models.ledger import FinalRow, OpenRow, Usage
from models.refusals import Line

MODELS = ("gpt-5", "gpt-5-mini", "claude-sonnet-4-6")
OUTCOMES = ("ok", "ok", "ok", "error", "cut", "client_abort", "interrupted")


@dataclass(frozen=True)
class Traffic:
    """What was written for one account."""

    keys: list[ApiKey]
    finals: list[FinalRow]
    opens: list[OpenRow]
    refused: list[Line]


def write(
    database: Database, owner: Account, *, now: int, days: int, requests: int = 240, refused: int = 40
) -> Traffic:
    """In the `days` before `now`, every tenth still running, some at the very same moment."""
    chance = random.Random(f"{owner.email} {now}")
    own = [database.run_now(keys.issue, owner.id, name, actor="test", now=now).key for name in ("one", "two")]
    opens: list[OpenRow] = []
    finals: list[FinalRow] = []
    for number in range(requests):
        at_ms = (now - chance.randrange(days * 86_400)) * 1000 + chance.choice((0, 0, 250, 999))
        row = OpenRow(
            f"req_{owner.id}_{number:05}",
            owner.id,
            chance.choice(own).id,
            chance.choice(MODELS),
            at_ms,
            chance.random() < 0.5,
            chance.randrange(900),
            at_ms // 3_600_000,
        )
        opens.append(row)
        if number % 10:
            finals.append(_final(row, chance))
    told = [_refusal(owner, chance.choice(own), number, now, days, chance) for number in range(refused)]
    with database.write_batch() as connection:
        ledger.write(connection, opens, finals, told)
    return Traffic(own, finals, [row for row in opens if row.id not in {one.id for one in finals}], told)


def _final(row: OpenRow, chance: random.Random) -> FinalRow:
    outcome = chance.choice(OUTCOMES)
    first_ms = int(chance.lognormvariate(6, 1))
    return FinalRow(
        id=row.id,
        account_id=row.account_id,
        key_id=row.key_id,
        model=row.model,
        admitted_ms=row.admitted_ms,
        outcome=outcome,
        http_status=200 if outcome != "error" else 503,
        error_code="upstream_overloaded" if outcome == "error" else None,
        usage=Usage(chance.randrange(900), chance.randrange(90), chance.randrange(9), chance.randrange(500)),
        is_estimated=outcome == "cut",
        cost_nusd=chance.randrange(10**9),
        first_token_ms=None if outcome == "error" else first_ms,
        total_ms=first_ms + int(chance.lognormvariate(7.5, 1.2)),
        stop="end" if outcome == "ok" else None,
        hour=row.hour,
    )


def _refusal(owner: Account, key: ApiKey, number: int, now: int, days: int, chance: random.Random) -> Line:
    return Line(
        request_id=f"req_{owner.id}_r{number:04}",
        at=now - chance.randrange(days * 86_400),
        account_id=owner.id,
        key_id=key.id,
        model=chance.choice(MODELS),
        status=429,
        code="rate_limited",
        message="Hourly request limit exceeded.",
        limit_name="hourly_requests",
        layer=chance.choice(("key", "account")),
        value=10,
        count=10,
        window_end=now + 60,
        skipped=chance.choice((0, 0, 3)),
    )

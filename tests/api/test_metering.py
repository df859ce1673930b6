"""Cost in whole nano-dollars, and a ledger whose receipts tell the truth."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.clock import Clock
from gateways import NOON
from sqlmodel import select

from api.metering import Ledger, LedgerAway
from api.pricing import cost
from models import accounts, keys, limits, refusals
from models.catalog import Price
from models.database import Database
from models.ledger import FinalRow, OpenRow, RequestRow, Usage

PRICE = Price(
    input_nusd=3_000_000_000,
    cache_read_nusd=300_000_000,
    cache_write_nusd=3_750_000_000,
    output_nusd=15_000_000_000,
)


def test_cost_is_summed_by_class_and_rounded_up_once() -> None:
    used = Usage(input_tokens=3, cache_read_tokens=1, cache_write_tokens=2, output_tokens=7)
    assert cost(used, PRICE) == 3 * 3_000 + 300 + 2 * 3_750 + 7 * 15_000
    odd = Price(input_nusd=1, cache_read_nusd=1, cache_write_nusd=1, output_nusd=1)
    assert cost(Usage(input_tokens=1, output_tokens=1), odd) == 1
    assert cost(Usage(), PRICE) == 0


def test_what_a_cache_keeps_for_an_hour_has_a_price_of_its_own() -> None:
    used = Usage(cache_write_tokens=5, cache_write_1h_tokens=2)
    assert cost(used, PRICE) == 5 * 3_750
    assert cost(used, replace(PRICE, cache_write_1h_nusd=6_000_000_000)) == 3 * 3_750 + 2 * 6_000


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/ledger.db")
    database.migrate()
    database.run_now(limits.ensure_plans, starter_requests=1000, starter_tokens=5_000_000)
    yield database
    database.close()


@pytest.fixture
def key(database: Database) -> keys.ApiKey:
    account = database.run_now(accounts.ensure, "alice@example.com", plan="unlimited", now=NOON)
    return database.run_now(keys.issue, account.id, "k", actor="test", now=NOON).key


def opened(key: keys.ApiKey, name: str) -> OpenRow:
    return OpenRow(
        id=name,
        account_id=key.account_id,
        key_id=key.id or 0,
        model="gpt-5",
        admitted_ms=NOON * 1000,
        is_stream=False,
        reserved_tokens=10,
        hour=NOON // 3600,
    )


def final(key: keys.ApiKey, name: str) -> FinalRow:
    return FinalRow(
        id=name,
        account_id=key.account_id,
        key_id=key.id or 0,
        model="gpt-5",
        admitted_ms=NOON * 1000,
        outcome="ok",
        http_status=200,
        error_code=None,
        usage=Usage(input_tokens=5, output_tokens=7),
        is_estimated=False,
        cost_nusd=1,
        first_token_ms=None,
        total_ms=3,
        stop="end",
        hour=NOON // 3600,
    )


def line(key: keys.ApiKey, name: str) -> refusals.Line:
    return refusals.Line(
        request_id=name,
        at=NOON,
        account_id=key.account_id,
        key_id=key.id or 0,
        model="gpt-5",
        status=429,
        code="rate_limited",
        param=None,
        message="Hourly request limit exceeded.",
        limit_name="hourly_requests",
        layer="key",
        value=1,
        count=1,
        window_end=NOON + 3600,
        skipped=0,
    )


def rows(database: Database) -> list[RequestRow]:
    return database.read_now(lambda session: list(session.exec(select(RequestRow).order_by(RequestRow.id))))


def test_a_receipt_means_that_the_row_is_committed(database: Database, key: keys.ApiKey) -> None:
    async def story() -> None:
        ledger = Ledger(database, Clock(NOON))
        await ledger.start()
        await ledger.open(opened(key, "a"))
        assert [row.state for row in rows(database)] == ["open"]
        await ledger.finish(final(key, "a"))
        assert [(row.state, row.total_tokens) for row in rows(database)] == [("final", 12)]
        await ledger.stop()

    asyncio.run(story())


def test_rows_that_come_while_a_commit_runs_share_the_next_one(database: Database, key: keys.ApiKey) -> None:
    commits: list[int] = []

    async def story() -> None:
        ledger = Ledger(database, Clock(NOON), on_settled=lambda finals, _: commits.append(len(finals)))
        await ledger.start()
        receipts = []
        for number in range(50):
            ledger.open(opened(key, f"r{number:02}"))
            receipts.append(ledger.finish(final(key, f"r{number:02}")))
        await asyncio.gather(*(asyncio.shield(receipt) for receipt in receipts))
        await ledger.stop()

    asyncio.run(story())
    assert sum(commits) == 50
    assert len(commits) <= 2
    assert {row.state for row in rows(database)} == {"final"}


def test_refusals_beyond_ten_a_second_are_counted_in_the_next_row(
    database: Database, key: keys.ApiKey
) -> None:
    clock = Clock(NOON)

    async def story() -> None:
        ledger = Ledger(database, clock)
        await ledger.start()
        for number in range(25):
            ledger.refuse(line(key, f"r{number}"))
        clock.advance(1)
        ledger.refuse(line(key, "later"))
        await ledger.stop()

    asyncio.run(story())
    kept = database.read_now(refusals.last, key.account_id, 100)
    assert len(kept) == 11
    assert sum(row.skipped for row in kept) == 15


class Breaking:
    """The real database, until it is told to be away."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_away = False

    @contextmanager
    def write_batch(self) -> Iterator[Any]:
        if self.is_away:
            raise OSError("disk full")
        with self._database.write_batch() as connection:
            yield connection


def test_a_row_that_could_not_be_written_is_told_and_written_later(
    database: Database, key: keys.ApiKey
) -> None:
    breaking = Breaking(database)

    async def story() -> None:
        ledger = Ledger(breaking, Clock(NOON))  # type: ignore[arg-type]
        await ledger.start()
        await ledger.open(opened(key, "a"))
        breaking.is_away = True
        with pytest.raises(LedgerAway):
            await ledger.finish(final(key, "a"))
        assert [row.state for row in rows(database)] == ["open"]
        breaking.is_away = False
        await ledger.stop()

    asyncio.run(story())
    assert [(row.state, row.total_tokens) for row in rows(database)] == [("final", 12)]

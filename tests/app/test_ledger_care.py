"""While it serves, a process checks the ledger once a day and throws away what is old enough."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.clock import Clock
from sqlalchemy import text

from app.ledger_care import CHECK_EVERY_S, LedgerCare
from models import ledger, ledger_state, windows
from models.database import Database
from models.ledger import FinalRow, Usage
from models.live.memory import MemoryLive

NOON = 1_795_348_800  # 2026-11-22 12:00:00 UTC


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'starscoo.db'}", durability="normal")
    database.migrate()
    yield database
    database.close()


def write(database: Database, *days_ago: int) -> None:
    with database.write_batch() as connection:
        rows = [final(number, NOON - days * windows.DAY) for number, days in enumerate(days_ago)]
        ledger.write(connection, [], rows, [])


def final(number: int, at: int) -> FinalRow:
    owner = (f"req_{number}", 1, 7, "gpt-5", at * 1000)
    hour = windows.hour_of(at)
    return FinalRow(*owner, "ok", 200, None, Usage(10, output_tokens=5), False, 7, 90, 400, "end", hour)


def care_of(database: Database, clock: Clock) -> LedgerCare:
    return LedgerCare(database, MemoryLive(clock), clock, keep_days=90, rest=0)


def test_a_check_is_made_once_a_day(database: Database) -> None:
    clock = Clock(NOON)

    async def days() -> list[int]:
        care = care_of(database, clock)
        made = []
        for wait in (0, CHECK_EVERY_S - 1, 1):
            clock.now += wait
            await care.check_daily()
            made.append(len(database.read_now(ledger_state.last_checks, 10)))
        return made

    assert asyncio.run(days()) == [1, 1, 2]


def test_two_who_ask_at_once_get_one_check(database: Database) -> None:
    write(database, 0, 40)

    async def both() -> bool:
        care = care_of(database, Clock(NOON))
        one, other = await asyncio.gather(care.check(by="boss"), care.check(by="other"))
        assert not care.is_checking
        assert care.progress is None
        return one is other

    assert asyncio.run(both())
    assert len(database.read_now(ledger_state.last_checks, 10)) == 1


def test_rows_older_than_they_are_kept_go_and_their_sums_stay(database: Database) -> None:
    write(database, 0, 89, 91, 300)

    async def tidy() -> None:
        await care_of(database, Clock(NOON)).throw_away()

    asyncio.run(tidy())
    with database.write_batch() as connection:
        rows = connection.execute(text("SELECT id FROM requests ORDER BY id")).scalars().all()
        sums = connection.execute(text("SELECT sum(requests) FROM usage_hours")).scalar()
    assert rows == ["req_0", "req_1"]
    assert sums == 4


def test_P_O1_a_server_that_stops_does_not_wait_for_its_check(database: Database) -> None:
    write(database, *range(60))

    async def stopped() -> bool:
        care = LedgerCare(database, MemoryLive(Clock(NOON)), Clock(NOON), keep_days=90, rest=50)
        checking = asyncio.create_task(care.check(by="boss"))
        while care.progress is None:  # noqa: ASYNC110  # the thread that sets it tells the loop nothing
            await asyncio.sleep(0)
        await care.stop()
        await asyncio.gather(checking, return_exceptions=True)
        return not care.is_checking

    assert asyncio.run(stopped())
    assert database.read_now(ledger_state.last_checks, 10) == []

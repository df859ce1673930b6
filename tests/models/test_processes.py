"""Who serves, who is dead, and what is settled for those. Times are told on SQLite, the server's on PostgreSQL."""

import threading
import time

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from models import ledger, processes
from models.database import Database
from models.ledger import OpenRow, RequestRow
from models.processes import DEAD_AFTER_MS, LOST_AFTER_MS, OtherLimiter


def now_ms() -> int:
    return int(time.time() * 1000)


def register(database: Database, limiter: str = "redis") -> int:
    return database.run_now(processes.register, limiter, now_ms=now_ms())


def sweep(database: Database, process: int) -> int:
    return database.run_now(processes.sweep_dead, process, now_ms=now_ms())


def open_rows(database: Database, process: int, *ids: str, age_ms: int = 0) -> None:
    at = now_ms() - age_ms
    opens = [OpenRow(one, 1, 1, "gpt-5", at, False, 10, at // 3_600_000, process, 4, 2) for one in ids]
    with database.write_batch() as connection:
        ledger.write(connection, opens, [], [])


def unseen(database: Database, process: int, ms: int = DEAD_AFTER_MS) -> None:
    with database.write_batch() as connection:
        connection.execute(
            text("UPDATE processes SET seen_ms = seen_ms - :ms WHERE id = :id"), {"ms": ms, "id": process}
        )


def still_open(database: Database) -> set[str]:
    def found(session: Session) -> set[str]:
        return set(session.exec(select(RequestRow.id).where(RequestRow.state == "open")).all())

    return database.read_now(found)


def numbers(database: Database) -> list[int]:
    return [process.id for process in database.read_now(processes.serving)]


def test_what_a_dead_process_left_open_is_settled_once(database: Database) -> None:
    dead, mine = register(database), register(database)
    open_rows(database, dead, "a", "b")
    unseen(database, dead)
    assert [sweep(database, mine), sweep(database, mine)] == [2, 0]
    assert numbers(database) == [mine]


def test_a_living_process_is_never_swept(database: Database) -> None:
    other, mine = register(database), register(database)
    open_rows(database, other, "a")
    unseen(database, other, DEAD_AFTER_MS - 10_000)
    assert sweep(database, mine) == 0
    assert still_open(database) == {"a"}
    assert numbers(database) == [other, mine]


def test_a_process_never_sweeps_its_own_rows_as_those_of_a_dead_one(database: Database) -> None:
    mine = register(database)
    open_rows(database, mine, "a")
    unseen(database, mine)
    assert sweep(database, mine) == 0
    assert still_open(database) == {"a"}


def test_rows_of_a_process_that_nobody_knows_are_settled(database: Database) -> None:
    mine = register(database)
    open_rows(database, 0, "from before there were any")
    assert sweep(database, mine) == 1


def test_a_process_that_comes_back_is_known_again_under_its_number(database: Database) -> None:
    late, mine = register(database), register(database)
    unseen(database, late)
    sweep(database, mine)
    for _ in range(2):
        database.run_now(processes.renew, late, "redis", now_ms=now_ms())
        assert numbers(database) == [late, mine]


def test_a_renewed_process_is_not_dead(database: Database) -> None:
    other, mine = register(database), register(database)
    open_rows(database, other, "a")
    unseen(database, other)
    database.run_now(processes.renew, other, "redis", now_ms=now_ms())
    assert sweep(database, mine) == 0


def test_who_serves_alone_sweeps_all_others_however_lively(database: Database) -> None:
    other, mine = register(database), register(database)
    open_rows(database, other, "theirs")
    open_rows(database, mine, "mine")
    assert database.run_now(processes.sweep_others, mine) == 1
    assert (still_open(database), numbers(database)) == ({"mine"}, [mine])


def test_a_request_that_its_process_lost_is_settled_after_a_minute(database: Database) -> None:
    mine = register(database)
    open_rows(database, mine, "lost", "running", age_ms=LOST_AFTER_MS)
    open_rows(database, mine, "young", age_ms=LOST_AFTER_MS // 2)
    open_rows(database, mine + 1, "theirs", age_ms=LOST_AFTER_MS)
    assert database.run_now(processes.sweep_lost, mine, {"running"}, now_ms=now_ms()) == 1
    assert still_open(database) == {"running", "young", "theirs"}


def test_a_number_is_never_given_twice(database: Database) -> None:
    first = register(database)
    database.run_now(processes.leave, first)
    assert register(database) > first


def test_a_starter_with_another_limiter_is_refused_while_others_live(database: Database) -> None:
    first = register(database, "redis")
    if database.dialect == "sqlite":  # its serving lock is for one alone: the first is dead
        register(database, "database")
        return
    with pytest.raises(OtherLimiter, match=r"in redis, this one would in database"):
        register(database, "database")
    unseen(database, first)
    register(database, "database")


@pytest.mark.parametrize(("before", "after"), [("memory", "redis"), ("redis", "memory")])
def test_memory_serves_alone_so_a_killed_process_holds_up_no_start(
    database: Database, before: str, after: str
) -> None:
    register(database, before)
    register(database, after)


def test_two_sweepers_settle_what_the_dead_left_once(database: Database) -> None:
    dead = [register(database) for _ in range(4)]
    sweepers = [register(database) for _ in range(2)]
    for process in dead:
        open_rows(database, process, *(f"{process}-{number}" for number in range(50)))
        unseen(database, process)
    begin = threading.Barrier(len(sweepers))
    swept: list[int] = []

    def run(process: int) -> None:
        begin.wait()
        swept.append(sweep(database, process))

    threads = [threading.Thread(target=run, args=(process,)) for process in sweepers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(swept) == 200
    with database.write_batch() as connection:
        sums = connection.execute(text("SELECT outcome, requests, total_tokens, cost_nusd FROM usage_hours"))
        counted = [tuple(row) for row in sums]
    assert {outcome for outcome, *_ in counted} == {"interrupted"}
    assert [sum(row[place] for row in counted) for place in (1, 2, 3)] == [200, 800, 400]

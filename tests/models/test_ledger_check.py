"""The check finds whatever is not as it must be, the rebuild mends it, and old rows leave their sums."""

import random
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from models import ledger, ledger_check, ledger_rebuild, ledger_state, processes, recount, retention, windows
from models.database import Database, server_ms
from models.ledger import FinalRow, OpenRow, Usage

NOON = 1_795_348_800  # 2026-11-22 12:00:00 UTC
DAY_MS = windows.DAY * 1000
MODELS = ("gpt-5", "gpt-5-mini", "claude-opus-4-7")
OUTCOMES = ("ok", "ok", "ok", "error", "cut", "client_abort", "interrupted")
FIGURES = (
    "requests, prompt_tokens, completion_tokens, total_tokens, cost_nusd, first_token_times, total_times"
)


def finals(count: int, *, days: int = 40, seed: int = 7) -> Iterator[FinalRow]:
    """Over so many days before noon, two months among them, of three accounts and six keys."""
    random_ = random.Random(seed)
    for number in range(count):
        at = NOON - random_.randrange(days * windows.DAY)
        key = random_.randrange(6)
        first = random_.choice((None, random_.randrange(5_000)))
        yield FinalRow(
            id=f"req_{number}",
            account_id=1 + key % 3,
            key_id=1 + key,
            model=random_.choice(MODELS),
            admitted_ms=at * 1000,
            outcome=random_.choice(OUTCOMES),
            http_status=200,
            error_code=None,
            usage=Usage(
                random_.randrange(900), random_.randrange(90), random_.randrange(9), random_.randrange(2_000)
            ),
            is_estimated=False,
            cost_nusd=random_.randrange(10**9),
            first_token_ms=first,
            total_ms=(first or 0) + random_.randrange(60_000),
            stop=None,
            hour=windows.hour_of(at),
        )


def written(database: Database, count: int = 400, **which: int) -> list[FinalRow]:
    rows = list(finals(count, **which))
    with database.write_batch() as connection:
        ledger.write(connection, [], rows, [])
    return rows


def sums(database: Database) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    with database.write_batch() as connection:
        hours = connection.execute(
            text(
                f"SELECT account_id, hour, key_id, model, outcome, {FIGURES} FROM usage_hours ORDER BY 1, 2, 3, 4, 5"
            )
        )
        months = connection.execute(text("SELECT * FROM usage_months ORDER BY 1, 2, 3"))
        return [tuple(row) for row in hours], [tuple(row) for row in months]


def checked(database: Database, now_ms: int = NOON * 1000) -> ledger_check.Report:
    return ledger_check.check(database, now_ms=now_ms)


def change(database: Database, statement: str) -> None:
    with database.write_batch() as connection:
        assert connection.execute(text(statement)).rowcount >= 1, "the test changes nothing"


def test_a_ledger_that_was_only_written_to_is_right(database: Database) -> None:
    written(database)
    report = checked(database)
    assert report.lines == []
    assert (report.rows, report.differences) == (400, 0)
    hours, months = sums(database)
    assert report.sums == len(hours) + len(months)


ONE_HOUR = "WHERE hour = (SELECT min(hour) FROM usage_hours)"
ONE_MONTH = "WHERE month = (SELECT min(month) FROM usage_months)"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (f"UPDATE usage_hours SET requests = requests + 1 {ONE_HOUR}", "requests in the rows"),
        (f"UPDATE usage_hours SET prompt_tokens = prompt_tokens + 1 {ONE_HOUR}", "prompt tokens in the rows"),
        (f"UPDATE usage_hours SET completion_tokens = 0 {ONE_HOUR}", "completion tokens in the rows"),
        (f"UPDATE usage_hours SET total_tokens = total_tokens - 1 {ONE_HOUR}", "tokens in the rows"),
        (f"UPDATE usage_hours SET cost_nusd = cost_nusd + 1 {ONE_HOUR}", "nano-dollars in the rows"),
        (f"UPDATE usage_hours SET total_times = first_token_times {ONE_HOUR}", "histogram of total times"),
        (f"DELETE FROM usage_hours {ONE_HOUR}", "1 requests in the rows, 0 in the sum of the hour"),
        ("DELETE FROM requests WHERE id = 'req_3'", "in the sum of the hour"),
        ("UPDATE requests SET cost_nusd = cost_nusd + 5 WHERE id = 'req_3'", "nano-dollars in the rows"),
        ("UPDATE requests SET hour = hour + 1 WHERE id = 'req_3'", "requests in the rows"),
        ("UPDATE requests SET total_tokens = total_tokens + 1 WHERE id = 'req_3'", "contradict one another"),
        (f"UPDATE usage_months SET total_tokens = 0 {ONE_MONTH}", "tokens in the hours"),
        (f"UPDATE usage_months SET requests = requests + 1 {ONE_MONTH}", "requests in the hours"),
        (f"DELETE FROM usage_months {ONE_MONTH}", "0 in the sum of the month"),
    ],
)
def test_P_A2_the_check_tells_every_difference(database: Database, damage: str, told: str) -> None:
    written(database)
    change(database, damage)
    report = checked(database)
    assert report.differences > 0
    assert any(told in line for line in report.lines), report.lines


def test_the_check_counts_more_differences_than_it_tells(database: Database) -> None:
    written(database)
    change(database, "DELETE FROM usage_hours")
    report = checked(database)
    assert len(report.lines) == ledger_check.SHOWN
    assert report.differences > ledger_check.SHOWN


def test_P_A6_sums_that_are_thrown_away_are_rebuilt_from_the_rows(database: Database) -> None:
    written(database)
    before = sums(database)
    for table in ("usage_hours", "usage_months"):
        change(database, f"DELETE FROM {table}")
    done = ledger_rebuild.rebuild(database, now_ms=NOON * 1000)
    assert sums(database) == before
    assert (done.rows, done.hours, done.months) == (400, len(before[0]), len(before[1]))
    assert checked(database).differences == 0


def test_a_rebuild_mends_what_is_wrong_and_leaves_the_rest(database: Database) -> None:
    written(database)
    before = sums(database)
    change(database, f"UPDATE usage_hours SET cost_nusd = cost_nusd + 1 {ONE_HOUR}")
    change(
        database,
        f"INSERT INTO usage_hours (account_id, hour, key_id, model, outcome, {FIGURES}) "
        f"SELECT 99, hour, key_id, model, outcome, {FIGURES} FROM usage_hours {ONE_HOUR}",
    )
    change(database, f"UPDATE usage_months SET requests = 0 {ONE_MONTH}")
    done = ledger_rebuild.rebuild(database, now_ms=NOON * 1000)
    assert sums(database) == before
    first_hour = min(hour[1] for hour in before[0])
    assert done.hours == 2 * sum(hour[1] == first_hour for hour in before[0])
    assert ledger_rebuild.rebuild(database, now_ms=NOON * 1000).hours == 0


def test_counters_in_redis_are_filled_anew_only_after_a_rebuild_that_changed_something(
    database: Database,
) -> None:
    def generation() -> int:
        with database.write_batch() as connection:
            return int(connection.execute(text("SELECT generation FROM limiter_state")).scalar_one())

    written(database)
    ledger_rebuild.rebuild(database, now_ms=NOON * 1000)
    assert generation() == 1
    change(database, "DELETE FROM usage_months")
    ledger_rebuild.rebuild(database, now_ms=NOON * 1000)
    assert generation() > 1


def test_rows_that_are_thrown_away_leave_their_sums(database: Database) -> None:
    written(database)
    before = sums(database)
    kept_from = NOON - 10 * windows.DAY
    database.run_now(retention.forget_before, kept_from)
    gone = 0
    while batch := database.run_now(retention.throw_away, kept_from):
        gone += batch
    with database.write_batch() as connection:
        left = connection.execute(text("SELECT count(*), min(hour) FROM requests")).one()
    assert 0 < gone < 400
    assert left[0] == 400 - gone
    assert left[1] >= windows.hour_of(kept_from)
    report = checked(database)
    assert (report.rows, report.lines) == (left[0], [])
    assert ledger_rebuild.rebuild(database, now_ms=NOON * 1000).hours == 0
    assert sums(database) == before


def test_the_first_kept_hour_never_goes_back(database: Database) -> None:
    database.run_now(retention.forget_before, NOON)
    database.run_now(retention.forget_before, NOON - windows.DAY)
    assert database.read_now(ledger_state.rows_from_hour) == windows.hour_of(NOON)


def test_old_refusals_go_with_the_rows(database: Database) -> None:
    columns = "request_id, at, account_id, key_id, model, status, code, message, skipped"
    with database.write_batch() as connection:
        for day in range(4):
            connection.execute(
                text(
                    f"INSERT INTO refusals ({columns}) VALUES "
                    f"('r{day}', {NOON - (4 - day) * windows.DAY}, 1, 1, 'm', 429, 'rate_limited', '', 0)"
                )
            )
    kept_from = NOON - 2 * windows.DAY
    database.run_now(retention.forget_before, kept_from)
    assert database.run_now(retention.throw_away, kept_from) == 2
    assert database.run_now(retention.throw_away, kept_from) == 0


def opened(number: int, process: int, at_ms: int) -> OpenRow:
    hour = windows.hour_of(at_ms // 1000)
    return OpenRow(f"open_{number}", 1, 1, "gpt-5", at_ms, True, 500, hour, process)


def test_P_L3_a_reservation_whose_process_is_gone_is_a_difference_while_others_serve(
    database: Database,
) -> None:
    now_ms = server_time(database)
    mine = database.run_now(processes.register, "database", now_ms=now_ms)
    with database.write_batch() as connection:
        rows = [opened(1, mine, now_ms - DAY_MS), opened(2, 77, now_ms - DAY_MS), opened(3, 77, now_ms)]
        ledger.write(connection, rows, [], [])
    report = checked(database, now_ms)
    assert report.reservations == 3
    assert report.differences == 1
    assert "open_2 still reserves 500 tokens" in report.lines[0]


def test_open_rows_wait_for_the_next_start_while_nobody_serves(database: Database) -> None:
    now_ms = server_time(database)
    with database.write_batch() as connection:
        ledger.write(connection, [opened(1, 77, now_ms - DAY_MS)], [], [])
    report = checked(database, now_ms)
    assert (report.waiting, report.lines) == (1, [])


def server_time(database: Database) -> int:
    return database.read_now(server_ms, NOON * 1000)


def test_the_last_checks_are_kept(database: Database) -> None:
    report = ledger_check.Report(rows=5, differences=1, lines=["a difference"])
    for number in range(ledger_state.KEPT_CHECKS + 3):
        entry = report.entry(by="command line", at=NOON + number, took_ms=3)
        database.run_now(ledger_state.record_check, entry)
    kept = database.read_now(ledger_state.last_checks, 1_000)
    assert len(kept) == ledger_state.KEPT_CHECKS
    assert kept[0].at == NOON + ledger_state.KEPT_CHECKS + 2
    assert kept[0].words == ["a difference"]


def test_days_without_rows_are_passed_over(database: Database) -> None:
    written(database, 1, days=1)
    seen: list[tuple[int, int]] = []
    ledger_check.check(database, now_ms=NOON * 1000, on_piece=lambda done, all_: seen.append((done, all_)))
    assert seen == [(1, 1)]
    with database.write_batch() as connection:
        assert recount.spans(connection, since=windows.hour_of(NOON) + 48) == []

"""Hours, months and histograms are the sums of the final rows, whatever happened to the rows in which order."""

import time
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text
from sqlmodel import Session, select

from models import histogram, ledger, processes, rollups, windows
from models.database import Database
from models.ledger import FinalRow, Note, OpenRow, RequestRow, Usage, UsageHour, UsageMonth

MONTH_EDGE = 1_798_761_600  # 2027-01-01 00:00 UTC
LEAP_EDGE = 1_835_481_600  # 2028-03-01 00:00 UTC
MINE, THEIRS = 9, 1
LATE_MS = 2 * MONTH_EDGE * 1000

numbers = st.integers(min_value=0, max_value=5)
tokens = st.integers(min_value=0, max_value=1000)
outcomes = st.sampled_from(["ok", "error", "cut", "client_abort", "interrupted"])
actions = st.one_of(
    st.tuples(st.just("open"), numbers),
    st.tuples(st.just("note"), numbers, tokens),
    st.tuples(st.just("final"), numbers, tokens, outcomes, st.sampled_from([0, 1])),
    st.just(("sweep others",)),
    st.tuples(st.just("sweep lost"), st.frozensets(numbers)),
)
batches = st.lists(st.lists(actions, min_size=1, max_size=4), min_size=1, max_size=12)


def opened(number: int, at: int = MONTH_EDGE) -> OpenRow:
    hour = windows.hour_of(at) - number % 2
    process = MINE if number > 2 else THEIRS
    owner = (f"req_{number}", 1 + number // 4, 1 + number // 2, "gpt-5")
    return OpenRow(*owner, at * 1000, True, 500, hour, process, 3 + number, 7)


def final(number: int, total: int = 0, outcome: str = "ok", hours_later: int = 0) -> FinalRow:
    row = opened(number)
    first_token_ms = None if outcome == "error" else total
    end = (outcome, 200, None, Usage(total, output_tokens=number), False, 5 * total)
    owner = (row.id, row.account_id, row.key_id, row.model, row.admitted_ms)
    return FinalRow(*owner, *end, first_token_ms, 3 * total, None, row.hour + hours_later)


def write(database: Database, opens: list[OpenRow], finals: list[FinalRow], *notes: Note) -> None:
    with database.write_batch() as connection:
        ledger.write(connection, opens, finals, [], notes=notes)


def act(database: Database, batch: list[tuple[Any, ...]]) -> None:
    opens = [opened(action[1]) for action in batch if action[0] == "open"]
    notes = [Note(f"req_{a[1]}", Usage(a[2], output_tokens=1), a[2]) for a in batch if a[0] == "note"]
    finals = [final(*action[1:]) for action in batch if action[0] == "final"]
    write(database, opens, finals, *notes)
    for action in batch:
        if action[0] == "sweep others":
            database.run_now(processes.sweep_others, MINE)
        if action[0] == "sweep lost":
            running = {f"req_{number}" for number in action[1]}
            database.run_now(processes.sweep_lost, MINE, running, now_ms=LATE_MS)


def by_rows(session: Session) -> tuple[dict[Any, Any], dict[Any, Any]]:
    hours: defaultdict[Any, rollups.Delta] = defaultdict(rollups.Delta)
    months: defaultdict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in session.exec(select(RequestRow).where(RequestRow.state == "final")):
        hours[row.account_id, row.hour, row.key_id, row.model, row.outcome].count(
            prompt_tokens=row.input_tokens + row.cache_read_tokens + row.cache_write_tokens,
            completion_tokens=row.output_tokens,
            cost_nusd=row.cost_nusd,
            first_token_ms=row.first_token_ms,
            total_ms=row.total_ms,
        )
        month = months[row.account_id, windows.month_of(row.hour * 3600), row.key_id]
        for place, figure in enumerate((1, row.total_tokens, row.cost_nusd)):
            month[place] += figure
    return dict(hours), dict(months)


def by_sums(session: Session) -> tuple[dict[Any, Any], dict[Any, Any]]:
    hours = {
        (u.account_id, u.hour, u.key_id, u.model, u.outcome): rollups.Delta(
            u.requests,
            u.prompt_tokens,
            u.completion_tokens,
            u.total_tokens,
            u.cost_nusd,
            dict(histogram.counts(u.first_token_times)),
            dict(histogram.counts(u.total_times)),
        )
        for u in session.exec(select(UsageHour))
    }
    months = {
        (u.account_id, u.month, u.key_id): [u.requests, u.total_tokens, u.cost_nusd]
        for u in session.exec(select(UsageMonth))
    }
    return hours, months


def empty(session: Session) -> None:
    for table in (RequestRow, UsageHour, UsageMonth):
        session.connection().execute(delete(table))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches)
def test_P_A2_sums_equal_the_rows_after_anything_in_any_order(
    database: Database, told: list[list[tuple[Any, ...]]]
) -> None:
    database.run_now(empty)
    for batch in told:
        act(database, batch)
    assert database.read_now(by_sums) == database.read_now(by_rows)


def test_a_final_row_counts_where_its_open_row_stands(database: Database) -> None:
    write(database, [opened(0)], [])
    write(database, [], [final(0, 5, hours_later=1)])
    assert database.read_now(by_sums) == database.read_now(by_rows)
    assert database.read_now(hours_and_months) == [(opened(0).hour, windows.month_of(MONTH_EDGE))]


def test_a_swept_row_stands_at_what_was_noted_last(database: Database) -> None:
    write(database, [opened(0)], [], Note("req_0", Usage(8), 1), Note("req_0", Usage(8, output_tokens=4), 2))
    database.run_now(processes.sweep_others, MINE)
    write(database, [], [], Note("req_0", Usage(99), 99))
    (row,) = database.read_now(rows)
    assert (row.outcome, row.total_tokens, row.cost_nusd, row.is_estimated) == ("interrupted", 12, 2, True)
    assert database.read_now(by_sums) == database.read_now(by_rows)


def test_the_first_final_of_a_batch_counts(database: Database) -> None:
    write(database, [opened(0)], [final(0, 5), final(0, 9, "cut")])
    (row,) = database.read_now(rows)
    assert (row.outcome, row.total_tokens) == ("ok", 5)
    assert database.read_now(by_sums) == database.read_now(by_rows)


@pytest.mark.parametrize("zone", ["UTC0", "LINT-14", "EST5EDT,M3.2.0,M11.1.0"])
@pytest.mark.parametrize("edge", [MONTH_EDGE, LEAP_EDGE, 1_793_520_000])
def test_P_A5_hours_and_months_are_utc_in_every_time_zone(
    database: Database, zone: str, edge: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for number, at in ((0, edge), (2, edge - 1)):
            row = opened(number, at)
            write(database, [row], [])
            write(database, [], [final(number, 5, hours_later=0)])
        found = database.read_now(hours_and_months)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found == [(at // 3600, windows.month_of(at)) for at in (edge - 1, edge)]


@pytest.mark.parametrize(
    ("at", "month"),
    [
        (MONTH_EDGE - 1, (2026, 12)),
        (MONTH_EDGE, (2027, 1)),
        (LEAP_EDGE - 1, (2028, 2)),
        (LEAP_EDGE, (2028, 3)),
    ],
)
def test_P_A5_a_leap_day_belongs_to_february_and_a_year_ends_at_midnight(
    at: int, month: tuple[int, int]
) -> None:
    assert windows.month_of(at) == month[0] * 12 + month[1] - 1


def test_P_A5_a_request_that_ends_in_the_next_month_counts_in_the_one_of_its_admission(
    database: Database,
) -> None:
    last_hour = windows.hour_of(MONTH_EDGE - 1)
    write(database, [opened(1)], [final(1, 5)])
    assert database.read_now(hours_and_months) == [(last_hour, windows.month_of(MONTH_EDGE - 1))]


def rows(session: Session) -> list[RequestRow]:
    return list(session.exec(select(RequestRow)).all())


def hours_and_months(session: Session) -> list[tuple[int, int]]:
    """Each hour that has sums, beside the month that its tokens were added to."""
    hours = session.connection().execute(
        text("SELECT hour, month FROM usage_hours JOIN usage_months USING (account_id, key_id) ORDER BY hour")
    )
    return [(int(hour), int(month)) for hour, month in hours]

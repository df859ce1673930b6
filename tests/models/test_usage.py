from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from models import counts, keys, ledger, processes, usage
from models.accounts import Account
from models.database import Database
from models.keys import ApiKey, NoSuchKey
from models.ledger import FinalRow, OpenRow, Usage
from models.live import Counted
from models.usage import DayLine, KeyUsage, Overview

NOW = 1_795_000_000
USED = Usage(input_tokens=10, cache_read_tokens=4, cache_write_tokens=2, output_tokens=5, reasoning_tokens=3)


@pytest.fixture
def key(database: Database, alice: Account) -> ApiKey:
    return database.run_now(keys.issue, alice.id, "My key", actor="a", now=NOW).key


def opened(key: ApiKey, request_id: str = "req_1", *, at: int = NOW) -> OpenRow:
    return OpenRow(request_id, key.account_id, key.id, "gpt-5", at * 1000, True, 500, at // 3600)


def final(key: ApiKey, request_id: str = "req_1", *, at: int = NOW, **changed: Any) -> FinalRow:
    row = FinalRow(
        id=request_id,
        account_id=key.account_id,
        key_id=key.id,
        model="gpt-5",
        admitted_ms=at * 1000,
        outcome="ok",
        http_status=200,
        error_code=None,
        usage=USED,
        is_estimated=False,
        cost_nusd=1_234_567_890_123,
        first_token_ms=40,
        total_ms=90,
        stop="end",
        hour=at // 3600,
    )
    return replace(row, **changed)


def write(database: Database, opens: list[OpenRow], finals: list[FinalRow]) -> None:
    with database.write_batch() as connection:
        ledger.write(connection, opens, finals, [])


def sums(database: Database) -> list[tuple[Any, ...]]:
    columns = "outcome, requests, prompt_tokens, completion_tokens, total_tokens"
    with database.write_batch() as connection:
        rows = connection.execute(text(f"SELECT {columns} FROM usage_hours ORDER BY hour, outcome"))
        return [tuple(row) for row in rows]


def test_an_open_row_waits_for_its_end(database: Database, key: ApiKey) -> None:
    write(database, [opened(key)], [])
    (row,) = database.read_now(usage.last_requests, key.account_id, 5)
    assert (row.state, row.outcome, row.reserved_tokens, row.total_tokens) == ("open", None, 500, 0)
    assert sums(database) == []


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_a_final_row_tells_how_a_request_ended(database: Database, key: ApiKey, is_one_batch: bool) -> None:
    if is_one_batch:
        write(database, [opened(key)], [final(key)])
    else:
        write(database, [opened(key)], [])
        write(database, [], [final(key)])
    (row,) = database.read_now(usage.last_requests, key.account_id, 5)
    assert (row.state, row.outcome, row.http_status, row.stop) == ("final", "ok", 200, "end")
    assert (row.is_stream, row.reserved_tokens, row.is_estimated) == (True, 500, False)
    assert (row.input_tokens, row.cache_read_tokens, row.cache_write_tokens) == (10, 4, 2)
    assert (row.output_tokens, row.reasoning_tokens, row.total_tokens) == (5, 3, 21)
    assert (row.cost_nusd, row.first_token_ms, row.total_ms) == (1_234_567_890_123, 40, 90)
    assert (row.hour, row.admitted_ms) == (NOW // 3600, NOW * 1000)
    assert sums(database) == [("ok", 1, 16, 5, 21)]


def test_a_final_row_stands_without_an_open_one(database: Database, key: ApiKey) -> None:
    write(database, [], [final(key)])
    (row,) = database.read_now(usage.last_requests, key.account_id, 5)
    assert (row.state, row.total_tokens) == ("final", 21)
    write(database, [opened(key)], [])
    assert database.read_now(usage.last_requests, key.account_id, 5)[0].state == "final"


def test_a_final_row_counts_once(database: Database, key: ApiKey) -> None:
    write(database, [opened(key)], [final(key), final(key, outcome="error")])
    write(database, [opened(key)], [final(key, outcome="error", usage=Usage(999))])
    write(database, [], [final(key), final(key, "req_2")])
    assert sums(database) == [("ok", 2, 32, 10, 42)]
    rows = database.read_now(usage.last_requests, key.account_id, 5)
    assert [(row.outcome, row.total_tokens) for row in rows] == [("ok", 21), ("ok", 21)]


def test_a_batch_is_written_as_a_whole_or_not_at_all(database: Database, key: ApiKey) -> None:
    broken: Any = object()
    with pytest.raises(Exception, match=r"."):
        write(database, [opened(key)], [final(key, stop=broken)])
    assert database.read_now(usage.last_requests, key.account_id, 5) == []


def test_an_absurd_report_holds_up_nobody(database: Database, key: ApiKey) -> None:
    absurd = final(key, "absurd", usage=Usage(2**70, 0, 0, 2**62), cost_nusd=2**80)
    write(database, [], [absurd, final(key, "sane")])
    rows = {row.id: row for row in database.read_now(usage.last_requests, key.account_id, 5)}
    assert (rows["absurd"].input_tokens, rows["absurd"].is_estimated) == (10**10, True)
    assert (rows["sane"].total_tokens, rows["sane"].is_estimated) == (21, False)


def test_an_empty_batch_is_fine(database: Database) -> None:
    write(database, [], [])


def test_sums_equal_the_rows(database: Database, key: ApiKey) -> None:
    outcomes = ["ok", "error", "cut", "client_abort", "ok"]
    finals = [
        final(key, f"req_{n}", at=NOW - n * 1800, outcome=outcomes[n % 5], usage=Usage(n, n, n, n))
        for n in range(40)
    ]
    write(database, [opened(key, row.id) for row in finals], finals)
    with database.write_batch() as connection:
        for column in ("total_tokens", "cost_nusd"):
            by_rows, by_hours = (
                connection.execute(text(f"SELECT sum({column}) FROM {table}")).scalar()
                for table in ("requests", "usage_hours")
            )
            assert by_rows == by_hours


def test_rows_that_a_dead_process_left_open_are_interrupted(database: Database, key: ApiKey) -> None:
    write(database, [opened(key, "req_1"), opened(key, "req_2"), opened(key, "req_3")], [final(key, "req_3")])
    assert database.run_now(processes.sweep_others, 1) == 2
    assert database.run_now(processes.sweep_others, 1) == 0
    assert sums(database) == [("interrupted", 2, 0, 0, 0), ("ok", 1, 16, 5, 21)]
    rows = database.read_now(usage.last_requests, key.account_id, 5)
    assert [(row.id, row.outcome, row.is_estimated) for row in rows] == [
        ("req_3", "ok", False),
        ("req_2", "interrupted", True),
        ("req_1", "interrupted", True),
    ]


def test_the_real_end_replaces_what_was_settled_as_interrupted(database: Database, key: ApiKey) -> None:
    write(database, [opened(key)], [])
    database.run_now(processes.sweep_others, 1)
    for _ in range(2):
        write(database, [], [final(key)])
        assert sums(database) == [("ok", 1, 16, 5, 21)]


def test_counters_are_rebuilt_from_the_tables(database: Database, alice: Account, key: ApiKey) -> None:
    other = database.run_now(keys.issue, alice.id, "other", actor="a", now=NOW).key
    month, hour = 1_793_491_200, NOW - NOW % 3600
    write(
        database,
        [opened(key, "req_open", at=NOW)],
        [
            final(key, "req_before", at=month - 1),
            final(key, "req_month", at=month),
            final(key, "req_hour", at=hour, outcome="error"),
            final(other, "req_other", at=NOW),
        ],
    )
    found = sorted(
        database.read_now(counts.counted_of_all, now=NOW), key=lambda known: (known.layer, known.owner_id)
    )
    assert found == [
        Counted("account", alice.id, 3, 63),
        Counted("key", key.id, 2, 42),
        Counted("key", other.id, 1, 21),
    ]


def test_nothing_used_is_nothing_counted(database: Database) -> None:
    assert database.read_now(counts.counted_of_all, now=NOW) == []


def test_days_are_summed_by_model(database: Database, key: ApiKey) -> None:
    midnight = NOW - NOW % 86400
    write(
        database,
        [],
        [
            final(key, "a", at=midnight - 1, cost_nusd=1),
            final(key, "b", at=midnight, cost_nusd=2),
            final(key, "c", at=midnight + 86399, outcome="cut", cost_nusd=3),
            final(key, "d", at=midnight, outcome="client_abort", cost_nusd=4),
            final(key, "e", at=midnight, model="codex-1", cost_nusd=5),
        ],
    )
    account_id = key.account_id
    lines = database.read_now(usage.by_day, account_id, since=midnight, until=midnight + 86400)
    assert lines == [
        DayLine(midnight, "codex-1", 1, 0, 16, 5, 21, 5),
        DayLine(midnight, "gpt-5", 3, 1, 48, 15, 63, 9),
    ]
    both_days = database.read_now(usage.by_day, account_id, since=midnight - 1, until=midnight + 1)
    assert [(line.day, line.requests) for line in both_days] == [
        (midnight - 86400, 1),
        (midnight, 1),
        (midnight, 2),
    ]
    of_key = database.read_now(
        usage.by_day, account_id, since=midnight, until=midnight + 86400, key_id=key.id
    )
    assert of_key == lines


def test_the_overview_shows_the_last_day_and_the_month(database: Database, key: ApiKey) -> None:
    write(
        database,
        [],
        [
            final(key, "a", first_token_ms=10),
            final(key, "b", first_token_ms=30, outcome="error"),
            final(key, "c", first_token_ms=20, at=NOW - 3600, outcome="interrupted"),
            final(key, "d", first_token_ms=None, outcome="client_abort"),
            final(key, "e", first_token_ms=99, at=NOW - 25 * 3600),
        ],
    )
    found = database.read_now(usage.overview, key.account_id, now=NOW)
    assert found.median_first_token_ms == pytest.approx(20, rel=0.1)
    assert replace(found, median_first_token_ms=None) == Overview(4, 2, 105, None, True)


def test_the_overview_of_a_newcomer_is_empty(database: Database, alice: Account, key: ApiKey) -> None:
    assert database.read_now(usage.overview, alice.id, now=NOW) == Overview(0, 0, 0, None, False)
    write(database, [opened(key)], [])
    assert database.read_now(usage.overview, alice.id, now=NOW).has_any


def test_a_keys_usage_sums_every_outcome(database: Database, key: ApiKey) -> None:
    write(
        database,
        [opened(key, "open")],
        [final(key, "a"), final(key, "b", outcome="cut"), final(key, "c", at=NOW - 90 * 86400)],
    )
    assert database.read_now(usage.of_key, key.public_id) == KeyUsage(3, 48, 15, 63)


def test_an_unused_key_has_used_nothing(database: Database, key: ApiKey) -> None:
    assert database.read_now(usage.of_key, key.public_id) == KeyUsage(0, 0, 0, 0)
    with pytest.raises(NoSuchKey):
        database.read_now(usage.of_key, "AAAAAAAAAAAA")


def test_charlie_sees_no_use_of_others(database: Database, charlie: Account, key: ApiKey) -> None:
    write(database, [opened(key, "open")], [final(key)])
    span = {"since": NOW - 86400, "until": NOW + 86400}
    assert database.read_now(usage.by_day, charlie.id, **span) == []
    foreign, unknown = (
        database.read_now(usage.by_day, charlie.id, **span, key_id=key_id) for key_id in (key.id, key.id + 77)
    )
    assert foreign == unknown == []
    assert database.read_now(usage.last_requests, charlie.id, 5) == []
    assert database.read_now(usage.overview, charlie.id, now=NOW) == Overview(0, 0, 0, None, False)

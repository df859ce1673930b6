"""Requests as lines of a file: every one of them once, whole figures, nothing that a spreadsheet would run."""

import csv
import io
from datetime import datetime

import pytest
import traffic

from models import ledger, request_log, requests_csv
from models.accounts import Account
from models.database import Database
from models.ledger import FinalRow
from models.refusals import Line
from models.request_log import Cursor, Query
from models.usage_filters import ENDS, Filters

NOW = 1_795_000_000


def whole(database: Database, account_id: int, query: Query, *, size: int = 70) -> list[dict[str, str]]:
    keys = database.read_now(requests_csv.names, account_id)
    text, after = requests_csv.head(), Cursor(0, "")
    while True:
        piece = database.read_now(requests_csv.piece, account_id, query, keys=keys, after=after, size=size)
        text += piece.text
        if piece.last is None:
            return list(csv.DictReader(io.StringIO(text)))
        after = piece.last


def test_every_request_has_one_line_with_its_figures(database: Database, alice: Account) -> None:
    mine = traffic.write(database, alice, now=NOW, days=3)
    lines = whole(database, alice.id, Query())
    everything = [*mine.finals, *mine.opens, *mine.refused]
    assert len(lines) == len(everything)
    times = [datetime.fromisoformat(line["time"]) for line in lines]
    assert times == sorted(times)
    by_id = {line["request_id"]: line for line in lines}
    for row in mine.finals:
        line = by_id[row.id]
        assert int(line["total_tokens"]) == row.usage.total_tokens
        assert round(float(line["cost_usd"]) * 10**9) == row.cost_nusd
        assert len(line["cost_usd"].split(".")[1]) == 9
        assert line["status"] == row.outcome
        assert int(line["total_ms"]) == row.total_ms
        assert line["time"].endswith(f".{row.admitted_ms % 1000:03}Z")
    assert by_id[mine.opens[0].id]["status"] == "running"
    assert by_id[mine.refused[0].request_id]["http_status"] == "429"


def test_the_same_filters_hold_as_on_the_page(database: Database, alice: Account) -> None:
    traffic.write(database, alice, now=NOW, days=3)
    for query in (
        Query("errors"),
        Query(filters=Filters(statuses=ENDS), since=NOW - 86_400, until=NOW - 3_600),
        Query(filters=Filters(models=("gpt-5",))),
    ):
        page = database.read_now(request_log.page, alice.id, query, size=10_000)
        lines = whole(database, alice.id, query)
        assert [line["request_id"] for line in lines] == [entry.id for entry in reversed(page.entries)]
        assert lines


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_P_Z10_no_text_is_a_formula(database: Database, alice: Account, begin: str) -> None:
    evil = begin + 'cmd|"/c calc"!A1'
    key = traffic.write(database, alice, now=NOW, days=1, requests=0, refused=0).keys[0]
    row = FinalRow(
        "req_evil", alice.id, key.id, evil, NOW * 1000, "error", 500, evil, ledger.Usage(), False, 0, None, 9, None,
        NOW // 3600,
    )  # fmt: skip
    with database.write_batch() as connection:
        ledger.write(
            connection, [], [row], [Line("req_refused", NOW, alice.id, key.id, evil, 404, "model_not_found")]
        )
    names = {key.id: (key.public_id, evil)}
    piece = database.read_now(requests_csv.piece, alice.id, Query(), keys=names, after=None)
    lines = list(csv.DictReader(io.StringIO(requests_csv.head() + piece.text)))
    assert len(lines) == 2
    for line in lines:
        assert line["model"] == "'" + evil
        assert line["key_name"] == "'" + evil
        assert not [value for value in line.values() if value.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_charlie_gets_an_empty_file(database: Database, alice: Account, charlie: Account) -> None:
    mine = traffic.write(database, alice, now=NOW, days=3)
    assert whole(database, charlie.id, Query()) == []
    assert whole(database, charlie.id, Query(filters=Filters(key_ids=(mine.keys[0].id,)))) == []

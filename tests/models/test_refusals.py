from models import ledger, refusals
from models.accounts import Account
from models.database import Database
from models.refusals import Line

NOW = 1_795_000_000


def note(database: Database, *lines: Line) -> None:
    with database.write_batch() as connection:
        ledger.write(connection, [], [], lines)


def test_a_refusal_tells_the_limit_that_refused(database: Database, alice: Account) -> None:
    line = Line(
        *("req_1", NOW, alice.id, 3, "gpt-5", 429, "rate_limited"),
        message="Hourly request limit exceeded.",
        limit_name="hourly_requests",
        layer="key",
        value=10,
        count=11,
        window_end=NOW + 60,
        skipped=4,
    )
    note(database, Line("req_0", NOW - 1, alice.id, 3, "gpt-5", 404, "model_not_found", "model"), line)
    newest, oldest = database.read_now(refusals.last, alice.id, 5)
    assert {name: getattr(newest, name) for name in refusals.COLUMNS} == {
        name: getattr(line, name) for name in refusals.COLUMNS
    }
    assert (oldest.param, oldest.limit_name, oldest.skipped) == ("model", None, 0)


def test_what_clients_write_is_kept_short_and_storable(database: Database, alice: Account) -> None:
    note(database, Line("req_1", NOW, alice.id, 3, "a\0b\ud800" + "x" * 9999, 404, "model_not_found"))
    (row,) = database.read_now(refusals.last, alice.id, 5)
    assert row.model.startswith("a\ufffdb?xxx")
    assert len(row.model) == 500


def test_charlie_sees_no_refusals_of_others(database: Database, alice: Account, charlie: Account) -> None:
    note(database, Line("req_1", NOW, alice.id, 3, "gpt-5", 429, "rate_limited"))
    assert database.read_now(refusals.last, charlie.id, 5) == []

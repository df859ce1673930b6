"""A backup is whole, of one moment, and refused once anything in it has changed."""

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import services
from sqlalchemy import MetaData, text

from models import accounts, audit, backup, keys, ledger, ledger_check, ledger_state, limits, windows
from models.accounts import Account
from models.backup import BadBackup, NotEmpty
from models.database import AlreadyServing, BadDatabase, Database
from models.ledger import FinalRow, Usage

NOON = 1_795_348_800  # 2026-11-22 12:00:00 UTC


def final(number: int, account_id: int, key_id: int) -> FinalRow:
    at = NOON + 60 * number
    owner = (f"req_{number}", account_id, key_id, "gpt-5", at * 1000)
    usage = Usage(10 + number, output_tokens=5)
    return FinalRow(*owner, "ok", 200, None, usage, False, 7, 90, 400, "end", windows.hour_of(at))


def live_in(database: Database, alice: Account) -> keys.Issued:
    """Something in nearly every table."""
    issued = database.run_now(keys.issue, alice.id, "Laptop", actor=alice.email, now=NOON)
    database.run_now(accounts.set_admin, alice.email, True, actor="test", now=NOON)
    database.run_now(
        limits.set_key_limit,
        alice.id,
        issued.key.public_id,
        "hourly_requests",
        5,
        actor=alice.email,
        now=NOON,
    )
    with database.write_batch() as connection:
        ledger.write(connection, [], [final(number, alice.id, issued.key.id) for number in range(90)], [])
    return issued


def everything(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.write_batch() as connection:
        found = MetaData()
        found.reflect(connection)
        return {
            table.name: sorted(
                (tuple(_plain(value) for value in row) for row in connection.execute(table.select())),
                key=repr,
            )
            for table in found.sorted_tables
        }


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else int(value) if isinstance(value, bool) else value


@pytest.fixture
def saved(database: Database, alice: Account, tmp_path: Path) -> Path:
    live_in(database, alice)
    path = tmp_path / "saved.backup"
    assert backup.write(database, path) == path.stat().st_size
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Another database, never used, of each kind."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/other/starscoo.db")
        yield database
        database.close()
        return
    server = request.getfixturevalue("postgres_url")
    database = Database(services.create_database(server, "starscoo_restored"))
    yield database
    database.close()
    services.drop_database(server, "starscoo_restored")


def restore(database: Database, path: Path) -> Path | None:
    if database.dialect == "sqlite":
        return backup.replace_file(database, path)
    backup.fill(database, path)
    return None


def test_P_S2_a_backup_restores_every_row_of_every_table_on_either_kind_of_database(
    database: Database, saved: Path, empty: Database
) -> None:
    before = everything(database)
    assert restore(empty, saved) is None
    assert everything(empty) == before
    assert sum(map(len, before.values())) > 100
    report = ledger_check.check(empty, now_ms=NOON * 1000)
    assert (report.rows, report.lines) == (90, [])


def test_what_is_made_after_a_restore_gets_new_numbers(saved: Path, empty: Database) -> None:
    restore(empty, saved)
    bob = empty.run_now(accounts.create, "bob@example.com", None, plan="starter", now=NOON)
    alice = empty.read_now(accounts.find_by_email, "alice@example.com")
    assert alice is not None
    assert bob.id > alice.id
    empty.run_now(keys.issue, bob.id, "Desktop", actor=bob.email, now=NOON)
    assert len(empty.read_now(audit.last, limit=10)) >= 3


def test_a_backup_is_for_its_owner_alone_and_leaves_nothing_beside_it(saved: Path) -> None:
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert [path.name for path in saved.parent.iterdir() if path.name.startswith("saved")] == ["saved.backup"]


def test_a_file_that_is_there_is_not_written_over(database: Database, saved: Path) -> None:
    before = saved.read_bytes()
    with pytest.raises(BadBackup, match="exists already"):
        backup.write(database, saved)
    assert saved.read_bytes() == before


def test_P_S2_a_backup_with_any_byte_changed_is_refused_and_changes_nothing(
    saved: Path, empty: Database, tmp_path: Path
) -> None:
    whole = saved.read_bytes()
    for place in [0, 17, *range(100, len(whole), len(whole) // 40), len(whole) - 2]:
        damaged = tmp_path / "damaged"
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BadBackup):
            restore(empty, damaged)
    restore(empty, saved)


@pytest.mark.parametrize("part", [0.0, 0.5, 0.999])
def test_P_S2_half_a_backup_is_refused(saved: Path, empty: Database, tmp_path: Path, part: float) -> None:
    whole = saved.read_bytes()
    half = tmp_path / "half"
    half.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(BadBackup, match="not a whole backup"):
        restore(empty, half)


def test_something_else_is_no_backup(empty: Database, tmp_path: Path) -> None:
    with pytest.raises(BadBackup, match="cannot be read"):
        restore(empty, tmp_path / "missing")
    other = tmp_path / "letter.txt"
    other.write_text("Dear Alice, " * 100)
    with pytest.raises(BadBackup, match="not a whole backup"):
        restore(empty, other)


def test_a_backup_of_a_newer_release_is_refused(tmp_path: Path, empty: Database) -> None:
    newer = Database(f"sqlite:///{tmp_path}/newer.db")
    newer.migrate()
    with newer.write_batch() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    backup.write(newer, tmp_path / "newer")
    newer.close()
    with pytest.raises(BadDatabase, match="newer release"):
        restore(empty, tmp_path / "newer")


def test_the_database_that_was_there_is_set_aside(saved: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/there.db"
    for expected in ("there.db.before-restore", "there.db.before-restore-2"):
        there = Database(url)
        there.migrate()
        there.run_now(accounts.create, f"{expected}@example.com", None, plan="starter", now=NOON)
        aside = backup.replace_file(there, saved)
        there.close()
        assert aside is not None
        assert aside.name == expected
        former = Database(f"sqlite:///{aside}")
        assert former.read_now(accounts.find_by_email, f"{expected}@example.com") is not None
        former.close()


def test_a_database_in_use_is_not_written_over(
    database: Database, database_url: str, saved: Path, alice: Account
) -> None:
    if database.dialect == "postgresql":
        with pytest.raises(NotEmpty):
            restore(database, saved)
    other = Database(database_url)
    with other.hold_serving(), pytest.raises(AlreadyServing):
        restore(database, saved)
    other.close()
    assert database.read_now(accounts.find_by_email, alice.email) is not None


def test_P_S2_a_backup_that_is_taken_while_requests_settle_is_of_one_moment(
    database: Database, alice: Account, empty: Database, tmp_path: Path
) -> None:
    issued = live_in(database, alice)
    is_over, is_under_way = threading.Event(), threading.Event()

    def settle() -> None:
        number = 1000
        while not is_over.is_set():
            with database.write_batch() as connection:
                ledger.write(connection, [], [final(number, alice.id, issued.key.id)], [])
            number += 1
            is_under_way.set()

    settling = threading.Thread(target=settle)
    settling.start()
    try:
        assert is_under_way.wait(20)
        backup.write(database, tmp_path / "busy")
    finally:
        is_over.set()
        settling.join()
    restore(empty, tmp_path / "busy")
    report = ledger_check.check(empty, now_ms=NOON * 1000)
    assert report.lines == []
    assert report.rows > 90


def test_a_backup_holds_the_state_of_the_ledger(saved: Path, empty: Database) -> None:
    restore(empty, saved)
    assert empty.read_now(ledger_state.rows_from_hour) == 0


def test_a_place_that_cannot_be_written_is_said(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadBackup, match="cannot be written"):
        backup.write(database, tmp_path / "file" / "backup")
    assert os.listdir(tmp_path).count("file") == 1

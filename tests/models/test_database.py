import asyncio
import fcntl
import os
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from models import accounts, epochs
from models.accounts import Account
from models.database import AlreadyServing, BadDatabase, Database, DatabaseBusy

NOW = 1_795_000_000


def rename(session: Session, account_id: int, email: str) -> None:
    account = session.get_one(Account, account_id)
    account.email = email
    session.add(account)
    session.flush()


def rename_and_fail(session: Session, account_id: int) -> None:
    rename(session, account_id, "nobody@example.com")
    raise KeyError("after the change")


def test_what_an_operation_returns_stays_usable(database: Database, alice: Account) -> None:
    assert alice.email == "alice@example.com"
    read = database.read_now(accounts.get, alice.id)
    assert read is not None
    assert (read.email, read.plan) == ("alice@example.com", "starter")


def test_an_operation_that_raises_changes_nothing(database: Database, alice: Account) -> None:
    with pytest.raises(KeyError):
        database.run_now(rename_and_fail, alice.id)
    assert database.read_now(accounts.find_by_email, "alice@example.com") is not None


def test_a_reader_cannot_write(database: Database, alice: Account) -> None:
    with pytest.raises(DBAPIError):
        database.read_now(rename, alice.id, "nobody@example.com")
    assert database.read_now(accounts.find_by_email, "alice@example.com") is not None


async def _both_ways(database: Database, account_id: int) -> str:
    await database.run(rename, account_id, "alice@example.org")
    found = await database.read(accounts.get, account_id)
    assert found is not None
    return found.email


def test_operations_run_beside_the_loop(database: Database, alice: Account) -> None:
    assert asyncio.run(_both_ways(database, alice.id)) == "alice@example.org"


def test_a_reader_does_not_wait_for_a_writer(database: Database, alice: Account) -> None:
    with database.write_batch() as connection:
        connection.execute(text("UPDATE accounts SET email = 'new@example.com'"))
        seen = database.read_now(accounts.get, alice.id)
    assert seen is not None
    assert seen.email == "alice@example.com"


def test_writers_of_two_connections_lose_nothing(database_url: str, alice: Account) -> None:
    """Each reads and then writes, in threads of two databases objects, as two processes would."""
    both = [Database(database_url, durability="normal") for _ in range(2)]

    def bump_often(database: Database) -> None:
        for _ in range(10):
            database.run_now(epochs.bump, alice.id, now=NOW)

    threads = [threading.Thread(target=bump_often, args=(one,)) for one in both * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert both[0].read_now(epochs.current, alice.id) == 1 + 40
    for one in both:
        one.close()


def test_the_database_is_writable(database: Database) -> None:
    assert database.is_writable()


def test_a_database_that_is_away_is_not_writable(tmp_path: Path) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    assert not away.is_writable()
    with pytest.raises(BadDatabase, match="cannot be used"):
        away.migrate()
    away.close()


def test_one_process_serves_at_a_time(database_url: str) -> None:
    one, other = Database(database_url), Database(database_url)
    with one.hold_serving(), pytest.raises(AlreadyServing, match="Another Starscoo"), other.hold_serving():
        pass
    with other.hold_serving():
        pass
    one.close()
    other.close()


def test_foreign_keys_are_enforced(database: Database) -> None:
    with pytest.raises(DBAPIError), database.write_batch() as connection:
        connection.execute(text("INSERT INTO epochs (account_id, epoch, changed_ms) VALUES (77, 1, 1)"))


@pytest.mark.parametrize("url", ["", "mysql://host/name", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_a_url_of_no_use_is_refused_in_words(url: str) -> None:
    with pytest.raises(BadDatabase, match="must look like"):
        Database(url)


def test_missing_directories_are_made_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "starscoo.db"
    Database(f"sqlite:///{path}").close()
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_unwritable_place_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadDatabase, match="cannot be written"):
        Database(f"sqlite:///{tmp_path}/file/starscoo.db")


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "starscoo.db"
    path.write_bytes(b"certainly not a database" * 100)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(BadDatabase, match="cannot be used: file is not a database"):
        database.migrate()
    database.close()


def test_a_database_of_a_newer_release_is_refused(database: Database) -> None:
    with database.write_batch() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(BadDatabase, match="newer release"):
        database.migrate()


def test_a_password_in_the_url_is_not_shown() -> None:
    database = Database("postgresql://starscoo:hunter2@127.0.0.1:1/nothing")
    with pytest.raises(BadDatabase) as refused:
        database.migrate()
    assert "hunter2" not in str(refused.value)
    database.close()


def test_a_writer_that_is_stuck_elsewhere_is_reported(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/starscoo.db", wait_s=0)
    stuck = os.open(tmp_path / "starscoo.db.writer", os.O_RDWR)
    fcntl.flock(stuck, fcntl.LOCK_EX)
    with pytest.raises(DatabaseBusy, match="Another process"):
        database.migrate()
    os.close(stuck)
    database.migrate()
    database.close()


def test_sqlite_is_set_up_to_survive(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/starscoo.db", durability="full")
    with database.write_batch() as connection:
        pragma = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    database.close()

"""A whole database in one file, taken while servers run, and put back.

The file is an SQLite database of its own, whichever kind it came from, with a line at the end that holds its SHA-256:
what was damaged on the way is refused before anything is touched. So a backup also carries a database from SQLite to
PostgreSQL and back. It is as of one moment: on SQLite copied under one read lock, which writers do not notice, on
PostgreSQL read in one snapshot. It holds what the database holds: no key, password or login in clear.

Restoring needs a database that nobody serves from. What was there before is kept: an SQLite file is set aside under
another name; a PostgreSQL database must be empty.
"""

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, MetaData, Table, text
from sqlmodel import Session

from models.database import Database
from models.errors import Refused
from models.locks import open_private

AT_ONCE: Final = 5_000
_MARK: Final = b"\nstarscoo backup 1 sha256 "
_TRAILER: Final = len(_MARK) + 64 + 1
_PIECE: Final = 1024 * 1024
_OWN: Final = "alembic_version"


class BadBackup(Refused):
    """The file is no backup, or damaged, or cannot be written."""


class NotEmpty(Refused):
    """Something is in the way of a restored database."""


def write(database: Database, path: Path) -> int:
    """The file's size. It appears under its name when it is whole, readable for its owner alone. Raises
    `BadBackup`."""
    if path.exists():
        raise BadBackup(f"{path} exists already. Name a file that does not.")
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        os.close(open_private(partial))
        if database.dialect == "sqlite":
            database.read_now(_copy_file, partial)
        else:
            _gather(database, partial)
        _seal(partial)
        partial.rename(path)
    except OSError as failure:
        raise BadBackup(f"{path} cannot be written: {failure.strerror}.") from failure
    finally:
        for left in (partial, *_journals(partial)):
            with suppress(OSError):
                left.unlink()
    return path.stat().st_size


@contextmanager
def opened(path: Path, beside: Path | None = None) -> Iterator[Path]:
    """The checked database of a backup in a temporary file, brought to this release's tables; in the directory
    `beside` where it is going to stay. Raises `BadBackup`, or `BadDatabase` when a newer release wrote it."""
    with tempfile.TemporaryDirectory(dir=beside, prefix=".restoring-") as directory:
        plain = Path(directory) / "starscoo.db"
        _unseal(path, plain)
        with closing(sqlite3.connect(plain)) as connection:
            try:
                found = connection.execute("PRAGMA integrity_check(1)").fetchone()
            except sqlite3.DatabaseError as failure:
                raise BadBackup(f"{path} is damaged: {failure}. Nothing was changed.") from failure
        if found[0] != "ok":
            raise BadBackup(f"{path} is damaged: {found[0]}. Nothing was changed.")
        database = Database(f"sqlite:///{plain}", durability="normal")
        database.migrate()
        database.close()
        yield plain


def replace_file(database: Database, path: Path) -> Path | None:
    """The backup becomes the SQLite database. Where the former one went; None when it held nothing. Raises
    `BadBackup`, and `AlreadyServing` while a server runs."""
    with database.alone() as target, opened(path, beside=target.parent) as plain:
        aside = None
        if target.stat().st_size:
            _fold_in(target)
            aside = _free_name(target.with_name(f"{target.name}.before-restore"))
            target.rename(aside)
        for left in _journals(target):
            left.unlink(missing_ok=True)
        _sync(plain)
        plain.replace(target)
        return aside


def fill(database: Database, path: Path) -> int:
    """The backup into an empty PostgreSQL database that nobody serves from, whole or not at all. How many rows.
    Raises `BadBackup`, `NotEmpty`, and `AlreadyServing` while a server runs."""
    with opened(path) as plain, database.hold_serving():
        database.migrate()
        return _fill(database, plain)


def _fill(database: Database, plain: Path) -> int:
    count = 0
    with closing(sqlite3.connect(plain)) as source, database.write_batch() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        tables = _tables(connection)
        if any(table.name in ("accounts", "requests") and _has_rows(connection, table) for table in tables):
            raise NotEmpty(
                "The database is not empty. Restore into one that is, then point the server at it."
            )
        for table in reversed(tables):
            connection.execute(table.delete())
        for table in tables:
            names = [column.name for column in table.columns]
            found = source.execute(f"SELECT {', '.join(names)} FROM {table.name}")  # noqa: S608
            while rows := found.fetchmany(AT_ONCE):
                connection.execute(table.insert(), [_typed(table, names, row) for row in rows])
                count += len(rows)
            _set_sequence(connection, table)
    return count


def _typed(table: Table, names: list[str], row: tuple[object, ...]) -> dict[str, object]:
    """SQLite keeps truth as 0 and 1."""
    return {
        name: bool(value) if value is not None and table.c[name].type.python_type is bool else value
        for name, value in zip(names, row, strict=True)
    }


def _copy_file(session: Session, path: Path) -> None:
    source = session.connection().connection.driver_connection
    assert isinstance(source, sqlite3.Connection)
    with closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")


def _gather(database: Database, path: Path) -> None:
    own = Database(f"sqlite:///{path}", durability="normal")
    try:
        own.migrate()
        with own.write_batch() as copy:
            database.read_now(_copy_rows, copy)
    finally:
        own.close()
        for lock in ("writer", "serving"):
            path.with_name(f"{path.name}.{lock}").unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _copy_rows(session: Session, copy: Connection) -> None:
    connection = session.connection()
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    tables = _tables(connection)
    for table in reversed(tables):
        copy.execute(table.delete())
    for table in tables:
        names = ", ".join(column.name for column in table.columns)
        marks = ", ".join("?" for _ in table.columns)
        found = connection.execution_options(yield_per=AT_ONCE).execute(table.select())
        for rows in found.partitions():
            copy.exec_driver_sql(
                f"INSERT INTO {table.name} ({names}) VALUES ({marks})",  # noqa: S608
                [tuple(row) for row in rows],
            )


def _tables(connection: Connection) -> list[Table]:
    """All of ours, those that others refer to first; what Alembic notes is not data."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != _OWN]


def _has_rows(connection: Connection, table: Table) -> bool:
    return connection.execute(table.select().limit(1)).first() is not None


def _set_sequence(connection: Connection, table: Table) -> None:
    """The next number is one that was never given."""
    keys = list(table.primary_key.columns)
    if len(keys) != 1 or keys[0].type.python_type is not int:
        return
    name = connection.execute(
        text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": keys[0].name}
    ).scalar()
    if name:
        highest = f"SELECT coalesce(max({keys[0].name}), 0) FROM {table.name}"  # noqa: S608
        connection.execute(text(f"SELECT setval(:name, ({highest}) + 1, false)"), {"name": name})


def _seal(path: Path) -> None:
    with path.open("r+b") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0, os.SEEK_END)
        file.write(_MARK + digest.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _unseal(path: Path, plain: Path) -> None:
    try:
        size = path.stat().st_size - _TRAILER
        with path.open("rb") as file:
            file.seek(max(0, size))
            trailer = file.read()
            if size <= 0 or not trailer.startswith(_MARK):
                raise BadBackup(f"{path} is not a whole backup of Starscoo. Nothing was changed.")
            file.seek(0)
            digest = hashlib.sha256()
            os.close(open_private(plain))
            with plain.open("wb") as copy:
                while size and (piece := file.read(min(_PIECE, size))):
                    digest.update(piece)
                    copy.write(piece)
                    size -= len(piece)
    except OSError as failure:
        raise BadBackup(f"{path} cannot be read: {failure.strerror}.") from failure
    if digest.hexdigest().encode() != trailer[len(_MARK) : -1]:
        raise BadBackup(f"{path} is damaged: its checksum is another. Nothing was changed.")


def _fold_in(path: Path) -> None:
    """What stands in the write-ahead log belongs to the file that is set aside."""
    with closing(sqlite3.connect(path)) as connection, suppress(sqlite3.DatabaseError):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _journals(path: Path) -> list[Path]:
    return [path.with_name(f"{path.name}-{suffix}") for suffix in ("wal", "shm", "journal")]


def _free_name(path: Path) -> Path:
    number = 1
    found = path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name}-{number}")
    return found


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())

"""One database behind both faces: SQLite or PostgreSQL, by its URL.

An operation is a plain function whose first argument is a session; `await database.run(keys.issue, ...)`
gives it a thread and a write transaction, `read` a thread and a read-only one. Its results stay usable.

SQLite runs with a write-ahead log. Every write holds `<file>.writer` (see `locks`) and begins IMMEDIATE, on
the process's one writing connection; readers have connections of their own that cannot write. On PostgreSQL
writers run side by side at READ COMMITTED, and readers see one snapshot; changes of one account follow one
another because each begins with `epochs.bump`, which locks the account's row.

When the database is away, operations raise SQLAlchemy's `DBAPIError`; nothing is retried here.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlmodel import Session

from models import migrations
from models.driver import DriverConnection
from models.errors import Refused as Refused
from models.locks import LockTimeout, WriterLock, open_private, try_lock

P = ParamSpec("P")
T = TypeVar("T")

Durability = Literal["full", "normal"]
"""`full` survives a power loss; with `normal` the last commits before one may be gone, never their order."""

_STATEMENT_LIMIT_MS = 60_000
_SERVING_LOCK = 0x5742_5EE1
_MIGRATION_LOCK = 0x5742_3161


class BadDatabase(Refused):
    """The database cannot be used as it is configured."""


class DatabaseBusy(Refused):
    """Another process kept the writer lock for too long."""


class AlreadyServing(Refused):
    """Another process serves from this database."""


class Database:
    """Raises `BadDatabase` when the URL or the place of the file is of no use. Connects only when asked, and
    waits at most `wait_s` for a connection or for another writer."""

    dialect: Literal["sqlite", "postgresql"]

    def __init__(self, url: str, *, durability: Durability = "full", wait_s: float = 10) -> None:
        parsed = _parse(url)
        if parsed.get_backend_name() == "sqlite":
            self.dialect = "sqlite"
            self._path = _usable_file(parsed)
            self._lock: WriterLock | None = WriterLock(_beside(self._path, "writer"), timeout_s=wait_s)
            self._writer = _sqlite_engine(parsed, durability, wait_s, is_writer=True)
            self._reader = _sqlite_engine(parsed, durability, wait_s, is_writer=False)
        else:
            self.dialect = "postgresql"
            self._lock = None
            self._writer = _postgres_engine(parsed, durability, wait_s)
            self._reader = self._writer.execution_options(
                postgresql_readonly=True, isolation_level="REPEATABLE READ"
            )
        writers = 1 if self.dialect == "sqlite" else 4
        self._write_threads = ThreadPoolExecutor(writers, thread_name_prefix="database-write")
        self._read_threads = ThreadPoolExecutor(4, thread_name_prefix="database-read")

    async def run(
        self, operation: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The operation in one write transaction: committed when it returns, undone when it raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._write_threads, partial(self.run_now, operation, *args, **kwargs)
        )

    async def read(
        self, operation: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The operation on one consistent view, without waiting for writers. It cannot write."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._read_threads, partial(self.read_now, operation, *args, **kwargs)
        )

    def run_now(
        self, operation: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `run`, in this thread."""
        with self._writing(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            return operation(session, *args, **kwargs)

    def read_now(
        self, operation: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`, in this thread."""
        with Session(self._reader) as session:
            return operation(session, *args, **kwargs)

    @contextmanager
    def write_batch(self) -> Iterator[Connection]:
        """A bare connection for the ledger's writer, in a write transaction that commits at the end."""
        with self._writing(), self._writer.begin() as connection:
            yield connection

    def migrate(self) -> None:
        """Bring the tables to this release's revision. Two starters at once do it once.

        Raises `BadDatabase` when the database cannot be reached or was made by a newer release.
        """
        try:
            with self._writing(), self._writer.begin() as connection:
                if self.dialect == "postgresql":
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                    connection.execute(text("SET LOCAL statement_timeout = 0"))
                found = migrations.revision(connection)
                if found not in (None, *migrations.REVISIONS):
                    raise BadDatabase(
                        f"The database {self._shown} was made by a newer release of Starscoo (revision {found}). "
                        "Start that release, or restore a backup of this one."
                    )
                if found != migrations.HEAD:
                    migrations.upgrade(connection)
        except DBAPIError as failure:
            reason = str(failure.orig).strip().splitlines()[0]
            raise BadDatabase(f"The database {self._shown} cannot be used: {reason}") from failure

    def is_writable(self) -> bool:
        """Whether a write would be kept, tried with a real one; for the readiness check."""
        touch = "PRAGMA user_version = 1" if self.dialect == "sqlite" else "SELECT pg_current_xact_id()"
        try:
            with self.write_batch() as connection:
                connection.exec_driver_sql(touch)
        except Exception:  # whatever the reason is, the answer is no
            return False
        return True

    @contextmanager
    def hold_serving(self, *, is_shared: bool = False) -> Iterator["Serving"]:
        """For the life of a serving process. Alone, because its counters are its own or the file is; or `is_shared`
        with others of its kind, on PostgreSQL. Raises `AlreadyServing`."""
        if self.dialect == "sqlite":
            with self._serving_file():
                yield Serving(None, is_shared=False)
            return
        serving = Serving(self._writer, is_shared=is_shared)
        try:
            serving.take()
            yield serving
        finally:
            serving.give_back()

    @contextmanager
    def alone(self) -> Iterator[Path]:
        """The SQLite file with no server and no other writer at it, to be replaced. Raises `AlreadyServing` and
        `DatabaseBusy`."""
        with self._serving_file(), self._writing():
            self._reader.dispose()
            self._writer.dispose()
            yield self._path

    def close(self) -> None:
        """Wait for running operations, then close the files. The last connection to an SQLite file
        checkpoints when it closes, so that happens under the writer lock."""
        self._write_threads.shutdown()
        self._read_threads.shutdown()
        with self._writing():
            self._reader.dispose()
            self._writer.dispose()
        if self._lock is not None:
            self._lock.close()

    @property
    def _shown(self) -> str:
        return self._writer.url.render_as_string(hide_password=True)

    @contextmanager
    def _serving_file(self) -> Iterator[None]:
        file = open_private(_beside(self._path, "serving"))
        try:
            if not try_lock(file):
                raise AlreadyServing(
                    f"Another Starscoo serves from {self._path}. "
                    "Stop it, or set STARSCOO_DATABASE_URL to another file."
                )
            yield
        finally:
            os.close(file)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        lock: AbstractContextManager[None] = nullcontext() if self._lock is None else self._lock.held()
        try:
            with lock:
                yield
        except LockTimeout as timeout:
            raise DatabaseBusy(
                f"Another process keeps writing to {self._path}. Try again, or stop it."
            ) from timeout


def server_ms(session: Session, own_ms: int) -> int:
    """The time in Unix ms by which several processes agree: the PostgreSQL server's, else this process's own."""
    if session.get_bind().dialect.name != "postgresql":
        return own_ms
    clock = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
    return int(session.connection().execute(clock).scalar_one())


class Serving:
    """The lock of a serving process on PostgreSQL, which the server forgets when it restarts; on SQLite a file's
    lock, which lasts (`engine` None)."""

    def __init__(self, engine: Engine | None, *, is_shared: bool) -> None:
        self.is_alone = not is_shared
        self._engine = engine
        self._kind = "_shared" if is_shared else ""
        self._connection: Connection | None = None

    def take(self) -> None:
        """Raises `AlreadyServing`."""
        assert self._engine is not None
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        # It lives outside the pool: it is held for as long as this process serves.
        connection.detach()
        if not connection.execute(text(f"SELECT pg_try_advisory_lock{self._kind}({_SERVING_LOCK})")).scalar():
            connection.close()
            raise AlreadyServing(
                "Another Starscoo serves from this database, and one of the two counts its limits in memory, which "
                "is exact for one process alone. Stop it, or set STARSCOO_LIMITER to redis or database for both."
            )
        self._connection = connection

    def keep(self) -> None:
        """Make sure that it is held still, and take it again after a restart of the server. Raises
        `AlreadyServing` when another process has taken it meanwhile, `DBAPIError` while the server is away."""
        if self._connection is None:
            if self._engine is not None:
                self.take()
            return
        try:
            self._connection.execute(text("SELECT 1"))
        except DBAPIError:
            with suppress(DBAPIError):
                self._connection.close()
            self._connection = None
            self.take()

    def give_back(self) -> None:
        if self._connection is None:
            return
        # Said before hanging up: the server may take its time to notice that a connection is gone, and the next
        # starter would be refused meanwhile.
        with suppress(DBAPIError):
            self._connection.execute(text(f"SELECT pg_advisory_unlock{self._kind}({_SERVING_LOCK})"))
            self._connection.close()
        self._connection = None


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    backend = "" if parsed is None else parsed.drivername
    if parsed is not None and backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed
    if parsed is not None and backend in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    raise BadDatabase(
        "The database URL must look like sqlite:///path/to/file.db or postgresql://user@host/name."
    )


def _usable_file(url: URL) -> Path:
    path = Path(str(url.database))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(open_private(path))
        os.close(open_private(_beside(path, "writer")))
    except OSError as failure:
        raise BadDatabase(
            f"The database file {path} cannot be written: {failure.strerror}. "
            "Check who owns the directory, or set STARSCOO_DATABASE_URL to another place."
        ) from failure
    return path


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.name}.{what}")


def _sqlite_engine(url: URL, durability: Durability, wait_s: float, *, is_writer: bool) -> Engine:
    """The driver runs in autocommit and we say BEGIN ourselves: left alone it begins late and deferred."""
    pool = {"pool_size": 1, "max_overflow": 0} if is_writer else {"pool_size": 4, "max_overflow": 4}
    engine = create_engine(
        url,
        connect_args={"timeout": wait_s, "check_same_thread": False},
        pool_timeout=wait_s,
        hide_parameters=True,  # they hold what must not stand in a log
        **pool,
    )
    writer_pragmas = [
        "journal_mode = WAL",
        f"synchronous = {durability.upper()}",
        "journal_size_limit = 67108864",
    ]
    pragmas = ["foreign_keys = ON", *(writer_pragmas if is_writer else ["query_only = ON"])]
    begin = "BEGIN IMMEDIATE" if is_writer else "BEGIN"

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        DriverConnection(connection).exec_driver_sql(begin)

    return engine


def _postgres_engine(url: URL, durability: Durability, wait_s: float) -> Engine:
    limits = {
        "statement_timeout": _STATEMENT_LIMIT_MS,
        "idle_in_transaction_session_timeout": _STATEMENT_LIMIT_MS,
    }
    settings = " ".join(f"-c {name}={value}" for name, value in limits.items())
    if durability == "normal":
        settings += " -c synchronous_commit=off"
    arguments = {"connect_timeout": max(2, round(wait_s)), "options": url.query.get("options", settings)}
    return create_engine(
        url,
        connect_args=arguments,
        pool_size=8,
        max_overflow=4,
        pool_timeout=wait_s,
        pool_pre_ping=True,
        hide_parameters=True,
    )

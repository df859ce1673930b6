"""Each test of the tables runs on SQLite and on a real PostgreSQL, on migrated tables with nothing in them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import services
from sqlalchemy import text
from sqlmodel import SQLModel

from models import (
    accounts,
    alerts,
    asks,
    audit,
    epochs,
    guesses,
    keys,
    ledger,
    ledger_state,
    limiter_state,
    limits,
    logins,
    migrations,
    processes,
    refusals,
    verification,
)
from models.accounts import Account
from models.database import Database

NOW = 1_795_000_000
MODULES_WITH_TABLES = (
    accounts,
    alerts,
    asks,
    audit,
    epochs,
    guesses,
    keys,
    ledger,
    ledger_state,
    limiter_state,
    limits,
    logins,
    processes,
    refusals,
    verification,
)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copied for each test: it costs a millisecond."""
    path = tmp_path_factory.mktemp("template") / "starscoo.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_url(postgres_url: str) -> str:
    """Emptied for each test: a new PostgreSQL database takes a busy disk a second."""
    url = services.create_database(postgres_url, "starscoo_models")
    _migrate(url)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        copied = shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "starscoo.db")
        return f"sqlite:///{copied}"
    url = str(request.getfixturevalue("migrated_url"))
    _empty(url)
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, durability="normal")
    yield database
    database.close()


@pytest.fixture
def alice(database: Database) -> Account:
    """Owns; on the starter plan: 1,000 requests an hour, 5,000,000 tokens a month."""
    return database.run_now(accounts.create, "alice@example.com", "hash", plan="starter", now=NOW)


@pytest.fixture
def charlie(database: Database) -> Account:
    """Must get nothing of hers."""
    return database.run_now(accounts.create, "charlie@example.com", "hash", plan="starter", now=NOW)


def _migrate(url: str) -> None:
    database = Database(url)
    database.migrate()
    database.close()


def _empty(url: str) -> None:
    database = Database(url)
    with database.write_batch() as connection:
        for table in reversed(SQLModel.metadata.sorted_tables):
            connection.execute(table.delete())
        connection.execute(
            text(
                "INSERT INTO plans (name, hourly_requests, monthly_tokens, concurrent_requests) "
                "VALUES ('starter', 1000, 5000000, 100), ('unlimited', NULL, NULL, NULL)"
            )
        )
        connection.execute(text("INSERT INTO limiter_state VALUES (1, 1, 0)"))
        connection.execute(text("INSERT INTO ledger_state VALUES (1, 0)"))
        connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": migrations.HEAD})
    database.close()

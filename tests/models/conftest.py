"""Each test of the tables runs on SQLite and on a real PostgreSQL: a fresh, migrated database of its own."""

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import services

from models import accounts
from models.accounts import Account
from models.database import Database

NOW = 1_795_000_000
_TEMPLATE = "starscoo_template"
_numbers = count(1)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "starscoo.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_server(postgres_url: str) -> str:
    _migrate(services.create_database(postgres_url, _TEMPLATE))
    return postgres_url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        copied = shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "starscoo.db")
        yield f"sqlite:///{copied}"
    else:
        server, name = request.getfixturevalue("migrated_server"), f"test_{next(_numbers)}"
        yield services.create_database(server, name, template=_TEMPLATE)
        services.drop_database(server, name)


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

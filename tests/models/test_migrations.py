import subprocess
import sys
from pathlib import Path

import pytest
import services
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlmodel import SQLModel

from models import migrations
from models.database import Database

MIGRATE = """
import sys
from models.database import Database
database = Database(sys.argv[1])
database.migrate()
database.close()
"""


def test_the_revisions_make_the_tables_that_the_code_means(database: Database) -> None:
    with database.write_batch() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_a_migrated_database_stands_at_the_head(database: Database) -> None:
    with database.write_batch() as connection:
        assert migrations.revision(connection) == migrations.HEAD
    database.migrate()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_starters_migrate_once(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path}/starscoo.db"
    else:
        url = services.create_database(request.getfixturevalue("postgres_url"), "starscoo_twice")
    starters = [subprocess.Popen([sys.executable, "-c", MIGRATE, url]) for _ in range(2)]
    assert [starter.wait() for starter in starters] == [0, 0]
    database = Database(url)
    with database.write_batch() as connection:
        assert migrations.revision(connection) == migrations.HEAD
    database.close()


def test_the_plans_exist_from_the_start(database: Database) -> None:
    with database.write_batch() as connection:
        rows = connection.execute(text("SELECT * FROM plans ORDER BY name")).all()
    assert [tuple(row) for row in rows] == [
        ("starter", 1000, 5_000_000, 100),
        ("unlimited", None, None, None),
    ]

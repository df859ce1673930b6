from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlmodel import SQLModel

from models import accounts, audit, epochs, keys, limits, logins, migrations, refusals, usage
from models.database import Database

TABLES = (accounts, audit, epochs, keys, limits, logins, refusals, usage)


def test_the_revisions_make_the_tables_that_the_code_means(database: Database) -> None:
    assert TABLES
    with database.write_batch() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_a_migrated_database_stands_at_the_head(database: Database) -> None:
    with database.write_batch() as connection:
        assert migrations.revision(connection) == migrations.HEAD
    database.migrate()


def test_the_plans_exist_from_the_start(database: Database) -> None:
    with database.write_batch() as connection:
        rows = connection.execute(text("SELECT * FROM plans ORDER BY name")).all()
    assert [tuple(row) for row in rows] == [("starter", 1000, 5_000_000), ("unlimited", None, None)]

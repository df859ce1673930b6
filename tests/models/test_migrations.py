import subprocess
import sys
from pathlib import Path

import pytest
import services
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

from models import histogram, logins, migrations
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


def undo_the_sixth(connection: Connection) -> None:
    for table in ("verifications", "devices"):
        connection.execute(text(f"DROP TABLE {table}"))
    connection.execute(text("ALTER TABLE logins DROP COLUMN address"))
    for column in ("verified_at", "deleted_at"):
        connection.execute(text(f"ALTER TABLE accounts DROP COLUMN {column}"))


def test_P_S3_the_second_revision_keeps_every_sum_and_fills_what_is_new(database: Database) -> None:
    with database.write_batch() as connection:
        undo_the_sixth(connection)
        for table in ("usage_months", "usage_hours", "requests"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(
            text(
                "INSERT INTO requests (id, account_id, key_id, model, admitted_ms, hour, state, is_stream, "
                "reserved_tokens, outcome, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, "
                "reasoning_tokens, total_tokens, is_estimated, cost_nusd, process, first_token_ms, total_ms) VALUES "
                "('a', 1, 7, 'gpt-5', 1795000000000, 498611, 'final', true, 0, 'ok', 9, 0, 0, 5, 0, 14, false, 3, 0, "
                "400, 900), "
                "('b', 1, 7, 'gpt-5', 1795000000000, 498611, 'final', true, 0, 'ok', 1, 0, 0, 1, 0, 2, false, 1, 0, "
                "NULL, 90)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO usage_hours (account_id, hour, key_id, model, outcome, requests, prompt_tokens, "
                "completion_tokens, total_tokens, cost_nusd, first_token_times, total_times) "
                "VALUES (1, 498611, 7, 'gpt-5', 'ok', 2, 10, 6, 16, 4, '', '')"
            )
        )
        connection.execute(text("DROP TABLE usage_months"))
        connection.execute(text("DROP TABLE processes"))
        connection.execute(text("DROP TABLE limiter_state"))
        connection.execute(text("ALTER TABLE plans DROP COLUMN concurrent_requests"))
        for column in ("first_token_times", "total_times"):
            connection.execute(text(f"ALTER TABLE usage_hours DROP COLUMN {column}"))
        for index in ("requests_open", "requests_hour"):
            connection.execute(text(f"DROP INDEX {index}"))
        for column in ("process", "bound_by"):
            connection.execute(text(f"ALTER TABLE requests DROP COLUMN {column}"))
        connection.execute(text("CREATE INDEX requests_open ON requests (hour) WHERE state = 'open'"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    database.migrate()
    with database.write_batch() as connection:
        months = connection.execute(text("SELECT * FROM usage_months")).all()
        hours = connection.execute(
            text("SELECT requests, total_tokens, cost_nusd, first_token_times, total_times FROM usage_hours")
        ).one()
    assert [tuple(row) for row in months] == [(1, 24322, 7, 2, 16, 4)]
    assert tuple(hours[:3]) == (2, 16, 4)
    assert sum(histogram.counts(bytes(hours[3])).values()) == 1
    assert sum(histogram.counts(bytes(hours[4])).values()) == 2


def test_P_S3_the_release_before_the_sixth_revision_can_still_add_accounts_and_logins(
    database: Database,
) -> None:
    with database.write_batch() as connection:
        connection.execute(
            text(
                "INSERT INTO accounts (id, email, plan, is_admin, created_at) VALUES (1, 'a', 'starter', false, 1)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO logins (token_hash, id, account_id, device, created_at, seen_at) "
                "VALUES ('t', 'l', 1, 'Firefox', 5, 5)"
            )
        )
    (login,) = database.read_now(logins.listing, 1, now=6)
    assert (login.device, login.address) == ("Firefox", "")


def test_an_hour_of_before_the_histograms_holds_empty_ones(database: Database) -> None:
    columns = (
        "account_id, hour, key_id, model, outcome, requests, prompt_tokens, completion_tokens, total_tokens"
    )
    with database.write_batch() as connection:
        connection.execute(
            text(f"INSERT INTO usage_hours ({columns}, cost_nusd) VALUES (1, 2, 3, 'm', 'ok', 1, 1, 1, 2, 1)")
        )
        times = connection.execute(text("SELECT first_token_times, total_times FROM usage_hours")).one()
    assert tuple(times) == (b"", b"")

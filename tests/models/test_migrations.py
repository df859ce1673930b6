import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import services
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlmodel import SQLModel

from models import histogram, keys, ledger_check, logins, migrations
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
        ("starter", 1000, 5_000_000, 100, None, None),
        ("unlimited", None, None, None, None, None),
    ]


@pytest.fixture(params=["sqlite", "postgresql"])
def first_release(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Its tables, with nothing in them."""
    url, drop = f"sqlite:///{tmp_path}/first.db", None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_url")
        url = services.create_database(server, "starscoo_first")
        drop = partial(services.drop_database, server, "starscoo_first")
    database = Database(url)
    with database.write_batch() as connection:
        migrations.upgrade(connection, to="0001")
    yield database
    database.close()
    if drop:
        drop()


def test_P_S3_later_revisions_keep_every_sum_and_fill_what_is_new(first_release: Database) -> None:
    with first_release.write_batch() as connection:
        connection.execute(
            text(
                "INSERT INTO requests (id, account_id, key_id, model, admitted_ms, hour, state, is_stream, "
                "reserved_tokens, outcome, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, "
                "reasoning_tokens, total_tokens, is_estimated, cost_nusd, first_token_ms, total_ms) VALUES "
                "('a', 1, 7, 'gpt-5', 1795000000000, 498611, 'final', true, 0, 'ok', 9, 0, 0, 5, 0, 14, false, 3, "
                "400, 900), "
                "('b', 1, 7, 'gpt-5', 1795000000000, 498611, 'final', true, 0, 'ok', 1, 0, 0, 1, 0, 2, false, 1, "
                "NULL, 90)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO usage_hours (account_id, hour, key_id, model, outcome, requests, prompt_tokens, "
                "completion_tokens, total_tokens, cost_nusd) VALUES (1, 498611, 7, 'gpt-5', 'ok', 2, 10, 6, 16, 4)"
            )
        )
    first_release.migrate()
    with first_release.write_batch() as connection:
        months = connection.execute(text("SELECT * FROM usage_months")).all()
        hours = connection.execute(
            text("SELECT requests, total_tokens, cost_nusd, first_token_times, total_times FROM usage_hours")
        ).one()
        assert migrations.revision(connection) == migrations.HEAD
    assert [tuple(row) for row in months] == [(1, 24322, 7, 2, 16, 4)]
    assert tuple(hours[:3]) == (2, 16, 4)
    assert sum(histogram.counts(bytes(hours[3])).values()) == 1
    assert sum(histogram.counts(bytes(hours[4])).values()) == 2
    assert ledger_check.check(first_release, now_ms=1_795_000_000_000).lines == []


def test_P_S3_a_key_of_before_the_fourth_revision_is_whole_and_the_release_before_can_still_add_one(
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
                "INSERT INTO api_keys (id, public_id, account_id, name, digest, last4, created_at) "
                "VALUES (1, 'AAAAAAAAAAAA', 1, 'old', 'd', 'a1b2', 1)"
            )
        )
    key = database.read_now(keys.get, 1, "AAAAAAAAAAAA")
    assert key.state(10) == "active"
    assert key.models == frozenset()
    assert key.old_digest is None


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

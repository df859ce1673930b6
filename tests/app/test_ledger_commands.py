import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import running
import services
from fakes import provider
from redis import Redis
from shell import Shell
from sqlalchemy import text

from models import ledger, ledger_state, windows
from models.database import Database
from models.ledger import FinalRow, Usage

NOON = 1_795_348_800  # 2026-11-22 12:00:00 UTC


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(capsys)


@pytest.fixture
def database(shell: Shell) -> Iterator[Database]:
    """With three rows in two hours."""
    database = Database("sqlite:///data/starscoo.db")
    database.migrate()
    with database.write_batch() as connection:
        ledger.write(connection, [], [final(number) for number in range(3)], [])
    yield database
    database.close()


def final(number: int) -> FinalRow:
    at = NOON + number // 2 * windows.HOUR
    owner = (f"req_{number}", 1, 7, "gpt-5", at * 1000)
    return FinalRow(
        *owner, "ok", 200, None, Usage(10, output_tokens=5), False, 7, 90, 400, "end", windows.hour_of(at)
    )


def damage(database: Database) -> None:
    with database.write_batch() as connection:
        connection.execute(text("UPDATE usage_hours SET requests = requests + 1"))


def test_a_right_ledger_is_said_to_be_right(shell: Shell, database: Database) -> None:
    status, out, err = shell.run("ledger", "check")
    assert (status, err) == (0, "")
    assert out == "Compared 3 rows, 3 sums, 0 reservations.\nEverything agrees.\n"
    assert shell.answer("ledger", "check") == {
        "rows": 3,
        "sums": 3,
        "reservations": 0,
        "waiting": 0,
        "counters": 0,
        "busy": 0,
        "differences": 0,
        "lines": [],
    }


def test_differences_are_listed_and_the_exit_code_says_so(shell: Shell, database: Database) -> None:
    damage(database)
    status, out, _ = shell.run("ledger", "check")
    assert status == 1
    assert "3 differences:" in out
    assert "key number 7, gpt-5, ok: 2 requests in the rows, 3 in the sum of the hour" in out
    assert "`starscoo ledger rebuild`" in out


def test_each_check_is_kept_for_the_health_page(shell: Shell, database: Database) -> None:
    shell.run("ledger", "check")
    damage(database)
    shell.run("ledger", "check")
    newest, oldest = database.read_now(ledger_state.last_checks, 5)
    assert (newest.differences, oldest.differences) == (3, 0)
    assert newest.by == "command line"
    assert len(newest.words) == 3


def test_a_rebuild_mends_the_sums(shell: Shell, database: Database) -> None:
    damage(database)
    _, out, _ = shell.run("ledger", "rebuild")
    assert out.startswith("Read 3 rows. Replaced 2 sums by hour and 0 by month.\n")
    assert "restart it" in out
    assert shell.answer("ledger", "rebuild") == {"rows": 3, "hours": 0, "months": 0}
    assert shell.answer("ledger", "check")["differences"] == 0


@pytest.fixture
def own_redis(tmp_path: Path, redis_url: str) -> Iterator[str]:
    """Of this test alone, since its counters are changed behind the product's back."""
    url, stop = services.start_redis(tmp_path)
    yield url
    stop()


def test_P_A2_counters_in_redis_are_compared_beside_a_running_server(
    tmp_path: Path, postgres_url: str, own_redis: str
) -> None:
    url = services.create_database(postgres_url, "starscoo_checked")
    options = {"STARSCOO_DATABASE_URL": url, "STARSCOO_REDIS_URL": own_redis, "OPENAI_API_KEY": "k"}
    with provider.start() as upstream:
        options["OPENAI_BASE_URL"] = upstream.openai_base_url
        with running.server(tmp_path, **options) as starscoo:
            key = starscoo.new_key(monthly_tokens=100_000)
            for _ in range(3):
                answer = httpx.post(
                    f"{starscoo.url}/v1/chat/completions",
                    headers={"authorization": f"Bearer {key}"},
                    json={"model": "gpt-5", "messages": [{"role": "user", "content": "Hello"}]},
                    timeout=30,
                    trust_env=False,
                )
                assert answer.status_code == 200, answer.text
            found = starscoo.command("ledger", "check")
            assert (found["rows"], found["counters"], found["lines"]) == (3, 2, [])
            with Redis.from_url(own_redis) as counters:
                for name in counters.scan_iter("starscoo:*:key:*:month:*"):
                    counters.hincrby(name, "settled", 5)
            told = subprocess.run(
                [sys.executable, "-m", "app", "ledger", "check", "--json"],
                cwd=tmp_path,
                env=starscoo.environment,
                check=False,
                capture_output=True,
                text=True,
            )
    services.drop_database(postgres_url, "starscoo_checked")
    assert told.returncode == 1
    (line,) = json.loads(told.stdout)["lines"]
    assert "tokens of this month in the tables" in line

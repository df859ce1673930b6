import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import running
from shell import Shell

from app import terminal
from models import accounts, audit, keys, ledger, limits, passwords
from models.database import Database

NOW = 1_795_000_000


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(capsys)


@pytest.fixture
def database(shell: Shell) -> Iterator[Callable[[], Database]]:
    """Opens the database that the commands use."""
    opened: list[Database] = []

    def open_it() -> Database:
        opened.append(Database("sqlite:///data/starscoo.db"))
        opened[-1].migrate()
        return opened[-1]

    yield open_it
    for each in opened:
        each.close()


def test_keys_create_makes_the_account_on_the_unlimited_plan(
    shell: Shell, database: Callable[[], Database]
) -> None:
    answer = shell.answer("keys", "create", "--email", "Alice@Example.com", "--name", "laptop")
    assert set(answer) == {"id", "key"}
    assert keys.well_formed(answer["key"])
    found = database().read_now(keys.authenticate, keys.digest(answer["key"]), now=NOW)
    assert found is not None
    assert (found.key_public_id, found.key_name) == (answer["id"], "laptop")
    assert (found.limits.key_requests, found.limits.account_tokens) == (None, None)
    account = database().read_now(accounts.find_by_email, "alice@example.com")
    assert account is not None
    assert (account.plan, account.is_admin) == ("unlimited", False)


def test_keys_create_sets_the_keys_own_limits_as_staff(
    shell: Shell, database: Callable[[], Database]
) -> None:
    answer = shell.answer(
        "keys", "create", "--email", "alice@example.com", "--hourly-requests", "10", "--monthly-tokens", "0"
    )
    found = database().read_now(keys.authenticate, keys.digest(answer["key"]), now=NOW)
    assert found is not None
    assert (found.limits.key_requests, found.limits.key_tokens) == (10, 0)
    assert found.limits.account_requests is None
    [*rows] = database().read_now(limits.history, found.account_id, 10)
    assert all(row.is_staff for row in rows)


def test_a_key_value_above_the_accounts_is_refused_and_leaves_nothing(
    shell: Shell, database: Callable[[], Database]
) -> None:
    tables = database()
    tables.run_now(limits.ensure_plans, starter_requests=5, starter_tokens=5)
    tables.run_now(accounts.ensure, "alice@example.com", plan="starter", now=NOW)
    line = shell.refusal("keys", "create", "--email", "alice@example.com", "--hourly-requests", "6")
    assert "Raise the account first" in line
    assert shell.answer("keys", "list", "--email", "alice@example.com") == {"keys": []}


def test_keys_create_leaves_the_plan_of_a_running_server_alone(
    shell: Shell, database: Callable[[], Database]
) -> None:
    tables = database()
    tables.run_now(limits.ensure_plans, starter_requests=5, starter_tokens=7)
    shell.answer("keys", "create", "--email", "alice@example.com")
    account = tables.run_now(accounts.ensure, "bob@example.com", plan="starter", now=NOW)
    assert tables.read_now(limits.effective, account.id, None, now=NOW).account_tokens == 7


def test_keys_list_shows_no_secret(shell: Shell) -> None:
    made = shell.answer("keys", "create", "--email", "alice@example.com", "--name", "laptop")
    [listed] = shell.answer("keys", "list", "--email", "alice@example.com")["keys"]
    assert (listed["id"], listed["name"], listed["revoked_at"]) == (made["id"], "laptop", None)
    assert listed["masked"] == f"sk-starscoo-…{made['key'][-4:]}"
    status, out, _ = shell.run("keys", "list", "--email", "alice@example.com")
    assert status == 0
    assert made["id"] in out
    assert made["key"] not in out


def test_keys_revoke_ends_the_key(shell: Shell, database: Callable[[], Database]) -> None:
    made = shell.answer("keys", "create", "--email", "alice@example.com")
    assert shell.answer("keys", "revoke", made["id"]) == {"id": made["id"], "is_revoked": True}
    assert database().read_now(keys.authenticate, keys.digest(made["key"]), now=NOW) is None


def test_keys_pause_and_resume_are_told_apart_in_the_list(
    shell: Shell, database: Callable[[], Database]
) -> None:
    made = shell.answer("keys", "create", "--email", "alice@example.com")

    def states() -> list[str]:
        return [key["state"] for key in shell.answer("keys", "list", "--email", "alice@example.com")["keys"]]

    assert shell.answer("keys", "pause", made["id"]) == {"id": made["id"], "is_paused": True}
    assert states() == ["paused"]
    assert shell.answer("keys", "resume", made["id"]) == {"id": made["id"], "is_paused": False}
    assert states() == ["active"]
    assert "no such key" in shell.refusal("keys", "pause", "AAAAAAAAAAAA")
    shell.answer("keys", "revoke", made["id"])
    assert "for good" in shell.refusal("keys", "pause", made["id"])
    account = database().read_now(accounts.find_by_email, "alice@example.com")
    assert account is not None
    acts = [row.act for row in database().read_now(audit.last, account_id=account.id, limit=9)]
    assert acts == ["key.revoke", "key.resume", "key.pause", "key.create"]


def test_keys_rotate_gives_a_new_secret_and_leaves_the_old_one_for_a_while(
    shell: Shell, database: Callable[[], Database]
) -> None:
    made = shell.answer("keys", "create", "--email", "alice@example.com")
    rotated = shell.answer("keys", "rotate", made["id"], "--overlap-hours", "1")
    assert rotated["id"] == made["id"]
    for secret in (made["key"], rotated["key"]):
        found = database().read_now(keys.authenticate, keys.digest(secret), now=rotated["old_ends_at"] - 1)
        assert found is not None
        assert (found.key_public_id, found.replaced_at) == (made["id"], None)
    assert "none, 1 hour" in shell.refusal("keys", "rotate", made["id"], "--overlap-hours", "2")


def test_usage_sums_what_the_key_used(shell: Shell, database: Callable[[], Database]) -> None:
    made = shell.answer("keys", "create", "--email", "alice@example.com")
    key = database().read_now(keys.find, made["id"])
    row = ledger.FinalRow(
        id="req_1",
        account_id=key.account_id,
        key_id=key.id,
        model="gpt-5",
        admitted_ms=NOW * 1000,
        outcome="ok",
        http_status=200,
        error_code=None,
        usage=ledger.Usage(input_tokens=7, cache_read_tokens=3, output_tokens=5),
        is_estimated=False,
        cost_nusd=1,
        first_token_ms=None,
        total_ms=9,
        stop="end",
        hour=NOW // 3600,
    )
    with database().write_batch() as connection:
        ledger.write(connection, [], [row], [])
    assert shell.answer("usage", "--key", made["id"]) == {
        "requests": 1,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
    }


def test_admin_grant_and_revoke(shell: Shell) -> None:
    shell.answer("keys", "create", "--email", "alice@example.com")
    assert shell.answer("admin", "grant", "alice@example.com")["is_admin"] is True
    assert shell.answer("admin", "revoke", "alice@example.com")["is_admin"] is False


def test_an_account_is_suspended_and_resumed_with_a_reason(
    shell: Shell, database: Callable[[], Database]
) -> None:
    shell.answer("keys", "create", "--email", "alice@example.com")
    why = ("--reason", "Paid with a stolen card")
    assert "10 characters" in shell.refusal("users", "suspend", "alice@example.com", "--reason", "spam")
    answer = shell.answer("users", "suspend", "alice@example.com", *why)
    assert answer == {"email": "alice@example.com", "is_suspended": True}
    assert "suspended already" in shell.refusal("users", "suspend", "alice@example.com", *why)
    account = database().read_now(accounts.find_by_email, "alice@example.com")
    assert account is not None
    assert account.suspended_at is not None
    assert shell.answer("users", "resume", "alice@example.com", *why)["is_suspended"] is False
    [line] = database().read_now(audit.last, account_id=account.id, limit=1)
    assert (line.act, line.actor, line.reason) == ("account.resume", "command line", why[1])


def test_a_reset_link_sets_a_password_once(shell: Shell, database: Callable[[], Database]) -> None:
    from models import logins

    shell.answer("keys", "create", "--email", "alice@example.com")
    link = shell.answer("users", "reset-link", "alice@example.com")["link"]
    address, token = link.rsplit("/", 1)
    assert address == "http://127.0.0.1:8080/reset"
    hashed = passwords.hash_password("correct horse battery")
    now = terminal.now()
    account_id = database().run_now(logins.use_reset, token, hashed, now=now)
    account = database().read_now(accounts.get, account_id)
    assert account is not None
    assert account.email == "alice@example.com"
    with pytest.raises(logins.ResetSpent):
        database().run_now(logins.use_reset, token, hashed, now=now)


@pytest.mark.parametrize(
    "words",
    [
        ("keys", "list", "--email", "nobody@example.com"),
        ("keys", "create", "--email", "no address"),
        ("keys", "create", "--email", "alice@example.com", "--name", ""),
        ("keys", "revoke", "000000000000"),
        ("usage", "--key", "000000000000"),
        ("admin", "grant", "nobody@example.com"),
        ("users", "reset-link", "nobody@example.com"),
        ("users", "suspend", "nobody@example.com", "--reason", "Paid with a stolen card"),
        ("users", "resume", "nobody@example.com", "--reason", "Paid with a stolen card"),
    ],
)
def test_what_cannot_be_done_is_one_line(shell: Shell, words: tuple[str, ...]) -> None:
    shell.refusal(*words)


@pytest.mark.parametrize(
    "words",
    [
        ("keys", "create"),
        ("keys", "create", "--email", "alice@example.com", "--hourly-requests", "-1"),
        ("keys", "create", "--email", "alice@example.com", "--monthly-tokens", "many"),
        ("keys", "sell"),
        ("fly",),
        ("serve", "now"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(shell: Shell, words: tuple[str, ...]) -> None:
    shell.refusal(*words, status=2)


def test_a_wrong_setting_stops_a_command_before_it_touches_anything(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARSCOO_PORT", "eighty")
    assert "STARSCOO_PORT" in shell.refusal("keys", "create", "--email", "alice@example.com", status=2)
    assert not Path("data").exists()


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_that_is_taken_is_one_line_that_says_what_to_do(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("STARSCOO_PORT", port)
        line = shell.refusal(command)
    assert f"port {port}" in line
    assert "STARSCOO_PORT" in line
    assert not Path("data").exists()


def test_a_database_that_is_away_is_one_line_without_its_password(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = running.free_port()
    monkeypatch.setenv("STARSCOO_DATABASE_URL", f"postgresql://starscoo:hush@127.0.0.1:{port}/starscoo")
    assert "hush" not in shell.refusal("keys", "list", "--email", "alice@example.com")


def test_help_is_shown_without_words_and_names_every_command(shell: Shell) -> None:
    status, out, err = shell.run("--help")
    assert (status, err) == (0, "")
    for command in ("serve", "demo", "keys", "usage", "admin", "users"):
        assert command in out
    assert shell.run() == (2, "", out)


SLOW = ("nicegui", "fastapi", "sqlalchemy", "pydantic", "plotly")
HELP = f"""
import sys
from app import cli
try:
    cli.main(["--help"])
except SystemExit:
    print([name for name in {SLOW} if name in sys.modules])
"""


def test_help_imports_nothing_slow() -> None:
    done = subprocess.run([sys.executable, "-c", HELP], cwd=running.ROOT, capture_output=True, text=True)
    assert done.stdout.endswith("[]\n")


def test_a_running_server_sees_every_change(tmp_path: Path) -> None:
    with running.server(tmp_path) as starscoo, httpx.Client(base_url=starscoo.url, trust_env=False) as client:
        made = starscoo.command("keys", "create", "--email", "alice@example.com")
        headers = {"authorization": f"Bearer {made['key']}"}
        assert client.get("/v1/models", headers=headers).status_code == 200
        starscoo.command("keys", "revoke", made["id"])
        while (status := client.get("/v1/models", headers=headers).status_code) == 200:
            pass
        assert status == 401


def test_a_running_server_refuses_the_keys_of_a_suspended_account_until_it_is_resumed(tmp_path: Path) -> None:
    with running.server(tmp_path) as starscoo, httpx.Client(base_url=starscoo.url, trust_env=False) as client:
        made = starscoo.command("keys", "create", "--email", "alice@example.com")
        headers = {"authorization": f"Bearer {made['key']}"}
        for act, wanted in (("suspend", 403), ("resume", 200)):
            starscoo.command("users", act, "alice@example.com", "--reason", "Paid with a stolen card")
            while client.get("/v1/models", headers=headers).status_code != wanted:
                pass

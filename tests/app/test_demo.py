"""The demo as a newcomer meets it, started twice in one directory."""

import json
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import running

from api.pricing import cost
from app import demo, demo_history
from models import accounts, catalog, passwords, refusals, usage
from models.database import Database
from models.windows import DAY


@dataclass(frozen=True)
class Start:
    """One start of the demo: what it printed, what its curl answered, and what then stood in the tables."""

    printed: str
    answer: subprocess.CompletedProcess[str]
    models_answer: httpx.Response
    requests: int
    refusals: int


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def starts(directory: Path) -> list[Start]:
    return [start(directory), start(directory)]


def start(directory: Path) -> Start:
    log = directory / "server.log"
    before = len(log.read_text()) if log.exists() else 0
    with running.server(directory, command="demo") as starscoo:
        printed = starscoo.log[before:]
        answer = subprocess.run(["sh", "-c", curl(printed)], capture_output=True, text=True, timeout=30)
        headers = {"authorization": f"Bearer {kept(directory)['key']}"}
        models = httpx.get(f"{starscoo.url}/v1/models", headers=headers, trust_env=False)
        wait_for_history(directory)
    database = Database(f"sqlite:///{directory / demo.DATABASE}")
    try:
        told = database.read_now(refusals.last, account_id(database), 1_000)
    finally:
        database.close()
    return Start(printed, answer, models, written(directory), len(told))


def curl(printed: str) -> str:
    """The command as printed, made quiet."""
    return "curl -sS" + printed.split("\ncurl", 1)[1].split("\n\n", 1)[0]


def kept(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / demo.KEPT).read_text())
    return found


def account_id(database: Database) -> int:
    account = database.read_now(accounts.find_by_email, demo.CUSTOMER)
    assert account is not None
    return account.id


def written(directory: Path) -> int:
    """Requests on the whole days before today."""
    today = int(time.time()) // DAY * DAY
    database = Database(f"sqlite:///{directory / demo.DATABASE}")
    try:
        lines = database.read_now(usage.by_day, account_id(database), since=0, until=today)
    finally:
        database.close()
    return sum(line.requests for line in lines)


def expected() -> int:
    """What those days hold, told by the same teller."""
    now = int(time.time())
    models = list(catalog.load(catalog.default_path()).models.values())
    customer = demo_history.Customer(1, 2, 3, models, 1_000, 5_000_000, cost)
    *before, _ = demo_history.days(now, demo.DAYS)
    return sum(len(demo_history.day(customer, day, until=now).finals) for day in before)


def wait_for_history(directory: Path) -> None:
    """Another process writes it and has no way to tell; asked again until it is there, and never for ever."""
    deadline = time.monotonic() + 60
    while written(directory) < expected():
        assert time.monotonic() < deadline, f"{written(directory)} of {expected()} requests were written"
        time.sleep(0.1)


def test_the_printed_curl_answers_as_printed(starts: list[Start]) -> None:
    for each in starts:
        assert each.answer.returncode == 0, each.answer.stderr
        reply = json.loads(each.answer.stdout)
        assert "andbox" in reply["choices"][0]["message"]["content"]


def test_every_model_is_there_without_a_key_of_a_provider(starts: list[Start]) -> None:
    names = {model["id"] for model in starts[0].models_answer.json()["data"]}
    assert names == set(catalog.load(catalog.default_path()).models)


def test_both_logins_are_printed_and_kept_across_restarts(starts: list[Start], directory: Path) -> None:
    database = Database(f"sqlite:///{directory / demo.DATABASE}")
    try:
        for email, name, is_admin in (
            (demo.CUSTOMER, "customer_password", False),
            (demo.ADMIN, "admin_password", True),
        ):
            account = database.read_now(accounts.find_by_email, email)
            assert account is not None
            assert account.is_admin is is_admin
            password = kept(directory)[name]
            assert len(password) >= passwords.MIN_LENGTH
            assert passwords.verify(password, account.password_hash)
            assert all(f"{email}  {password}" in each.printed for each in starts)
    finally:
        database.close()


def test_the_key_is_the_same_after_a_restart(starts: list[Start]) -> None:
    assert (
        curl(starts[0].printed).split("Bearer")[1].split()[0]
        == curl(starts[1].printed).split("Bearer")[1].split()[0]
    )


def test_what_opens_the_demo_is_for_its_owners_eyes(starts: list[Start], directory: Path) -> None:
    assert stat.S_IMODE((directory / demo.KEPT).stat().st_mode) == 0o600


def test_a_restart_writes_no_day_twice(starts: list[Start]) -> None:
    assert [each.requests for each in starts] == [expected(), expected()]
    assert starts[0].refusals == starts[1].refusals > 0


def test_the_demo_leaves_the_real_database_alone(starts: list[Start], directory: Path) -> None:
    assert not (directory / "data/starscoo.db").exists()

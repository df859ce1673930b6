"""What an owner takes away: all of his, nothing of anybody else, no secret."""

import json
from dataclasses import replace

import pytest

from models import accounts, keys, ledger, limits, logins, own_data
from models.accounts import Account, NoSuchAccount
from models.database import Database
from models.ledger import FinalRow
from models.refusals import Line

NOW = 1_795_000_000
ROW = FinalRow(
    id="",
    account_id=0,
    key_id=0,
    model="gpt-5",
    admitted_ms=NOW * 1000,
    outcome="ok",
    http_status=200,
    error_code=None,
    usage=ledger.Usage(input_tokens=10, output_tokens=5),
    is_estimated=False,
    cost_nusd=77,
    first_token_ms=200,
    total_ms=400,
    stop="end",
    hour=NOW // 3600,
)


def use(database: Database, key: keys.ApiKey, times: int) -> None:
    """Requests, and as many refusals: two in each millisecond."""
    own = replace(ROW, account_id=key.account_id, key_id=key.id)
    rows = [
        replace(own, id=f"{key.public_id}-{number:05}", admitted_ms=NOW * 1000 + number // 2)
        for number in range(times)
    ]
    refused = [
        Line(f"r{number}", NOW, key.account_id, key.id, "m", 429, "rate_limited") for number in range(times)
    ]
    with database.write_batch() as connection:
        ledger.write(connection, [], rows, refused)


def walked(database: Database, name: str, account: Account) -> list[own_data.Row]:
    found: list[own_data.Row] = []
    cursor: own_data.Cursor = None
    while True:
        rows, cursor = database.read_now(own_data.PAGED[name], account.id, cursor, until_ms=(NOW + 60) * 1000)
        found += rows
        if cursor is None:
            return found


@pytest.fixture
def key(database: Database, alice: Account) -> keys.Issued:
    return database.run_now(keys.issue, alice.id, "Anna's laptop", actor=alice.email, now=NOW)


@pytest.mark.parametrize("times", [0, 1, own_data.PAGE, own_data.PAGE + 1, 2 * own_data.PAGE + 7])
def test_every_request_and_refusal_comes_once(
    database: Database, alice: Account, key: keys.Issued, times: int
) -> None:
    use(database, key.key, times)
    requests, refused = (walked(database, name, alice) for name in ("requests", "refusals"))
    assert [row["id"] for row in requests] == [f"{key.key.public_id}-{n:05}" for n in range(times)]
    assert sorted(row["request_id"] for row in refused) == sorted(f"r{n}" for n in range(times))


def test_a_request_is_told_in_full(database: Database, alice: Account, key: keys.Issued) -> None:
    use(database, key.key, 1)
    (row,) = walked(database, "requests", alice)
    assert row["at"] == "2026-11-18T11:06:40.000Z"
    assert (row["key"], row["model"], row["outcome"]) == (key.key.public_id, "gpt-5", "ok")
    assert (row["total_tokens"], row["cost_nano_dollars"], row["total_ms"]) == (15, 77, 400)


def test_charlie_gets_nothing_of_alice(
    database: Database, alice: Account, charlie: Account, key: keys.Issued
) -> None:
    use(database, key.key, 3)
    assert walked(database, "requests", charlie) == walked(database, "refusals", charlie) == []
    found = database.read_now(own_data.account, charlie.id, now=NOW)
    assert found["keys"] == found["audit"] == found["open_logins"] == []
    assert "alice" not in json.dumps(found)


def test_no_secret_and_no_name_of_staff_is_in_it(
    database: Database, alice: Account, key: keys.Issued
) -> None:
    token = database.run_now(logins.open_login, alice.id, device="Firefox", address="192.0.2.7", now=NOW)
    staff = {"actor": "boss@corp.example", "reason": "Launch week of a shop", "address": "198.51.100.1"}
    database.run_now(limits.set_account_limit, alice.id, "hourly_requests", 7, **staff, now=NOW)
    database.run_now(accounts.set_email, alice.id, "alice@new.example", is_verified=False, now=NOW)
    found = database.read_now(own_data.account, alice.id, now=NOW)
    told = json.dumps(found)
    for hidden in (key.secret, keys.digest(key.secret), token, "hash", "boss@", "198.51.100.1"):
        assert hidden not in told, hidden
    assert [(row["act"], row["by"]) for row in found["audit"]] == [
        ("key.create", "alice@example.com"),
        ("limit.hourly_requests", "staff"),
        ("email.set", "alice@example.com"),
    ]
    assert found["account"]["email"] == "alice@new.example"
    assert found["open_logins"][0]["address"] == "192.0.2.7"
    assert found["keys"][0]["masked"] == keys.masked(key.key)
    assert found["limits"]["set"][0]["reason"] == "Launch week of a shop"


def test_an_account_that_never_was_has_no_data(database: Database) -> None:
    with pytest.raises(NoSuchAccount):
        database.read_now(own_data.account, 77, now=NOW)

"""Who had set the limit that refused a request, at that moment."""

from typing import Any

import pytest

from models import keys, ledger, limits, refusal_origins, refusals
from models.accounts import Account
from models.database import Database
from models.keys import ApiKey
from models.live import Layer
from models.refusals import Line

NOW = 1_795_000_000
WHY = "asked for by mail"


@pytest.fixture
def key(database: Database, alice: Account) -> ApiKey:
    return database.run_now(keys.issue, alice.id, "My key", actor=alice.email, now=NOW).key


def refuse(database: Database, key: ApiKey, layer: Layer, value: int, at: int) -> None:
    line = Line(
        request_id=f"{layer} {at - NOW}",
        at=at,
        account_id=key.account_id,
        key_id=key.id,
        model="gpt-5",
        status=429,
        code="rate_limited",
        limit_name="hourly_requests",
        layer=layer,
        value=value,
        count=value,
        window_end=at + 60,
    )
    with database.write_batch() as connection:
        ledger.write(connection, [], [], [line])


def set_key(database: Database, key: ApiKey, value: int, **options: Any) -> None:
    choices: dict[str, Any] = {"actor": "alice@example.com", "now": NOW} | options
    database.run_now(limits.set_key_limit, key.account_id, key.public_id, "hourly_requests", value, **choices)


def set_account(database: Database, key: ApiKey, value: int, **options: Any) -> None:
    choices: dict[str, Any] = {"actor": "boss", "reason": WHY, "now": NOW} | options
    database.run_now(limits.set_account_limit, key.account_id, "hourly_requests", value, **choices)


def setters(database: Database, account_id: int) -> dict[str, str | None]:
    rows = database.read_now(refusals.last, account_id, 9)
    found = database.read_now(refusal_origins.setters, account_id, rows)
    return {name: None if row is None else row.author for name, row in found.items()}


def test_what_was_set_at_that_moment_counts_whatever_was_set_later(
    database: Database, alice: Account, key: ApiKey
) -> None:
    refuse(database, key, "key", 1000, NOW - 5)
    set_key(database, key, 10, now=NOW)
    refuse(database, key, "key", 10, NOW + 5)
    set_key(database, key, 10, now=NOW + 10, actor="boss", is_staff=True, until=NOW + 20)
    refuse(database, key, "key", 10, NOW + 15)
    refuse(database, key, "key", 1000, NOW + 25)
    assert setters(database, alice.id) == {
        "key -5": None,
        "key 5": "alice@example.com",
        "key 15": "boss",
        "key 25": None,
    }


def test_the_accounts_layer_and_a_key_without_a_value_of_its_own_are_the_accounts(
    database: Database, alice: Account, key: ApiKey
) -> None:
    set_account(database, key, 50)
    refuse(database, key, "account", 50, NOW + 1)
    refuse(database, key, "key", 50, NOW + 2)
    set_key(database, key, 50, now=NOW + 3)
    refuse(database, key, "key", 50, NOW + 4)
    refuse(database, key, "account", 50, NOW + 5)
    assert setters(database, alice.id) == {
        "account 1": "boss",
        "key 2": "boss",
        "key 4": "alice@example.com",
        "account 5": "boss",
    }


def test_refusals_for_other_reasons_have_no_setter(database: Database, alice: Account, key: ApiKey) -> None:
    line = Line("r", NOW, alice.id, key.id, "gpt-4", 404, "model_not_found")
    with database.write_batch() as connection:
        ledger.write(connection, [], [], [line])
    assert setters(database, alice.id) == {}


def test_charlie_learns_nothing_of_others(
    database: Database, alice: Account, charlie: Account, key: ApiKey
) -> None:
    set_key(database, key, 10)
    refuse(database, key, "key", 10, NOW + 5)
    rows = database.read_now(refusals.last, alice.id, 9)
    assert database.read_now(refusal_origins.setters, charlie.id, rows) == {}

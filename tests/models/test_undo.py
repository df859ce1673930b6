"""Undoing an override: the former value again, by a new row."""

from typing import Any

import pytest

from models import audit, epochs, keys, limits, undo
from models.accounts import Account
from models.database import Database
from models.keys import ApiKey
from models.limits import Change
from models.overrides import Override
from models.undo import NotInForce

NOW = 1_795_000_000
WHY = "asked for by mail"


@pytest.fixture
def key(database: Database, alice: Account) -> ApiKey:
    return database.run_now(keys.issue, alice.id, "My key", actor=alice.email, now=NOW).key


def account_limit(database: Database, owner: Account, value: int | None, **options: Any) -> Override:
    choices: dict[str, Any] = {"actor": "boss", "reason": WHY, "now": NOW} | options
    database.run_now(limits.set_account_limit, owner.id, "hourly_requests", value, **choices)
    return newest(database, owner)


def key_limit(database: Database, key: ApiKey, value: int, owner: Account, *, is_staff: bool) -> Override:
    database.run_now(
        limits.set_key_limit,
        key.account_id,
        key.public_id,
        "hourly_requests",
        value,
        actor="boss" if is_staff else owner.email,
        is_staff=is_staff,
        reason=WHY,
        now=NOW,
    )
    return newest(database, owner)


def newest(database: Database, owner: Account) -> Override:
    return database.read_now(limits.history, owner.id, 1)[0]


def undone(database: Database, row: Override, now: int = NOW + 9) -> Change:
    return database.run_now(
        undo.undo, row.account_id, row.id, actor="other boss", address="192.0.2.1", now=now
    )[1]


def test_the_former_value_comes_back_with_its_author_reason_and_end(
    database: Database, alice: Account
) -> None:
    account_limit(database, alice, 2000, until=NOW + 3600, actor="first")
    row = account_limit(database, alice, 50)
    before = database.read_now(epochs.current, alice.id)
    assert undone(database, row) == Change(50, 2000)
    restored = newest(database, alice)
    assert (restored.value, restored.author, restored.reason) == (2000, "first", WHY)
    assert (restored.until, restored.created_at) == (NOW + 3600, NOW + 9)
    assert database.read_now(epochs.current, alice.id) > before
    [line] = database.read_now(audit.last, account_id=alice.id, limit=1)
    assert (line.act, line.old, line.new, line.actor) == (
        "limit.hourly_requests",
        "50",
        "2000",
        "other boss",
    )
    assert (line.reason, line.address, line.subject) == (f"Undone: {WHY}", "192.0.2.1", "account")


def test_where_nothing_was_set_before_the_value_is_inherited_again(
    database: Database, alice: Account
) -> None:
    assert undone(database, account_limit(database, alice, None)) == Change(None, 1000)
    assert database.read_now(limits.effective, alice.id, None, now=NOW).account_requests == 1000


def test_what_has_ended_meanwhile_does_not_come_back(database: Database, alice: Account) -> None:
    account_limit(database, alice, 2000, until=NOW + 5)
    assert undone(database, account_limit(database, alice, 50)) == Change(50, 1000)


def test_undoing_twice_goes_one_step_further_back_not_to_and_fro(database: Database, alice: Account) -> None:
    account_limit(database, alice, 2000)
    row = account_limit(database, alice, 50)
    undone(database, row)
    with pytest.raises(NotInForce):
        undone(database, row)
    assert undone(database, newest(database, alice)) == Change(2000, 1000)


def test_a_keys_own_limit_comes_back_to_its_owner(database: Database, alice: Account, key: ApiKey) -> None:
    key_limit(database, key, 700, alice, is_staff=False)
    key_limit(database, key, 900, alice, is_staff=True)
    key_limit(database, key, 300, alice, is_staff=False)
    row = key_limit(database, key, 100, alice, is_staff=True)
    assert undone(database, row) == Change(100, 300)
    steps = database.read_now(limits.ladder, alice.id, key.id, "hourly_requests", now=NOW + 9)
    assert (steps.value, steps.origin, steps.rungs[-1].author) == (300, "set on this key", alice.email)
    [line] = database.read_now(audit.last, account_id=alice.id, limit=1)
    assert line.subject == key.public_id


def test_only_what_staff_set_and_what_is_in_force_can_be_undone(
    database: Database, alice: Account, charlie: Account, key: ApiKey
) -> None:
    own = key_limit(database, key, 700, alice, is_staff=False)
    over = account_limit(database, alice, 50, until=NOW + 5)
    for account_id, override_id in (
        (alice.id, own.id),
        (alice.id, over.id),
        (charlie.id, over.id),
        (alice.id, 999),
    ):
        with pytest.raises(NotInForce):
            database.run_now(undo.undo, account_id, override_id, actor="boss", now=NOW + 9)

"""Accounts as staff looks for them."""

import pytest

from models import accounts, audit, customers, epochs, keys, ledger, limits, logins
from models.accounts import Account
from models.database import Database
from models.ledger import OpenRow

NOW = 1_795_000_000
REASON = "Launch week of their shop"


def test_a_mark_tells_where_staff_has_set_a_limit_that_is_in_force(
    database: Database, alice: Account, charlie: Account
) -> None:
    database.run_now(
        limits.set_account_limit,
        alice.id,
        "hourly_requests",
        5000,
        actor="boss",
        reason=REASON,
        until=NOW + 60,
        now=NOW,
    )
    assert _marks(database, NOW) == {"alice@example.com": True, "charlie@example.com": False}
    assert _marks(database, NOW + 60) == {"alice@example.com": False, "charlie@example.com": False}


def test_a_staff_limit_of_a_key_counts_and_the_owners_own_does_not(
    database: Database, alice: Account, charlie: Account
) -> None:
    for owner, is_staff in ((alice, False), (charlie, True)):
        key = database.run_now(keys.issue, owner.id, "Key", actor=owner.email, now=NOW).key
        database.run_now(
            limits.set_key_limit,
            owner.id,
            key.public_id,
            "hourly_requests",
            5,
            actor="somebody",
            is_staff=is_staff,
            reason=REASON,
            now=NOW,
        )
    assert _marks(database, NOW) == {"alice@example.com": False, "charlie@example.com": True}


def test_customers_come_with_what_binds_them(database: Database, alice: Account) -> None:
    [found] = database.read_now(customers.search, "alice@", now=NOW)
    assert found.account.id == alice.id
    assert found.limits == database.read_now(limits.effective, alice.id, None, now=NOW)


def test_a_page_ends_where_the_next_one_begins(database: Database) -> None:
    for number in range(customers.PAGE + 1):
        database.run_now(accounts.create, f"c{number}@example.com", None, plan="starter", now=NOW)
    first = database.read_now(customers.search, "", now=NOW)
    rest = database.read_now(customers.search, "", now=NOW, before_id=first[-1].account.id)
    assert len(first) == customers.PAGE
    assert [found.account.email for found in rest] == ["c0@example.com"]


def test_customers_come_with_what_they_use(database: Database, alice: Account, charlie: Account) -> None:
    opened = OpenRow("r", alice.id, 1, "gpt-5", NOW * 1000, False, 500, NOW // 3600)
    with database.write_batch() as connection:
        ledger.write(connection, [opened], [], [])
    found = {one.account.email: one.used for one in database.read_now(customers.search, "", now=NOW)}
    assert (found[alice.email].requests, found[alice.email].reserved) == (1, 500)
    assert found[charlie.email].requests == 0


def test_a_suspended_account_may_do_nothing_until_it_is_resumed(database: Database, alice: Account) -> None:
    issued = database.run_now(keys.issue, alice.id, "Key", actor=alice.email, now=NOW)
    token = database.run_now(logins.open_login, alice.id, device="test", now=NOW)
    before = database.read_now(epochs.current, alice.id)
    database.run_now(customers.suspend, alice.id, actor="boss", reason=REASON, address="192.0.2.1", now=NOW)
    assert database.read_now(epochs.current, alice.id) > before
    found = database.read_now(keys.authenticate, keys.digest(issued.secret), now=NOW)
    assert found is not None
    assert found.is_suspended
    why = database.read_now(customers.suspension, alice.id)
    assert why is not None
    assert (why.actor, why.reason, why.address, why.new) == ("boss", REASON, "192.0.2.1", "suspended")

    database.run_now(customers.resume, alice.id, actor="boss", reason=REASON, now=NOW + 1)
    found = database.read_now(keys.authenticate, keys.digest(issued.secret), now=NOW + 1)
    assert found is not None
    assert not found.is_suspended
    assert database.read_now(logins.resolve, token, now=NOW + 1, is_active=False) is None
    [line] = database.read_now(audit.last, account_id=alice.id, limit=1)
    assert (line.act, line.old, line.new) == ("account.resume", "suspended", "active")


def test_suspending_twice_without_a_reason_or_oneself_is_refused(
    database: Database, alice: Account, charlie: Account
) -> None:
    def suspend(owner_id: int, *, actor: str = "boss", reason: str = REASON) -> None:
        database.run_now(customers.suspend, owner_id, actor=actor, reason=reason, now=NOW)

    with pytest.raises(customers.OwnAccount):
        suspend(alice.id, actor=alice.email)
    with pytest.raises(limits.BadValue, match="10 characters"):
        suspend(alice.id, reason="spam")
    with pytest.raises(accounts.NoSuchAccount):
        suspend(alice.id + 77)
    with pytest.raises(customers.Already, match="active already"):
        database.run_now(customers.resume, charlie.id, actor="boss", reason=REASON, now=NOW)
    suspend(alice.id)
    with pytest.raises(customers.Already, match="suspended already"):
        suspend(alice.id)


def _marks(database: Database, now: int) -> dict[str, bool]:
    found = database.read_now(customers.search, "", now=now)
    return {one.account.email: one.has_override for one in found}

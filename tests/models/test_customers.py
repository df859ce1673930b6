"""Accounts as staff looks for them."""

from models import accounts, customers, keys, limits
from models.accounts import Account
from models.database import Database

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


def _marks(database: Database, now: int) -> dict[str, bool]:
    found = database.read_now(customers.search, "", now=now)
    return {one.account.email: one.has_override for one in found}

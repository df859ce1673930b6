import pytest

from models import accounts, audit, keys, logins
from models.accounts import Account, BadEmail, EmailTaken, NoSuchAccount
from models.database import Database

NOW = 1_795_000_000


def test_an_address_is_kept_trimmed_and_in_lower_case(database: Database) -> None:
    account = database.run_now(accounts.create, "  Bob@Example.COM ", "hash", plan="starter", now=NOW)
    assert account.email == "bob@example.com"
    found = database.read_now(accounts.find_by_email, "BOB@example.com")
    assert found is not None
    assert found.id == account.id


def test_a_new_account_is_a_customer(alice: Account) -> None:
    assert (alice.is_admin, alice.suspended_at, alice.created_at) == (False, None, NOW)


def test_an_address_is_taken_once(database: Database, alice: Account) -> None:
    with pytest.raises(EmailTaken, match="Log in"):
        database.run_now(accounts.create, "Alice@example.com", "hash", plan="starter", now=NOW)


@pytest.mark.parametrize(
    "email",
    [
        *("", "alice", "alice@", "@example.com", "a b@example.com", "a@b@c", "a\0@example.com", "a@ex..com"),
        *("\ud800@example.com", "a" * 250 + "@example.com", "alice@example.com\n.org"),
    ],
)
def test_what_is_no_address_is_refused(database: Database, email: str) -> None:
    with pytest.raises(BadEmail, match="name@example"):
        database.run_now(accounts.create, email, "hash", plan="starter", now=NOW)
    assert database.read_now(accounts.find_by_email, email) is None


def test_an_account_is_made_when_it_is_missing_and_only_then(database: Database, alice: Account) -> None:
    assert database.run_now(accounts.ensure, "alice@example.com", plan="unlimited", now=NOW).plan == "starter"
    made = database.run_now(accounts.ensure, "bob@example.com", plan="unlimited", now=NOW)
    assert (made.plan, made.password_hash) == ("unlimited", None)


def test_a_new_password_ends_all_logins(database: Database, alice: Account) -> None:
    tokens = [database.run_now(logins.open_login, alice.id, device="x", now=NOW) for _ in range(2)]
    database.run_now(accounts.set_password, alice.id, "new hash", now=NOW + 1)
    assert [database.read_now(logins.resolve, t, now=NOW + 2, is_active=False) for t in tokens] == [
        None,
        None,
    ]
    found = database.read_now(accounts.get, alice.id)
    assert found is not None
    assert found.password_hash == "new hash"


def test_a_new_role_ends_logins_and_leaves_an_audit_row(database: Database, alice: Account) -> None:
    token = database.run_now(logins.open_login, alice.id, device="x", now=NOW)
    changed = database.run_now(
        accounts.set_admin, "Alice@example.com", True, actor="root", address="192.0.2.1", now=NOW + 1
    )
    assert changed.is_admin
    assert database.read_now(logins.resolve, token, now=NOW + 2, is_active=False) is None
    (row,) = database.read_now(audit.last, account_id=alice.id, limit=5)
    assert (row.act, row.actor, row.old, row.new) == ("admin.grant", "root", "customer", "admin")
    assert (row.subject, row.address, row.at) == ("alice@example.com", "192.0.2.1", NOW + 1)


def test_a_role_that_is_there_already_changes_nothing(database: Database, alice: Account) -> None:
    token = database.run_now(logins.open_login, alice.id, device="x", now=NOW)
    database.run_now(accounts.set_admin, "alice@example.com", False, actor="root", now=NOW)
    assert database.read_now(logins.resolve, token, now=NOW, is_active=False) is not None
    assert database.read_now(audit.last, limit=5) == []


def test_an_unknown_account_cannot_be_changed(database: Database) -> None:
    with pytest.raises(NoSuchAccount):
        database.run_now(accounts.set_admin, "nobody@example.com", True, actor="root", now=NOW)
    with pytest.raises(NoSuchAccount):
        database.run_now(accounts.set_password, 77, "hash", now=NOW)


def found_ids(database: Database, text: str, limit: int = 50, before_id: int | None = None) -> list[int]:
    found = database.read_now(accounts.search, text, limit=limit, before_id=before_id)
    return [account.id for account in found]


def test_customers_are_found_by_address_id_and_key(
    database: Database, alice: Account, charlie: Account
) -> None:
    key = database.run_now(keys.issue, alice.id, "k", actor="a", now=NOW).key
    for text in ("ALI", f" {alice.email} ", str(alice.id), key.last4, key.public_id, "al\0ice"):
        assert alice.id in found_ids(database, text), text
    assert found_ids(database, "harlie") == [charlie.id]
    assert found_ids(database, key.public_id) == [alice.id]


def test_a_search_takes_no_wildcards(database: Database, alice: Account) -> None:
    assert found_ids(database, "%") == []
    assert found_ids(database, "alic_@") == []


def test_a_search_is_paged_from_the_newest(database: Database, alice: Account, charlie: Account) -> None:
    assert found_ids(database, "example", limit=1) == [charlie.id]
    assert found_ids(database, "", before_id=charlie.id) == [alice.id]
    assert found_ids(database, "99999999999999999999999") == []

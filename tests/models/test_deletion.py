"""A deleted account is forgotten, and the ledger stays exact."""

from dataclasses import replace
from threading import Thread

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from models import (
    accounts,
    alerts,
    asks,
    audit,
    customers,
    deletion,
    epochs,
    guesses,
    keys,
    ledger,
    limits,
    logins,
    refusals,
    verification,
)
from models.accounts import Account, NoSuchAccount
from models.database import Database
from models.deletion import LastAdmin
from models.ledger import FinalRow, RequestRow, UsageHour, UsageMonth
from models.refusals import Line

NOW = 1_795_000_000


def use(database: Database, key: keys.ApiKey) -> None:
    """Two requests and a refusal."""
    first = FinalRow(
        id=f"{key.public_id}-1",
        account_id=key.account_id,
        key_id=key.id,
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
    refused = Line("r", NOW, key.account_id, key.id, "my-secret-model", 404, "unknown_model")
    with database.write_batch() as connection:
        ledger.write(connection, [], [first, replace(first, id=f"{key.public_id}-2")], [refused])


def sums(session: Session) -> list[list[str]]:
    return [
        sorted(str(row.model_dump()) for row in session.exec(select(table)).all())
        for table in (RequestRow, UsageHour, UsageMonth)
    ]


def suspend(session: Session, account_id: int, at: int | None) -> None:
    session.get_one(Account, account_id).suspended_at = at


def whole(session: Session) -> str:
    """Every value of every table."""
    names = ("accounts", "api_keys", "audit", "overrides", "refusals", "requests", "usage_hours", "logins")
    names = (*names, "resets", "verifications", "devices", "attempts", "asks", "alert_levels")
    return "\n".join(
        str(tuple(row))
        for name in names
        for row in session.connection().execute(text(f"SELECT * FROM {name}"))
    )


@pytest.fixture
def key(database: Database, alice: Account) -> keys.Issued:
    return database.run_now(keys.issue, alice.id, "Anna's laptop", actor=alice.email, now=NOW)


def test_keys_and_logins_die_with_the_account(database: Database, alice: Account, key: keys.Issued) -> None:
    token = database.run_now(logins.open_login, alice.id, device="x", now=NOW)
    before = database.read_now(epochs.current, alice.id)
    database.run_now(deletion.delete_account, alice.id, now=NOW)
    assert database.read_now(keys.authenticate, keys.digest(key.secret), now=NOW) is None
    assert database.read_now(keys.allowed, alice.id, now=NOW).digests == frozenset()
    assert database.read_now(logins.resolve, token, now=NOW, is_active=False) is None
    assert database.read_now(epochs.current, alice.id) > before


def test_every_row_and_sum_of_the_ledger_stays(
    database: Database, alice: Account, charlie: Account, key: keys.Issued
) -> None:
    foreign = database.run_now(keys.issue, charlie.id, "k", actor="c", now=NOW).key
    use(database, key.key)
    use(database, foreign)
    before = database.read_now(sums)
    assert len(before[0]) == 4
    database.run_now(deletion.delete_account, alice.id, now=NOW)
    assert database.read_now(sums) == before


def test_nothing_tells_of_the_person_any_more(database: Database, alice: Account, key: keys.Issued) -> None:
    use(database, key.key)
    id_ = alice.id
    limit = {"actor": "alice@example.com", "now": NOW}
    database.run_now(limits.set_key_limit, id_, key.key.public_id, "hourly_requests", 7, **limit)
    wanted = {"why": "Anna's thesis is due", "actor": "alice@example.com", "now": NOW}
    database.run_now(asks.ask, id_, "monthly_tokens", 9_000_000, **wanted)
    database.run_now(alerts.set_levels, id_, [70], actor="alice@example.com", now=NOW)
    database.run_now(logins.open_login, id_, device="Anna's Firefox", address="192.0.2.7", now=NOW)
    database.run_now(logins.issue_reset, id_, actor="alice@example.com", address="192.0.2.7", now=NOW)
    database.run_now(guesses.remember_device, id_, "", now=NOW)
    for email in ("anna@example.com", "anna@new.example"):
        database.run_now(accounts.set_email, id_, email, is_verified=True, address="192.0.2.7", now=NOW)
    database.run_now(verification.issue, id_, "anna@next.example", now=NOW)
    database.run_now(deletion.delete_account, id_, now=NOW)
    left = database.read_now(whole)
    for personal in ("alice", "anna", "Anna", "example", "192.0.2.7", "my-secret-model", "hash'"):
        assert personal not in left, personal


def test_the_trail_keeps_what_happened_and_when(database: Database, alice: Account, key: keys.Issued) -> None:
    staff = {"actor": "boss@example.com", "reason": "Launch week of a shop", "address": "192.0.2.9"}
    database.run_now(limits.set_account_limit, alice.id, "hourly_requests", 7, **staff, now=NOW)
    database.run_now(deletion.delete_account, alice.id, now=NOW + 1)
    name = f"deleted account {alice.id}"
    rows = database.read_now(audit.last, account_id=alice.id, limit=9)
    assert [(row.act, row.actor) for row in rows] == [
        ("account.delete", name),
        ("key.revoke", name),
        ("limit.hourly_requests", "boss@example.com"),
        ("key.create", name),
    ]
    assert (rows[2].old, rows[2].new, rows[2].address) == ("1000", "7", "192.0.2.9")


def test_an_admin_who_leaves_is_not_named_in_what_he_decided(
    database: Database, alice: Account, charlie: Account
) -> None:
    for account in (alice, charlie):
        database.run_now(accounts.set_admin, account.email, True, actor="root", now=NOW)
    boss = {"actor": charlie.email, "reason": "Launch week of a shop", "address": "192.0.2.9", "now": NOW}
    asked = {"why": "A thesis is due soon", "actor": alice.email, "now": NOW}
    one = database.run_now(asks.ask, alice.id, "monthly_tokens", 9_000_000, **asked)
    database.run_now(asks.grant, alice.id, one.id, 9_000_000, until=None, **boss)
    database.run_now(deletion.delete_account, charlie.id, now=NOW + 1)
    left = database.read_now(whole)
    assert "charlie" not in left
    assert "192.0.2.9" not in left
    assert left.count(f"deleted account {charlie.id}") > 3
    assert "Launch week of a shop" in left


def test_charlie_keeps_everything(database: Database, alice: Account, charlie: Account) -> None:
    key = database.run_now(keys.issue, charlie.id, "k", actor=charlie.email, now=NOW)
    token = database.run_now(logins.open_login, charlie.id, device="x", now=NOW)
    use(database, key.key)
    database.run_now(deletion.delete_account, alice.id, now=NOW)
    assert database.read_now(keys.authenticate, keys.digest(key.secret), now=NOW) is not None
    assert database.read_now(logins.resolve, token, now=NOW, is_active=False) is not None
    assert len(database.read_now(refusals.last, charlie.id, 5)) == 1
    assert database.read_now(audit.last, account_id=charlie.id, limit=1)[0].actor == charlie.email


def test_nothing_wakes_a_deleted_account(database: Database, alice: Account) -> None:
    database.run_now(deletion.delete_account, alice.id, now=NOW)
    for operation, arguments in (
        (deletion.delete_account, {}),
        (accounts.set_password, {"password_hash": "x"}),
        (accounts.set_email, {"email": "new@example.com", "is_verified": True}),
        (logins.issue_reset, {"actor": "boss"}),
        (customers.resume, {"actor": "boss", "reason": "He wants it back"}),
        (verification.issue, {"email": "new@example.com"}),
    ):
        with pytest.raises(NoSuchAccount):
            database.run_now(operation, alice.id, **arguments, now=NOW)
    assert database.read_now(accounts.find_by_email, f"deleted account {alice.id}") is None


def test_the_address_is_free_again(database: Database, alice: Account) -> None:
    database.run_now(deletion.delete_account, alice.id, now=NOW)
    again = database.run_now(accounts.create, "alice@example.com", "hash", plan="starter", now=NOW)
    assert again.id != alice.id


def test_the_last_admin_stays(database: Database, alice: Account, charlie: Account) -> None:
    database.run_now(accounts.set_admin, alice.email, True, actor="root", now=NOW)
    with pytest.raises(LastAdmin, match="Make somebody else an admin first"):
        database.run_now(deletion.delete_account, alice.id, now=NOW)
    database.run_now(accounts.set_admin, charlie.email, True, actor="root", now=NOW)
    database.run_now(suspend, charlie.id, NOW)
    with pytest.raises(LastAdmin):  # a suspended one looks after nothing
        database.run_now(deletion.delete_account, alice.id, now=NOW)
    database.run_now(suspend, charlie.id, None)
    database.run_now(deletion.delete_account, alice.id, now=NOW)


def test_the_last_two_admins_cannot_leave_at_the_same_moment(
    database: Database, alice: Account, charlie: Account
) -> None:
    for account in (alice, charlie):
        database.run_now(accounts.set_admin, account.email, True, actor="root", now=NOW)
    refused: list[Exception] = []

    def leave(account: Account) -> None:
        try:
            database.run_now(deletion.delete_account, account.id, now=NOW)
        except LastAdmin as reason:
            refused.append(reason)

    both = [Thread(target=leave, args=(account,)) for account in (alice, charlie)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(refused) == 1

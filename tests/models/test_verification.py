"""An address is proven by a link in a mail; the plan is small until then."""

import pytest
from sqlmodel import Session, select

from models import accounts, audit, epochs, limits, logins, verification
from models.accounts import Account, EmailTaken
from models.database import Database
from models.overrides import Plan
from models.verification import LinkSpent, TooSoon, Verification

NOW = 1_795_000_000


@pytest.fixture
def bob(database: Database) -> Account:
    """Has signed up where there is a mail server."""
    database.run_now(verification.ensure_plan)
    return database.run_now(accounts.create, "bob@example.com", "hash", plan=verification.UNVERIFIED, now=NOW)


def known(database: Database, account: Account) -> Account:
    found = database.read_now(accounts.get, account.id)
    assert found is not None
    return found


def hourly(database: Database, account: Account) -> int | None:
    return database.read_now(limits.effective, account.id, None, now=NOW).account_requests


def test_a_proven_address_lifts_the_starter_limit_at_once(database: Database, bob: Account) -> None:
    assert hourly(database, bob) == 20
    before = database.read_now(epochs.current, bob.id)
    token = database.run_now(verification.issue, bob.id, bob.email, now=NOW)
    proven = database.run_now(verification.confirm, token, address="192.0.2.7", now=NOW + 86_399)
    assert (proven.account_id, proven.old_email, proven.email) == (bob.id, bob.email, bob.email)
    assert hourly(database, bob) == 1000
    assert known(database, bob).verified_at == NOW + 86_399
    assert database.read_now(epochs.current, bob.id) > before
    (row,) = database.read_now(audit.last, account_id=bob.id, limit=5)
    assert (row.act, row.actor, row.address) == ("email.verify", "bob@example.com", "192.0.2.7")


def test_a_plan_that_staff_chose_stays(database: Database, alice: Account) -> None:
    token = database.run_now(verification.issue, alice.id, alice.email, now=NOW)
    database.run_now(verification.confirm, token, now=NOW)
    assert known(database, alice).plan == "starter"


@pytest.mark.parametrize("wait_s", [1, 86_400])
def test_a_link_works_once_and_for_a_day(database: Database, bob: Account, wait_s: int) -> None:
    token = database.run_now(verification.issue, bob.id, bob.email, now=NOW)
    if wait_s == 1:
        database.run_now(verification.confirm, token, now=NOW)
    with pytest.raises(LinkSpent, match="Ask for a new one"):
        database.run_now(verification.confirm, token, now=NOW + wait_s)
    for wrong in ("", "never was", "\ud800"):
        with pytest.raises(LinkSpent):
            database.run_now(verification.confirm, wrong, now=NOW)


def test_an_account_moves_to_the_address_that_the_link_proved(database: Database, alice: Account) -> None:
    reset = database.run_now(logins.issue_reset, alice.id, actor=alice.email, now=NOW)
    token = database.run_now(verification.issue, alice.id, " Alice@New.example ", now=NOW)
    assert known(database, alice).email == "alice@example.com"
    assert database.read_now(verification.pending, alice.id, now=NOW) == "alice@new.example"
    proven = database.run_now(verification.confirm, token, now=NOW)
    assert (proven.old_email, proven.email) == ("alice@example.com", "alice@new.example")
    assert known(database, alice).email == "alice@new.example"
    assert known(database, alice).verified_at == NOW
    assert database.read_now(verification.pending, alice.id, now=NOW) is None
    with pytest.raises(logins.ResetSpent):  # it was sent to the former address
        database.run_now(logins.use_reset, reset, "new hash", now=NOW)


def test_an_address_of_somebody_else_is_refused_when_asked_for_and_when_proven(
    database: Database, alice: Account, charlie: Account
) -> None:
    with pytest.raises(EmailTaken):
        database.run_now(verification.issue, charlie.id, alice.email, now=NOW)
    token = database.run_now(verification.issue, charlie.id, "free@example.com", now=NOW)
    database.run_now(accounts.create, "free@example.com", None, plan="starter", now=NOW)
    with pytest.raises(EmailTaken):
        database.run_now(verification.confirm, token, now=NOW)
    assert known(database, charlie).email == charlie.email


def test_a_link_to_another_address_ends_those_before(database: Database, alice: Account) -> None:
    first = database.run_now(verification.issue, alice.id, "first@example.com", now=NOW)
    second = database.run_now(verification.issue, alice.id, "second@example.com", now=NOW + 60)
    again = database.run_now(verification.issue, alice.id, "second@example.com", now=NOW + 120)
    with pytest.raises(LinkSpent):
        database.run_now(verification.confirm, first, now=NOW + 120)
    assert database.run_now(verification.confirm, second, now=NOW + 120).email == "second@example.com"
    with pytest.raises(LinkSpent):
        database.run_now(verification.confirm, again, now=NOW + 120)


def test_mails_are_asked_for_once_a_minute_and_five_times_an_hour(database: Database, bob: Account) -> None:
    for number in range(5):
        database.run_now(verification.issue, bob.id, bob.email, now=NOW + number * 60)
        with pytest.raises(TooSoon, match="in 1 min"):
            database.run_now(verification.issue, bob.id, bob.email, now=NOW + number * 60 + 59)
    with pytest.raises(TooSoon, match="in 55 min"):
        database.run_now(verification.issue, bob.id, bob.email, now=NOW + 300)
    database.run_now(verification.issue, bob.id, bob.email, now=NOW + 3600)


def test_P_Z7_links_are_stored_hashed(database: Database, bob: Account) -> None:
    def stored(session: Session) -> list[str]:
        return list(session.exec(select(Verification.token_hash)).all())

    token = database.run_now(verification.issue, bob.id, bob.email, now=NOW)
    assert token not in database.read_now(stored)
    assert len(database.read_now(stored)[0]) == 64


def test_without_a_mail_server_nobody_stays_small(database: Database, bob: Account) -> None:
    database.run_now(verification.lift_all, now=NOW)
    assert hourly(database, bob) == 1000


def test_the_small_plan_keeps_what_staff_made_of_it(database: Database, bob: Account) -> None:
    def change(session: Session) -> None:
        session.get_one(Plan, verification.UNVERIFIED).hourly_requests = 7

    database.run_now(change)
    database.run_now(verification.ensure_plan)
    assert hourly(database, bob) == 7

import hashlib

import pytest
from sqlmodel import Session, select

from models import accounts, audit, logins
from models.accounts import Account, NoSuchAccount
from models.database import Database
from models.logins import Login, Reset, ResetSpent, Viewer

NOW = 1_795_000_000


@pytest.fixture
def token(database: Database, alice: Account) -> str:
    return database.run_now(logins.open_login, alice.id, device="Firefox", now=NOW)


def viewer(database: Database, token: str, now: int, *, is_active: bool = True) -> Viewer | None:
    return database.run_now(logins.resolve, token, now=now, is_active=is_active)


def suspend(session: Session, account_id: int) -> None:
    session.get_one(Account, account_id).suspended_at = NOW


def stored(session: Session) -> list[str]:
    return [*session.exec(select(Login.token_hash)), *session.exec(select(Reset.token_hash))]


def test_a_login_tells_who_is_looking(database: Database, alice: Account, token: str) -> None:
    found = viewer(database, token, NOW)
    assert found is not None
    assert (found.account_id, found.email, found.is_admin) == (alice.id, "alice@example.com", False)
    assert found.logged_in_at == NOW
    assert found.login_id not in token


def test_tokens_are_stored_hashed(database: Database, alice: Account, token: str) -> None:
    reset = database.run_now(logins.issue_reset, alice.id, actor="root", now=NOW)
    wanted = {hashlib.sha256(text.encode()).hexdigest() for text in (token, reset)}
    assert set(database.read_now(stored)) == wanted


@pytest.mark.parametrize("wrong", ["", "nonsense", "a\0b", "\ud800"])
def test_an_unknown_token_opens_nothing(database: Database, token: str, wrong: str) -> None:
    assert viewer(database, wrong, NOW) is None


def test_a_login_ends_after_half_an_hour_without_activity(database: Database, token: str) -> None:
    assert viewer(database, token, NOW + 1799, is_active=False) is not None
    assert viewer(database, token, NOW + 1800, is_active=False) is None


def test_activity_keeps_a_login_open(database: Database, token: str) -> None:
    for minutes in range(20, 12 * 60, 20):
        assert viewer(database, token, NOW + minutes * 60) is not None


def test_a_login_ends_after_twelve_hours_whatever_happens(database: Database, token: str) -> None:
    for minutes in range(20, 12 * 60, 20):
        viewer(database, token, NOW + minutes * 60)
    assert viewer(database, token, NOW + 12 * 3600) is None


def test_activity_is_written_once_a_minute(database: Database, token: str) -> None:
    def seen_at(session: Session) -> int:
        return session.exec(select(Login.seen_at)).one()

    viewer(database, token, NOW + 59)
    assert database.read_now(seen_at) == NOW
    viewer(database, token, NOW + 60)
    assert database.read_now(seen_at) == NOW + 60


def test_a_closed_login_is_over(database: Database, alice: Account, token: str) -> None:
    other = database.run_now(logins.open_login, alice.id, device="Safari", now=NOW)
    database.run_now(logins.close_login, token)
    assert viewer(database, token, NOW) is None
    assert viewer(database, other, NOW) is not None


def test_a_suspended_account_sees_nothing(database: Database, alice: Account, token: str) -> None:
    database.run_now(suspend, alice.id)
    assert viewer(database, token, NOW) is None


def test_watching_over_logins_is_no_activity(database: Database, alice: Account, token: str) -> None:
    tokens = [token, "unknown"]
    assert database.read_now(logins.living, tokens, now=NOW + 1799) == {token}
    assert database.read_now(logins.living, tokens, now=NOW + 1800) == set()


def test_closing_all_logins_leaves_other_people_alone(
    database: Database, alice: Account, charlie: Account, token: str
) -> None:
    other = database.run_now(logins.open_login, charlie.id, device="x", now=NOW)
    database.run_now(logins.close_all, charlie.id)
    assert viewer(database, other, NOW) is None
    assert viewer(database, token, NOW) is not None


def test_a_new_login_sweeps_ended_ones(database: Database, alice: Account, token: str) -> None:
    database.run_now(logins.open_login, alice.id, device="x", now=NOW + 1800)
    assert len(database.read_now(stored)) == 1


def test_a_reset_link_works_once(database: Database, alice: Account, token: str) -> None:
    link = database.run_now(logins.issue_reset, alice.id, actor="root", now=NOW)
    assert database.run_now(logins.use_reset, link, "new hash", now=NOW + 3599) == alice.id
    assert viewer(database, token, NOW) is None
    found = database.read_now(accounts.get, alice.id)
    assert found is not None
    assert found.password_hash == "new hash"
    with pytest.raises(ResetSpent, match="Ask for a new one"):
        database.run_now(logins.use_reset, link, "newer hash", now=NOW + 3599)


def test_a_reset_link_ends_after_an_hour(database: Database, alice: Account) -> None:
    link = database.run_now(logins.issue_reset, alice.id, actor="root", now=NOW)
    with pytest.raises(ResetSpent):
        database.run_now(logins.use_reset, link, "new hash", now=NOW + 3600)
    with pytest.raises(ResetSpent):
        database.run_now(logins.use_reset, "never was", "new hash", now=NOW)


def test_using_one_link_ends_the_others_of_the_account(
    database: Database, alice: Account, charlie: Account
) -> None:
    first, second = (database.run_now(logins.issue_reset, alice.id, actor="root", now=NOW) for _ in range(2))
    foreign = database.run_now(logins.issue_reset, charlie.id, actor="root", now=NOW)
    database.run_now(logins.use_reset, second, "new hash", now=NOW)
    with pytest.raises(ResetSpent):
        database.run_now(logins.use_reset, first, "newer hash", now=NOW)
    assert database.run_now(logins.use_reset, foreign, "hash", now=NOW) == charlie.id


def test_a_reset_link_leaves_audit_rows(database: Database, alice: Account) -> None:
    link = database.run_now(logins.issue_reset, alice.id, actor="root", now=NOW)
    database.run_now(logins.use_reset, link, "new hash", now=NOW)
    rows = database.read_now(audit.last, account_id=alice.id, limit=5)
    assert [(row.act, row.actor) for row in rows] == [
        ("password.set", "alice@example.com"),
        ("reset.issue", "root"),
    ]


def test_a_reset_link_needs_an_account(database: Database) -> None:
    with pytest.raises(NoSuchAccount):
        database.run_now(logins.issue_reset, 77, actor="root", now=NOW)


def shown(database: Database, account: Account, now: int = NOW) -> list[tuple[str, str]]:
    return [(one.device, one.address) for one in database.read_now(logins.listing, account.id, now=now)]


def test_open_logins_are_listed_with_the_last_seen_first(
    database: Database, alice: Account, charlie: Account, token: str
) -> None:
    database.run_now(logins.open_login, alice.id, device="Safari", address="192.0.2.7", now=NOW + 60)
    database.run_now(logins.open_login, charlie.id, device="Chrome", now=NOW)
    assert shown(database, alice, NOW + 60) == [("Safari", "192.0.2.7"), ("Firefox", "")]
    viewer(database, token, NOW + 1200)
    assert shown(database, alice, NOW + 1200) == [("Firefox", ""), ("Safari", "192.0.2.7")]
    assert shown(database, alice, NOW + 1200 + 1799) == [("Firefox", "")]


def test_a_login_is_ended_by_its_id(database: Database, alice: Account, token: str) -> None:
    other = database.run_now(logins.open_login, alice.id, device="Safari", now=NOW)
    found = viewer(database, token, NOW)
    assert found is not None
    database.run_now(logins.end, alice.id, found.login_id, actor=alice.email, address="192.0.2.7", now=NOW)
    assert viewer(database, token, NOW) is None
    assert viewer(database, other, NOW) is not None
    (row,) = database.read_now(audit.last, account_id=alice.id, limit=5)
    assert (row.act, row.actor, row.address) == ("login.end", "alice@example.com", "192.0.2.7")


@pytest.mark.parametrize("login_id", ["", "nonsense", None])
def test_charlie_ends_no_login_of_alice(
    database: Database, alice: Account, charlie: Account, token: str, login_id: str | None
) -> None:
    found = viewer(database, token, NOW)
    assert found is not None
    with pytest.raises(logins.NoSuchLogin, match="has ended already"):
        database.run_now(
            logins.end,
            charlie.id,
            found.login_id if login_id is None else login_id,
            actor="c",
            address="",
            now=NOW,
        )
    assert viewer(database, token, NOW) is not None
    assert database.read_now(audit.last, limit=5) == []


def test_all_other_logins_end_at_once_and_only_those_of_the_account(
    database: Database, alice: Account, charlie: Account, token: str
) -> None:
    others = [database.run_now(logins.open_login, alice.id, device="x", now=NOW) for _ in range(2)]
    foreign = database.run_now(logins.open_login, charlie.id, device="x", now=NOW)
    found = viewer(database, token, NOW)
    assert found is not None
    by_alice = {"actor": alice.email, "address": "", "now": NOW}
    assert database.run_now(logins.end_others, alice.id, found.login_id, **by_alice) == 2
    assert [viewer(database, one, NOW) for one in others] == [None, None]
    assert viewer(database, token, NOW) is not None
    assert viewer(database, foreign, NOW) is not None
    assert database.run_now(logins.end_others, alice.id, found.login_id, **by_alice) == 0
    assert [row.act for row in database.read_now(audit.last, limit=5)] == ["login.end_others"]


def test_a_password_that_changed_while_it_was_checked_opens_no_login(
    database: Database, alice: Account
) -> None:
    database.run_now(accounts.set_password, alice.id, "new hash", now=NOW)
    with pytest.raises(logins.PasswordChanged):
        database.run_now(logins.open_login, alice.id, device="x", checked_hash="hash", now=NOW)
    assert database.run_now(logins.open_login, alice.id, device="x", checked_hash="new hash", now=NOW)

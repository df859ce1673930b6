"""Guessing is slowed, and never keeps the owner out."""

import pytest
from sqlmodel import Session, select

from models import accounts, guesses
from models.accounts import Account
from models.database import Database
from models.guesses import Device

NOW = 1_795_000_000


def fail(
    database: Database,
    times: int,
    *,
    email: str = "a@x.org",
    address: str = "",
    device: str = "",
    now: int = NOW,
) -> None:
    for number in range(times):
        place = address or f"192.0.2.{number}"
        database.run_now(guesses.note_failure, email=email, address=place, device=device, now=now)


def wait(
    database: Database,
    *,
    email: str = "a@x.org",
    address: str = "::1",
    device: str = "",
    now: int = NOW,
) -> int | None:
    return database.read_now(guesses.may_try, email=email, address=address, device=device, now=now)


@pytest.fixture
def device(database: Database, alice: Account) -> str:
    """A browser that Alice has logged in with."""
    return database.run_now(guesses.remember_device, alice.id, "", now=NOW)


def test_nine_wrong_passwords_are_forgiven(database: Database) -> None:
    fail(database, 9)
    assert wait(database) is None


def test_after_ten_wrong_passwords_an_account_has_to_wait(database: Database) -> None:
    fail(database, 4)
    fail(database, 6, now=NOW + 60)
    assert wait(database, email=" A@X. org ".replace(" ", ""), now=NOW + 60) == 840
    assert wait(database, now=NOW + 899) == 1
    assert wait(database, now=NOW + 900) is None
    assert wait(database, email="b@x.org") is None


def test_after_fifty_wrong_passwords_an_address_has_to_wait(database: Database) -> None:
    for number in range(50):
        assert wait(database, email="new@x.org", address="192.0.2.9") is None
        fail(database, 1, email=f"{number}@x.org", address="192.0.2.9")
    assert wait(database, email="new@x.org", address="192.0.2.9", now=NOW + 1) == 899
    assert wait(database, email="new@x.org", address="192.0.2.10") is None


def test_P_Z6_who_keeps_guessing_never_keeps_the_owner_out(
    database: Database, alice: Account, device: str
) -> None:
    for minutes in range(0, 24 * 60, 5):
        now = NOW + minutes * 60
        fail(database, 10, email=alice.email, now=now)
        fail(database, 50, email="x@x.org", address="192.0.2.9", now=now)
        assert wait(database, email=alice.email, now=now) is not None
        assert wait(database, email=alice.email, address="192.0.2.9", device=device, now=now) is None


def test_a_known_browser_is_slowed_by_its_own_guesses_alone(
    database: Database, alice: Account, device: str
) -> None:
    fail(database, 10, email=alice.email, device=device, now=NOW)
    assert wait(database, email=alice.email, device=device) == 900
    assert wait(database, email=alice.email, device=device, now=NOW + 900) is None
    assert wait(database, email=alice.email) is None


def test_a_browser_is_known_to_one_account_alone(
    database: Database, alice: Account, charlie: Account, device: str
) -> None:
    fail(database, 10, email=charlie.email)
    assert wait(database, email=charlie.email, device=device) is not None
    assert wait(database, email=charlie.email, device="nonsense") is not None


def test_a_browser_keeps_its_token_and_a_planted_one_is_replaced(
    database: Database, alice: Account, charlie: Account, device: str
) -> None:
    assert database.run_now(guesses.remember_device, alice.id, device, now=NOW + 1) == device
    assert database.run_now(guesses.remember_device, charlie.id, device, now=NOW + 1) != device
    assert database.run_now(guesses.remember_device, charlie.id, "planted", now=NOW + 1) != "planted"


def test_a_browser_is_forgotten_after_half_a_year_and_with_a_new_password(
    database: Database, alice: Account, device: str
) -> None:
    later = NOW + guesses.DEVICE_S
    fail(database, 10, email=alice.email, now=later)
    assert wait(database, email=alice.email, device=device, now=later) is not None
    assert wait(database, email=alice.email, device=device, now=later - 1) is None
    database.run_now(accounts.set_password, alice.id, "new hash", now=NOW)
    fail(database, 10, email=alice.email)
    assert wait(database, email=alice.email, device=device) is not None


def test_tokens_of_browsers_are_stored_hashed_and_bounded_in_number(
    database: Database, alice: Account, device: str
) -> None:
    def kept(session: Session) -> list[str]:
        return list(session.exec(select(Device.token_hash)).all())

    assert device not in database.read_now(kept)
    for number in range(25):
        database.run_now(guesses.remember_device, alice.id, "", now=NOW + number)
    assert len(database.read_now(kept)) == 20

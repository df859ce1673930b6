import pytest

from models import passwords


@pytest.fixture(scope="module")
def stored() -> str:
    return passwords.hash_password("correct horse battery")


def test_a_password_is_known_again(stored: str) -> None:
    assert passwords.verify("correct horse battery", stored)
    assert not passwords.verify("correct horse batterz", stored)


def test_hashes_are_argon2id_at_the_floor_of_owasp(stored: str) -> None:
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_the_same_password_is_hashed_differently_each_time(stored: str) -> None:
    assert passwords.hash_password("correct horse battery") != stored


def test_without_an_account_nothing_fits() -> None:
    assert not passwords.verify("correct horse battery", None)


@pytest.mark.parametrize("text", ["\ud800" * 12, "x" * 5000])
def test_texts_that_cannot_be_passwords_fit_nothing(text: str, stored: str) -> None:
    assert not passwords.verify(text, stored)


def test_a_stored_hash_that_is_none_fits_nothing() -> None:
    assert not passwords.verify("correct horse battery", "plain text")


def test_other_parameters_ask_for_a_new_hash(stored: str) -> None:
    assert not passwords.needs_rehash(stored)
    assert passwords.needs_rehash(stored.replace("t=2", "t=1"))

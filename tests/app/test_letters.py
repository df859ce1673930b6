"""What mails say: plain, short, each with what to do when it was not you."""

import pytest

from app import letters
from app.mail import Letter

URL = "https://llm.example.com"
LETTERS = [
    letters.verification(f"{URL}/verify/token"),
    letters.new_address(f"{URL}/verify/token"),
    letters.password_reset(f"{URL}/reset/token"),
    letters.password_changed("Firefox on Linux", "192.0.2.7", URL),
    letters.email_changed("new@example.com"),
    letters.account_deleted(),
    letters.alert_level(
        what="Tokens per month",
        percent=80,
        of="the 5,000,000 that your account may use",
        resets="1 Dec 00:00 UTC",
        url=URL,
    ),
    letters.limit_changed(
        what="Requests per hour", old="1,000", new="50", reason="Launch week is over.", until="1 Dec", url=URL
    ),
]


@pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: letter.subject)
def test_a_letter_is_plain_and_short(letter: Letter) -> None:
    assert len(letter.subject) < 60
    assert letter.text.isascii()
    assert len(letter.text) < 500
    assert "!" not in letter.text
    assert "{" not in letter.text
    for line in letter.text.splitlines():
        assert "https://" not in line or line.split()[-1].startswith("https://"), line


@pytest.mark.parametrize("letter", LETTERS[:6], ids=lambda letter: letter.subject)
def test_a_letter_about_an_account_says_what_to_do_if_it_was_not_you(letter: Letter) -> None:
    assert "If it was not you" in letter.text or "If you did not" in letter.text


def test_P_Z8_a_letter_that_is_logged_does_not_show_its_text() -> None:
    assert "token" not in repr(letters.password_reset(f"{URL}/reset/token"))


def test_a_changed_limit_tells_both_values_the_reason_and_the_end() -> None:
    said = LETTERS[-1].text
    for part in (
        "Requests per hour: 1,000 before, 50 now, until 1 Dec.",
        "Launch week is over.",
        "/app/limits",
    ):
        assert part in said

"""Letters on their way: through a real mail server on loopback, with its moods."""

import asyncio
import logging
import smtplib
import socket
import ssl
from dataclasses import replace
from email.message import EmailMessage

import pytest
from fakes.mail import MailServer, mail_server

from app import mail
from app.mail import Letter, Outbox

LETTER = Letter("Set a new password", "Open this:\n\nhttps://llm.example.com/reset/" + "x" * 90)


def sent(server: MailServer, *, url: str = "", to: str = "alice@example.com", count: int = 1) -> None:
    """An outbox lives until what it was given is sent or given up."""

    async def story() -> None:
        outbox = Outbox(
            mail.server_of(url or server.url, "Starscoo <no-reply@example.com>"), retry_after_s=[0, 0]
        )
        outbox.start()
        for _ in range(count):
            outbox.send(LETTER, to)
        await asyncio.wait_for(outbox.idle.wait(), 20)
        await outbox.stop()

    asyncio.run(story())


def test_a_letter_arrives_as_it_was_written() -> None:
    with mail_server() as server:
        sent(server)
        letter = server.next()
    assert letter["To"] == "alice@example.com"
    assert letter["From"] == "Starscoo <no-reply@example.com>"
    assert letter["Subject"] == "Set a new password"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Message-ID"].endswith("@example.com>")
    assert letter.get_content().replace("\r\n", "\n").strip() == LETTER.text


def test_a_letter_carries_any_language() -> None:
    with mail_server() as server:

        async def story() -> None:
            outbox = Outbox(mail.server_of(server.url, "no-reply@example.com"))
            outbox.start()
            outbox.send(Letter("Größe: 80% used", "Größer – 10 €"), "alice@example.com")
            await outbox.stop()

        asyncio.run(story())
        letter = server.next()
    assert letter["Subject"] == "Größe: 80% used"
    assert letter.get_content().strip() == "Größer – 10 €"


def test_a_server_that_is_busy_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    with mail_server() as server:
        server.answers += ["451 Busy", "421 Later"]
        sent(server)
        assert server.next()["To"] == "alice@example.com"
    assert [record.levelname for record in caplog.records if record.name == "starscoo"] == ["WARNING"] * 2


@pytest.mark.parametrize("answers", [["554 No"], ["451 Busy"] * 3])
def test_a_letter_that_is_refused_for_good_or_too_often_is_given_up_and_the_next_one_leaves(
    answers: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with mail_server() as server:
        server.answers += answers
        sent(server)
        sent(server, to="bob@example.com")
        assert server.next()["To"] == "bob@example.com"
    assert [record.levelname for record in caplog.records].count("ERROR") == 1


def test_P_Z8_the_log_tells_neither_link_nor_address_nor_password(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with mail_server() as server:
        server.answers += ["554 alice@example.com is not here"]
        sent(server, url=server.url.replace("//", "//post:p%40ss@"))
    said = "\n".join(record.getMessage() for record in caplog.records if record.name == "starscoo")
    assert "SMTPDataError 554" in said
    for hidden in ("/reset/", "alice", "p@ss", "p%40ss"):
        assert hidden not in said


def test_a_user_and_his_password_are_given() -> None:
    with mail_server() as server:
        sent(server, url=server.url.replace("//", "//post:p%40ss@"))
        assert server.next()
    assert server.logins == [(b"post", b"p@ss")]


def test_a_server_that_is_away_costs_the_sender_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, and nobody listens
        sent(MailServer(), url=f"smtp://127.0.0.1:{nobody.getsockname()[1]}")
    assert "given up: ConnectionRefusedError" in caplog.text


def test_at_most_a_thousand_letters_wait(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        outbox = Outbox(mail.server_of("smtp://127.0.0.1:9", "no-reply@example.com"))
        for _ in range(mail.KEPT + 1):
            outbox.send(LETTER, "alice@example.com")
        await outbox.stop()

    asyncio.run(story())
    assert caplog.text.count("was dropped") == 1


def test_an_address_cannot_add_a_line_to_the_head_of_a_letter(caplog: pytest.LogCaptureFixture) -> None:
    with mail_server() as server:
        sent(server, to="alice@example.com\r\nBcc: eve@example.com")
        assert server.letters.empty()
    assert "cannot be addressed" in caplog.text


@pytest.mark.parametrize(
    ("url", "security", "port"),
    [
        ("smtp://mail.example.com", "starttls", 587),
        ("smtp://mail.example.com:25", "starttls", 25),
        ("smtp://mail.example.com:25?tls=off", "off", 25),
        ("smtp://localhost:1025", "off", 1025),
        ("smtps://user:word@mail.example.com", "tls", 465),
    ],
)
def test_letters_leave_this_machine_encrypted_unless_the_operator_says_otherwise(
    url: str, security: str, port: int
) -> None:
    server = mail.server_of(url, "no-reply@example.com")
    assert (server.security, server.port) == (security, port)


def test_a_server_without_starttls_gets_nothing() -> None:
    with mail_server() as server:
        strict = replace(mail.server_of(server.url, "no-reply@example.com"), security="starttls")
        with pytest.raises(smtplib.SMTPNotSupportedError):
            mail.deliver(strict, EmailMessage())
        assert server.letters.empty()


def test_a_server_that_does_not_speak_tls_gets_nothing() -> None:
    with mail_server() as server:
        strict = replace(mail.server_of(server.url, "no-reply@example.com"), security="tls")
        with pytest.raises(ssl.SSLError):
            mail.deliver(strict, EmailMessage())
        assert server.letters.empty()

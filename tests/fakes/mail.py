"""A real mail server on loopback that keeps what it is given.

with mail_server() as server:
    ...                     # STARSCOO_SMTP_URL=server.url
    letter = server.next()
"""

import queue
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import running
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


@dataclass
class MailServer:
    """`answers` are given before a letter is taken, one each, and then no more: "451 Busy"."""

    url: str = ""
    letters: "queue.Queue[EmailMessage]" = field(default_factory=queue.Queue)
    answers: list[str] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)

    def next(self, subject: str = "") -> EmailMessage:
        """The next letter that arrives, or that has arrived; with `subject` the next one under it."""
        while True:
            letter = self.letters.get(timeout=20)
            if subject in letter["Subject"]:
                return letter

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.answers:
            return self.answers.pop(0)
        letter = message_from_bytes(envelope.original_content, policy=default)
        assert isinstance(letter, EmailMessage)
        assert envelope.rcpt_tos == [str(letter["To"])]
        self.letters.put(letter)
        return "250 Taken"

    def login(self, _server: Any, _session: Any, _envelope: Any, _way: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login, given.password))
        return AuthResult(success=given.password == b"p@ss")


@contextmanager
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    port = running.free_port()  # the controller looks for itself there
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=port,
        authenticator=server.login,
        auth_require_tls=False,
    )
    controller.start()
    try:
        server.url = f"smtp://127.0.0.1:{port}"
        yield server
    finally:
        controller.stop()


def link_in(letter: EmailMessage) -> str:
    """The first one."""
    found = re.search(r"https?://\S+", letter.get_content())
    assert found, letter.get_content()
    return found[0]

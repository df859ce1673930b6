"""Sending mail, for whoever set STARSCOO_SMTP_URL; without it there is no outbox and nothing offers a mail.

No page waits: `send` puts a letter into a queue of this process, and one thread hands letters to the mail server, a
connection each. What fails is tried again for a quarter of an hour; what the server refuses for good is dropped.
Both are logged, by what the server said and never by what the letter holds. Letters that wait are lost with the
process, which is why everything that a letter starts can be asked for again.

Letters carry links that open accounts, so they leave this machine encrypted or not at all: `smtps://` is TLS from
the first byte, `smtp://` demands STARTTLS, and only `?tls=off` or a server on this very machine does without.
"""

import asyncio
import logging
import smtplib
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr
from typing import Final, Literal
from urllib.parse import parse_qs, unquote, urlsplit

log = logging.getLogger("starscoo")

TIMEOUT_S: Final = 10
KEPT: Final = 1_000
RETRY_AFTER_S: Final = (5, 30, 120, 600)
_PATIENCE_S: Final = 3
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# A line of a letter may hold a link, which must not be broken.
_POLICY: Final = SMTP.clone(max_line_length=300)


@dataclass(frozen=True, slots=True)
class Letter:
    """Plain text, short. Lines are wrapped by whoever reads it."""

    subject: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where letters go, and from whom they come: an address, or `Name <address>`."""

    host: str
    port: int
    security: Literal["tls", "starttls", "off"]
    user: str
    password: str = field(repr=False)
    sender: str


def server_of(url: str, sender: str) -> MailServer:
    """From an address as the settings hold it: smtp://user:password@host:587 or smtps://."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    security: Literal["tls", "starttls", "off"] = "starttls"
    if parts.scheme == "smtps":
        security = "tls"
    elif host in _LOOPBACK or parse_qs(parts.query).get("tls") == ["off"]:
        security = "off"
    return MailServer(
        host=host,
        port=parts.port or (465 if security == "tls" else 587),
        security=security,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        sender=sender,
    )


class Outbox:
    """`retry_after_s`: the waits between tries; after the last one a letter is given up. `idle` is set while no
    letter is on its way or will be tried again."""

    def __init__(self, server: MailServer, *, retry_after_s: Sequence[float] = RETRY_AFTER_S) -> None:
        self._server = server
        self._retry_after_s = retry_after_s
        self._queue: asyncio.Queue[tuple[EmailMessage, int]] = asyncio.Queue(KEPT)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mail")
        self._task: asyncio.Task[None] | None = None
        self._later: set[asyncio.TimerHandle] = set()
        self._open = 0
        self.idle = asyncio.Event()
        self.idle.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="mail")

    async def stop(self) -> None:
        """Letters that can leave within moments do."""
        for handle in self._later:
            handle.cancel()
        if self._task is not None:
            try:
                await asyncio.wait_for(self._queue.join(), _PATIENCE_S)
            except TimeoutError:
                log.error("%d letters were not sent: the server ends", self._queue.qsize() + 1)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def send(self, letter: Letter, to: str) -> None:
        """Returns at once. To be called in the loop; never fails."""
        message = EmailMessage(policy=_POLICY)
        try:
            message["From"] = self._server.sender
            message["To"] = to
            message["Subject"] = letter.subject
        except ValueError:  # an address that is none in a mail's head
            log.error("A letter (%s) cannot be addressed", letter.subject)
            return
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = make_msgid(domain=parseaddr(self._server.sender)[1].partition("@")[2] or None)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text.strip() + "\n", cte="8bit")
        self._put(message, 0)

    def _put(self, message: EmailMessage, tries: int) -> None:
        try:
            self._queue.put_nowait((message, tries))
            self._count(1)
        except asyncio.QueueFull:
            log.error("A letter (%s) was dropped: %d wait already", message["Subject"], KEPT)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            message, tries = await self._queue.get()
            try:
                await loop.run_in_executor(self._thread, deliver, self._server, message)
            except Exception as error:  # whatever it is, the next letter is another one
                self._failed(message, tries, error)
            finally:
                self._queue.task_done()
                self._count(-1)

    def _count(self, change: int) -> None:
        self._open += change
        if self._open:
            self.idle.clear()
        else:
            self.idle.set()

    def _failed(self, message: EmailMessage, tries: int, error: Exception) -> None:
        if is_final(error) or tries >= len(self._retry_after_s):
            log.error("A letter (%s) was given up: %s", message["Subject"], _said(error))
            return
        wait_s = self._retry_after_s[tries]
        log.warning("A letter (%s) is tried again in %g s: %s", message["Subject"], wait_s, _said(error))

        def again() -> None:
            self._later.discard(handle)
            self._put(message, tries + 1)
            self._count(-1)

        handle = asyncio.get_running_loop().call_later(wait_s, again)
        self._later.add(handle)
        self._count(1)


def deliver(server: MailServer, message: EmailMessage) -> None:
    """In a thread. Raises `OSError`, `smtplib.SMTPException`; each wait of it ends after 10 seconds."""
    trust = ssl.create_default_context()
    opened: smtplib.SMTP
    if server.security == "tls":
        opened = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=trust)
    else:
        opened = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
    with opened as connection:
        if server.security == "starttls":
            connection.starttls(context=trust)
        if server.user:
            connection.login(server.user, server.password)
        connection.send_message(message)


def is_final(error: Exception) -> bool:
    """Whether the server refuses this letter for good, so that trying again is of no use."""
    if isinstance(error, smtplib.SMTPAuthenticationError):  # it is the operator's to mend, not the letter's
        return False
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code >= 500
    return isinstance(error, UnicodeError | smtplib.SMTPNotSupportedError)


def _said(error: Exception) -> str:
    """What the server answered, without addresses that it repeats."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"the recipient was refused ({', '.join(str(code) for code, _ in error.recipients.values())})"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    if isinstance(error, smtplib.SMTPException | OSError):
        return f"{type(error).__name__}: {error}"
    return type(error).__name__

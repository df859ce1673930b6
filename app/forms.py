"""The posts that open and end logins: sign-up, login, logout, a forgotten password, reset. Plain forms, so that
Enter, password managers and browsers without a socket work.

A post that is refused goes back to its page with `?try=`; the reason and what was typed (never the password)
travel in a cookie of two minutes that only this page reads. Passwords are hashed in threads, two at a time: more
would take the whole machine, and a queue without end would take its memory.
"""

import asyncio
import base64
import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Final, TypeVar
from urllib.parse import parse_qs, quote

from fastapi import FastAPI, Request, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import RedirectResponse

from app import device_words, letters, login
from app.services import Services
from models import accounts, guesses, logins, passwords, verification
from models.accounts import Account
from models.database import Refused

log = logging.getLogger("starscoo")
_KNOWN_BROWSER: Final = " A browser that has logged in to the account before has tries of its own."
T = TypeVar("T")
_LONGEST_BODY: Final = 16_384
LONGEST_PASSWORD: Final = 1_000
_AT_ONCE: Final = 2
_WAITING: Final = 40
_FLASH: Final = "starscoo_form"
_FLASH_SECONDS: Final = 120
_LINKS_PER_EMAIL: Final = 3
"""Reset links that can be asked for one address within 15 minutes: nobody's mailbox is to be filled from here."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What a refused form comes back with. `field` is the name of the field to blame, empty for the whole form."""

    field: str = ""
    reason: str = ""
    email: str = ""

    def about(self, field: str) -> str:
        return self.reason if self.field == field else ""


class Rejected(Exception):
    """The post is refused; the person may correct it on the page `back`, which is the form's own unless told."""

    def __init__(self, field: str, reason: str, *, email: str = "", back: str = "") -> None:
        super().__init__(reason)
        self.returned = Returned(field, reason, email[:254])
        self.back = back


class PasswordWork:
    """Hashing and checking beside the loop, bounded. Raises `Rejected` when too many wait."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def hashed(self, password: str) -> str:
        return await self._run(passwords.hash_password, password)

    async def matches(self, password: str, stored: str | None) -> bool:
        return await self._run(passwords.verify, password, stored)

    async def _run(self, work: Callable[..., T], *values: object) -> T:
        if self._waiting >= _WAITING:
            raise Rejected("", "Many people are logging in right now. Try again in a few seconds.")
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(work, *values)
        finally:
            self._waiting -= 1


class Forms:
    """The posts over one set of services."""

    def __init__(self, services: Services, work: PasswordWork) -> None:
        self._services = services
        self._database = services.database
        self._work = work
        self._errands: set[asyncio.Task[None]] = set()

    async def sign_up(self, request: Request, fields: dict[str, str]) -> Response:
        if not self._services.is_signup_open:
            raise Rejected("", "Sign-up is closed on this server. Ask its operator for an account.")
        email, password = fields.get("email", ""), fields.get("password", "")
        who = {"email": f"sign-up {email}", "address": login.address_of(request)}
        await slow_down(self._services, who, email)
        check_password(password, email)
        now = self._services.now()
        # Each try counts against the network address: this answer tells which accounts exist.
        await self._database.run(guesses.note_failure, **who, now=now)
        plan = verification.VERIFIED if self._services.mail is None else verification.UNVERIFIED
        try:
            accounts.normal_email(email)
            hashed = await self._work.hashed(password)
            account = await self._database.run(accounts.create, email, hashed, plan=plan, now=now)
        except Refused as reason:
            raise Rejected("email", str(reason), email=email) from None
        await send_verification(self._services, account.id, account.email)
        return await logged_in(self._services, request, account.id, "/app")

    async def log_in(self, request: Request, fields: dict[str, str]) -> Response:
        email, password = fields.get("email", ""), fields.get("password", "")
        who = guesser(self._services, request, email)
        await slow_down(self._services, who, email, hint=_KNOWN_BROWSER)
        account = await self._database.read(accounts.find_by_email, email)
        stored = account.password_hash if account else None
        if not await self._work.matches(password[:LONGEST_PASSWORD], stored):
            await self._database.run(guesses.note_failure, **who, now=self._services.now())
            raise Rejected("password", "Email and password do not match.", email=email)
        assert account is not None
        assert stored is not None
        if account.suspended_at is not None:
            raise Rejected(
                "", "This account is suspended. Ask the operator of this server about it.", email=email
            )
        if passwords.needs_rehash(stored):
            hashed = await self._work.hashed(password)
            await self._database.run(accounts.rehash_password, account.id, stored, hashed)
            stored = hashed
        to = inner_path(request.query_params.get("to", ""))
        return await logged_in(self._services, request, account.id, to, checked_hash=stored)

    async def forgot(self, request: Request, fields: dict[str, str]) -> Response:
        """The same answer at the same time whether or not there is such an account: what has to be done for one is
        done afterwards."""
        services, email = self._services, fields.get("email", "")
        if services.mail is None:
            raise Rejected("", "This server sends no mail. Ask an admin for a link.")
        who = {"email": f"forgot {email}", "address": login.address_of(request)}
        await slow_down(services, who, email, per_email=_LINKS_PER_EMAIL)
        try:
            accounts.normal_email(email)
        except Refused as reason:
            raise Rejected("email", str(reason), email=email) from None
        await self._database.run(guesses.note_failure, **who, now=services.now())
        errand = asyncio.create_task(self._mail_reset(email, login.address_of(request)), name="reset link")
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)
        return RedirectResponse("/forgot?done=sent", 303)

    async def _mail_reset(self, email: str, address: str) -> None:
        services = self._services
        try:
            asked = await self._database.run(logins.ask_reset, email, address=address, now=services.now())
        except (Refused, SQLAlchemyError) as error:
            log.error("A reset link could not be made: %s", error)
            return
        if asked is not None and services.mail is not None:
            account, token = asked
            link = f"{services.public_url}/reset/{token}"
            services.mail.send(letters.password_reset(link), account.email)

    async def reset(self, request: Request, fields: dict[str, str]) -> Response:
        address = login.address_of(request)
        who = {"email": f"reset {address}", "address": address}
        await slow_down(self._services, who, "")
        password = fields.get("password", "")
        check_password(password, "")
        hashed = await self._work.hashed(password)
        token = str(request.path_params["token"])
        now = self._services.now()
        try:
            account_id = await self._database.run(logins.use_reset, token, hashed, now=now)
        except Refused as reason:
            await self._database.run(guesses.note_failure, **who, now=now)
            raise Rejected("", str(reason)) from None
        account = await self._database.read(accounts.get, account_id)
        assert account is not None
        tell_password_changed(self._services, request, account)
        return await logged_in(self._services, request, account_id, "/app")

    async def log_out(self, request: Request, _: dict[str, str]) -> Response:
        token = login.token_of(self._services, request)
        if token:
            await self._database.run(logins.close_login, token)
            login.close_pages(self._services, token)
        response = RedirectResponse("/login?done=logout", 303)
        login.clear_cookie(self._services, request, response)
        return response


async def logged_in(
    services: Services, request: Request, account_id: int, to: str, *, checked_hash: str | None = None
) -> Response:
    """A new token at each login; the one that came with the request is dead from here on. `checked_hash` is what the
    password was found to match."""
    try:
        entered = await services.database.run(
            logins.enter,
            account_id,
            **browser_of(services, request),
            checked_hash=checked_hash,
            now=services.now(),
        )
    except Refused as reason:
        raise Rejected("password", str(reason)) from None
    response = RedirectResponse(to, 303)
    login.set_cookies(services, request, response, entered)
    return response


def browser_of(services: Services, request: Request) -> dict[str, str]:
    """What `logins.enter` asks of the browser that gets a new login."""
    return {
        "former": login.token_of(services, request),
        "known_as": login.device_of(services, request),
        "device": request.headers.get("user-agent", ""),
        "address": login.address_of(request),
    }


def guesser(services: Services, request: Request, email: str) -> dict[str, str]:
    """Whom a wrong password counts against."""
    return {
        "email": email,
        "address": login.address_of(request),
        "device": login.device_of(services, request),
    }


async def slow_down(
    services: Services,
    who: dict[str, str],
    email: str,
    *,
    per_email: int = guesses.WRONG_PER_EMAIL,
    back: str = "",
    hint: str = "",
) -> None:
    """Raises `Rejected` for whoever has to wait."""
    wait_s = await services.database.read(guesses.may_try, **who, per_email=per_email, now=services.now())
    if wait_s is not None:
        minutes = max(1, -(-wait_s // 60))
        raise Rejected(
            "", f"Too many tries. Wait {minutes} min, then try again.{hint}", email=email, back=back
        )


async def send_verification(services: Services, account_id: int, email: str) -> None:
    """A link that proves the address, where there is a mail server. Raises `Refused`."""
    if services.mail is not None:
        token = await services.database.run(verification.issue, account_id, email, now=services.now())
        services.mail.send(letters.verification(f"{services.public_url}/verify/{token}"), email)


def tell_password_changed(services: Services, request: Request, account: Account) -> None:
    if services.mail is not None:
        device = device_words.of(request.headers.get("user-agent", ""))
        address = login.address_of(request)
        letter = letters.password_changed(device, address, services.public_url or "")
        services.mail.send(letter, account.email)


def register(services: Services, outer: FastAPI, passwords_work: PasswordWork) -> None:
    forms = Forms(services, passwords_work)
    routes: dict[str, Callable[[Request, dict[str, str]], Awaitable[Response]]] = {
        "/signup": forms.sign_up,
        "/login": forms.log_in,
        "/forgot": forms.forgot,
        "/reset/{token}": forms.reset,
        "/logout": forms.log_out,
    }
    for path, work in routes.items():
        outer.add_route(path, post(services, work), methods=["POST"])


def returned(request: Request) -> Returned:
    """What a page shows of a form that came back; nothing on a fresh visit. In the signed-in shell, whose request is
    that of its first page, only while that page is shown."""
    attempt = request.query_params.get("try")
    try:
        found = json.loads(base64.urlsafe_b64decode(request.cookies.get(_FLASH, "")))
        if attempt and found.pop("try") == attempt and found.pop("path") == request.url.path:
            return Returned(**{name: str(value) for name, value in found.items()})
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    return Returned()


def inner_path(path: str) -> str:
    """Where to go after a login: a page of the dashboard, whatever the address said."""
    is_inner = path == "/app" or path.startswith(("/app/", "/app?"))
    return quote(path, safe="/?&=%:,+-._~") if is_inner and "\\" not in path else "/app"


def post(
    services: Services, work: Callable[[Request, dict[str, str]], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            fields = await _fields(request)
            return await work(request, fields)
        except Rejected as rejected:
            return _sent_back(services, request, rejected)

    return serve


def _sent_back(services: Services, request: Request, rejected: Rejected) -> Response:
    attempt, back = secrets.token_hex(4), rejected.back or request.url.path
    known = {"try": attempt, "path": back, **asdict(rejected.returned)}
    to = request.query_params.get("to")
    response = RedirectResponse(f"{back}?try={attempt}" + (f"&to={quote(to, safe='')}" if to else ""), 303)
    response.set_cookie(
        _FLASH,
        base64.urlsafe_b64encode(json.dumps(known).encode()).decode(),
        max_age=_FLASH_SECONDS,
        path="/",
        secure=login.is_secure(services, request),
        httponly=True,
        samesite="lax",
    )
    return response


async def _fields(request: Request) -> dict[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_BODY:
            raise Rejected("", "This form is too large. Shorten what you typed.")
    try:
        parsed = parse_qs(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise Rejected("", "This form could not be read. Reload the page and try again.") from None
    return {name: values[-1].replace("\0", "") for name, values in parsed.items()}


def check_password(password: str, email: str, *, field: str = "password", back: str = "") -> None:
    """Raises `Rejected` for a new password that will not do."""
    reason = ""
    if len(password) < passwords.MIN_LENGTH:
        reason = f"Use {passwords.MIN_LENGTH} characters or more."
    elif len(password) > LONGEST_PASSWORD:
        reason = f"Use at most {LONGEST_PASSWORD} characters."
    elif email and password.strip().lower() == email.strip().lower():
        reason = "The password must not be the email address."
    if reason:
        raise Rejected(field, reason, email=email, back=back)

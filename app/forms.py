"""The posts that open and end logins: sign-up, login, logout, reset. Plain forms, so that Enter, password managers
and browsers without a socket work.

A post that is refused goes back to its page with `?try=`; the reason and what was typed (never the password)
travel in a cookie of two minutes that only this page reads. Passwords are hashed in threads, two at a time: more
would take the whole machine, and a queue without end would take its memory.
"""

import asyncio
import base64
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Final, TypeVar
from urllib.parse import parse_qs, quote

from fastapi import FastAPI, Request, Response
from starlette.responses import RedirectResponse

from app import login
from app.services import Services
from models import accounts, guesses, logins, passwords
from models.database import Refused

T = TypeVar("T")
_LONGEST_BODY: Final = 16_384
_LONGEST_PASSWORD: Final = 1_000
_AT_ONCE: Final = 2
_WAITING: Final = 40
_FLASH: Final = "starscoo_form"
_FLASH_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class Returned:
    """What a refused form comes back with. `field` is the name of the field to blame, empty for the whole form."""

    field: str = ""
    reason: str = ""
    email: str = ""

    def about(self, field: str) -> str:
        return self.reason if self.field == field else ""


class Rejected(Exception):
    """The post is refused; the person may correct it."""

    def __init__(self, field: str, reason: str, *, email: str = "") -> None:
        super().__init__(reason)
        self.returned = Returned(field, reason, email[:254])


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
    """The four posts over one set of services."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._database = services.database
        self._work = PasswordWork()

    async def sign_up(self, request: Request, fields: dict[str, str]) -> Response:
        if not self._services.is_signup_open:
            raise Rejected("", "Sign-up is closed on this server. Ask its operator for an account.")
        email, password = fields.get("email", ""), fields.get("password", "")
        who = {"email": f"sign-up {email}", "address": _address(request)}
        await self._slow_down(who, email)
        _check_password(password, email)
        now = self._services.now()
        # Each try counts against the network address: this answer tells which accounts exist.
        await self._database.run(guesses.note_failure, **who, now=now)
        try:
            accounts.normal_email(email)
            hashed = await self._work.hashed(password)
            account = await self._database.run(accounts.create, email, hashed, plan="starter", now=now)
        except Refused as reason:
            raise Rejected("email", str(reason), email=email) from None
        return await self._logged_in(request, account.id, "/app")

    async def log_in(self, request: Request, fields: dict[str, str]) -> Response:
        email, password = fields.get("email", ""), fields.get("password", "")
        who = {"email": email, "address": _address(request)}
        await self._slow_down(who, email)
        account = await self._database.read(accounts.find_by_email, email)
        stored = account.password_hash if account else None
        if not await self._work.matches(password[:_LONGEST_PASSWORD], stored):
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
            await self._database.run(accounts.set_password, account.id, hashed, now=self._services.now())
        return await self._logged_in(request, account.id, inner_path(request.query_params.get("to", "")))

    async def reset(self, request: Request, fields: dict[str, str]) -> Response:
        address = _address(request)
        who = {"email": f"reset {address}", "address": address}
        await self._slow_down(who, "")
        password = fields.get("password", "")
        _check_password(password, "")
        hashed = await self._work.hashed(password)
        token = str(request.path_params["token"])
        now = self._services.now()
        try:
            account_id = await self._database.run(logins.use_reset, token, hashed, now=now)
        except Refused as reason:
            await self._database.run(guesses.note_failure, **who, now=now)
            raise Rejected("", str(reason)) from None
        return await self._logged_in(request, account_id, "/app")

    async def log_out(self, request: Request, _: dict[str, str]) -> Response:
        token = login.token_of(self._services, request)
        if token:
            await self._database.run(logins.close_login, token)
            login.close_pages(self._services, token)
        response = RedirectResponse("/login?done=logout", 303)
        login.clear_cookie(self._services, request, response)
        return response

    async def _logged_in(self, request: Request, account_id: int, to: str) -> Response:
        """A new token at each login; the one that came with the request is dead from here on."""
        if former := login.token_of(self._services, request):
            await self._database.run(logins.close_login, former)
        token = await self._database.run(
            logins.open_login,
            account_id,
            device=request.headers.get("user-agent", ""),
            now=self._services.now(),
        )
        response = RedirectResponse(to, 303)
        login.set_cookie(self._services, request, response, token)
        return response

    async def _slow_down(self, who: dict[str, str], email: str) -> None:
        wait_s = await self._database.read(guesses.may_try, **who, now=self._services.now())
        if wait_s is not None:
            minutes = max(1, -(-wait_s // 60))
            raise Rejected("", f"Too many tries. Wait {minutes} min, then try again.", email=email)


def register(services: Services, outer: FastAPI) -> None:
    forms = Forms(services)
    routes: dict[str, Callable[[Request, dict[str, str]], Awaitable[Response]]] = {
        "/signup": forms.sign_up,
        "/login": forms.log_in,
        "/reset/{token}": forms.reset,
        "/logout": forms.log_out,
    }
    for path, work in routes.items():
        outer.add_route(path, _post(services, work), methods=["POST"])


def returned(request: Request) -> Returned:
    """What a page shows of a form that came back; nothing on a fresh visit."""
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


def _post(
    services: Services, work: Callable[[Request, dict[str, str]], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            fields = await _fields(request)
            return await work(request, fields)
        except Rejected as rejected:
            return _sent_back(services, request, rejected.returned)

    return serve


def _sent_back(services: Services, request: Request, reason: Returned) -> Response:
    attempt = secrets.token_hex(4)
    known = {"try": attempt, "path": request.url.path, **asdict(reason)}
    to = request.query_params.get("to")
    response = RedirectResponse(
        f"{request.url.path}?try={attempt}" + (f"&to={quote(to, safe='')}" if to else ""), 303
    )
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


def _check_password(password: str, email: str) -> None:
    if len(password) < passwords.MIN_LENGTH:
        raise Rejected("password", f"Use {passwords.MIN_LENGTH} characters or more.", email=email)
    if len(password) > _LONGEST_PASSWORD:
        raise Rejected("password", f"Use at most {_LONGEST_PASSWORD} characters.", email=email)
    if email and password.strip().lower() == email.strip().lower():
        raise Rejected("password", "The password must not be the email address.", email=email)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""

"""The dashboard without a browser: real pages, tables and counters in this process, driven by NiceGUI's `User`.

    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        user = await house.visit("/app/limits", alice)
        await user.should_see(...)

    simulated.run(tmp_path, story)

What lies outside NiceGUI's app is asked with `house.read` (whole documents) or not there (/v1): tests of that need a
running server.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from fakes.clock import Clock
from fastapi import FastAPI
from markupsafe import Markup
from nicegui import core, ui
from nicegui.events import GenericEventArguments
from nicegui.helpers import expects_arguments
from nicegui.testing import User
from nicegui.testing.user_simulation import user_simulation
from sqlalchemy import text
from sqlmodel import Session
from starlette.types import ASGIApp

from app.arrivals import Arrivals
from app.health import Health
from app.ledger_care import LedgerCare
from app.mail import Outbox
from app.own_requests import OwnRequests
from app.services import Services
from models import accounts, catalog, keys, ledger, logins, processes
from models.accounts import Account
from models.database import Database
from models.keys import ApiKey
from models.ledger import FinalRow, Usage
from models.live.memory import MemoryLive
from models.notices import Notices
from models.passes import Passes
from models.refusals import Line

SUNDAY_NOON = 1_795_348_800  # 22 November 2026, 12:00 UTC


@dataclass
class House:
    """Parts, and shortcuts that tests read well with. `clock` is moved by hand."""

    services: Services
    database: Database
    live: MemoryLive
    clock: Clock
    open_clients: AsyncExitStack
    outer: FastAPI

    def now(self) -> int:
        return int(self.clock())

    def account(self, email: str, *, is_admin: bool = False, plan: str = "starter") -> Account:
        made = self.database.run_now(accounts.create, email, None, plan=plan, now=self.now())
        if is_admin:
            return self.database.run_now(accounts.set_admin, email, True, actor="test", now=self.now())
        return made

    def key(self, owner: Account, name: str = "Laptop") -> ApiKey:
        return self.database.run_now(keys.issue, owner.id, name, actor=owner.email, now=self.now()).key

    def used(self, key: ApiKey, model: str, *, requests: int = 1, days_ago: int = 0) -> None:
        """Settled requests, 10 tokens in and 5 out each, that cost 0.002 dollars."""
        at_ms = (self.now() - days_ago * 86_400) * 1000
        rows = [
            FinalRow(
                id=f"{key.public_id}-{model}-{days_ago}-{number}",
                account_id=key.account_id,
                key_id=key.id,
                model=model,
                admitted_ms=at_ms,
                outcome="ok",
                http_status=200,
                error_code=None,
                usage=Usage(input_tokens=10, output_tokens=5),
                is_estimated=False,
                cost_nusd=2_000_000,
                first_token_ms=200,
                total_ms=400,
                stop="end",
                hour=at_ms // 3_600_000,
            )
            for number in range(requests)
        ]
        with self.database.write_batch() as connection:
            ledger.write(connection, [], rows, [])

    def refused(self, key: ApiKey, *, code: str = "rate_limited", minutes_ago: int = 0) -> Line:
        """A refusal by the key's own hourly limit of 10."""
        at = self.now() - minutes_ago * 60
        line = Line(
            request_id=f"req_refused_{key.public_id}_{minutes_ago}",
            at=at,
            account_id=key.account_id,
            key_id=key.id,
            model="gpt-5",
            status=429,
            code=code,
            message="Hourly request limit exceeded.",
            limit_name="hourly_requests",
            layer="key",
            value=10,
            count=10,
            window_end=at - at % 3600 + 3600,
        )
        with self.database.write_batch() as connection:
            ledger.write(connection, [], [], [line])
        return line

    async def visit(self, path: str, who: Account | None = None) -> User:
        """A window of its own, logged in as `who`."""
        user = User(await self._browser(who))
        await user.open(path)
        return user

    async def visit_missing(self, path: str, who: Account | None = None) -> str:
        """The answer to an address that must not be there: the whole document."""
        answer = await (await self._browser(who)).get(path)
        assert answer.status_code == 404
        return answer.text

    async def read(self, path: str, who: Account | None = None, **headers: str) -> httpx.Response:
        """A page that is a whole document, or a form's answer: what lies outside NiceGUI's app."""
        client = await self._browser(who, self.outer)
        return await client.get(
            path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    async def _browser(self, who: Account | None, app: ASGIApp | None = None) -> httpx.AsyncClient:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app or core.app), base_url="http://test")
        await self.open_clients.enter_async_context(client)
        if who is not None:
            token = self.database.run_now(logins.open_login, who.id, device="test", now=self.now())
            client.cookies.set("starscoo_login", token)
        return client


def run(directory: Path, story: Callable[[House], Awaitable[None]], *, mail: Outbox | None = None) -> None:
    """Plays the story in a fresh house; with `mail` in one that sends mail."""

    async def whole() -> None:
        async with _house(directory, mail) as house:
            await story(house)

    asyncio.run(whole())


def shown(user: User) -> str:
    """What the page says, its complaints included, one element a line, with a space between the cells of a table."""
    assert user.client is not None
    words = []
    for element in user.client.elements.values():
        markup = re.sub("(<[^>]*>)", r" \1", str(element.props.get("innerHTML", "")))
        words += [
            Markup(markup).striptags(),
            getattr(element, "text", ""),
            element.props.get("aria-label", ""),
        ]
    return "\n".join(word for word in words if isinstance(word, str) and word)


async def act(user: User, element: ui.element, event: str, args: object = None) -> None:
    """An event from the browser, handled to its end: what the handler raises is raised here."""
    assert user.client is not None
    for listener in list(element._event_listeners.values()):
        if listener.type != event or listener.handler is None:
            continue
        arguments = GenericEventArguments(sender=element, client=user.client, args=args)
        with element.parent_slot or user.client:
            handled = (
                listener.handler(arguments) if expects_arguments(listener.handler) else listener.handler()
            )
            if isinstance(handled, Awaitable):
                await handled


async def press(user: User, marker: str) -> None:
    """A click on what carries this mark."""
    await act(user, the(user, lambda element: set(marker.split()) <= set(element._markers)), "click")


async def press_in_row(user: User, name: str, subject: str) -> None:
    """A click on a row's button, as `components.act` makes them."""
    wanted = f'data-act="{name}" data-id="{subject}"'
    table = the(user, lambda element: wanted in str(element.props.get("innerHTML", "")))
    await act(user, table, "click", [name, subject])


async def submit(user: User, label: str, **fields: str) -> None:
    """The form of this label, filled in and sent."""
    form = the(user, lambda element: element.tag == "form" and element.props.get("aria-label") == label)
    await act(user, form, "submit", fields)


def lose_table(session: Session, name: str) -> None:
    session.connection().execute(text(f"DROP TABLE {name}"))


def the(user: User, is_meant: Callable[[ui.element], bool]) -> ui.element:
    assert user.client is not None
    found = [element for element in user.client.elements.values() if is_meant(element)]
    assert len(found) == 1, f"{len(found)} elements instead of one"
    return found[0]


@asynccontextmanager
async def _house(directory: Path, mail: Outbox | None) -> AsyncIterator[House]:
    clock = Clock(SUNDAY_NOON)
    database = Database(f"sqlite:///{directory / 'starscoo.db'}", durability="normal")
    database.migrate()
    live = MemoryLive(clock)
    async with user_simulation(), AsyncExitStack() as open_clients:
        services = Services(
            database=database,
            live=live,
            catalog=catalog.load(catalog.default_path()),
            clock=clock,
            arrivals=Arrivals(),
            notices=Notices(),
            health=_health(database, live, clock),
            own_requests=OwnRequests(Passes(clock)),
            is_available=lambda model: model != "codex-1",
            public_url=None,
            is_signup_open=True,
            is_sandbox=False,
            is_secure=False,
            mail=mail,
        )
        outer = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        _register(services, outer)
        yield House(services, database, live, clock, open_clients, outer)
    database.close()


def _health(database: Database, live: MemoryLive, clock: Clock) -> Health:
    """Of a process that does nothing."""
    process = database.run_now(processes.register, "memory", now_ms=int(clock() * 1000))
    care = LedgerCare(database, live, clock, keep_days=90, rest=0)
    return Health(
        database,
        care,
        limiter="memory",
        process=lambda: process,
        backlog=lambda: 0,
        running=lambda: 0,
        clock=clock,
    )


def _register(services: Services, outer: FastAPI) -> None:
    from app import pages  # NiceGUI's simulation forgets page modules at its end

    pages.register_all(services, outer)

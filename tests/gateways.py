"""A real gateway for tests: all its parts over real HTTP on a free port, without the dashboard.

Runs in a thread with its own event loop, so that tests stay plain functions.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fakes.clock import Clock
from sqlmodel import Session, select

from api.admission import Admission
from api.auth import Authenticator
from api.breaker import Breakers
from api.gateway import create_gateway
from api.metering import Ledger
from api.pipeline import Pipeline
from api.providers import Access, Timeouts, create_providers
from api.providers.http import Transport
from api.routing import Router
from app.serving import InnerServer, loopback_server
from models import accounts, catalog, epochs, keys, ledger, limits
from models.database import Database
from models.live import Limit as LimitName
from models.live.memory import MemoryLive
from models.notices import Notices
from models.passes import Passes

NOON = 1_795_348_800  # 2026-11-22 12:00:00 UTC
NEVER = 10**9
PATIENT = Timeouts(connect=30, first_byte=30, idle=30, total=60)


class Gateway:
    """Parts, and shortcuts that tests read well with. `clock` is moved by hand."""

    def __init__(
        self,
        database: Database,
        access: dict[str, Access],
        offer: catalog.Catalog,
        *,
        max_body: int,
        silence_seconds: float,
        timeouts: Timeouts,
        retry_share: float,
        failures: int,
    ) -> None:
        self.clock = Clock(NOON)
        self.database = database
        self.live = MemoryLive(self.clock)
        self.catalog = offer
        self.transport = Transport(timeouts)
        providers = create_providers(self.transport, access)
        self.ledger = Ledger(database, self.clock)
        self.notices = Notices()
        self.passes = Passes(self.clock)
        self.pipeline = Pipeline(
            authenticator=Authenticator(database, self.live, self.clock, self.passes),
            admission=Admission(self.live),
            router=Router(self.catalog, providers),
            providers=providers,
            ledger=self.ledger,
            clock=self.clock,
            max_body=max_body,
            notices=self.notices,
            silence_seconds=silence_seconds,
            breakers=Breakers(self.notices, clock=self.clock, now=self.clock, failures=failures),
            retry_share=retry_share,
        )
        self.app = create_gateway(self.pipeline, self.catalog, version="test")
        self._loop = asyncio.new_event_loop()
        self._server: InnerServer | None = None
        self.base_url = ""

    def now(self) -> int:
        return int(self.clock())

    def account(self, email: str = "alice@example.com", plan: str = "unlimited") -> int:
        account = self.database.run_now(accounts.ensure, email, plan=plan, now=self.now())
        assert account.id is not None
        return account.id

    def key(self, account_id: int, name: str = "test") -> keys.Issued:
        return self.database.run_now(keys.issue, account_id, name, actor="test", now=self.now())

    def limit(self, issued: keys.Issued, name: LimitName, value: int) -> None:
        """Set a key's own limit, as staff, in force at once."""
        key = issued.key
        self.database.run_now(
            limits.set_key_limit,
            key.account_id,
            key.public_id,
            name,
            value,
            actor="test",
            is_staff=True,
            now=self.now(),
        )
        self.changed(key.account_id)

    def changed(self, account_id: int) -> None:
        """What the watch on changes does in the whole program: tell the limiter of a newer epoch."""
        self.live.bump(account_id, self.database.read_now(epochs.current, account_id))

    async def settled(self) -> None:
        """When every exchange has ended and the ledger is written."""
        if self.pipeline.parts.running:
            await asyncio.wait(set(self.pipeline.parts.running), timeout=20)
        await self.ledger.drained()

    async def idle(self) -> None:
        """When, besides, no connection to an upstream carries a call."""
        await self.settled()
        async with asyncio.timeout(20):
            while self.transport.in_use:  # noqa: ASYNC110  a closed connection tells nobody
                await asyncio.sleep(0.001)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Something in the gateway's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def rows(self) -> list[ledger.RequestRow]:
        """All rows of the ledger, oldest first."""
        return self.database.read_now(_all_rows)

    def serve(self, started: Callable[[], None]) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(started))
        self._loop.close()

    async def _serve(self, started: Callable[[], None]) -> None:
        await self.transport.start()
        await self.ledger.start()
        self._server, bound = loopback_server(self.app)
        self.base_url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        serving = asyncio.create_task(self._server.serve([bound]))
        await self._server.ready.wait()
        started()
        await serving
        if self.pipeline.parts.running:
            await asyncio.wait(self.pipeline.parts.running, timeout=10)
        await self.ledger.stop()
        await self.transport.stop()

    def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True


def _all_rows(session: Session) -> list[ledger.RequestRow]:
    rows = session.exec(select(ledger.RequestRow)).all()
    return sorted(rows, key=lambda row: (row.admitted_ms, row.id))


@contextmanager
def running_gateway(
    directory: Path,
    access: dict[str, Access],
    *,
    max_body: int = 1024 * 1024,
    silence_seconds: float = 15,
    offer: catalog.Catalog | None = None,
    timeouts: Timeouts = PATIENT,
    retry_share: float = 0,
    failures: int = NEVER,
) -> Iterator[Gateway]:
    """A gateway on SQLite with plans and no accounts; `offer` is the release's own catalog unless told. Without
    second tries and with breakers that never open unless told, so that each script is one answer."""
    database = Database(f"sqlite:///{directory}/gateway.db", durability="normal")
    database.migrate()
    database.run_now(limits.ensure_plans, starter_requests=1_000, starter_tokens=5_000_000)
    offer = offer or catalog.load(catalog.default_path())
    gateway = Gateway(
        database,
        access,
        offer,
        max_body=max_body,
        silence_seconds=silence_seconds,
        timeouts=timeouts,
        retry_share=retry_share,
        failures=failures,
    )
    started = threading.Event()
    thread = threading.Thread(target=gateway.serve, args=(started.set,), name="gateway")
    thread.start()
    try:
        assert started.wait(30)
        yield gateway
    finally:
        gateway.stop()
        thread.join(60)
        database.close()
        assert not thread.is_alive()

"""Where everything is put together, and the only place that knows all parts.

One process, two faces: a small ASGI dispatcher sends /v1 to the gateway and everything else to the dashboard, so
that no layer of the dashboard stands on the path of a chat request. Mounted apps get no lifespan of their own:
`Starscoo.start` and `stop` own clients, ledger, limits and the watch on changes.
"""

import asyncio
import gc
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fastapi import FastAPI
from nicegui import ui
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.admission import Admission
from api.auth import Authenticator
from api.client import raw_refusal
from api.gateway import create_gateway
from api.metering import Ledger
from api.pipeline import Pipeline
from api.providers import VENDORS, Access, Timeouts, create_providers
from api.providers.http import Transport
from api.routing import Router
from api.sandbox import create_sandbox
from app import pages
from app.arrivals import Arrivals
from app.duties import Duties
from app.health import Health
from app.ledger_care import LedgerCare
from app.mail import Outbox, server_of
from app.notices_by_mail import tell_alerts
from app.own_requests import OwnRequests
from app.services import Services
from app.serving import PublicServer, loopback_address, loopback_server, public_config
from app.settings import Settings, key_named
from models import catalog, counts, limits, verification
from models.catalog import ProviderEntry
from models.database import Database
from models.live.database import DatabaseLive
from models.live.fallback import FallbackLive
from models.live.memory import MemoryLive
from models.live.redis import RedisLive
from models.notices import Notices
from models.passes import Passes

log = logging.getLogger("starscoo")

SETTLE_SECONDS = 3
COLLECT_AFTER = (10_000, 10, 10)
"""New objects between two looks at the youngest of them, and how often the older ones are looked at along."""
WITHOUT_VERSION = frozenset({"/chat/completions", "/completions", "/responses", "/messages", "/embeddings"})
"""Where clients knock whose base URL lacks the /v1; the gateway tells them."""
PAGE_BODY_BYTES = 2 * 1024 * 1024
"""Forms, and the polling transport of the pages' socket, which drops messages over 1 MB itself."""


class Starscoo:
    """The ASGI application. `app` is the outer FastAPI: NiceGUI looks for it to find its server."""

    _duties: Sequence[asyncio.Task[None]] = ()
    _sandbox_task: asyncio.Task[None] | None = None

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        is_sandbox: bool = False,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.database = Database(settings.database_url, durability=settings.durability)
        self._held = ExitStack()
        self._sandbox = loopback_server(create_sandbox()) if is_sandbox else None
        self._transport = Transport(timeouts_of(settings))
        models = catalog.load(Path(settings.catalog) if settings.catalog else catalog.default_path())
        access = access_of(settings, models.providers)
        if self._sandbox is not None:
            access = sandbox_access(self._sandbox[1], access)
        providers = create_providers(self._transport, access)
        self._arrivals = Arrivals()
        self.ledger = Ledger(self.database, clock, on_settled=self._arrivals.note)
        self.live = create_live(settings, self.database, clock, process=lambda: self.ledger.process)
        self._care = LedgerCare(self.database, self.live, clock, keep_days=settings.keep_requests_days)
        router = Router(models, providers)
        self.passes = Passes(clock)
        self.pipeline = Pipeline(
            authenticator=Authenticator(self.database, self.live, clock, self.passes),
            admission=Admission(self.live),
            router=router,
            providers=providers,
            ledger=self.ledger,
            clock=clock,
            max_body=int(settings.max_body),
            notices=Notices(),
        )
        self.gateway = create_gateway(self.pipeline, models, version=release())
        self.services = self._services(models, router, is_sandbox=is_sandbox)
        self.duties = Duties(
            database=self.database,
            live=self.live,
            ledger=self.ledger,
            pipeline=self.pipeline,
            arrivals=self._arrivals,
            clock=clock,
            limiter=settings.counts_in,
            care=self._care,
            tell_alerts=partial(tell_alerts, self.services) if self.services.mail is not None else None,
        )
        self.app = self._create_outer()
        self._pages: ASGIApp = pages.guard(self.app, self.services)

    def _services(self, models: catalog.Catalog, router: Router, *, is_sandbox: bool) -> Services:
        public_url = self.settings.public_url
        return Services(
            database=self.database,
            live=self.live,
            catalog=models,
            clock=self.clock,
            arrivals=self._arrivals,
            notices=self.pipeline.parts.notices,
            uses=self.pipeline.authenticator.uses,
            mail=outbox_of(self.settings),
            keep_requests_days=self.settings.keep_requests_days,
            health=Health(
                self.database,
                self._care,
                limiter=self.settings.counts_in,
                process=lambda: self.ledger.process,
                backlog=lambda: self.ledger.backlog,
                running=lambda: len(self.pipeline.parts.running),
                clock=self.clock,
            ),
            own_requests=OwnRequests(self.passes),
            is_available=router.is_available,
            public_url=public_url,
            is_signup_open=self.settings.signup == "open",
            is_sandbox=is_sandbox,
            is_secure=(public_url or "").startswith("https://"),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        is_gateway = path.startswith("/v1/") or path == "/v1" or path in WITHOUT_VERSION
        if scope["type"] == "http" and is_gateway:
            await self.gateway(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    def prepare(self) -> None:
        """Tables and counters, before anything listens. Raises `models.database.Refused` with a line for people."""
        is_shared = self.settings.counts_in != "memory"
        self.duties.serving = self._held.enter_context(self.database.hold_serving(is_shared=is_shared))
        self._held.callback(self.database.close)
        self.database.migrate()
        self.database.run_now(
            limits.ensure_plans,
            starter_requests=self.settings.starter_hourly_requests,
            starter_tokens=self.settings.starter_monthly_tokens,
            starter_concurrent=self.settings.starter_concurrent_requests,
        )
        if self.services.mail is not None:
            self.database.run_now(verification.ensure_plan)
        else:
            self.database.run_now(verification.lift_all, now=int(self.clock()))
        swept = self.duties.register()
        if swept:
            log.warning(
                "%d requests were cut when the server last ended; they are settled as interrupted", swept
            )
        if isinstance(self.live, MemoryLive):
            self.live.fill(self.database.read_now(counts.counted_of_all, now=int(self.clock())))
        elif isinstance(self.live, FallbackLive):
            self.live.prepare(self.ledger.process)

    async def start(self) -> None:
        """Clients, ledger and the watch on changes, in the loop that serves."""
        await self._transport.start()
        await self.ledger.start()
        if self.services.mail is not None:
            self.services.mail.start()
        if isinstance(self.live, FallbackLive):
            await self.live.start()
        self._duties = self.duties.start()
        # What the imports left lives as long as the process; going through it again costs every hundredth
        # request a tenth of a second.
        gc.collect()
        gc.freeze()
        # Looking at the requests that run, over and over, costs each of them a twentieth.
        gc.set_threshold(*COLLECT_AFTER)
        if self._sandbox is not None:
            server, bound = self._sandbox
            self._sandbox_task = asyncio.create_task(server.serve([bound]), name="sandbox")
            await server.ready.wait()
        await self.services.own_requests.open(self.gateway, drain_seconds=SETTLE_SECONDS)

    def drain(self) -> None:
        """No new work from now on; what runs may end."""
        self.pipeline.is_draining = True

    async def stop(self) -> None:
        """Waits for running requests, completes the ledger, gives everything back."""
        self.drain()
        await self.services.own_requests.close()
        if self.pipeline.parts.running:
            # The server has waited for them already; what is left is being settled.
            await asyncio.wait(self.pipeline.parts.running, timeout=SETTLE_SECONDS)
        for duty in self._duties:
            duty.cancel()
        await asyncio.gather(*self._duties, return_exceptions=True)
        await self._care.stop()
        self._arrivals.stop()
        if self.services.mail is not None:
            await self.services.mail.stop()
        await self.ledger.stop()
        if not isinstance(self.live, MemoryLive):
            await self.live.stop()
        await self.duties.leave()
        await self._transport.stop()
        if self._sandbox is not None and self._sandbox_task is not None:
            self._sandbox[0].should_exit = True
            await self._sandbox_task
        self._held.close()

    def _create_outer(self) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            await self.start()
            yield
            await self.stop()

        outer = FastAPI(
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            lifespan=lifespan,
            max_body_size=PAGE_BODY_BYTES,
        )
        outer.add_route("/healthz", _alive, methods=["GET"])
        outer.add_route("/readyz", self._ready, methods=["GET"])
        pages.register_all(self.services, outer)
        ui.run_with(
            outer,
            title="Starscoo",
            favicon=pages.FAVICON,
            language="en-US",
            tailwind=False,
            reconnect_timeout=30,
            show_welcome_message=False,
            binding_refresh_interval=None,
        )
        return outer

    async def _ready(self, _: Request) -> Response:
        """200 when new work is taken: the database can be written and the server is not going down."""
        if self.pipeline.is_draining:
            return JSONResponse({"status": "draining"}, 503)
        if not await asyncio.to_thread(self.database.is_writable):
            return JSONResponse({"status": "the database cannot be written"}, 503)
        return JSONResponse({"status": "ready"})


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


def create_live(
    settings: Settings, database: Database, clock: Callable[[], float], *, process: Callable[[], int]
) -> MemoryLive | DatabaseLive | FallbackLive:
    """The counters of the limits. Redis and PostgreSQL have a time of their own unless this process was given one."""
    if settings.counts_in == "memory":
        return MemoryLive(clock)
    own = None if clock is time.time else clock
    tables = DatabaseLive(database, clock if database.dialect == "sqlite" else own, process=process)
    if settings.counts_in == "database" or settings.redis_url is None:
        return tables

    redis = RedisLive(settings.redis_url, known=counts.known_in(database), clock=own)
    return FallbackLive(redis, tables, database, clock)


def timeouts_of(settings: Settings) -> Timeouts:
    """How long an upstream may take, by stage."""
    return Timeouts(
        connect=settings.upstream_connect_timeout,
        first_byte=settings.upstream_first_byte_timeout,
        idle=settings.upstream_timeout,
        total=settings.upstream_total_timeout,
    )


def outbox_of(settings: Settings) -> Outbox | None:
    """None without a mail server."""
    return Outbox(server_of(settings.smtp_url, settings.sender)) if settings.smtp_url else None


def access_of(settings: Settings, own: Mapping[str, ProviderEntry]) -> dict[str, Access]:
    """Where the vendors are and what opens them, with the operator's own providers out of the catalog. Raises
    `BadCatalog`."""
    openai, anthropic = settings.openai_api_key, settings.anthropic_api_key
    access = {
        "openai": Access(settings.openai_base_url, openai.get_secret_value() if openai else None),
        "anthropic": Access(settings.anthropic_base_url, anthropic.get_secret_value() if anthropic else None),
    }
    for name, entry in own.items():
        if name in access or entry.kind not in VENDORS:
            raise catalog.BadCatalog(
                f"The catalog's provider {name!r} is wrong: its name must be its own, and its kind one of "
                f"{', '.join(VENDORS)}."
            )
        key = key_named(entry.key_variable) if entry.key_variable else None
        access[name] = Access(entry.base_url, key, entry.kind, needs_key=entry.key_variable is not None)
    return access


def sandbox_access(bound: socket.socket, access: Mapping[str, Access]) -> dict[str, Access]:
    """All vendors are the sandbox on its loopback port."""
    address = loopback_address(bound)
    return {
        name: Access(
            address if (entry.vendor or name) == "anthropic" else f"{address}/v1", "sandbox", entry.vendor
        )
        for name, entry in access.items()
    }


def serve(
    settings: Settings,
    *,
    is_sandbox: bool = False,
    on_started: Callable[[Starscoo], None] | None = None,
) -> None:
    """Serve until a signal ends it. Raises `models.database.Refused` when it cannot start; SystemExit when the
    port is taken."""
    starscoo = Starscoo(settings, is_sandbox=is_sandbox)
    starscoo.prepare()
    config = public_config(
        starscoo,
        host=settings.host,
        port=settings.port,
        trusted_proxies=settings.trusted_proxies,
        refuse=raw_refusal,
    )
    server = PublicServer(
        config,
        on_started=lambda: on_started(starscoo) if on_started else None,
        on_ending=starscoo.drain,
    )
    server.run()
    if not server.started:
        raise SystemExit(1)


def release() -> str:
    """This release's version."""
    try:
        return version("starscoo")
    except PackageNotFoundError:
        return "0.1.0"

"""The servers that carry the application: one for people and clients, and inner ones on loopback, for the sandbox and
for the requests that this server's own pages send."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from app.front_door import Refuse, front_door

DRAIN_SECONDS = 30
KEEP_ALIVE_SECONDS = 75


class PublicServer(uvicorn.Server):
    """Tells when it can be reached, and when it was asked to end: readiness turns off before anything else."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_started: Callable[[], None],
        on_ending: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_ending = on_ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    def handle_exit(self, sig: int, frame: object) -> None:
        self._on_ending()
        super().handle_exit(sig, frame)  # type: ignore[arg-type]  # passed on as it came


class InnerServer(uvicorn.Server):
    """A second server in the same loop; signals belong to the first. `ready` is set once it can be reached."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def public_config(
    app: ASGIApp, *, host: str, port: int, trusted_proxies: tuple[str, ...], refuse: Refuse
) -> uvicorn.Config:
    """uvloop and httptools by name: without them a request costs a quarter of a millisecond more."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=front_door(refuse),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def loopback_server(app: ASGIApp, *, drain_seconds: int | None = None) -> tuple[InnerServer, socket.socket]:
    """A server on a free port of this machine's loopback; its socket is bound already. When it is told to end, it
    waits so long for what runs, without `drain_seconds` until it has ended."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        lifespan="off",
        http="httptools",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=drain_seconds,
    )
    # NiceGUI looks through all servers of the process for its own, also at ones that are not loaded yet.
    config.load()
    return InnerServer(config), bound


def loopback_address(bound: socket.socket) -> str:
    """Without a slash at the end."""
    return f"http://127.0.0.1:{bound.getsockname()[1]}"

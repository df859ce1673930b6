"""What is done to Redis in a proof while it is used: it is killed, emptied, frozen, slowed."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable

from redis import Redis
from services import Server

Act = Callable[[], Awaitable[None]]


class Road:
    """A TCP proxy in front of Redis, that can be made slow: everything is passed on `delay_s` after it came. Lives in
    a `Stage`."""

    def __init__(self, port: int) -> None:
        self.delay_s = 0.0
        self.port = 0
        self._behind = port
        self._server: asyncio.Server | None = None
        self._lanes = set[asyncio.Task[None]]()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for lane in list(self._lanes):
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)

    async def _pass(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        try:
            far, far_out = await asyncio.open_connection("127.0.0.1", self._behind)
        except OSError:
            near_out.transport.abort()
            return
        there = asyncio.create_task(self._lane(near, far_out))
        back = asyncio.create_task(self._lane(far, near_out))
        for lane in (there, back):
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)

    async def _lane(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(1 << 16):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)  # the slowness itself
                sink.write(piece)
                await sink.drain()
        except OSError:
            pass
        finally:
            with contextlib.suppress(RuntimeError):
                sink.transport.abort()


class Outage:
    """How Redis is lost, and how it comes back."""

    def __init__(self, server: Server, road: Road) -> None:
        self._server, self._road = server, road
        self.ways: dict[str, tuple[Act, Act]] = {
            "killed": (self._kill, self._start),
            "emptied": (self._flush, self._flush),
            "frozen": (self._freeze, self._thaw),
            "slowed": (self._slow, self._quicken),
        }

    async def _kill(self) -> None:
        await asyncio.to_thread(self._server.end, signal.SIGKILL)

    async def _start(self) -> None:
        await asyncio.to_thread(self._server.start)

    async def _flush(self) -> None:
        await asyncio.to_thread(_flushed, self._server.url)

    async def _freeze(self) -> None:
        self._server.send(signal.SIGSTOP)

    async def _thaw(self) -> None:
        self._server.send(signal.SIGCONT)

    async def _slow(self) -> None:
        self._road.delay_s = 0.15

    async def _quicken(self) -> None:
        self._road.delay_s = 0.0


def _flushed(url: str) -> None:
    with Redis.from_url(url) as server:
        server.flushall()

"""The client's side of a stream: headers as late as they can be, and a sign of life in every silence.

Headers are held back until there is something to say, so that an upstream that fails first is still a status, but
no longer than `silence_seconds`: proxies and clients give up on a connection that is quiet for too long. From then
on, and in every later silence, a comment line flows, also while the upstream has not answered at all.

One timer runs per stream, not one per chunk: it looks when the last bytes went out and comes back later. Only a
real silence costs a task, which speaks for the stream while that waits for the upstream.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.types import Send

from api.client import Headers, start

SILENCE_SECONDS: Final = 15.0
KEEP_ALIVE: Final = b": keep-alive\n\n"


class Outlet:
    """`before_headers` is awaited once, before anything is sent; what it raises is raised by `write`."""

    def __init__(
        self,
        send: Send,
        headers: Headers,
        before_headers: Callable[[], Awaitable[None]],
        *,
        silence_seconds: float,
    ) -> None:
        self.has_begun = False
        self._send = send
        self._headers = headers
        self._before_headers = before_headers
        self._silence = silence_seconds
        self._loop = asyncio.get_running_loop()
        self._spoke = self._loop.time()
        self._timer = self._loop.call_later(silence_seconds, self._look)
        self._telling: asyncio.Task[None] | None = None

    async def write(self, body: bytes) -> None:
        """Send a piece, after the headers when it is the first."""
        if self._telling is not None:
            await self._told()
        await self._put(body)

    async def end(self, body: bytes) -> None:
        """Send the last piece."""
        await self.hush()
        if not self.has_begun:
            await self._put(b"")
        await self._send({"type": "http.response.body", "body": body})

    async def hush(self) -> None:
        """No comment line from now on; afterwards `has_begun` stays as it is until something is written."""
        self._timer.cancel()
        if self._telling is not None:
            await self._told()
            self._timer.cancel()

    def close(self) -> None:
        """Stop at once, whatever is under way; the client is gone or served."""
        self._timer.cancel()
        if self._telling is not None:
            self._telling.cancel()

    async def _put(self, body: bytes) -> None:
        if not self.has_begun:
            await self._before_headers()
        # Asked again: a comment line may have begun the answer meanwhile.
        if not self.has_begun:
            self.has_begun = True
            await self._send(start(200, b"text/event-stream", self._headers))
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
        self._spoke = self._loop.time()

    def _look(self) -> None:
        rest = self._spoke + self._silence - self._loop.time()
        if rest > 0:
            self._timer = self._loop.call_later(rest, self._look)
            return
        self._telling = self._loop.create_task(self._tell(), name="keep-alive")
        self._telling.add_done_callback(_noted)

    async def _tell(self) -> None:
        await self._put(KEEP_ALIVE)
        self._timer = self._loop.call_later(self._silence, self._look)

    async def _told(self) -> None:
        telling, self._telling = self._telling, None
        if telling is not None:
            await telling


def _noted(telling: asyncio.Task[None]) -> None:
    """Its failure is told by the next write, if there is one."""
    if not telling.cancelled():
        telling.exception()

"""What happens before a request is one: the HTTP that clients send, within bounds.

uvicorn's own protocol waits for a head for ever, takes one of any size, and answers what it cannot read in plain
text. Here a head has `HEAD_S` and `HEAD_BYTES`, a body `BODY_S`, exactly one Host is demanded, and every refusal is
the gateway's JSON. A request that arrives in one piece, as nearly all do, costs no timer.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S: Final = 15.0
HEAD_BYTES: Final = 32 * 1024
BODY_S: Final = 60.0

Refusal = Literal["invalid_request", "headers_too_large", "request_timeout"]
Refuse = Callable[[Refusal, str], bytes]
"""The whole answer, status line included, for what never became a request."""


def front_door(
    refuse: Refuse, *, head_s: float = HEAD_S, head_bytes: int = HEAD_BYTES, body_s: float = BODY_S
) -> type[HttpToolsProtocol]:
    """The protocol with these bounds; uvicorn makes one of it for each connection."""

    class Bounded(_FrontDoor):
        _refuse = staticmethod(refuse)
        _head_s = head_s
        _most = head_bytes
        _body_s = body_s

    return Bounded


class _FrontDoor(HttpToolsProtocol):
    _refuse: Refuse
    _head_s: float
    _most: int
    _body_s: float

    _phase: Literal["head", "body", "between"] = "head"
    _taken = 0
    _clock: asyncio.TimerHandle | None = None
    _is_over = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn says
        super().connection_made(transport)
        self._clock = self.loop.call_later(self._head_s, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        self._is_over = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        if self._phase != "body":
            self._taken += len(data)
        super().data_received(data)
        if self._is_over or self.transport.is_closing():
            return
        if self._phase == "head":
            if self._taken > self._most:
                self._end("headers_too_large", self._size_words)
            elif self._clock is None:
                self._clock = self.loop.call_later(self._head_s, self._too_late)
        elif self._phase == "body" and self._clock is None:
            self._clock = self.loop.call_later(self._body_s, self._too_late)

    def on_message_begin(self) -> None:
        self._phase = "head"
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop_clock()
        self._phase = "body"
        taken, self._taken = self._taken, 0
        if taken > self._most and len(self.url) + _size(self.headers) > self._most:
            self._end("headers_too_large", self._size_words)
        elif not self._names_its_host():
            self._end("invalid_request", "An HTTP/1.1 request carries exactly one Host header. Send one.")
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._is_over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._is_over:
            return
        self._stop_clock()
        self._phase = "between"
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._stop_clock()
        if not self._is_over:
            self._is_over = True
            super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        self._end(
            "invalid_request",
            "This is not HTTP as this server reads it. Let an HTTP library write the request.",
        )

    @property
    def _size_words(self) -> str:
        return (
            f"The request's headers are larger than {self._most:,} bytes. What is long belongs into the body."
        )

    def _names_its_host(self) -> bool:
        hosts = 0
        for name, _ in self.headers:
            if name == b"host":
                hosts += 1
        return hosts == 1 or (hosts == 0 and self.parser.get_http_version() == "1.0")

    def _too_late(self) -> None:
        self._clock = None
        what, limit = ("headers", self._head_s) if self._phase == "head" else ("body", self._body_s)
        self._end(
            "request_timeout", f"The {what} did not arrive within {limit:g} seconds. Send the request again."
        )

    def _end(self, kind: Refusal, message: str) -> None:
        """Answers, unless an answer is under way, and hangs up. The application hears that the client is gone."""
        if self._is_over:
            return
        self._is_over = True
        self._stop_clock()
        cycle: Any = self.cycle
        is_answering = cycle is not None and not cycle.response_complete
        if is_answering:
            is_writing, cycle.disconnected = cycle.response_started, True
            cycle.message_event.set()
        if not self.transport.is_closing():
            if not (is_answering and is_writing):
                self.transport.write(self._refuse(kind, message))
            self.transport.close()

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)

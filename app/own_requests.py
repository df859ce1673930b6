"""Requests that a page sends to this very server as one of its visitor's keys, answered as a stream.

They go through the front of `/v1` over loopback, with a pass in place of the key's secret: what limits, meters and
refuses them is what limits, meters and refuses the key's own programs. They have a server of their own, which carries
the gateway alone on a loopback port: the public port may be bound to another address, stand behind a proxy that
encrypts, or be shared with processes that do not know the pass.

Whoever stops reading closes the connection, which the gateway takes for a client that left.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import httpx
from starlette.types import ASGIApp

from app.serving import InnerServer, loopback_address, loopback_server
from models.keys import ApiKey
from models.passes import Passes

_DATA: Final = "data:"
_DONE: Final = "[DONE]"
# The gateway writes a comment line whenever the model is silent for long.
_TIMEOUT: Final = httpx.Timeout(10, read=120)
# Never used, as nothing is encrypted on loopback; without it httpx reads all certificates of the machine each time.
_NO_CERTIFICATES: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True, slots=True)
class Began:
    """The gateway took the request under this id."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A few words of the answer, or of what the model thinks before it."""

    text: str
    is_thought: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer is whole. `finish_reason` as the gateway sent it."""

    finish_reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway's error, word for word. `status` is None for one that came inside a stream."""

    status: int | None
    code: str
    message: str
    param: str | None
    request_id: str


Happening = Began | Piece | Ended | Refused


class OwnRequests:
    """`base_url` ends in /v1; empty until `open`."""

    def __init__(self, passes: Passes) -> None:
        self.base_url = ""
        self._passes = passes
        self._server: InnerServer | None = None
        self._serving: asyncio.Task[None] | None = None

    async def open(self, gateway: ASGIApp, *, drain_seconds: int) -> None:
        """Returns when requests can be sent."""
        self._server, bound = loopback_server(gateway, drain_seconds=drain_seconds)
        self.base_url = f"{loopback_address(bound)}/v1"
        self._serving = asyncio.create_task(self._server.serve([bound]), name="own requests")
        await self._server.ready.wait()

    async def close(self) -> None:
        """What still runs has as long as `open` was told, then it is cut and settled."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving

    async def stream(self, key: ApiKey, body: Mapping[str, Any]) -> AsyncGenerator[Happening]:
        """A chat completion. `key` was read as its owner's. Ends after `Ended` or `Refused`. Raises
        `httpx.TransportError` when the connection breaks. Close it (`aclosing`) to stop the request."""
        secret = self._passes.mint(key)
        try:
            transport = httpx.AsyncHTTPTransport(verify=_NO_CERTIFICATES)
            async with (
                httpx.AsyncClient(transport=transport, trust_env=False, timeout=_TIMEOUT) as client,
                client.stream(
                    "POST",
                    f"{self.base_url}/chat/completions",
                    json={**body, "stream": True},
                    headers={"authorization": f"Bearer {secret}"},
                ) as answer,
                aclosing(_happenings(answer)) as happenings,
            ):
                async for happening in happenings:
                    yield happening
        finally:
            self._passes.end(secret)


async def _happenings(answer: httpx.Response) -> AsyncGenerator[Happening]:
    request_id = answer.headers.get("x-request-id", "")
    if answer.status_code != 200:
        yield refusal(await answer.aread(), answer.status_code, request_id)
        return
    yield Began(request_id)
    finish_reason = ""
    async for line in answer.aiter_lines():
        told = line.removeprefix(_DATA).strip() if line.startswith(_DATA) else ""
        if not told:
            continue
        if told == _DONE:
            yield Ended(finish_reason)
            return
        event = json.loads(told)
        if event.get("error"):
            yield refusal(told.encode(), None, request_id)
            return
        for choice in event.get("choices", ()):
            delta = choice.get("delta") or {}
            finish_reason = choice.get("finish_reason") or finish_reason
            if thought := delta.get("reasoning_content"):
                yield Piece(thought, is_thought=True)
            if text := delta.get("content") or delta.get("refusal"):
                yield Piece(text)
    yield Refused(None, "", "The answer broke off without its end.", None, request_id)


def refusal(body: bytes, status: int | None, request_id: str) -> Refused:
    """An error in OpenAI's shape, as it came."""
    try:
        error = json.loads(body)["error"]
        return Refused(status, str(error["code"]), str(error["message"]), error.get("param"), request_id)
    except (ValueError, KeyError, TypeError):
        return Refused(status, "", body.decode(errors="replace")[:500], None, request_id)

"""A simulated upstream: the three wires of the real providers over real HTTP, answering from the prompt alone.

For `starscoo demo` and the tests; `serve` never falls back to it. A wire (`chat`, `responses`, `messages`) reads
a request into a `Question` and refuses what its vendor would refuse; `answers.compose` decides what is said; the
wire writes that plain or streamed. The same question always gets the same answer. Every reply, error and tool
call carries the header `x-starscoo-sandbox: 1` and "sandbox" in its id, every text begins with "Sandbox answer:"
(but for JSON that was asked for in a given shape). It imports nothing of the gateway but the canonical types,
since it is the counterpart that the gateway's own wires are tried against.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from types import ModuleType
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from api.sandbox import chat, messages, responses
from api.sandbox.answers import compose
from api.sandbox.questions import Refused

WIRES: Final = (chat, responses, messages)
MARK: Final = {"x-starscoo-sandbox": "1"}


def create_sandbox(*, pace_ms: int = 25) -> Starlette:
    """The sandbox as an ASGI app. A stream waits `pace_ms` before each word; 0 sends as fast as it can.

    A gateway points its providers at it: `http://host:port/v1` for OpenAI, `http://host:port` for Anthropic.
    """
    routes = [Route(wire.PATH, _endpoint(wire, pace_ms), methods=["POST"]) for wire in WIRES]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _unknown_path})
    app.router.redirect_slashes = False
    return app


def _endpoint(wire: ModuleType, pace_ms: int) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            question = wire.ask(await request.body(), request.headers)
        except Refused as refused:
            return _json(wire.render_error(refused), refused.status)
        except RecursionError:
            return _json(wire.render_error(Refused("Your request is nested too deeply.")), 400)
        answer = compose(question)
        headers = {**MARK, wire.REQUEST_ID: f"req_sandbox{question.seed}"}
        if not question.is_stream:
            return _json(wire.reply(question, answer), headers=headers)
        steps = _paced(wire.stream(question, answer), pace_ms)
        return StreamingResponse(steps, headers=headers, media_type="text/event-stream; charset=utf-8")

    return answer


async def _paced(steps: Iterator[bytes], pace_ms: int) -> AsyncIterator[bytes]:
    for step in steps:
        if pace_ms:
            await asyncio.sleep(pace_ms / 1000)
        yield step


async def _unknown_path(request: Request, error: Exception) -> Response:
    """Both 404 and 405, in the shape of the vendor whose client seems to be asking."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    wire = messages if "anthropic-version" in request.headers else chat
    kind = "not_found_error" if wire is messages else "invalid_request_error"
    method, path = request.method, request.scope["path"]
    words = f"Not allowed to {method} on {path}." if status == 405 else f"Invalid URL ({method} {path})"
    return _json(wire.render_error(Refused(words, kind=kind)), status)


def _json(body: object, status: int = 200, *, headers: Mapping[str, str] = MARK) -> Response:
    return Response(msgspec.json.encode(body), status, headers, "application/json")

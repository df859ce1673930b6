"""The provider behind a proof: answers on all three wires as each request tells it to, and keeps a log.

It says what the sandbox's wires say, but reports the usage that it was told, as far as the bound on output allows,
and fails where it was told to.
"""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType

import msgspec
from aiohttp import web
from fakes import failures

from api import types
from api.sandbox import WIRES
from api.sandbox.answers import Answer
from api.sandbox.questions import Question
from models.ledger import Usage
from proofs.orders import Told, told

TEXT = "one two three four five"


@dataclass(slots=True)
class Call:
    """One request that reached the upstream. `is_sent`: all of its answer has been handed to the network."""

    name: tuple[int, int]
    told: Told
    is_sent: bool = False
    sent_bytes: int = 0


class Upstream:
    """Lives in a `Stage`. `on` is told of each arrival, step and end. While `gate` is closed nothing is answered."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.on: Callable[[str], None] = lambda _: None
        self.gate = asyncio.Event()
        self.gate.set()
        self.url = ""
        self._expected: dict[tuple[int, int], asyncio.Future[None]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application(client_max_size=1 << 24)
        for wire in WIRES:
            application.router.add_post(wire.PATH, self._endpoint(wire))
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        self.gate.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def reset(self) -> None:
        self.calls.clear()
        self._expected.clear()
        self.on = lambda _: None

    def arrival(self, name: tuple[int, int]) -> asyncio.Future[None]:
        """Done when that request comes; to be asked for before it is sent."""
        return self._expected.setdefault(name, asyncio.get_running_loop().create_future())

    def _endpoint(self, wire: ModuleType) -> Callable[[web.Request], "asyncio.Future[web.StreamResponse]"]:
        async def answer(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            call = Call((0, 0), told(body))
            call.name = call.told.name
            self.calls.append(call)
            arrival = self._expected.pop(call.name, None)
            if arrival is not None and not arrival.done():
                arrival.set_result(None)
            self.on("arrived")
            await self.gate.wait()
            question = wire.ask(body, request.headers)
            try:
                return await self._answer(request, wire, question, call)
            except ConnectionError:  # the gateway hung up
                return web.Response(status=500)

        return answer  # type: ignore[return-value]

    async def _answer(
        self, request: web.Request, wire: ModuleType, question: Question, call: Call
    ) -> web.StreamResponse:
        asked = call.told
        if asked.fault in ("status", "limited") or (asked.fault == "event" and not question.is_stream):
            status = 429 if asked.fault == "limited" else 500
            return web.json_response({"error": {"message": "told to", "type": "server_error"}}, status=status)
        usage = None if asked.fault == "silent" else _within(question.max_output_tokens, asked.usage)
        answer = Answer(types.Reply(parts=(types.Text(text=TEXT),), stop="end", usage=usage))
        if question.is_stream:
            return await self._stream(request, list(wire.stream(question, answer)), call)
        await asyncio.sleep(asked.pause_ms / 1000)
        whole = b"<html>" if asked.fault == "garbage" else msgspec.json.encode(wire.reply(question, answer))
        if asked.fault == "cut":
            return await _half(request, whole)
        call.is_sent = True
        self.on("ended")
        return web.Response(body=whole, content_type="application/json")

    async def _stream(self, request: web.Request, steps: list[bytes], call: Call) -> web.StreamResponse:
        fault, pause_s = call.told.fault, call.told.pause_ms / 1000
        reply = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
        await reply.prepare(request)
        if fault in ("cut", "event", "garbage"):
            steps = steps[: -(-len(steps) // 2)]
        if fault == "event":
            steps.append(failures.event(request.path, "server_error", "told to"))
        elif fault == "garbage":
            steps.append(b"data: {nonsense\n\n")
        call.sent_bytes = sum(map(len, steps))
        for step in itertools.islice(steps, len(steps) - 1):
            await reply.write(step)
            self.on("step")
            await asyncio.sleep(pause_s)  # as long as a model takes for a word
        if fault == "cut" and request.transport is not None:
            request.transport.abort()
            return reply
        call.is_sent = fault != "event"
        await reply.write(steps[-1])
        self.on("ended")
        return reply


def _within(bound: int | None, usage: Usage) -> Usage:
    """No more output than was asked for."""
    return usage if bound is None else replace(usage, output_tokens=min(bound, usage.output_tokens))


async def _half(request: web.Request, whole: bytes) -> web.StreamResponse:
    """Promised whole, sent by half."""
    headers = {"content-type": "application/json", "content-length": str(len(whole))}
    reply = web.StreamResponse(headers=headers)
    await reply.prepare(request)
    await reply.write(whole[: len(whole) // 2])
    assert request.transport is not None
    request.transport.close()
    return reply

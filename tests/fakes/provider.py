"""Both vendors on one loopback port, over real HTTP, strict about what they receive and scripted in what they answer.

    with fakes.provider.start() as provider:
        provider.script(text="Hello there", usage=Usage(input_tokens=9, output_tokens=3))
        ... point a gateway at provider.openai_base_url and provider.anthropic_base_url, call it ...
        assert provider.violations == []
        assert provider.calls[0].json["model"] == "gpt-5"

The server runs in a thread of its own, so tests may be plain or async. Every request is judged first: by the
official types (`sdk_types`), by what the real APIs enforce beyond them (`openai_rules`, `anthropic_rules`), and by
the sandbox. A violation answers 400 in the vendor's shape and stays in `violations`. Then the next script answers,
in the order they were given; without one the sandbox does.
"""

import asyncio
import contextlib
import json
import threading
import traceback
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from starlette.types import Message, Receive, Scope, Send

from api import types
from api.sandbox import MARK
from api.sandbox.answers import Answer, compose
from api.sandbox.questions import Question, Refused
from fakes import failures, strictness
from fakes.serving import served
from models.ledger import Usage

_PATIENCE_SECONDS = 10  # how long anything waits for the other side before a test fails instead of hanging
_REPORTED = Usage(input_tokens=12, output_tokens=7)


def start() -> "FakeProvider":
    return FakeProvider()


class Signal:
    """Something that happens once in the server's thread and is waited for in a test, plain or async."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._event = threading.Event()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        self._event.set()

    def wait(self) -> None:
        assert self._event.wait(_PATIENCE_SECONDS), f"{self._what} did not happen"

    async def arrived(self) -> None:
        await asyncio.to_thread(self.wait)


@dataclass(eq=False)
class Call:
    """One request as it was received. `disconnected` is set when the client hangs up before the answer's end."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    disconnected: Signal = field(default_factory=lambda: Signal("the client's hanging up"))
    finished: Signal = field(default_factory=lambda: Signal("the end of the answer"))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Permits:
    """Counted permits, given in one thread and awaited in the server's loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = 0
        self._is_open = False
        self._wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def give(self, count: int) -> None:
        with self._lock:
            self._left += count
            self._notify()

    def open(self) -> None:
        with self._lock:
            self._is_open = True
            self._notify()

    async def take(self) -> None:
        while True:
            with self._lock:
                if self._is_open:
                    return
                if self._left:
                    self._left -= 1
                    return
                event = asyncio.Event()
                self._wake = asyncio.get_running_loop(), event
            await event.wait()

    def _notify(self) -> None:
        if self._wake:
            loop, event = self._wake
            self._wake = None
            loop.call_soon_threadsafe(event.set)


@dataclass(eq=False)
class Script:
    """The next answer, and the test's hand on it.

    A `headers_held` answer sends nothing before `release_headers()`. A `held` one sends one step (an event of
    one word, with the bookkeeping around it) for each `release()`; `release_all()` lets the rest flow.
    """

    reply: types.Reply | None = None
    raw: Sequence[bytes] | None = None
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    held: bool = False
    headers_held: bool = False
    cut_after: int | None = None
    failure: tuple[str, str] | None = None
    call: Call | None = None
    _permits: _Permits = field(default_factory=_Permits)
    _head: _Permits = field(default_factory=_Permits)

    def release(self, steps: int = 1) -> None:
        self._permits.give(steps)

    def release_all(self) -> None:
        self._permits.open()

    def release_headers(self) -> None:
        self._head.open()


class FakeProvider:
    """Use as a context manager. `calls` and `violations` grow as requests arrive; `reset` empties all. Without
    `needs_key` it answers strangers, as servers in one's own cellar do."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.tolerated: set[str] = set()
        self.needs_key = True
        self._scripts: deque[Script] = deque()
        self._arrival = threading.Condition()
        self._serving = contextlib.ExitStack()
        self._address = ""

    def __enter__(self) -> Self:
        self._address = self._serving.enter_context(served(self._serve))
        return self

    def __exit__(self, *_: object) -> None:
        for script in self._scripts:
            script.release_headers()
            script.release_all()
        self._serving.close()

    @property
    def openai_base_url(self) -> str:
        return f"{self._address}/v1"

    @property
    def anthropic_base_url(self) -> str:
        return self._address

    def reset(self) -> None:
        self.calls.clear()
        self.violations.clear()
        self.tolerated.clear()
        self._scripts.clear()

    def tolerate(self, *keys: str) -> None:
        """Top-level keys that pass although no official type knows them: fields of a future that came."""
        self.tolerated.update(keys)

    def wait_for_calls(self, count: int = 1) -> Call:
        """The `count`th call, as soon as it is there (its answer need not be)."""
        with self._arrival:
            arrived = self._arrival.wait_for(lambda: len(self.calls) >= count, _PATIENCE_SECONDS)
        assert arrived, f"call {count} did not arrive; there were {len(self.calls)}"
        return self.calls[count - 1]

    async def called(self, count: int = 1) -> Call:
        return await asyncio.to_thread(self.wait_for_calls, count)

    def script(
        self,
        *,
        text: str | None = None,
        calls: Iterable[tuple[str, str] | types.ToolCall] = (),
        stop: types.StopReason | None = None,
        usage: Usage | None = _REPORTED,
        reply: types.Reply | None = None,
        raw: Sequence[bytes] | None = None,
        status: int = 200,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        held: bool = False,
        headers_held: bool = False,
        cut_after: int | None = None,
        failure: tuple[str, str] | None = None,
    ) -> Script:
        """Decide the next answer that is not yet decided.

        Either `text` and `calls` (name and JSON arguments), or a whole canonical `reply`, written in the wire
        that is asked for; or `raw`, the very bytes of each step; or `status` with `body` (bytes or JSON).
        `usage` None leaves it out. `cut_after` breaks the connection after so many steps (0: after the headers);
        with a `failure` (the vendor's error type and message) its error event ends the stream there instead.
        """
        if reply is None and (text is not None or calls):
            said: list[types.Part] = [types.Text(text=text)] if text is not None else []
            said += [call if isinstance(call, types.ToolCall) else _tool_call(*call) for call in calls]
            is_calling = any(isinstance(part, types.ToolCall) for part in said)
            reply = types.Reply(
                parts=tuple(said), stop=stop or ("tool_calls" if is_calling else "end"), usage=usage
            )
        script = Script(reply, raw, status, body, headers or {}, held, headers_held, cut_after, failure)
        self._scripts.append(script)
        return script

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._take(scope, receive, send)
        except Exception:
            self.violations.append(f"the fake itself failed: {traceback.format_exc()}")
            raise

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = await _read(scope, receive)
        script = self._scripts.popleft() if self._scripts else Script()
        script.call = call
        refused = self._judge(call)
        with self._arrival:
            self.calls.append(call)
            self._arrival.notify_all()
        hangup = asyncio.create_task(_watch(receive, call))
        answering = asyncio.create_task(self._answer(call, script, refused, send))
        await asyncio.wait({hangup, answering}, return_when=asyncio.FIRST_COMPLETED)
        for task in (hangup, answering):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _judge(self, call: Call) -> Refused | None:
        refused = strictness.judge(call.method, call.path, self._seen(call), call.body, self.tolerated)
        if refused is not None:
            self.violations.append(f"{call.method} {call.path}: {refused.param or ''} {refused.message}")
        return refused

    def _seen(self, call: Call) -> dict[str, str]:
        return call.headers if self.needs_key else {"authorization": "Bearer none", **call.headers}

    async def _answer(self, call: Call, script: Script, refused: Refused | None, send: Send) -> None:
        if script.headers_held:
            await script._head.take()
        if script.body is not None or script.status != 200:
            body = script.body if isinstance(script.body, bytes) else json.dumps(script.body or {}).encode()
            return await _send_plain(call, script, script.status, body, send)
        wire = strictness.wire_of(call.path)
        if refused is not None:
            return await _send_plain(call, script, refused.status, _encoded(wire.render_error(refused)), send)
        question = wire.ask(call.body, self._seen(call))
        answer = _answer_to(question, script)
        if not question.is_stream:
            body = b"".join(script.raw) if script.raw is not None else _encoded(wire.reply(question, answer))
            return await _send_plain(call, script, 200, body, send)
        steps = script.raw if script.raw is not None else wire.stream(question, answer)
        return await _send_stream(call, script, steps, send)


async def _read(scope: Scope, receive: Receive) -> Call:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Call(scope["method"], scope["path"], scope["query_string"].decode(), headers, body)


async def _watch(receive: Receive, call: Call) -> None:
    message: Message = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
    if not call.finished.is_set:
        call.disconnected.set()


async def _send_head(script: Script, status: int, send: Send, **more: str) -> None:
    headers = {**MARK, "x-request-id": "req_fake", "request-id": "req_fake", **more, **script.headers}
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def _send_plain(call: Call, script: Script, status: int, body: bytes, send: Send) -> None:
    length = {"content-length": str(len(body)), "content-type": "application/json"}
    await _send_head(script, status, send, **length)
    if script.cut_after is not None:  # promised whole, sent by half
        return await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    call.finished.set()
    return await send({"type": "http.response.body", "body": body})


async def _send_stream(call: Call, script: Script, steps: Iterable[bytes], send: Send) -> None:
    await _send_head(script, 200, send, **{"content-type": "text/event-stream; charset=utf-8"})
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    sent = list(steps)[: script.cut_after]
    is_cut = script.cut_after is not None and script.failure is None
    if script.failure is not None:
        sent.append(failures.event(call.path, *script.failure))
    for index, step in enumerate(sent, start=1):
        if script.held:
            await script._permits.take()
        if index == len(sent) and not is_cut:
            call.finished.set()
        await send({"type": "http.response.body", "body": step, "more_body": True})
    if not is_cut:  # else the server finds no end and closes the connection
        await send({"type": "http.response.body", "body": b""})


def _answer_to(question: Question, script: Script) -> Answer:
    if script.reply is None:
        return compose(question)
    stopped = script.reply.stop == "stop_sequence" and question.stops
    return Answer(script.reply, question.stops[0] if stopped else None)


def _tool_call(name: str, arguments: str) -> types.ToolCall:
    return types.ToolCall(id="", name=name, arguments=arguments)


def _encoded(body: object) -> bytes:
    return json.dumps(body).encode()

"""The life of one request, steps 7 and 8: send and relay; its end is told to its `Settlement`.

An Exchange runs in a task of its own, which a vanished client cannot cancel: the request's task only watches
for the client, and when he leaves, the upstream call is cut and the row settled. The open row is committed
before the first byte (its commit overlaps the upstream call), the final row before the last: a client never
sees a finished answer that is not in the ledger. After the first byte a failure is an event in the stream,
before it a status.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api import failures, wires
from api.breaker import DEAD_STATUSES
from api.client import internal_error, new_id, plain_error, start
from api.errors import GatewayError
from api.outlet import Outlet
from api.providers.base import MAX_REPLY_BYTES, UpstreamFailure, UpstreamReply
from api.relay import Collector, Relay, SameWire, Translated, estimated
from api.second_try import WITHIN_MS
from api.settlement import Outcome, Settlement
from api.types import StopReason
from api.wires import BadReply
from api.work import Call, Parts
from models.ledger import Note, Usage

log = logging.getLogger("starscoo.gateway")

MAX_ERROR_BYTES: Final = 64 * 1024
EVENT_STREAM: Final = "text/event-stream"
MAX_STREAM_BYTES: Final = 128 * 1024 * 1024
"""Three times what the longest answer takes with all that vendors write around each word. A stream is not held."""


class Exchange(Response):
    """A request under way. Starlette calls it as the response."""

    def __init__(self, parts: Parts, call: Call) -> None:
        self._parts = parts
        self._call = call
        self._relay: Relay | None = None
        self._reply: UpstreamReply | None = None
        self._outlet: Outlet | None = None
        self._may_leave = True
        self._is_running = False
        self._has_left = False
        self._is_stopping = False
        self._ended: GatewayError | None = None
        self._task: asyncio.Task[None] | None = None
        self._settlement = Settlement(parts, call)

    @property
    def call(self) -> Call:
        return self._call

    def progress(self) -> Note | None:
        """See `Running`."""
        if self._relay is None or not self._may_leave:
            return None
        return self._settlement.progress(self._estimate())

    def end(self, error: GatewayError) -> None:
        """See `Running`."""
        if self._task is not None and self._is_running and self._may_leave and self._ended is None:
            self._ended = error
            self._task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._parts.second_tries.firsts += 1
        self._task = task = asyncio.create_task(self._run(send), name=self._call.work.id)
        self._parts.running[task] = self
        task.add_done_callback(self._parts.running.pop)
        # A server says "disconnect" also when the answer is complete; then the task has nothing left to cut.
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            # The server has waited long enough for this answer; it is settled and told before the end.
            self._is_stopping = True
        self._has_left = True
        if self._is_running and self._may_leave and not task.done():
            task.cancel()
        await asyncio.shield(task)

    async def _run(self, send: Send) -> None:
        # A task that is cancelled before its first step would never settle: then it only looks at the flag.
        self._is_running = True
        try:
            if self._has_left:
                raise asyncio.CancelledError
            await self._send_and_relay(send)
        except asyncio.CancelledError:
            # The client left: whatever comes now must run to its end.
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            self._cut_upstream()
            if self._ended is not None:
                await self._fail(send, self._ended, outcome="cut")
            elif self._is_stopping:
                await self._fail(send, GatewayError("service_unavailable", _STOPPING, retry_after=5))
            else:
                await self._settle_rest("client_abort", 499, "client_abort")
        except GatewayError as error:
            if error.kind == "upstream_unavailable":
                self._alarm(error)
            await self._fail(send, error)
        except UpstreamFailure as failure:
            log.warning("%s: %s failed: %s", self._call.work.id, self._call.target.provider, failure)
            await self._fail(send, failures.broken(failure))
        except BadReply as failure:
            log.warning(
                "%s: %s answered nonsense: %s", self._call.work.id, self._call.target.provider, failure
            )
            await self._fail(send, failures.broken(UpstreamFailure("upstream_error", str(failure))))
        except Exception:  # a bug must still be answered and settled
            log.exception("%s: the gateway failed", self._call.work.id)
            await self._fail(send, internal_error(self._call.work.id))
        finally:
            if self._outlet is not None:
                self._outlet.close()
            self._cut_upstream()

    def _cut_upstream(self) -> None:
        """At once, before anything waits for the ledger: a model that nobody listens to costs money."""
        if self._reply is not None:
            self._reply.close()

    def _alarm(self, error: GatewayError) -> None:
        """The upstream refuses the operator's own account: only he can do something about it."""
        work, target = self._call.work, self._call.target
        words = error.for_operator or "an error event inside a stream"
        log.critical("%s: %s refuses this server's own account: %s", work.id, target.provider, words)
        text = f"{target.provider} refuses this server's own account for {target.upstream_model}. {words}"
        self._parts.notices.note(target.model.id, text, now=int(self._parts.clock()))

    async def _send_and_relay(self, send: Send) -> None:
        call = self._call
        if call.envelope.is_stream:
            self._outlet = Outlet(
                send,
                self._settlement.headers,
                self._settlement.opened,
                silence_seconds=self._parts.silence_seconds,
            )
        try:
            await self._try(send)
        except (GatewayError, UpstreamFailure) as failure:
            if not await self._turned(failure):
                raise
            await self._try(send)

    async def _try(self, send: Send) -> None:
        """One call of the upstream and the answer made of it."""
        call = self._call
        self._reply = reply = await self._asked(call)
        if self._outlet is not None:
            await self._stream(reply, self._outlet)
        elif call.upstream.is_stream:
            await self._plain_from_stream(reply, send)
        else:
            await self._plain(reply, send)

    async def _asked(self, call: Call) -> UpstreamReply:
        """The upstream's reply with status 200; its health is noted on the way."""
        target, breakers = call.target, self._parts.breakers
        if breakers.troubled:
            breakers.check(target)
        try:
            self._reply = reply = await self._parts.providers[target.provider].send(call.upstream)
        except UpstreamFailure as failure:
            breakers.failed(target, failure.kind, str(failure))
            raise
        if reply.status != 200:
            try:
                body = await reply.read()
            except UpstreamFailure:
                body = b""
            if len(body) > MAX_ERROR_BYTES:
                body = b""  # the status alone says enough
            now = self._parts.clock()
            error = failures.answered(target.wire, reply.status, reply.headers, body, now=now)
            if reply.status in DEAD_STATUSES:
                breakers.failed(target, error.kind, f"HTTP {reply.status}")
            else:
                breakers.answered(target)
            raise error
        if breakers.troubled:
            breakers.answered(target)
        if call.upstream.is_stream and not _is_stream(reply.headers):
            raise UpstreamFailure("upstream_error", "the answer is no stream")
        return reply

    async def _turned(self, failure: GatewayError | UpstreamFailure) -> bool:
        """Whether there is to be a second try, prepared then; see `second_try`."""
        call, parts = self._call, self._parts
        has_begun = self._outlet is not None and self._outlet.has_begun
        # What was answered and then broke off is paid for; an error in place of an answer is not.
        was_answered = self._reply is not None and self._reply.status == 200
        is_refusal = self._relay is not None and self._relay.error is failure and not self._relay.output_chars
        is_second = isinstance(failure, UpstreamFailure) and failure.is_second
        is_second = is_second or (self._reply is not None and self._reply.is_second)
        waited_ms = int(parts.clock() * 1000) - self._settlement.started_ms
        if has_begun or is_second or (was_answered and not is_refusal) or waited_ms > WITHIN_MS:
            return False
        target = parts.second_tries.take(failure, call.target, call.others)
        if target is None:
            return False
        if target is not call.target and call.retargeted is not None:
            try:
                self._call = await asyncio.to_thread(call.retargeted, target)
            except GatewayError:  # the other target cannot express this request
                return False
            self._settlement.turn_to(self._call)
        log.warning(
            "%s: %s failed (%s); now %s", call.work.id, call.target.provider, failure, target.provider
        )
        self._cut_upstream()
        self._reply = self._relay = None
        return True

    async def _plain(self, reply: UpstreamReply, send: Send) -> None:
        call = self._call
        body = await reply.read()
        front = wires.front(call.work.front)
        if call.is_same_wire:
            body, usage, stop = front.pass_reply(body, rename=call.rename)
        else:
            parsed = call.parse_reply(body)
            usage, stop = parsed.usage, parsed.stop
            body = front.render_reply(
                parsed,
                id=new_id("chatcmpl-"),
                created=self._settlement.started_ms // 1000,
                model=call.envelope.model,
            )
        await self._send_plain(send, body, usage, stop)

    async def _plain_from_stream(self, reply: UpstreamReply, send: Send) -> None:
        call = self._call
        collector = Collector()
        self._relay = relay = Translated(call.reader(), collector)
        size = 0
        while not relay.is_finished and (chunk := await reply.next_chunk()):
            size += len(chunk)
            if size > MAX_REPLY_BYTES:
                raise UpstreamFailure("upstream_error", f"the answer passed {MAX_REPLY_BYTES} bytes")
            relay.feed(chunk)
            if relay.error is not None:
                raise relay.error
        relay.close()
        if not relay.is_finished:
            raise UpstreamFailure("upstream_disconnected", "the stream ended without its end event")
        collected = collector.reply()
        body = wires.front(call.work.front).render_reply(
            collected,
            id=new_id("chatcmpl-"),
            created=self._settlement.started_ms // 1000,
            model=call.envelope.model,
        )
        await self._send_plain(send, body, collected.usage, collected.stop)

    async def _send_plain(
        self, send: Send, body: bytes, usage: Usage | None, stop: StopReason | None
    ) -> None:
        self._may_leave = False
        if usage is None:
            known = estimated(None, prompt_tokens=self._call.envelope.prompt_tokens, output_chars=len(body))
            await self._settlement.settle("ok", 200, known, is_estimated=True, stop=stop)
        else:
            await self._settlement.settle("ok", 200, usage, stop=stop)
        await send(start(200, b"application/json", self._settlement.headers, len(body)))
        await send({"type": "http.response.body", "body": body})

    async def _stream(self, reply: UpstreamReply, outlet: Outlet) -> None:
        self._relay = relay = self._make_relay()
        left = MAX_STREAM_BYTES
        while not relay.is_finished:
            chunk = await reply.next_chunk()
            left -= len(chunk)
            if left < 0:
                raise UpstreamFailure("upstream_error", f"the stream passed {MAX_STREAM_BYTES} bytes")
            out = relay.feed(chunk) if chunk else relay.close()
            if out:
                await outlet.write(out)
                self._settlement.note_token()
            if relay.error is not None:
                raise relay.error
            if not chunk and not relay.is_finished:
                raise UpstreamFailure("upstream_disconnected", "the stream ended without its end event")
        self._may_leave = False
        used = relay.usage or self._estimate()
        await self._settlement.settle("ok", 200, used, is_estimated=relay.usage is None, stop=relay.stop)
        await outlet.end(relay.end())

    def _make_relay(self) -> Relay:
        call = self._call
        front = wires.front(call.work.front)
        if call.is_same_wire:
            hide = not call.envelope.wants_usage
            return SameWire(front.watcher(hide_usage=hide, rename=call.rename), front.DONE)
        writer = front.writer(
            id=new_id("chatcmpl-"),
            created=self._settlement.started_ms // 1000,
            model=call.envelope.model,
            wants_usage=call.envelope.wants_usage,
        )
        return Translated(call.reader(), writer)

    async def _fail(self, send: Send, error: GatewayError, *, outcome: Outcome = "error") -> None:
        """Settle, then tell: as a status while nothing was sent, else as an event, and never as a finished
        answer. With output it was cut, whatever `outcome` says."""
        self._may_leave = False
        self._cut_upstream()
        if not self._settlement.is_settled:
            # A comment line that went out while the upstream was silent is no output.
            wrote = self._settlement.first_token_ms is not None
            has_output = wrote or bool(self._relay and self._relay.output_chars)
            await self._settle_rest("cut" if has_output else outcome, error.status, error.kind)
        if self._outlet is not None and await self._hushed(self._outlet):
            body = wires.front(self._call.work.front).stream_error(error)
            await send({"type": "http.response.body", "body": body})
            return
        answer = plain_error(self._call.work.front, error, self._settlement.headers)
        await send({"type": "http.response.start", "status": error.status, "headers": answer.raw_headers})
        await send({"type": "http.response.body", "body": answer.body})

    @staticmethod
    async def _hushed(outlet: Outlet) -> bool:
        """Whether the client has seen headers, which no comment line can change any more."""
        try:
            await outlet.hush()
        except Exception:  # the ledger is away, or so is the client: the failure at hand is told instead
            log.debug("a comment line could not be sent", exc_info=True)
        return outlet.has_begun

    async def _settle_rest(self, outcome: Outcome, status: int, code: str | None) -> None:
        """Settle without a final report: nothing for an upstream that never began, else an estimate,
        marked."""
        self._may_leave = False
        if outcome == "error":
            used, is_estimated = Usage(), False
        else:
            used, is_estimated = self._estimate(), True
        stop = self._relay.stop if self._relay else None
        try:
            await self._settlement.settle(
                outcome, status, used, is_estimated=is_estimated, code=code, stop=stop
            )
        except GatewayError:
            log.error("%s: its final row waits for the database", self._call.work.id)

    def _estimate(self) -> Usage:
        """What was reported so far, and the prompt and output as far as they are known where nothing was."""
        relay = self._relay
        return estimated(
            relay.usage if relay else None,
            prompt_tokens=self._call.envelope.prompt_tokens,
            output_chars=relay.output_chars if relay else 0,
        )


def _is_stream(headers: Mapping[str, str]) -> bool:
    """Where no type is given, the events will show."""
    return headers.get("Content-Type", EVENT_STREAM).lower().startswith(EVENT_STREAM)


_STOPPING: Final = "This server is shutting down and could not wait for the end of the answer. Try again."

"""Canonical events written as Chat chunks.

The chunk with the role comes first, one chunk for each delta after it, then an empty delta with the finish
reason, then (when asked for) the usage with no choices; `end` is [DONE]. Tool calls are counted among
themselves, whatever other parts stand between them. What a vendor wants back of his reasoning is gathered and
goes out whole, right before the finish. A custom call has its own shape, which the library's types for chunks
lack but its code gathers.
"""

from typing import cast

import msgspec

from api import sse
from api.errors import GatewayError, Kind
from api.types import (
    ArgumentsDelta,
    Event,
    Failed,
    Finished,
    Heartbeat,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    ReasoningSealed,
    TextDelta,
)
from api.wires.openai_chat.reply import DONE, FINISH_REASONS, carriers, stream_error, usage_object
from models.ledger import Usage

PING = b": ping\n\n"


class ChatWriter:
    """One stream to one client; all its chunks have the same head."""

    def __init__(self, *, id: str, created: int, model: str, wants_usage: bool) -> None:
        head = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = msgspec.json.encode(head)[:-1] + b',"choices":['
        self._usage = b',"usage":null}' if wants_usage else b"}"
        self._wants_usage = wants_usage
        self._has_begun = False
        self._refusals: set[int] = set()
        self._calls: dict[int, int] = {}
        self._custom: set[int] = set()
        self._empty_calls: set[int] = set()
        self._reasoning: list[Reasoning] = []

    def write(self, event: Event) -> bytes:
        match event:
            case Heartbeat():
                return PING
            case Failed():
                return stream_error(_failure(event))
            case _:
                begin = b"" if self._has_begun else self._chunk({"role": "assistant", "content": ""})
                self._has_begun = True
                return begin + self._write(event)

    def end(self) -> bytes:
        return DONE

    def _write(self, event: Event) -> bytes:
        match event:
            case TextDelta(index=index, text=text) if text:
                return self._chunk({"refusal" if index in self._refusals else "content": text})
            case ReasoningDelta(text=text) if text:
                return self._chunk({"reasoning_content": text})
            case ArgumentsDelta(index=index, fragment=fragment) if fragment:
                self._empty_calls.discard(index)
                return self._arguments(index, fragment)
            case ReasoningSealed(reasoning=reasoning):
                self._reasoning.append(reasoning)
                return b""
            case PartStarted():
                return self._start(event)
            case PartEnded(index=index) if index in self._empty_calls:
                self._empty_calls.discard(index)
                return self._arguments(index, "{}")
            case Finished():
                return self._finish(event)
            case _:
                return b""

    def _start(self, part: PartStarted) -> bytes:
        if part.kind == "refusal":
            self._refusals.add(part.index)
        if part.kind != "tool_call":
            return b""
        self._calls[part.index] = number = len(self._calls)
        call: dict[str, object] = {"index": number, "id": part.id}
        if part.is_custom:
            self._custom.add(part.index)
            call |= {"type": "custom", "custom": {"name": part.name, "input": ""}}
        else:
            self._empty_calls.add(part.index)
            call |= {"type": "function", "function": {"name": part.name, "arguments": ""}}
        return self._chunk({"tool_calls": [call]})

    def _arguments(self, index: int, fragment: str) -> bytes:
        grown = (
            {"custom": {"input": fragment}}
            if index in self._custom
            else {"function": {"arguments": fragment}}
        )
        call = {"index": self._calls[index], **grown}
        return self._chunk({"tool_calls": [call]})

    def _finish(self, event: Finished) -> bytes:
        unended = b"".join(self._arguments(index, "{}") for index in sorted(self._empty_calls))
        self._empty_calls.clear()
        carried = carriers(self._reasoning)
        unended += self._chunk(carried) if carried else b""
        finish = self._chunk({}, FINISH_REASONS[event.stop])
        usage = self._usage_chunk(event.usage) if self._wants_usage and event.usage else b""
        return unended + finish + usage

    def _chunk(self, delta: dict[str, object], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return sse.event(b"%b%b]%b" % (self._head, msgspec.json.encode(choice), self._usage))

    def _usage_chunk(self, usage: Usage) -> bytes:
        return sse.event(b'%b],"usage":%b}' % (self._head, msgspec.json.encode(usage_object(usage))))


def _failure(event: Failed) -> GatewayError:
    return GatewayError(cast(Kind, event.kind), event.message, event.param, event.retry_after)

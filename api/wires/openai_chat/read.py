"""A vendor's Chat stream read into canonical events.

A chunk says what grew, not what began or ended: a part begins with its first delta. Text, refusal and
reasoning end where another part begins; tool calls may grow in turns, so they end with the stream. The usage
comes after the finish reason, so the end is [DONE].
"""

from typing import Literal

import msgspec

from api.errors import GatewayError
from api.sse import SseEvent
from api.types import (
    ArgumentsDelta,
    Event,
    Failed,
    Finished,
    PartEnded,
    PartStarted,
    ReasoningDelta,
    Started,
    StopReason,
    TextDelta,
)
from api.wires import openai_errors
from api.wires.openai_chat.reply import stop_reason, usage_of
from models.ledger import Usage


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Custom(msgspec.Struct):
    name: str | None = None
    input: str | None = None


class _Call(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _Function = msgspec.field(default_factory=_Function)
    custom: _Custom | None = None

    @property
    def name(self) -> str | None:
        return self.function.name if self.custom is None else self.custom.name

    @property
    def fragment(self) -> str | None:
        return self.function.arguments if self.custom is None else self.custom.input


class _Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None
    index: int = 0


class _Chunk(msgspec.Struct):
    id: str = ""
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = msgspec.Raw(b"null")
    error: object = None


_Kind = Literal["text", "tool_call", "reasoning", "refusal"]
_chunk = msgspec.json.Decoder(_Chunk)


class ChatReader:
    """One stream of one answer; further choices are not read."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.is_finished = False
        self._has_begun = False
        self._stop: StopReason | None = None
        self._parts: dict[_Kind | int, int] = {}
        self._open: list[int] = []
        self._growing: _Kind | None = None
        self._count = 0

    def feed(self, event: SseEvent) -> list[Event]:
        if self.is_finished:
            return []
        if event.data == b"[DONE]":
            return self._end()
        try:
            chunk = _chunk.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return [_failed(openai_errors.in_stream({}))]
        if chunk.error:
            return [_failed(openai_errors.in_stream(chunk.error if isinstance(chunk.error, dict) else {}))]
        self.usage = usage_of(chunk.usage) or self.usage
        events: list[Event] = [] if self._has_begun else [Started(upstream_id=chunk.id)]
        self._has_begun = True
        for choice in chunk.choices or ():
            if choice.index == 0:
                self._read(choice.delta, events)
                if choice.finish_reason:
                    self._stop = stop_reason(choice.finish_reason)
        return events

    def _read(self, delta: _Delta, events: list[Event]) -> None:
        if delta.reasoning_content:
            index = self._said("reasoning", events)
            events.append(ReasoningDelta(index=index, text=delta.reasoning_content))
        if delta.content:
            events.append(TextDelta(index=self._said("text", events), text=delta.content))
        if delta.refusal:
            events.append(TextDelta(index=self._said("refusal", events), text=delta.refusal))
        for call in delta.tool_calls or ():
            self._called(call, events)

    def _said(self, kind: _Kind, events: list[Event]) -> int:
        """The part of this kind that grows now; another one that grew until now is ended."""
        if self._growing != kind:
            self._end_growing(events)
            self._growing = kind
            self._parts[kind] = self._next(events, kind)
        return self._parts[kind]

    def _called(self, call: _Call, events: list[Event]) -> None:
        if call.index not in self._parts:
            self._end_growing(events)
            self._parts[call.index] = self._next(events, "tool_call", call)
        if call.fragment:
            events.append(ArgumentsDelta(index=self._parts[call.index], fragment=call.fragment))

    def _next(self, events: list[Event], kind: _Kind, call: _Call | None = None) -> int:
        index = self._count
        self._count += 1
        self._open.append(index)
        if call is None:
            events.append(PartStarted(index=index, kind=kind))
        else:
            is_custom = call.custom is not None
            events.append(
                PartStarted(index=index, kind=kind, id=call.id, name=call.name, is_custom=is_custom)
            )
        return index

    def _end_growing(self, events: list[Event]) -> None:
        if self._growing is not None:
            index = self._parts[self._growing]
            self._open.remove(index)
            events.append(PartEnded(index=index))
            self._growing = None

    def _end(self) -> list[Event]:
        """Nothing if the upstream gave no finish reason: then it was cut."""
        if self._stop is None:
            return []
        self.is_finished = True
        ends: list[Event] = [PartEnded(index=index) for index in self._open]
        return [*ends, Finished(stop=self._stop, usage=self.usage)]


def _failed(error: GatewayError) -> Failed:
    return Failed(kind=error.kind, message=error.message, param=error.param, retry_after=error.retry_after)

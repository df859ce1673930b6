"""The streamed answer as a small state machine.

Blocks of the upstream become parts with indexes of their own, because blocks not known here are passed over.
Usage is cumulative: `message_start` brings the input side, each `message_delta` overwrites what it names.
The end is `message_stop`; a stream that closes before it was cut.
Source: Anthropic's documentation, "Streaming messages", and the official SDK's event types, read 2026-11-22.
"""

from typing import Final

import msgspec

from api.sse import SseEvent
from api.types import (
    ArgumentsDelta,
    Event,
    Finished,
    Heartbeat,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    StopReason,
    TextDelta,
)
from api.wires.anthropic_messages import errors
from api.wires.anthropic_messages.reply import (
    BLOCKS,
    RedactedBlock,
    StopDetails,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    WireUsage,
    compact,
    stop_of,
)
from api.wires.anthropic_messages.turns import VENDOR
from api.wires.known_types import UNREADABLE, KnownTypes
from models.ledger import Usage


class _StartedMessage(msgspec.Struct):
    id: str = ""
    usage: WireUsage | None = None


class _MessageStart(msgspec.Struct, tag="message_start"):
    message: _StartedMessage


class _BlockStart(msgspec.Struct, tag="content_block_start"):
    index: int
    content_block: msgspec.Raw


class _BlockDelta(msgspec.Struct, tag="content_block_delta"):
    index: int
    delta: msgspec.Raw


class _BlockStop(msgspec.Struct, tag="content_block_stop"):
    index: int


class _LastDelta(msgspec.Struct):
    stop_reason: str | None = None
    stop_details: StopDetails | None = None


class _MessageDelta(msgspec.Struct, tag="message_delta"):
    delta: _LastDelta
    usage: WireUsage | None = None


class _MessageStop(msgspec.Struct, tag="message_stop"):
    pass


class _Ping(msgspec.Struct, tag="ping"):
    pass


class _Error(msgspec.Struct, tag="error"):
    error: errors.WireError


class _Text(msgspec.Struct, tag="text_delta"):
    text: str


class _InputJson(msgspec.Struct, tag="input_json_delta"):
    partial_json: str


class _Thinking(msgspec.Struct, tag="thinking_delta"):
    thinking: str


class _Signature(msgspec.Struct, tag="signature_delta"):
    signature: str


_AnyEvent = (
    _MessageStart | _BlockStart | _BlockDelta | _BlockStop | _MessageDelta | _MessageStop | _Ping | _Error
)
_AnyDelta = _Text | _InputJson | _Thinking | _Signature
_EVENTS: Final[KnownTypes[_AnyEvent]] = KnownTypes(_AnyEvent)
_DELTAS: Final[KnownTypes[_AnyDelta]] = KnownTypes(_AnyDelta)


class _Part(msgspec.Struct):
    index: int
    is_tool_call: bool = False
    has_arguments: bool = False
    thought: list[str] | None = None
    signature: str = ""
    redacted: str | None = None

    def think(self, text: str) -> Event:
        assert self.thought is not None
        self.thought.append(text)
        return ReasoningDelta(index=self.index, text=text)

    def sealed(self) -> Event:
        text = "".join(self.thought or ())
        signature = self.signature or None
        reasoning = Reasoning(text=text, signature=signature, redacted=self.redacted, vendor=VENDOR)
        return ReasoningSealed(index=self.index, reasoning=reasoning)


class Reader:
    """One stream. What comes after its end or its failure is ignored."""

    def __init__(self) -> None:
        self.is_finished = False
        self.usage: Usage | None = None
        self._has_failed = False
        self._reported = WireUsage()
        self._stop: StopReason = "end"
        self._open: dict[int, _Part] = {}
        self._part_count = 0

    def feed(self, event: SseEvent) -> list[Event]:
        if self.is_finished or self._has_failed:
            return []
        try:
            known = _EVENTS.decode(event.data)
            return [] if known is None else self._read(known)
        except UNREADABLE:
            self._has_failed = True
            return [errors.unreadable()]

    def _read(self, event: _AnyEvent) -> list[Event]:
        match event:
            case _BlockDelta():
                return self._delta(event)
            case _BlockStart():
                return self._start(event)
            case _BlockStop():
                return self._end(event.index)
            case _MessageStart():
                self._note(event.message.usage)
                return [Started(upstream_id=event.message.id, usage=self.usage)]
            case _MessageDelta():
                return self._last(event)
            case _MessageStop():
                self.is_finished = True
                left_open = [ended for index in list(self._open) for ended in self._end(index)]
                return [*left_open, Finished(stop=self._stop, usage=self.usage)]
            case _Ping():
                return [Heartbeat()]
            case _Error():
                self._has_failed = True
                return [errors.failed(event.error)]

    def _start(self, event: _BlockStart) -> list[Event]:
        block = BLOCKS.decode(event.content_block)
        if block is None:
            return []
        part = self._open[event.index] = _Part(self._part_count, isinstance(block, ToolUseBlock))
        self._part_count += 1
        match block:
            case TextBlock():
                started = PartStarted(index=part.index, kind="text")
                return [started, TextDelta(index=part.index, text=block.text)] if block.text else [started]
            case ToolUseBlock():
                started = PartStarted(index=part.index, kind="tool_call", id=block.id, name=block.name)
                initial = compact(block.input)
                # An empty object here only says that the input follows in fragments.
                if initial in ("{}", "null"):
                    return [started]
                part.has_arguments = True
                return [started, ArgumentsDelta(index=part.index, fragment=initial)]
            case ThinkingBlock():
                part.thought, part.signature = [], block.signature
                begun: Event = PartStarted(index=part.index, kind="reasoning")
                return [begun, part.think(block.thinking)] if block.thinking else [begun]
            case RedactedBlock():
                part.thought, part.redacted = [], block.data
                return [PartStarted(index=part.index, kind="reasoning")]

    def _delta(self, event: _BlockDelta) -> list[Event]:
        part = self._open.get(event.index)
        if part is None:
            return []
        match _DELTAS.decode(event.delta):
            case _Text(text=text) if text:
                return [TextDelta(index=part.index, text=text)]
            case _InputJson(partial_json=fragment) if fragment:
                part.has_arguments = True
                return [ArgumentsDelta(index=part.index, fragment=fragment)]
            case _Thinking(thinking=text) if text and part.thought is not None:
                return [part.think(text)]
            case _Signature(signature=signature):
                # It replaces what was there; signatures are never appended to.
                part.signature = signature
                return []
            case _:
                return []

    def _end(self, index: int) -> list[Event]:
        part = self._open.pop(index, None)
        if part is None:
            return []
        ended = PartEnded(index=part.index)
        if part.thought is not None:
            return [part.sealed(), ended]
        if part.is_tool_call and not part.has_arguments:
            return [ArgumentsDelta(index=part.index, fragment="{}"), ended]
        return [ended]

    def _last(self, event: _MessageDelta) -> list[Event]:
        self._note(event.usage)
        self._stop = stop_of(event.delta.stop_reason)
        details = event.delta.stop_details
        if event.delta.stop_reason != "refusal" or details is None or not details.explanation:
            return []
        index = self._part_count
        self._part_count += 1
        return [
            PartStarted(index=index, kind="refusal"),
            TextDelta(index=index, text=details.explanation),
            PartEnded(index=index),
        ]

    def _note(self, reported: WireUsage | None) -> None:
        if reported is not None:
            self._reported = self._reported.overwritten_by(reported)
            self.usage = self._reported.canonical()

"""The streamed answer as a small state machine.

A part is one content of a message item, one call, or one reasoning item. Everything arrives up to four times
(delta, `.done` of the text, `.done` of the item, the final response): what came as deltas is never taken
again, what did not is taken from the finished item at the latest. Only `response.completed` and
`response.incomplete` end the answer.
Source: OpenAI's openapi description and the official SDK's event types, read 2026-11-22.
"""

from typing import Final, Literal

import msgspec

from api.sse import SseEvent
from api.types import (
    ArgumentsDelta,
    Event,
    Failed,
    Finished,
    PartEnded,
    PartStarted,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    TextDelta,
)
from api.wires.known_types import UNREADABLE, KnownTypes
from api.wires.openai_responses.errors import failed
from api.wires.openai_responses.reply import (
    ITEMS,
    CallItem,
    CustomCallItem,
    MessageItem,
    OutputText,
    ReasoningItem,
    Response,
    stop_of,
)
from models.ledger import Usage

AnyCall = CallItem | CustomCallItem
PartKind = Literal["text", "tool_call", "reasoning", "refusal"]


class _Created(msgspec.Struct, tag="response.created"):
    response: Response


class _ItemAdded(msgspec.Struct, tag="response.output_item.added"):
    output_index: int
    item: msgspec.Raw


class _ItemDone(msgspec.Struct, tag="response.output_item.done"):
    output_index: int
    item: msgspec.Raw


class _ContentEvent(msgspec.Struct):
    output_index: int
    content_index: int = 0


class _TextDelta(_ContentEvent, tag="response.output_text.delta"):
    delta: str = ""


class _TextDone(_ContentEvent, tag="response.output_text.done"):
    text: str = ""


class _RefusalDelta(_ContentEvent, tag="response.refusal.delta"):
    delta: str = ""


class _RefusalDone(_ContentEvent, tag="response.refusal.done"):
    refusal: str = ""


class _SummaryDelta(msgspec.Struct, tag="response.reasoning_summary_text.delta"):
    output_index: int
    summary_index: int = 0
    delta: str = ""


class _ReasoningDelta(msgspec.Struct, tag="response.reasoning_text.delta"):
    output_index: int
    content_index: int = 0
    delta: str = ""


class _ArgumentsDelta(msgspec.Struct, tag="response.function_call_arguments.delta"):
    output_index: int
    delta: str = ""


class _InputDelta(msgspec.Struct, tag="response.custom_tool_call_input.delta"):
    output_index: int
    delta: str = ""


class _Completed(msgspec.Struct, tag="response.completed"):
    response: Response


class _Incomplete(msgspec.Struct, tag="response.incomplete"):
    response: Response


class _Failed(msgspec.Struct, tag="response.failed"):
    response: Response


class _Error(msgspec.Struct, tag="error"):
    """Flat as documented; some routes nest it as their plain errors do."""

    code: str | None = None
    message: str | None = None
    param: str | None = None
    error: dict[str, object] | None = None


_AnyEvent = (
    _Created
    | _ItemAdded
    | _ItemDone
    | _TextDelta
    | _TextDone
    | _RefusalDelta
    | _RefusalDone
    | _SummaryDelta
    | _ReasoningDelta
    | _ArgumentsDelta
    | _InputDelta
    | _Completed
    | _Incomplete
    | _Failed
    | _Error
)
_EVENTS: Final[KnownTypes[_AnyEvent]] = KnownTypes(_AnyEvent)


class _Part(msgspec.Struct):
    index: int
    kind: PartKind
    has_content: bool = False
    is_open: bool = True
    is_custom: bool = False
    piece: int = 0
    """Which of its summaries was last added to."""


class Reader:
    """One stream. What comes after its end or its failure is ignored."""

    def __init__(self) -> None:
        self.is_finished = False
        self.usage: Usage | None = None
        self._has_failed = False
        self._made: list[Event] = []
        # By output index and content index; a part that is a whole item has no content index.
        self._parts: dict[tuple[int, int | None], _Part] = {}

    def feed(self, event: SseEvent) -> list[Event]:
        if self.is_finished or self._has_failed or event.data == b"[DONE]":
            return []
        self._made = []
        try:
            known = _EVENTS.decode(event.data)
            if known is not None:
                self._read(known)
        except UNREADABLE:
            self._fail(failed(None))
        return self._made

    def _read(self, event: _AnyEvent) -> None:
        match event:
            case _TextDelta():
                self._add_text(self._content(event, "text"), event.delta)
            case _RefusalDelta():
                self._add_text(self._content(event, "refusal"), event.delta)
            case _TextDone():
                self._complete_text(self._content(event, "text"), event.text)
            case _RefusalDone():
                self._complete_text(self._content(event, "refusal"), event.refusal)
            case _ArgumentsDelta() | _InputDelta():
                self._add_arguments(event.output_index, event.delta)
            case _SummaryDelta() | _ReasoningDelta():
                self._add_reasoning(event)
            case _ItemAdded():
                self._item_added(event)
            case _ItemDone():
                self._item_done(event.output_index, event.item)
            case _Created():
                self._made.append(Started(upstream_id=event.response.id))
            case _Completed():
                self._finish(event.response, is_incomplete=False)
            case _Incomplete():
                self._finish(event.response, is_incomplete=True)
            case _Failed():
                self._note_usage(event.response)
                self._fail(failed(event.response.error))
            case _Error():
                self._fail(failed(event.error or msgspec.structs.asdict(event)))

    def _item_added(self, event: _ItemAdded) -> None:
        match ITEMS.decode(event.item):
            case (CallItem() | CustomCallItem()) as call:
                self._call(event.output_index, call)
            case ReasoningItem():
                self._reasoning(event.output_index)

    def _item_done(self, index: int, raw: msgspec.Raw) -> None:
        """The whole item once more: what did not come before is taken from here."""
        match ITEMS.decode(raw):
            case MessageItem() as message:
                for content_index, content in message.known():
                    if isinstance(content, OutputText):
                        part = self._part((index, content_index), "text")
                        self._complete_text(part, content.text)
                    else:
                        part = self._part((index, content_index), "refusal")
                        self._complete_text(part, content.refusal)
            case (CallItem() | CustomCallItem()) as call:
                part = self._call(index, call)
                if not part.has_content:
                    self._add_arguments(index, call.arguments if isinstance(call, CallItem) else call.input)
                self._end(part)
            case ReasoningItem() as reasoning:
                part = self._reasoning(index)
                if not part.has_content and reasoning.text:
                    self._made.append(ReasoningDelta(index=part.index, text=reasoning.text))
                # Taken from here alone: in the added item the encrypted content may be incomplete.
                if part.is_open:
                    self._made.append(ReasoningSealed(index=part.index, reasoning=reasoning.canonical()))
                self._end(part)

    def _finish(self, response: Response, *, is_incomplete: bool) -> None:
        # Some routes send the last response without its output, others send nothing but that.
        if not self._parts:
            for index, raw in enumerate(response.output):
                self._item_done(index, raw)
        for part in self._parts.values():
            self._end(part)
        self._note_usage(response)
        self.is_finished = True
        has_calls = any(part.kind == "tool_call" for part in self._parts.values())
        stop = stop_of(response, is_incomplete=is_incomplete, has_calls=has_calls)
        self._made.append(Finished(stop=stop, usage=self.usage))

    def _fail(self, failure: Failed) -> None:
        self._has_failed = True
        self._made.append(failure)

    def _note_usage(self, response: Response) -> None:
        if response.usage is not None:
            self.usage = response.usage.canonical()

    # --- parts ------------------------------------------------------------------------------------------

    def _part(self, key: tuple[int, int | None], kind: PartKind, call: AnyCall | None = None) -> _Part:
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = _Part(len(self._parts), kind)
            part.is_custom = isinstance(call, CustomCallItem)
            id_, name = (call.call_id, call.name) if call else (None, None)
            self._made.append(
                PartStarted(index=part.index, kind=kind, id=id_, name=name, is_custom=part.is_custom)
            )
        return part

    def _content(self, event: _ContentEvent, kind: Literal["text", "refusal"]) -> _Part:
        return self._part((event.output_index, event.content_index), kind)

    def _call(self, index: int, call: AnyCall) -> _Part:
        return self._part((index, None), "tool_call", call)

    def _reasoning(self, index: int) -> _Part:
        return self._part((index, None), "reasoning")

    def _add_text(self, part: _Part, text: str) -> None:
        if text and part.is_open:
            part.has_content = True
            self._made.append(TextDelta(index=part.index, text=text))

    def _complete_text(self, part: _Part, whole: str) -> None:
        if not part.has_content:
            self._add_text(part, whole)
        self._end(part)

    def _add_arguments(self, index: int, fragment: str) -> None:
        part = self._parts.get((index, None))
        # Without its opener a call has no id yet; the finished item will bring both.
        if fragment and part is not None and part.is_open:
            part.has_content = True
            self._made.append(ArgumentsDelta(index=part.index, fragment=fragment))

    def _add_reasoning(self, event: "_SummaryDelta | _ReasoningDelta") -> None:
        part = self._reasoning(event.output_index)
        if not event.delta or not part.is_open:
            return
        piece = event.summary_index if isinstance(event, _SummaryDelta) else event.content_index
        text = f"\n\n{event.delta}" if part.has_content and piece != part.piece else event.delta
        part.has_content, part.piece = True, piece
        self._made.append(ReasoningDelta(index=part.index, text=text))

    def _end(self, part: _Part) -> None:
        if not part.is_open:
            return
        if part.kind == "tool_call" and not part.has_content and not part.is_custom:
            self._made.append(ArgumentsDelta(index=part.index, fragment="{}"))
        part.is_open = False
        self._made.append(PartEnded(index=part.index))

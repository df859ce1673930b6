"""The plain answer, and what it shares with the streamed one: items, stop reasons, usage.

Items of hosted tools and of types not known here are passed over.
"""

from typing import Final

import msgspec

from api.types import Part, Reasoning, Refusal, Reply, StopReason, Text, ToolCall
from api.wires import BadReply
from api.wires.known_types import UNREADABLE, KnownTypes
from api.wires.openai_responses import errors
from api.wires.openai_responses.request import VENDOR
from models.ledger import Usage


class OutputText(msgspec.Struct, tag="output_text"):
    text: str = ""


class OutputRefusal(msgspec.Struct, tag="refusal"):
    refusal: str = ""


Content = OutputText | OutputRefusal
CONTENTS: Final[KnownTypes[Content]] = KnownTypes(Content)


class MessageItem(msgspec.Struct, tag="message"):
    content: list[msgspec.Raw] = []

    def known(self) -> list[tuple[int, Content]]:
        """The contents known here, with their upstream indexes."""
        decoded = ((index, CONTENTS.decode(raw)) for index, raw in enumerate(self.content))
        return [(index, content) for index, content in decoded if content is not None]


class CallItem(msgspec.Struct, tag="function_call"):
    call_id: str
    name: str
    arguments: str = ""


class CustomCallItem(msgspec.Struct, tag="custom_tool_call"):
    call_id: str
    name: str
    input: str = ""


class _ReasoningText(msgspec.Struct):
    text: str = ""


class ReasoningItem(msgspec.Struct, tag="reasoning"):
    summary: list[_ReasoningText] = []
    content: list[_ReasoningText] | None = None
    encrypted_content: str | None = None

    @property
    def text(self) -> str:
        """The summary, where there is one; the model's own words else."""
        return "\n\n".join(piece.text for piece in self.summary or self.content or [] if piece.text)

    def canonical(self) -> Reasoning:
        pieces = tuple(piece.text for piece in self.summary)
        return Reasoning(text=self.text, signature=self.encrypted_content, pieces=pieces, vendor=VENDOR)


Item = MessageItem | CallItem | CustomCallItem | ReasoningItem
ITEMS: Final[KnownTypes[Item]] = KnownTypes(Item)


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """`input_tokens` includes what the cache gave and took; `output_tokens` includes reasoning."""

    input_tokens: int = 0
    input_tokens_details: _InputDetails | None = None
    output_tokens: int = 0
    output_tokens_details: _OutputDetails | None = None

    def canonical(self) -> Usage:
        details = self.input_tokens_details or _InputDetails()
        read, written = details.cached_tokens or 0, details.cache_write_tokens or 0
        reasoning = self.output_tokens_details.reasoning_tokens if self.output_tokens_details else 0
        return Usage(
            input_tokens=max(0, self.input_tokens - read - written),
            cache_read_tokens=read,
            cache_write_tokens=written,
            output_tokens=self.output_tokens,
            reasoning_tokens=reasoning or 0,
        )


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class Response(msgspec.Struct):
    """The response object: the whole plain answer, and part of some events."""

    id: str = ""
    status: str = ""
    output: list[msgspec.Raw] = []
    error: dict[str, object] | None = None
    incomplete_details: _Incomplete | None = None
    usage: WireUsage | None = None


_INCOMPLETE_STOPS: Final[dict[str | None, StopReason]] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
}


def stop_of(response: Response, *, is_incomplete: bool, has_calls: bool) -> StopReason:
    """A refusal in words is an ordinary end."""
    if is_incomplete:
        details = response.incomplete_details
        return _INCOMPLETE_STOPS.get(details.reason if details else None, "end")
    return "tool_calls" if has_calls else "end"


_response = msgspec.json.Decoder(Response)


def parse_reply(body: bytes) -> Reply:
    """Raises BadReply if this is not a finished response, GatewayError if it is one that failed."""
    try:
        response = _response.decode(body)
        items = [item for raw in response.output if (item := ITEMS.decode(raw)) is not None]
        parts = [part for item in items for part in _parts(item)]
    except UNREADABLE as error:
        raise BadReply(str(error)) from error
    if response.status == "failed":
        raise errors.failure(response.error)
    if response.status not in ("completed", "incomplete"):
        raise BadReply(f"status is {response.status!r}")
    return Reply(
        parts=tuple(parts),
        stop=stop_of(
            response,
            is_incomplete=response.status == "incomplete",
            has_calls=any(isinstance(part, ToolCall) for part in parts),
        ),
        usage=response.usage.canonical() if response.usage else None,
        upstream_id=response.id,
    )


def _parts(item: Item) -> list[Part]:
    match item:
        case MessageItem():
            return [
                Text(text=content.text) if isinstance(content, OutputText) else Refusal(text=content.refusal)
                for _, content in item.known()
            ]
        case CallItem():
            return [ToolCall(id=item.call_id, name=item.name, arguments=item.arguments or "{}")]
        case CustomCallItem():
            return [ToolCall(id=item.call_id, name=item.name, arguments=item.input, is_custom=True)]
        case ReasoningItem():
            return [item.canonical()]

"""The plain answer, and what it shares with the streamed one: blocks, stop reasons, usage.

Blocks of hosted tools and of types not known here are passed over, since the gateway offers no hosted tools.
"""

from typing import Final, Literal

import msgspec

from api.types import Part, Reasoning, Refusal, Reply, StopReason, Text, ToolCall
from api.wires import BadReply
from api.wires.anthropic_messages.turns import VENDOR
from api.wires.known_types import UNREADABLE, KnownTypes
from models.ledger import Usage

_STOPS: Final[dict[str | None, StopReason]] = {
    "end_turn": "end",
    "stop_sequence": "stop_sequence",
    "pause_turn": "paused",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def stop_of(reason: str | None) -> StopReason:
    """A reason that upstream adds later, or none at all, reads as an ordinary end."""
    return _STOPS.get(reason, "end")


class TextBlock(msgspec.Struct, tag="text"):
    text: str = ""


class ToolUseBlock(msgspec.Struct, tag="tool_use"):
    id: str
    name: str
    input: msgspec.Raw = msgspec.Raw(b"{}")


class ThinkingBlock(msgspec.Struct, tag="thinking"):
    thinking: str = ""
    signature: str = ""


class RedactedBlock(msgspec.Struct, tag="redacted_thinking"):
    data: str = ""


Block = TextBlock | ToolUseBlock | ThinkingBlock | RedactedBlock
BLOCKS: Final[KnownTypes[Block]] = KnownTypes(Block)


class StopDetails(msgspec.Struct):
    explanation: str | None = None


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _CacheCreation(msgspec.Struct):
    ephemeral_1h_input_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """`input_tokens` holds neither cache reads nor cache writes; `output_tokens` holds the thinking."""

    input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: _CacheCreation | None = None
    output_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None

    def overwritten_by(self, newer: "WireUsage") -> "WireUsage":
        """Reports of one stream are cumulative: a newer figure replaces, a missing one keeps the older."""
        figures = msgspec.structs.asdict(newer)
        return msgspec.structs.replace(self, **{k: v for k, v in figures.items() if v is not None})

    def canonical(self) -> Usage:
        details = self.output_tokens_details
        written = self.cache_creation_input_tokens or 0
        for_an_hour = (self.cache_creation.ephemeral_1h_input_tokens or 0) if self.cache_creation else 0
        return Usage(
            input_tokens=self.input_tokens or 0,
            cache_read_tokens=self.cache_read_input_tokens or 0,
            cache_write_tokens=written,
            output_tokens=self.output_tokens or 0,
            reasoning_tokens=(details.thinking_tokens or 0) if details else 0,
            cache_write_1h_tokens=min(for_an_hour, written),
        )


class _Message(msgspec.Struct):
    type: Literal["message"]
    content: list[msgspec.Raw]
    id: str = ""
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: WireUsage | None = None


_message = msgspec.json.Decoder(_Message)


def parse_reply(body: bytes) -> Reply:
    """Raises BadReply if this is not a message."""
    try:
        message = _message.decode(body)
        blocks = [block for raw in message.content if (block := BLOCKS.decode(raw)) is not None]
        parts = [_part(block) for block in blocks]
    except UNREADABLE as error:
        raise BadReply(str(error)) from error
    if message.stop_reason == "refusal" and message.stop_details and message.stop_details.explanation:
        parts.append(Refusal(text=message.stop_details.explanation))
    return Reply(
        parts=tuple(parts),
        stop=stop_of(message.stop_reason),
        usage=message.usage.canonical() if message.usage else None,
        upstream_id=message.id,
    )


def _part(block: Block) -> Part:
    match block:
        case TextBlock():
            return Text(text=block.text)
        case ToolUseBlock():
            return ToolCall(id=block.id, name=block.name, arguments=compact(block.input))
        case ThinkingBlock():
            return Reasoning(text=block.thinking, signature=block.signature or None, vendor=VENDOR)
        case RedactedBlock():
            return Reasoning(redacted=block.data, vendor=VENDOR)


def compact(value: msgspec.Raw) -> str:
    """JSON without white space, its numbers and escapes left as the model wrote them."""
    return msgspec.json.format(bytes(value), indent=-1).decode()

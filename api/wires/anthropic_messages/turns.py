"""A conversation in the Messages API's order: system blocks, then user and assistant in turns.

- The leading system messages become `system`, one block for each part, not joined. A later one becomes a
  marked user text in its place: these models refuse the role inside `messages`, and hoisting it would rewrite
  the prefix that upstream caches by.
- Messages of one side that follow each other are one turn. Results of tools stand first in the turn directly
  after their calls, in the order of the calls.
- Empty texts are dropped, as are messages left without content; a conversation starts with a user turn.

Source: Anthropic's documentation, "Messages", "Handle tool calls" and "Vision", read 2026-11-22.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import groupby, takewhile
from typing import Final

import msgspec

from api.errors import GatewayError
from api.types import Document, Image, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from api.wires import custom_calls
from api.wires.anthropic_messages.caching import Block, marked
from api.wires.known_types import UNREADABLE

VENDOR: Final = "anthropic"
_OPENING: Final = "(The conversation starts with the assistant.)"
_NOT_AN_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
_BAD_ARGUMENTS: Final = "INVALID_JSON"
_IMAGE_TYPES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")


def system_blocks(messages: Sequence[Message]) -> list[Block]:
    """The blocks of the leading system messages."""
    leading = takewhile(_is_system, messages)
    return [text(part, path) for message in leading for part, path in _texts(message) if part.text.strip()]


def turns(messages: Sequence[Message], *, keeps_reasoning: bool) -> list[Block]:
    """All messages after the leading system ones. That calls and results pair up must have been checked."""
    ids = _ToolIds()
    rest = messages[sum(1 for _ in takewhile(_is_system, messages)) :]
    made: list[Block] = []
    for role, group in groupby(rest, _side):
        blocks: list[Block] = []
        if role == "assistant":
            ids.forget()
            for message in group:
                blocks += _assistant_blocks(message, ids, keeps_reasoning=keeps_reasoning)
        else:
            blocks = _user_blocks(list(group), ids)
        _append(made, role, blocks)
    if not made:
        raise GatewayError("invalid_request", "messages need a user message with content.", "messages")
    if made[-1]["role"] == "assistant":
        raise GatewayError(
            "unsupported_value",
            "The last message is the assistant's, and this model does not continue a started answer. "
            "End with a user message.",
            "messages",
        )
    if made[0]["role"] == "assistant":
        made.insert(0, {"role": "user", "content": [text(Text(text=_OPENING), "")]})
    return made


def tool_names(messages: Sequence[Message]) -> list[str]:
    """The names of all tools called so far, in the order of their first call."""
    calls = (part for message in messages for part in message.parts if isinstance(part, ToolCall))
    return list(dict.fromkeys(call.name for call in calls))


def _append(made: list[Block], role: str, blocks: list[Block]) -> None:
    """A turn without blocks is dropped, so its neighbours may be of one side and are merged."""
    if made and made[-1]["role"] == role:
        content = made[-1]["content"]
        assert isinstance(content, list)
        content += blocks
    elif blocks:
        made.append({"role": role, "content": blocks})


def _user_blocks(messages: list[Message], ids: "_ToolIds") -> list[Block]:
    results: dict[str, Block] = {}
    others: list[Block] = []
    for message in messages:
        if message.role == "system":
            others += [text(_instruction(part), path) for part, path in _texts(message) if part.text.strip()]
            continue
        for index, part in enumerate(message.parts):
            if isinstance(part, ToolResult):
                results[part.call_id] = _tool_result(part, ids.sent[part.call_id], message)
            else:
                others += _content(part, f"{message.path}.content[{index}]")
    return [results[call_id] for call_id in ids.sent if call_id in results] + others


def _assistant_blocks(message: Message, ids: "_ToolIds", *, keeps_reasoning: bool) -> Iterator[Block]:
    for index, part in enumerate(message.parts):
        if isinstance(part, ToolCall):
            asked = custom_calls.wrapped(part.arguments) if part.is_custom else _input(part.arguments)
            use: Block = {"type": "tool_use", "id": ids.add(part.id), "name": part.name, "input": asked}
            yield marked(use, part.cache, message.path)
        elif isinstance(part, Reasoning):
            # Another vendor's reasoning means nothing here, and without a signature it would be refused.
            if keeps_reasoning and part.vendor == VENDOR:
                yield from _thinking(part)
        else:
            yield from _content(part, f"{message.path}.content[{index}]")


def _content(part: Part, path: str) -> list[Block]:
    if isinstance(part, Refusal):
        return _content(Text(text=part.text), path)
    if isinstance(part, Text):
        return [text(part, path)] if part.text.strip() else []
    if isinstance(part, Image):
        return [marked({"type": "image", "source": _image_source(part, path)}, part.cache, path)]
    if isinstance(part, Document):
        return [marked(_document(part, path), part.cache, path)]
    raise GatewayError("invalid_request", "This kind of content does not belong in this message.", path)


def _tool_result(result: ToolResult, call_id: str, message: Message) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": call_id}
    content = [
        inner
        for index, part in enumerate(result.parts)
        for inner in _content(part, f"{message.path}.content[{index}]")
    ]
    if content:
        block["content"] = content
    if result.is_error:
        block["is_error"] = True
    return marked(block, result.cache, message.path)


def _thinking(part: Reasoning) -> Iterator[Block]:
    if part.redacted is not None:
        yield {"type": "redacted_thinking", "data": part.redacted}
    elif part.signature:
        yield {"type": "thinking", "thinking": part.text, "signature": part.signature}


def _input(arguments: str) -> msgspec.Raw | dict[str, str]:
    """The arguments as they are if they are a JSON object, else an object that holds them."""
    if not arguments.strip():
        return {}
    try:
        is_object = isinstance(msgspec.json.decode(arguments), dict)
    except UNREADABLE:
        is_object = False
    return msgspec.Raw(arguments.encode()) if is_object else {_BAD_ARGUMENTS: arguments}


def _image_source(image: Image, path: str) -> Block:
    if image.url is not None:
        return {"type": "url", "url": image.url}
    if image.media_type not in _IMAGE_TYPES:
        raise GatewayError(
            "invalid_image", "This model reads JPEG, PNG, GIF and WebP images, nothing else.", path
        )
    return {"type": "base64", "media_type": image.media_type, "data": image.content}


def _document(document: Document, path: str) -> Block:
    path = f"{path}.file.file_data"
    if document.media_type == "application/pdf":
        source: Block = {"type": "base64", "media_type": "application/pdf", "data": document.content}
    elif document.media_type == "text/plain":
        try:
            words = base64.b64decode(document.content, validate=True).decode()
        except ValueError as error:
            raise GatewayError("invalid_request", "The file is not UTF-8 text in base64.", path) from error
        source = {"type": "text", "media_type": "text/plain", "data": words}
    else:
        raise GatewayError(
            "unsupported_value",
            f"A file of type {document.media_type!r} is neither PDF nor text.",
            path,
        )
    block: Block = {"type": "document", "source": source}
    if document.title:
        block["title"] = document.title
    return block


def _texts(message: Message) -> Iterator[tuple[Text, str]]:
    """Each with its path."""
    for index, part in enumerate(message.parts):
        path = f"{message.path}.content[{index}]"
        if not isinstance(part, Text):
            raise GatewayError("unsupported_value", "A system message holds text only.", path)
        yield part, path


def text(part: Text, path: str) -> Block:
    return marked({"type": "text", "text": part.text}, part.cache, path)


def _instruction(part: Text) -> Text:
    words = f"<operator_instruction>\n{part.text}\n</operator_instruction>"
    return Text(text=words, cache=part.cache)


def _is_system(message: Message) -> bool:
    return message.role == "system"


def _side(message: Message) -> str:
    return "assistant" if message.role == "assistant" else "user"


class _ToolIds:
    """Ids as upstream takes them: `^[a-zA-Z0-9_-]+$`, unique in the whole request, the same for a call and its
    result. Each depends on the calls before it alone, so that the prefix of a longer conversation stays the
    same bytes."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self.sent: dict[str, str] = {}
        """Of the calls of the latest assistant turn: the client's id -> the id sent upstream, in order."""

    def forget(self) -> None:
        """A new assistant turn begins: its calls may use ids again that are answered."""
        self.sent = {}

    def add(self, call_id: str) -> str:
        clean = wanted = _NOT_AN_ID.sub("_", call_id) or "call"
        while clean in self._taken:
            salted = f"{call_id} {len(self._taken)} {clean}"
            clean = f"{wanted}_{hashlib.sha256(salted.encode()).hexdigest()[:8]}"
        self._taken.add(clean)
        self.sent[call_id] = clean
        return clean

"""What in a Chat body is meant for other vendors' models, left out where Chat is spoken to the end.

Marks for caching, and what other models want back of their reasoning. They are extensions of this gateway; a
Chat upstream would refuse a conversation that another model began. Whatever else it may not know stays.
"""

from typing import Final

import msgspec

from api.errors import GatewayError

_WORDS: Final = (b'"thinking_blocks"', b'"reasoning_items"', b'"cache_control"')
_MARK: Final = "cache_control"
_CARRIERS: Final = ("thinking_blocks", "reasoning_items")
_TOLD: Final = "reasoning_content"

Record = dict[str, msgspec.Raw]
_records = msgspec.json.Decoder(list[Record])


def may_hold(value: msgspec.Raw) -> bool:
    """Almost every body is spared the reading by this; a search for plain bytes is the fastest there is."""
    content = bytes(value)
    return any(word in content for word in _WORDS)


def left_out(records: msgspec.Raw, param: str) -> list[Record]:
    """The messages or tools without it. What this gateway told of another model's reasoning goes with what that
    model wants back of it; alone it may be the upstream's own."""
    try:
        found = _records.decode(records)
    except msgspec.ValidationError as error:
        raise GatewayError("invalid_request", f"Invalid {param}: {error}.", param) from error
    for record in found:
        record.pop(_MARK, None)
        carried = [record.pop(name) for name in _CARRIERS if name in record]
        if carried:
            record.pop(_TOLD, None)
        content = record.get("content")
        if content is not None and may_hold(content):
            record["content"] = _unmarked(content)
    return found


def _unmarked(content: msgspec.Raw) -> msgspec.Raw:
    """A text that only speaks of marks stays as it is."""
    try:
        parts = _records.decode(content)
    except msgspec.ValidationError:
        return content
    for part in parts:
        part.pop(_MARK, None)
    return msgspec.Raw(msgspec.json.encode(parts))

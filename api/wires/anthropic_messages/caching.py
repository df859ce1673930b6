"""Marks for caching: how a block carries one, and how many a request may have."""

from typing import Any, Final

from api.errors import GatewayError
from api.types import CacheMark

Block = dict[str, object]

_MAX_MARKS: Final = 4
# A least lifetime of half an hour is kept by the next longer one that there is.
_TTL: Final = {"5m": "5m", "1h": "1h", "30m": "1h"}


def control(mark: CacheMark, path: str) -> Block:
    if mark.ttl is None:
        return {"type": "ephemeral"}
    if mark.ttl not in _TTL:
        raise GatewayError(
            "unsupported_value",
            f"This model keeps no prefix for {mark.ttl}. Ask for 30m.",
            f"{path}.prompt_cache_breakpoint.ttl",
        )
    return {"type": "ephemeral", "ttl": _TTL[mark.ttl]}


def marked(block: Block, mark: CacheMark | None, path: str) -> Block:
    """The block, with its mark if it has one."""
    return block if mark is None else {**block, "cache_control": control(mark, path)}


def check_marks(body: Block) -> None:
    count = _marks(body)
    if count > _MAX_MARKS:
        raise GatewayError(
            "invalid_request",
            f"This model takes at most {_MAX_MARKS} marks for caching in one request, not {count}.",
            "cache_control",
        )


def _marks(value: Any) -> int:
    """What is the client's own JSON does not count."""
    if isinstance(value, dict):
        own = "cache_control" in value
        return own + sum(
            _marks(inner)
            for key, inner in value.items()
            if key not in ("input", "input_schema", "output_config")
        )
    return sum(map(_marks, value)) if isinstance(value, list) else 0

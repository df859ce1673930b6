"""Request bodies judged by the vendors' own parameter types, as strictly as their servers do.

The official packages describe requests as TypedDicts; pydantic checks a body against them. Two things are made
stricter than a bare TypeAdapter: an `Iterable` is checked to its last item (pydantic would check it lazily,
so never), and a key that no type knows is an error at every depth.
"""

import functools
import json
import re
from typing import Any, NamedTuple

from anthropic.types.message_create_params import (
    MessageCreateParamsNonStreaming,
    MessageCreateParamsStreaming,
)
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter
from pydantic_core import ErrorDetails, SchemaValidator, ValidationError

# path -> the types of a plain and of a streamed request
_PARAMS: dict[str, tuple[Any, Any]] = {
    "/v1/chat/completions": (CompletionCreateParamsNonStreaming, CompletionCreateParamsStreaming),
    "/v1/responses": (ResponseCreateParamsNonStreaming, ResponseCreateParamsStreaming),
    "/v1/messages": (MessageCreateParamsNonStreaming, MessageCreateParamsStreaming),
}
_FIELD = re.compile(r"^[a-z][a-z0-9_]*$")
_TYPE_NAMES = {"str", "bool", "int", "float", "dict", "list", "none", "nullable"}


class Mismatch(NamedTuple):
    path: tuple[str | int, ...]
    kind: str  # pydantic's: "missing", "extra_forbidden", "string_type", ...
    words: str

    def dotted(self) -> str:
        return ".".join(map(str, self.path))

    def bracketed(self) -> str:
        steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path]
        return "".join(steps).lstrip(".")


def mismatch(path: str, body: dict[str, Any]) -> Mismatch | None:
    """What is wrong with a body for this path by the official types, the deepest fault first; None if nothing."""
    try:
        _validator(path, body.get("stream") is True).validate_json(
            json.dumps(body), strict=True, extra="forbid"
        )
    except ValidationError as error:
        fault = min(_plausible(error.errors()), key=lambda fault: -len(fault["loc"]))
        steps = tuple(step for step in fault["loc"] if isinstance(step, int) or _is_field(step))
        return Mismatch(steps, fault["type"], fault["msg"])
    return None


@functools.cache
def _validator(path: str, is_stream: bool) -> SchemaValidator:
    return SchemaValidator(_eager(TypeAdapter(_PARAMS[path][is_stream]).core_schema))


def _eager(schema: Any) -> Any:
    if isinstance(schema, dict):
        made = {key: _eager(value) for key, value in schema.items()}
        return {**made, "type": "list"} if made.get("type") == "generator" else made
    if isinstance(schema, list | tuple):
        return type(schema)(map(_eager, schema))
    return schema


def _plausible(faults: list[ErrorDetails]) -> list[ErrorDetails]:
    """A union reports the faults of all its branches; those of branches with another tag do not matter."""
    tags = {"type", "role"}
    others = {
        fault["loc"][:-1] for fault in faults if fault["type"] == "literal_error" and fault["loc"][-1] in tags
    }
    near = [fault for fault in faults if not any(fault["loc"][: len(branch)] == branch for branch in others)]
    return near or faults


def _is_field(step: str) -> bool:
    return _FIELD.match(step) is not None and step not in _TYPE_NAMES

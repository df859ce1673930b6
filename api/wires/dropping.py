"""`x-starscoo-unsupported: drop`: what a model does not support is left out of the request, and named.

What is refused says where it stands, so it is taken out there and the rest is tried again: nothing but the
refusals themselves knows what may be dropped. An unknown key goes where it stands, a parameter or a value that
the model does not have goes with its whole parameter. Content is never dropped, nor is a tool: without them it
would be another request.
"""

import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from api.errors import GatewayError
from api.types import Envelope

MAX_DROPPED: Final = 32
"""Each costs one more reading of the body."""

_T = TypeVar("_T")
_DROPPED_KINDS: Final = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter"})
_KEPT: Final = frozenset({"messages", "tools", "model", "stream"})
_MARKS: Final = ("cache_control", "prompt_cache_breakpoint")
_STEP: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def translated(
    envelope: Envelope, translate: Callable[[Envelope], _T], *, may_drop: bool
) -> tuple[_T, tuple[str, ...]]:
    """What `translate` makes of the request, and the paths of what was dropped, in the order they were met.
    Raises the GatewayError that it raises for what may not be dropped."""
    dropped: list[str] = []
    while True:
        try:
            return translate(envelope), tuple(dropped)
        except GatewayError as error:
            path = _droppable(error) if may_drop and len(dropped) < MAX_DROPPED else None
            smaller = None if path is None else without(envelope, path)
            if path is None or smaller is None:
                raise
            dropped.append(path)
            envelope = smaller


def without(envelope: Envelope, path: str) -> Envelope | None:
    """The request less this key; None if it is not there."""
    steps = [int(number) if number else key for number, key in _STEP.findall(path)]
    top, *rest = steps
    if not isinstance(top, str):
        return None
    # A key may hold what looks like steps.
    if path in envelope.fields:
        top, rest = path, []
    if top not in envelope.fields:
        return None
    fields = dict(envelope.fields)
    raw = fields.pop(top)
    if rest:
        value = msgspec.json.decode(raw)
        if not _taken_out(value, rest):
            return None
        fields[top] = msgspec.Raw(msgspec.json.encode(value))
    bound = envelope.output_tokens
    if top == "n" and bound is not None:
        # The envelope's bound is that of all answers together; now there is one.
        bound //= msgspec.json.decode(raw, type=int)
    return msgspec.structs.replace(envelope, fields=fields, output_tokens=bound)


def _taken_out(value: object, steps: list[int | str]) -> bool:
    *way, last = steps
    try:
        for step in way:
            value = value[step]  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        return False
    return isinstance(value, dict) and isinstance(last, str) and value.pop(last, value) is not value


def _droppable(error: GatewayError) -> str | None:
    if error.kind not in _DROPPED_KINDS or error.param is None:
        return None
    if error.kind == "unknown_parameter":
        return error.param
    for mark in _MARKS:
        before, found, _ = error.param.partition(f".{mark}")
        if found:
            return before + found
    top = re.split(r"[.\[]", error.param)[0]
    return None if top in _KEPT else top

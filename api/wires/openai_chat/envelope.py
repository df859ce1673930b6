"""A Chat body seen from outside: what the gateway itself decides by, and the body as it goes upstream.

One pass of msgspec into raw values checks the grammar of the whole body (NaN, lone surrogates and control
characters are no JSON); that it is UTF-8 and not nested beyond 64 levels is checked besides. What goes
upstream on the same wire is always an encoding of those raw values, never the client's own bytes: duplicate
keys are gone, and what was checked is what is sent.

The prompt estimate has to be an upper one, because the monthly cap is reserved by it: one token for three
bytes of JSON. Prose has four bytes and more to a token, code three to four; the JSON around a message pays
for the template around it. No byte-level tokenizer makes more tokens than bytes, so no text can be more than
three times its estimate. The payload of an inline image does not count by its bytes: 1,600 tokens an image.
"""

import re
from array import array
from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import accumulate, chain
from typing import Final, TypeVar

import msgspec

from api.errors import GatewayError
from api.types import Envelope, Target
from api.wires.openai_chat import foreign

MAX_DEPTH: Final = 64
MAX_CONTAINERS: Final = 500_000
"""Objects and arrays in one body: each costs some hundred bytes of memory once it is read."""

BYTES_PER_TOKEN: Final = 3
IMAGE_TOKENS: Final = 1_600
TOOL_TOKENS: Final = 500
"""Vendors put instructions of their own in front of a prompt with tools."""

T = TypeVar("T")
Raw = msgspec.Raw
_NULL: Final = Raw(b"null")


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


_object = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])
_records = msgspec.json.Decoder(list[dict[str, Raw]])
_string: msgspec.json.Decoder[str | None] = msgspec.json.Decoder(str | None)
_strings: msgspec.json.Decoder[list[str] | None] = msgspec.json.Decoder(list[str] | None)
_boolean: msgspec.json.Decoder[bool | None] = msgspec.json.Decoder(bool | None)
_integer: msgspec.json.Decoder[int | None] = msgspec.json.Decoder(int | None)
_stream_options: msgspec.json.Decoder[_StreamOptions | None] = msgspec.json.Decoder(_StreamOptions | None)


def peek(body: bytes) -> Envelope:
    """Raises `invalid_json`, or `invalid_request` naming the field."""
    fields = _raw_fields(body)
    prompt_tokens = _prompt_tokens(fields, body)
    is_stream = _value(fields, "stream", _boolean) or False
    param, bound = _output_bound(fields)
    choices = _choices(fields)
    return Envelope(
        model=_model(fields),
        is_stream=is_stream,
        wants_usage=_wants_usage(fields, is_stream),
        output_tokens=None if bound is None else bound * choices,
        output_param=param,
        prompt_tokens=prompt_tokens,
        fields=fields,
    )


def splice(envelope: Envelope, changes: Mapping[str, object | None]) -> bytes:
    """The body with these top-level keys replaced, added, or (None) removed; the others byte for byte."""
    fields: dict[str, object] = dict(envelope.fields)
    for key, value in changes.items():
        if value is None:
            fields.pop(key, None)
        else:
            fields[key] = value
    return msgspec.json.encode(fields)


def pass_request(envelope: Envelope, target: Target, *, output_tokens: int | None, salt: str) -> bytes:
    """The body for a target on this same wire. `output_tokens` is the granted bound over all choices, None
    where no cap applies; `salt` belongs to the customer and keeps his end users' ids apart from others'."""
    check_same_wire(envelope)
    fields = envelope.fields
    changes: dict[str, object | None] = {"model": target.upstream_model, "max_tokens": None}
    bound = _bound_per_choice(envelope, output_tokens)
    if bound is not None:
        changes["max_completion_tokens"] = bound
    if envelope.is_stream:
        options = fields.get("stream_options", _NULL)
        known = {} if bytes(options) == b"null" else _object.decode(options)
        changes["stream_options"] = {**known, "include_usage": True}
    for key in ("user", "safety_identifier", "prompt_cache_key"):
        value = _value(fields, key, _string)
        if value:
            changes[key] = hashed(value, salt)
    for key in ("messages", "tools"):
        if key in fields and foreign.may_hold(fields[key]):
            changes[key] = foreign.left_out(fields[key], key)
    if "cache_control" in fields:
        changes["cache_control"] = None
    return splice(envelope, changes)


def hashed(value: str, salt: str) -> str:
    """What a vendor is told in place of a customer's own id or key: customers cannot meet in it, nor guess it."""
    return sha256(f"{salt}\0{value}".encode()).hexdigest()[:32]


def check_same_wire(envelope: Envelope) -> None:
    """What is refused on every wire because it changes the bill or stores data; all else the upstream
    judges."""
    fields = envelope.fields
    if _value(fields, "service_tier", _string) not in (None, "auto", "default"):
        raise _unsupported("service_tier", "Only service_tier auto and default are billed here.")
    if _value(fields, "store", _boolean):
        raise _unsupported("store", "Nothing is stored here. Leave store out.")
    if _value(fields, "modalities", _strings) not in (None, ["text"]):
        raise _unsupported("modalities", "Only the modality text is supported.")
    for key in ("audio", "web_search_options", "moderation"):
        if bytes(fields.get(key, _NULL)) != b"null":
            raise GatewayError("unsupported_parameter", f"{key} is not supported here. Leave it out.", key)


# --- single fields --------------------------------------------------------------------------------------


def _unsupported(param: str, message: str) -> GatewayError:
    return GatewayError("unsupported_value", message, param)


def _value(fields: Mapping[str, Raw], key: str, decoder: msgspec.json.Decoder[T]) -> T | None:
    """A field of the decoder's type; None where it is absent."""
    raw = fields.get(key)
    if raw is None:
        return None
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise GatewayError("invalid_request", f"Invalid {key}: {error}.", key) from error


def _model(fields: Mapping[str, Raw]) -> str:
    model = _value(fields, "model", _string)
    if not model:
        raise GatewayError("invalid_request", "Missing required parameter: model.", "model")
    if "\0" in model:
        raise GatewayError("invalid_request", "A model's name holds no NUL character.", "model")
    return model


def _output_bound(fields: Mapping[str, Raw]) -> tuple[str, int | None]:
    """What the client calls his bound on output, and its value."""
    newer = _value(fields, "max_completion_tokens", _integer)
    older = _value(fields, "max_tokens", _integer)
    if newer is not None and older is not None and newer != older:
        raise GatewayError(
            "invalid_request",
            "max_tokens and max_completion_tokens differ. They mean the same: send only one.",
            "max_tokens",
        )
    param, bound = ("max_tokens", older) if newer is None else ("max_completion_tokens", newer)
    if bound is not None and bound < 1:
        raise GatewayError("invalid_request", f"{param} must be at least 1, not {bound}.", param)
    return (param, bound) if bound is not None else ("max_completion_tokens", None)


def _choices(fields: Mapping[str, Raw]) -> int:
    """How many answers were asked for: each may be as long as the bound, so a reservation is for all."""
    choices = _value(fields, "n", _integer)
    if choices is not None and not 1 <= choices <= 128:
        raise GatewayError("invalid_request", f"n must be from 1 to 128, not {choices}.", "n")
    return choices or 1


def _bound_per_choice(envelope: Envelope, granted: int | None) -> int | None:
    bounds = [bound for bound in (envelope.output_tokens, granted) if bound is not None]
    if not bounds:
        return None
    choices = _choices(envelope.fields)
    bound = min(bounds) // choices
    if bound < 1:
        raise GatewayError(
            "token_cap_exceeded", f"What is left of the monthly token cap does not allow n = {choices}.", "n"
        )
    return bound


def _wants_usage(fields: Mapping[str, Raw], is_stream: bool) -> bool:
    options = _value(fields, "stream_options", _stream_options)
    if options is None:
        return False
    if not is_stream:
        raise GatewayError(
            "invalid_request", "stream_options is only allowed together with stream: true.", "stream_options"
        )
    return options.include_usage or False


# --- the whole body -------------------------------------------------------------------------------------


def _raw_fields(body: bytes) -> dict[str, Raw]:
    try:
        str(body, "utf-8")
        fields = _object.decode(body)
    except UnicodeDecodeError as error:
        raise GatewayError("invalid_json", "The request body is not UTF-8.") from error
    except msgspec.ValidationError as error:
        raise GatewayError("invalid_json", "The request body must be a JSON object.") from error
    except msgspec.DecodeError as error:
        raise GatewayError("invalid_json", f"The request body is not valid JSON: {error}.") from error
    except RecursionError as error:
        raise _too_deep() from error
    opening = bytes(memoryview(fields.get("messages", _NULL))[:64])
    if opening == b"null":
        raise GatewayError("invalid_request", "Missing required parameter: messages.", "messages")
    if not opening.startswith(b"[") or opening[1:].lstrip().startswith(b"]"):
        raise GatewayError(
            "invalid_request", "messages must be an array of at least one message.", "messages"
        )
    return fields


def _too_deep() -> GatewayError:
    return GatewayError("invalid_json", f"The request body is nested deeper than {MAX_DEPTH} levels.")


# Almost every body is a list of records with long strings, and msgspec skips strings faster than anything else
# can. So a body is opened a few levels down, and only the arrays and objects found there are searched for
# images and measured by their brackets. Opening makes objects, so a very large body is searched as a whole.
_OPENED_BYTES: Final = 1 << 20


def _prompt_tokens(fields: Mapping[str, Raw], body: bytes) -> int:
    """The prompt's upper estimate; refuses what is nested too deep on the way."""
    if len(body) > _OPENED_BYTES:
        searched = body
        rest, images = _without_images(searched)
        _check_depth(rest, MAX_DEPTH)
    else:
        contents = _opened(memoryview(fields["messages"]), MAX_DEPTH - 1)
        searched = b"".join(view for view, _ in contents)
        rest, images = _without_images(searched)
        for value in _structured((fields[key] for key in fields if key != "messages"), MAX_DEPTH - 1):
            contents += _opened(*value)
        for content in contents:
            for inner, levels in _opened(*content):
                _check_depth(bytes(inner), levels)
    text_bytes = len(body) - len(searched) + len(rest)
    tools = TOOL_TOKENS if "tools" in fields else 0
    return -(-text_bytes // BYTES_PER_TOKEN) + images * IMAGE_TOKENS + tools


def _opened(value: memoryview, levels: int) -> list[tuple[memoryview, int]]:
    """The arrays and objects in an object, in an array, or in the records of an array."""
    if value[0] == ord("{"):
        return _structured(_object.decode(value).values(), levels - 1)
    try:
        records = _records.decode(value)
    except msgspec.ValidationError:
        return _structured(_array.decode(value), levels - 1)
    return _structured(chain.from_iterable(record.values() for record in records), levels - 2)


_SHORT: Final = 40
"""A shorter value holds no image and, at two bytes a level, cannot be nested too deep either."""


def _structured(values: Iterable[Raw], levels: int) -> list[tuple[memoryview, int]]:
    """The arrays and objects among these values, each with the levels it may have."""
    found = []
    for value in values:
        view = memoryview(value)
        if len(view) > _SHORT and view[0] in b"[{":
            found.append((view, levels))
    return found


_TYPE_IMAGE: Final = re.compile(rb'"type"\s*:\s*"image_url"')
_INLINE_IMAGE: Final = b'"data:image/'


def _without_images(value: bytes) -> tuple[bytes, int]:
    """JSON less the payloads of its inline images, and how many images it has, inline or by address.

    An inline image is a string that begins like one and is the value of a `url`. A quote before `data:` opens
    a string unless a backslash stands before it, and the next quote ends it unless the string holds one
    escaped; such a string is left in.
    """
    if b"image_url" not in value:
        return value, 0
    kept: list[bytes] = []
    done = 0
    start = value.find(_INLINE_IMAGE)
    while start >= 0:
        end = value.find(b'"', start + 1)
        before = value[max(0, start - 16) : start].rstrip()
        if before.endswith(b":") and before[:-1].rstrip().endswith(b'"url"') and value[end - 1] != ord("\\"):
            kept.append(value[done : start + 1])
            done = end
        start = value.find(_INLINE_IMAGE, end)
    rest = b"".join((*kept, value[done:]))
    return rest, len(_TYPE_IMAGE.findall(rest))


_NO_STRUCTURE: Final = bytes(set(range(256)) - set(b'"[]{}'))
_STRING: Final = re.compile(rb'"[^"]*"')
_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")


def _check_depth(value: bytes, levels: int) -> None:
    """Refuses valid JSON that is nested deeper than this, by its brackets outside of strings."""
    if value.count(b"[") + value.count(b"{") <= levels:
        return
    skeleton = value.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_STRUCTURE)
    brackets = _STRING.sub(b"", skeleton)
    if len(brackets) > 2 * MAX_CONTAINERS:
        raise GatewayError("invalid_request", f"More than {MAX_CONTAINERS:,} objects and arrays in one body.")
    if max(accumulate(array("b", brackets.translate(_STEPS))), default=0) > levels:
        raise _too_deep()

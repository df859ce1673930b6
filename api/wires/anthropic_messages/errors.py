"""Anthropic's errors in the gateway's kinds, in a plain answer and inside a stream.

Decided by the error's type, since a stream has no status, else by the status. What concerns the operator's
own account (credentials, credit, spend limits) becomes `upstream_unavailable`, in words of our own: no fact
of his organisation reaches a client. A 429 without Retry-After is such a limit too, which only the caller can
see; headers are his business.
Source: Anthropic's documentation, "Errors", and the official SDK's error types, read 2026-11-22.
"""

import re
from typing import Final

import msgspec

from api.errors import GatewayError, Kind
from api.types import Failed
from api.wires.known_types import UNREADABLE

_OVERLOADED_WAIT_S: Final = 5

_BY_TYPE: Final[dict[str, Kind]] = {
    "authentication_error": "upstream_unavailable",
    "billing_error": "upstream_unavailable",
    "permission_error": "upstream_unavailable",
    "not_found_error": "upstream_unavailable",
    "request_too_large": "request_too_large",
    "rate_limit_error": "upstream_rate_limited",
    "timeout_error": "upstream_timeout",
    "overloaded_error": "upstream_overloaded",
    "api_error": "upstream_error",
}

_BY_STATUS: Final[dict[int, Kind]] = {
    401: "upstream_unavailable",
    402: "upstream_unavailable",
    403: "upstream_unavailable",
    404: "upstream_unavailable",
    408: "upstream_timeout",
    413: "request_too_large",
    429: "upstream_rate_limited",
    503: "upstream_overloaded",
    504: "upstream_timeout",
    529: "upstream_overloaded",
}

_SENTENCES: Final[dict[Kind, str]] = {
    "upstream_unavailable": "This model is not available at the moment; the gateway's operator has to act.",
    "request_too_large": "The request is larger than the model's provider accepts. Send less.",
    "upstream_rate_limited": "The model's provider is limiting the rate of requests. Try again later.",
    "upstream_timeout": "The model's provider did not answer in time. Try again.",
    "upstream_overloaded": "The model's provider is overloaded. Try again in a few seconds.",
    "upstream_error": "The model's provider failed. Try again.",
}

# Codes are stable, wording is not; where there is no code the words must do. A message that begins with a field is
# about the request whatever it quotes of it.
_SPEND_CODES: Final = frozenset({"enforced_spend_limit_reached"})
_ACCOUNT_WORDS: Final = re.compile(
    r"credit balance|spend limit|usage limits|organization has been disabled", re.IGNORECASE
)
_OPERATOR_WORDS: Final = re.compile(r"billing|organization|workspace|api key", re.IGNORECASE)
_OPERATOR_IDS: Final = re.compile(r"\b(?:org|req|wrkspc)[-_][A-Za-z0-9]{8,}|\bsk-ant-")
_REFUSED: Final = "The model's provider refused the request as invalid."
_TOO_LONG_WORDS: Final = re.compile(r"prompt is too long|exceed(s|ed)? (the )?context", re.IGNORECASE)
_IMAGE_WORDS: Final = re.compile(r"\bimages?\b", re.IGNORECASE)
_SIGNATURE_WORDS: Final = re.compile(r"invalid\W+signature\b.*\bthinking\b", re.IGNORECASE)
_SIGNATURE: Final = (
    "A block of thinking came back altered. Send thinking_blocks as they came, or leave them out."
)

# Upstream's messages begin with a path of our rendered request ("messages.2.content.0: ..."). Its indexes are
# not the client's, so only the field is named, by the client's word.
_FIELD: Final = re.compile(r"^([a-z_]+)[.:]")
_CLIENT_FIELDS: Final = {
    "messages": "messages",
    "system": "messages",
    "tools": "tools",
    "tool_choice": "tool_choice",
    "stop_sequences": "stop",
    "max_tokens": "max_completion_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "thinking": "reasoning_effort",
    "output_config": "reasoning_effort",
}


class _Details(msgspec.Struct):
    error_code: str | None = None


class WireError(msgspec.Struct):
    type: str = ""
    message: str = ""
    details: _Details | None = None


class _Body(msgspec.Struct):
    error: WireError


_body = msgspec.json.Decoder(_Body)


def parse_error(status: int, body: bytes) -> GatewayError:
    """An answer that is no success. Proxies before the API answer in HTML; then the status alone counts."""
    try:
        error = _body.decode(body).error
    except UNREADABLE:
        return _sentence(_BY_STATUS.get(status, "upstream_error"))
    return _classify(error, status)


def failed(error: WireError) -> Failed:
    """An error event; as the first event of a stream the caller can still make it an HTTP error."""
    made = _classify(error, None)
    return Failed(kind=made.kind, message=made.message, param=made.param, retry_after=made.retry_after)


def unreadable() -> Failed:
    """An event known by its type, but not of its shape."""
    return Failed(kind="upstream_error", message=_SENTENCES["upstream_error"])


def _classify(error: WireError, status: int | None) -> GatewayError:
    if error.details is not None and error.details.error_code in _SPEND_CODES:
        return _sentence("upstream_unavailable")
    if error.type == "invalid_request_error" or (status in (400, 422) and error.type not in _BY_TYPE):
        return _invalid_request(error.message)
    by_status = _BY_STATUS.get(status, "upstream_error") if status is not None else "upstream_error"
    return _sentence(_BY_TYPE.get(error.type, by_status))


def _invalid_request(message: str) -> GatewayError:
    field = _FIELD.match(message)
    if field is None and _ACCOUNT_WORDS.search(message):
        return _sentence("upstream_unavailable")
    if _TOO_LONG_WORDS.search(message):
        return GatewayError("context_length_exceeded", message, "messages")
    param = _CLIENT_FIELDS.get(field[1]) if field else None
    if _OPERATOR_IDS.search(message) or (field is None and _OPERATOR_WORDS.search(message)):
        message = _REFUSED
    if _IMAGE_WORDS.search(message):
        return GatewayError("invalid_image", message, param)
    if _SIGNATURE_WORDS.search(message):
        return GatewayError("invalid_thinking_signature", _SIGNATURE, "messages")
    return GatewayError("invalid_request", message, param)


def _sentence(kind: Kind) -> GatewayError:
    wait = _OVERLOADED_WAIT_S if kind == "upstream_overloaded" else None
    return GatewayError(kind, _SENTENCES[kind], retry_after=wait)

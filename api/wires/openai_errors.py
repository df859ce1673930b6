"""OpenAI's errors as a client of ours may know them; shared by the two wires that OpenAI speaks.

An error is mapped by its `code`, else by its HTTP status (OpenAI, "Error codes" and the error values of the
openapi document of 2026-08-21). Whatever concerns the operator's own account (his key, his quota, his
organisation) becomes `upstream_unavailable`; the upstream's words reach the client only where they are about
the client's own request, and without ids of the operator.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from api.errors import GatewayError, Kind

# `type` stands in for a missing `code`. Codes not listed are judged by the status.
_BY_CODE: Final[dict[str, Kind]] = {
    "context_length_exceeded": "context_length_exceeded",
    "invalid_prompt": "content_policy_violation",
    "content_policy_violation": "content_policy_violation",
    "bio_policy": "content_policy_violation",
    "misalignment_policy_violation": "content_policy_violation",
    "image_content_policy_violation": "content_policy_violation",
    "image_too_large": "invalid_image",
    "image_too_small": "invalid_image",
    "image_parse_error": "invalid_image",
    "image_file_too_large": "invalid_image",
    "image_file_not_found": "invalid_image",
    "empty_image_file": "invalid_image",
    "unsupported_image_media_type": "invalid_image",
    "failed_to_download_image": "invalid_image",
    "unknown_parameter": "unknown_parameter",
    "unsupported_parameter": "unsupported_parameter",
    "unsupported_value": "unsupported_value",
    "insufficient_quota": "upstream_unavailable",
    "credit_balance_exhausted": "upstream_unavailable",
    "billing_hard_limit_reached": "upstream_unavailable",
    "organization_spend_limit_exceeded": "upstream_unavailable",
    "project_spend_limit_exceeded": "upstream_unavailable",
    "organization_usage_limit_exceeded": "upstream_unavailable",
    "invalid_api_key": "upstream_unavailable",
    "model_not_found": "upstream_unavailable",
    "rate_limit_exceeded": "upstream_rate_limited",
    "server_is_overloaded": "upstream_overloaded",
    "slow_down": "upstream_overloaded",
    "server_error": "upstream_error",
    "invalid_request_error": "invalid_request",
}
_BY_STATUS: Final[dict[int, Kind]] = {
    400: "invalid_request",
    401: "upstream_unavailable",
    402: "upstream_unavailable",
    403: "upstream_unavailable",
    404: "upstream_unavailable",
    408: "upstream_timeout",
    413: "request_too_large",
    422: "invalid_request",
    429: "upstream_rate_limited",
    503: "upstream_overloaded",
    504: "upstream_timeout",
    529: "upstream_overloaded",
}
_WORDS: Final[dict[Kind, str]] = {
    "upstream_unavailable": "The model's provider does not serve this server at the moment. "
    "Choose another model, or ask the operator of this server.",
    "upstream_rate_limited": "The model's provider limits the rate of requests right now. Try again later.",
    "upstream_overloaded": "The model's provider is overloaded. Try again in a few seconds.",
    "upstream_timeout": "The model's provider did not answer in time. Try again.",
    "upstream_error": "The model's provider failed to answer. Try again.",
    "request_too_large": "The request is larger than the model's provider accepts. Send less.",
}
_UNVERIFIED: Final = "your organization must be verified"
_REFUSED: Final = "The model's provider refused the request as invalid."
_OPERATORS_OWN: Final = re.compile(
    r"\b(?:org|proj|req|sess|user)[-_][A-Za-z0-9]{8,}|\bsk-|organi[sz]ation|api key|billing", re.IGNORECASE
)
_OVERLOADED_SECONDS: Final = 5


class _Body(msgspec.Struct):
    error: dict[str, object]


_body = msgspec.json.Decoder(_Body)


def parse_error(status: int, body: bytes) -> GatewayError:
    """The answer to a call that the upstream refused. Retry-After is the caller's to add."""
    try:
        error = _body.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # A page of some proxy in between: its status counts, except that it cannot have judged our request.
        kind = _BY_STATUS.get(status, "upstream_error")
        return _told("upstream_error" if kind == "invalid_request" else kind)
    return _mapped(error, _BY_STATUS.get(status, "upstream_error"), status)


def in_stream(error: Mapping[str, object]) -> GatewayError:
    """An error object that came inside a stream, where there is no status: its code decides."""
    code = error.get("code")
    status = code if isinstance(code, int) else 500
    return _mapped(error, _BY_STATUS.get(status, "upstream_error"), status)


def _mapped(error: Mapping[str, object], by_status: Kind, status: int) -> GatewayError:
    message = _text(error, "message")
    code = _text(error, "code") or _text(error, "type")
    kind = _BY_CODE.get(code, by_status)
    if code.startswith(("invalid_image", "invalid_base64_image")):
        kind = "invalid_image"
    if status in (401, 402, 403, 404) or message.lower().startswith(_UNVERIFIED):
        kind = "upstream_unavailable"
    elif status >= 500 and kind == "invalid_request":
        kind = by_status
    return _told(kind, message, _text(error, "param") or None)


def _told(kind: Kind, message: str = "", param: str | None = None) -> GatewayError:
    words = _WORDS.get(kind)
    if words is not None:
        wait = _OVERLOADED_SECONDS if kind == "upstream_overloaded" else None
        return GatewayError(kind, words, retry_after=wait)
    if kind == "context_length_exceeded":
        param = "messages"
    if not message or _OPERATORS_OWN.search(message):
        message = _REFUSED
    return GatewayError(kind, message, param)


def _text(error: Mapping[str, object], name: str) -> str:
    value = error.get(name)
    return value if isinstance(value, str) else ""

"""The one exception that reaches a client, and what each kind means on the wire.

Everything the gateway refuses is a `GatewayError`; a wire renders it in its own shape (`render_error`).
Status, type and code per kind: shared table E of the translation rules; `kind` is the stable `error.code`.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

Kind = Literal[
    "invalid_api_key",
    "key_paused",
    "account_suspended",
    "not_found",
    "method_not_allowed",
    "request_too_large",
    "request_timeout",
    "headers_too_large",
    "invalid_json",
    "invalid_request",
    "unknown_parameter",
    "unsupported_parameter",
    "unsupported_value",
    "invalid_image",
    "invalid_thinking_signature",
    "context_length_exceeded",
    "content_policy_violation",
    "model_not_found",
    "rate_limited",
    "token_cap_exceeded",
    "concurrency_limited",
    "upstream_rate_limited",
    "upstream_overloaded",
    "upstream_unavailable",
    "upstream_error",
    "upstream_timeout",
    "upstream_disconnected",
    "service_unavailable",
    "internal_error",
]

_REQUEST: Final = "invalid_request_error"
_SERVER: Final = "server_error"

# kind -> (HTTP status, error.type, whether an SDK should try again)
KINDS: Final[dict[Kind, tuple[int, str, bool]]] = {
    "invalid_api_key": (401, _REQUEST, False),
    "key_paused": (403, _REQUEST, False),
    "account_suspended": (403, _REQUEST, False),
    "not_found": (404, _REQUEST, False),
    "method_not_allowed": (405, _REQUEST, False),
    "request_too_large": (413, _REQUEST, False),
    "request_timeout": (408, _REQUEST, True),
    "headers_too_large": (431, _REQUEST, False),
    "invalid_json": (400, _REQUEST, False),
    "invalid_request": (400, _REQUEST, False),
    "unknown_parameter": (400, _REQUEST, False),
    "unsupported_parameter": (400, _REQUEST, False),
    "unsupported_value": (400, _REQUEST, False),
    "invalid_image": (400, _REQUEST, False),
    "invalid_thinking_signature": (400, _REQUEST, False),
    "context_length_exceeded": (400, _REQUEST, False),
    "content_policy_violation": (400, _REQUEST, False),
    "model_not_found": (404, _REQUEST, False),
    "rate_limited": (429, "rate_limit_error", True),
    "token_cap_exceeded": (429, "insufficient_quota", False),
    "concurrency_limited": (429, "rate_limit_error", True),
    "upstream_rate_limited": (429, "rate_limit_error", True),
    "upstream_overloaded": (503, _SERVER, True),
    "upstream_unavailable": (503, _SERVER, False),
    "upstream_error": (502, _SERVER, True),
    "upstream_timeout": (504, _SERVER, True),
    "upstream_disconnected": (502, _SERVER, True),
    "service_unavailable": (503, _SERVER, True),
    "internal_error": (500, _SERVER, True),
}
assert set(KINDS) == set(get_args(Kind))


@dataclass(frozen=True, slots=True)
class Blocked:
    """Which limit refused a request: what the refusal's row and the Limits page tell. Counts at the
    decision."""

    limit: Literal["hourly_requests", "monthly_tokens", "concurrent_requests"]
    layer: Literal["key", "account"]
    value: int
    count: int
    window_end: int


class GatewayError(Exception):
    """A refusal or failure that the client is told about.

    `message` says what happened, why, and what to do; it never holds upstream organisation facts or secrets.
    `param` is the exact path of the offending field. `retry_after` is in whole seconds, `retry_after_ms` is the
    same to the millisecond. `retryable` overrides the kind's own answer (a cap that is only held by running
    requests is worth another try). `for_operator` is what an upstream said of the operator's account: for him alone.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        param: str | None = None,
        retry_after: int | None = None,
        *,
        retryable: bool | None = None,
        blocked: Blocked | None = None,
    ) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.retry_after_ms: int | None = None
        self.status, self.type, default = KINDS[kind]
        self.is_retryable = default if retryable is None else retryable
        self.blocked = blocked
        self.for_operator = ""

"""What a client is told when an upstream fails, and what the operator is told.

The wire judges the upstream's own words; here its headers are judged, which are the same for all vendors. A
refusal of the operator's own account (his key, his credit, his quota) is `upstream_unavailable` for the client;
`for_operator` then says what the upstream said, for the log and the admin page, never for a client.
"""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from api import wires
from api.errors import GatewayError
from api.providers.base import UpstreamFailure
from api.types import WireName

LONGEST_RETRY_SECONDS: Final = 120
"""Official clients give up on more, so more is never told."""
OVERLOADED_SECONDS: Final = 5

# Where a 429 that names no time means a spend limit: this vendor always names one on a limit of the rate.
_ALWAYS_NAME_A_TIME: Final[frozenset[WireName]] = frozenset({"anthropic_messages"})
_SECRET: Final = re.compile(r"\b(?:sk|key)[-_][\w*.-]{6,}", re.IGNORECASE)
_SHOWN_CHARS: Final = 300

_FAILED: Final = {
    "upstream_timeout": "The model's provider did not answer in time. Try again.",
    "upstream_error": "The model's provider failed to answer. Try again.",
    "upstream_disconnected": "The model's provider broke off its answer. Try again.",
    "upstream_unavailable": "The model's provider cannot be reached by this server. Ask its operator.",
}


def broken(failure: UpstreamFailure) -> GatewayError:
    """No answer came or it broke off; the details stay in the log."""
    return GatewayError(failure.kind, _FAILED.get(failure.kind, _FAILED["upstream_error"]))


def answered(
    wire: WireName, status: int, headers: Mapping[str, str], body: bytes, *, now: float
) -> GatewayError:
    """The upstream answered with an error. `now` in Unix seconds, for a Retry-After that is a date."""
    error = wires.upstream(wire).parse_error(status, body)
    wait_ms = _wait_ms(headers, now)
    if error.kind == "upstream_rate_limited" and wait_ms is None and wire in _ALWAYS_NAME_A_TIME:
        error = GatewayError("upstream_unavailable", _FAILED["upstream_unavailable"])
    if error.kind == "upstream_unavailable":
        error.for_operator = f"HTTP {status}: {_shown(body)}"
    if error.is_retryable and headers.get("x-should-retry") == "false":
        error.is_retryable = False
    return with_wait(error, wait_ms)


def with_wait(error: GatewayError, wait_ms: int | None) -> GatewayError:
    """When to come back, on errors that are worth another try: as the upstream says, two minutes at most."""
    if error.kind == "upstream_overloaded" and error.retry_after is None:
        error.retry_after = OVERLOADED_SECONDS
    if error.is_retryable and wait_ms is not None:
        wait_ms = min(wait_ms, LONGEST_RETRY_SECONDS * 1000)
        error.retry_after = -(-wait_ms // 1000)
        error.retry_after_ms = wait_ms
    return error


def _wait_ms(headers: Mapping[str, str], now: float) -> int | None:
    """Retry-After-Ms, else Retry-After in seconds or as a date; None without one that can be read."""
    for name, scale in (("retry-after-ms", 1), ("retry-after", 1000)):
        asked = headers.get(name, "").strip()
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]*)?", asked, re.ASCII):
            return int(float(asked) * scale)
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0, int((until.timestamp() - now) * 1000))


def _shown(body: bytes) -> str:
    """The upstream's words on one line, without what looks like a key."""
    text = " ".join(body[: _SHOWN_CHARS * 4].decode("utf-8", "replace").split())
    return _SECRET.sub("[key]", text)[:_SHOWN_CHARS]

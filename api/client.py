"""The client's side of HTTP: reading a body with a limit, starting an answer, rendering an error, CORS.

Every answer of the gateway carries `x-request-id` and may be read by any origin (no credentials are involved:
the key travels in a header that a page must set itself).
"""

import secrets
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api import wires
from api.errors import GatewayError, Kind
from api.types import WireName

Headers = list[tuple[bytes, bytes]]

EXPOSED: Final = (
    b"x-request-id, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
    b"x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens, "
    b"retry-after, retry-after-ms, x-should-retry, x-starscoo-dropped, x-starscoo-bound"
)
COMMON: Final[Headers] = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", EXPOSED),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]


def new_id(prefix: str) -> str:
    """An id of ours: 96 random bits behind a prefix."""
    return prefix + secrets.token_hex(12)


async def receive(request: Request, limit: int) -> bytes:
    """The whole body. Raises `request_too_large` before reading on, `invalid_request` when the client broke
    off."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    pieces: list[bytes] = []
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            pieces.append(piece)
    except ClientDisconnect as error:
        raise GatewayError("invalid_request", "The request body broke off before its end.") from error
    return b"".join(pieces)


def _too_large(limit: int) -> GatewayError:
    return GatewayError(
        "request_too_large",
        f"The request body is larger than {limit:,} bytes, the limit of this server. Send less, or smaller images.",
    )


def start(status: int, content_type: bytes, headers: Headers, length: int | None = None) -> dict[str, object]:
    """The ASGI message that begins an answer; without a length it is a stream."""
    rows = [(b"content-type", content_type), *headers, *COMMON]
    if length is not None:
        rows.append((b"content-length", b"%d" % length))
    else:
        rows.append((b"x-accel-buffering", b"no"))
    return {"type": "http.response.start", "status": status, "headers": rows}


def json_answer(content: object, headers: Headers) -> Response:
    """A whole answer of the gateway's own."""
    answer = Response(msgspec.json.encode(content), media_type="application/json")
    answer.raw_headers += [*headers, *COMMON]
    return answer


def plain_error(front: WireName, error: GatewayError, headers: Headers) -> Response:
    """An error as the client's own wire says it, with the headers that SDKs decide by."""
    answer = Response(wires.front(front).render_error(error), error.status, media_type="application/json")
    answer.raw_headers += [*headers, *COMMON, *_retry_headers(error)]
    return answer


def _retry_headers(error: GatewayError) -> Headers:
    rows: Headers = []
    if error.retry_after is not None:
        rows.append((b"retry-after", b"%d" % error.retry_after))
    if error.retry_after_ms is not None:
        rows.append((b"retry-after-ms", b"%d" % error.retry_after_ms))
    # SDKs retry 408, 409, 429 and 5xx by themselves unless they are told.
    if error.status in (408, 409, 429) or error.status >= 500:
        rows.append((b"x-should-retry", b"true" if error.is_retryable else b"false"))
    return rows


def raw_refusal(kind: Kind, message: str) -> bytes:
    """The whole answer to what could not be read as a request, and the last on its connection."""
    error = GatewayError(kind, message)
    body = wires.front("openai_chat").render_error(error)
    rows = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        (b"x-request-id", new_id("req_").encode()),
        *COMMON,
        *_retry_headers(error),
    ]
    status = b"HTTP/1.1 %d %s\r\n" % (error.status, HTTPStatus(error.status).phrase.encode())
    return status + b"".join(name + b": " + value + b"\r\n" for name, value in rows) + b"\r\n" + body


def internal_error(request_id: str) -> GatewayError:
    """A bug of ours: the client gets an id, never the text."""
    return GatewayError(
        "internal_error",
        f"The gateway failed to handle this request. Try again; if it stays so, tell the operator the id {request_id}.",
    )

"""What stands between the network and the dashboard: security headers on every answer, and the check where a
post or a socket comes from.

A page of another site can neither send a form here nor open a page's socket: browsers name the origin of both,
and it must be this server's own (the request's scheme and host, or the public URL that the operator named).
`unsafe-eval` cannot be dropped: NiceGUI's pages are compiled in the browser.
"""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY: Final = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not `no-referrer`: with it browsers send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_SOCKET: Final = "/_nicegui_ws"


class Guard:
    """A pure ASGI layer around everything but `/v1`."""

    def __init__(self, app: ASGIApp, *, public_url: str | None, is_secure: bool) -> None:
        self._app = app
        self._public_origin = _origin_of(public_url)
        self._is_secure = is_secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(message)
            await send(message)

        if self._comes_from_elsewhere(scope):
            await _refuse(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    def _add_headers(self, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        if self._is_secure:
            headers.setdefault("strict-transport-security", "max-age=31536000")

    def _comes_from_elsewhere(self, scope: Scope) -> bool:
        """Reading is free, except the socket's polling, which carries a page's events. A post without any origin
        comes from no browser, or from one told to hide it: refused. A socket without one is no browser's."""
        is_socket = scope["path"].startswith(_SOCKET)
        if not is_socket and (scope["type"] == "websocket" or scope["method"] in ("GET", "HEAD", "OPTIONS")):
            return False
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None:
            return not is_socket and headers.get("sec-fetch-site") != "same-origin"
        scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
        own = f"{scheme}://{headers.get('host', '')}".lower()
        return origin.lower() not in {own, self._public_origin}


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": "foreign origin"})
        return
    body = b"Refused: this was sent from another site. Open this server's own page and try again.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _origin_of(url: str | None) -> str | None:
    """Scheme, host and port, without a path."""
    return None if url is None else "/".join(url.split("/")[:3]).lower()

"""The guard in front of the dashboard, fed by hand."""

import asyncio
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from app.headers import HEADERS, Guard

OWN = "https://llm.example"


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await PlainTextResponse("inside", headers={"referrer-policy": "unsafe-url"})(scope, receive, send)


def ask(
    path: str, *, kind: str = "http", method: str = "POST", is_secure: bool = False, **headers: str
) -> list[Message]:
    """All that the guard sends for one request to http://gateway:8080."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect" if kind == "websocket" else "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    named = {"host": "gateway:8080", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope: dict[str, Any] = {
        "type": kind,
        "path": path,
        "scheme": "ws" if kind == "websocket" else "http",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }
    if kind == "http":
        scope["method"] = method
    asyncio.run(Guard(inner, public_url=f"{OWN}/", is_secure=is_secure)(scope, receive, send))
    return sent


def status(**how: Any) -> int:
    return int(ask(**how)[0]["status"])


@pytest.mark.parametrize("origin", ["http://gateway:8080", "HTTP://Gateway:8080", OWN])
def test_P_Z5_a_post_from_here_passes(origin: str) -> None:
    assert status(path="/login", origin=origin) == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "http://gateway",
        "https://gateway:8080",
        "http://gateway:8080.evil.example",
        f"{OWN}.evil.example",
    ],
)
def test_P_Z5_a_post_from_elsewhere_is_refused(origin: str) -> None:
    assert status(path="/login", origin=origin) == 403


def test_a_post_without_an_origin_passes_only_when_the_browser_says_it_is_ours() -> None:
    assert status(path="/login") == 403
    assert status(path="/login", sec_fetch_site="same-origin") == 200
    assert status(path="/login", sec_fetch_site="cross-site") == 403


def test_reading_a_page_from_elsewhere_is_free() -> None:
    assert status(path="/docs", method="GET", origin="https://evil.example") == 200


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_P_Z5_the_polling_of_a_foreign_page_is_refused(method: str) -> None:
    assert status(path="/_nicegui_ws/socket.io/", method=method, origin="https://evil.example") == 403
    assert status(path="/_nicegui_ws/socket.io/", method=method, origin="http://gateway:8080") == 200
    assert status(path="/_nicegui_ws/socket.io/", method=method) == 200


def test_P_Z5_the_websocket_of_a_foreign_page_is_closed_before_it_opens() -> None:
    path = "/_nicegui_ws/socket.io/"
    assert ask(path, kind="websocket", origin="https://evil.example")[0]["type"] == "websocket.close"
    assert ask(path, kind="websocket", origin="http://gateway:8080")[0]["type"] == "websocket.accept"
    assert ask(path, kind="websocket", origin=OWN)[0]["type"] == "websocket.accept"


@pytest.mark.parametrize("origin", ["http://gateway:8080", "https://evil.example"])
def test_P_Z11_security_headers_are_on_answers_and_refusals(origin: str) -> None:
    headers = {name.decode(): value.decode() for name, value in ask("/login", origin=origin)[0]["headers"]}

    assert set(HEADERS) <= set(headers)
    assert "strict-transport-security" not in headers


def test_behind_https_browsers_are_told_to_stay_there() -> None:
    sent = ask("/", method="GET", is_secure=True)

    assert (b"strict-transport-security", b"max-age=31536000") in sent[0]["headers"]

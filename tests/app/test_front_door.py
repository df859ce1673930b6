"""What clients send before it is a request: slow, endless, malformed. Each raw case is sent over a real socket."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import running
import uvicorn
from running import Running
from starlette.types import Receive, Scope, Send

from api.client import raw_refusal
from app.front_door import HEAD_BYTES, front_door
from app.serving import InnerServer

HANG_S = 20


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it has read, or with nothing when the client is gone."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def door(**bounds: float) -> Iterator[int]:
    """The port of a server behind the front door."""
    listener = socket.create_server(("127.0.0.1", 0))
    protocol = front_door(raw_refusal, **bounds)  # type: ignore[arg-type]  # the bounds' own types
    config = uvicorn.Config(echo, lifespan="off", http=protocol, log_level="critical", access_log=False)
    server = InnerServer(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(HANG_S)
        listener.close()


def talk(port: int, *pieces: bytes, half_close: bool = False) -> bytes:
    """Sends the pieces and reads until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), HANG_S) as client:
        for piece in pieces:
            client.sendall(piece)
        if half_close:
            client.shutdown(socket.SHUT_WR)
        return read_all(client)


def read_all(client: socket.socket) -> bytes:
    answer = b""
    try:
        while piece := client.recv(65536):
            answer += piece
    except ConnectionResetError:
        pass
    return answer


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def error_of(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head
    assert b"x-request-id: req_" in head
    found: dict[str, Any] = json.loads(body)["error"]
    assert set(found) == {"message", "type", "param", "code"}
    return found


POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"


def test_P_C2_headers_that_never_end_are_answered_and_hung_up_on() -> None:
    with door(head_s=0.2) as port:
        answer = talk(port, b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        assert status_of(answer) == 408
        assert error_of(answer)["code"] == "request_timeout"
        assert "headers did not arrive within 0.2 seconds" in error_of(answer)["message"]


def test_P_C2_a_connection_that_says_nothing_is_hung_up_on() -> None:
    with door(head_s=0.2) as port:
        assert status_of(talk(port)) == 408


def test_P_C2_bodies_that_never_end_are_answered_and_hung_up_on() -> None:
    with door(body_s=0.2) as port:
        answer = talk(port, POST + b"Content-Length: 10\r\n\r\nabc")
        assert status_of(answer) == 408
        assert "body did not arrive" in error_of(answer)["message"]
        assert status_of(talk(port, POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")) == 408


@pytest.mark.parametrize("pieces", [1, 40])
def test_P_C2_headers_stop_at_32_kb(pieces: int) -> None:
    long = b"X-Long: " + b"a" * HEAD_BYTES + b"\r\n"
    whole = POST + long + b"Content-Length: 2\r\n\r\n{}"
    step = -(-len(whole) // pieces)
    with door() as port:
        answer = talk(port, *(whole[start : start + step] for start in range(0, len(whole), step)))
        assert status_of(answer) == 431
        assert error_of(answer)["code"] == "headers_too_large"


def test_a_long_body_is_not_taken_for_headers() -> None:
    body = b"b" * (4 * HEAD_BYTES)
    with door(head_s=5, body_s=5) as port:
        head = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        for pieces in ([head + body], [head, body], [head + body[:1], body[1:]]):
            answer = talk(port, *pieces)
            assert status_of(answer) == 200
            assert answer.endswith(body)


def test_a_connection_is_used_again_and_its_later_requests_have_the_same_bounds() -> None:
    whole = POST + b"Content-Length: 2\r\n\r\n{}"
    with door(head_s=0.3) as port, socket.create_connection(("127.0.0.1", port), HANG_S) as client:
        for _ in range(3):
            client.sendall(whole)
            answer = b""
            while not answer.endswith(b"\r\n\r\n{}"):
                answer += client.recv(65536)
            assert status_of(answer) == 200
        client.sendall(b"POST /late")
        assert status_of(read_all(client)) == 408


def test_a_request_that_runs_has_no_clock() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.5)  # more than both bounds below
        await echo(scope, receive, send)

    listener = socket.create_server(("127.0.0.1", 0))
    protocol = front_door(raw_refusal, head_s=0.1, body_s=0.1)
    server = InnerServer(uvicorn.Config(slow, lifespan="off", http=protocol, log_level="critical"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    answer = talk(listener.getsockname()[1], POST + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}")
    server.should_exit = True
    thread.join(HANG_S)
    listener.close()
    assert status_of(answer) == 200


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running.server(tmp_path_factory.mktemp("door")) as starscoo:
        yield starscoo


BODY = b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
FRAMING: dict[str, tuple[bytes, set[int]]] = {
    "no host": (b"GET /v1/models HTTP/1.1\r\n\r\n", {400}),
    "two hosts": (b"GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {400}),
    "the same host twice": (b"GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", {400}),
    "http 1.0 without a host": (b"GET /v1/models HTTP/1.0\r\n\r\n", {401}),
    "http 1.0 with a body": (b"POST /v1/chat/completions HTTP/1.0\r\n" + BODY, {401}),
    "http 2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
    "http 3.7": (b"GET /v1/models HTTP/3.7\r\nHost: a\r\n\r\n", {400}),
    "no version": (b"GET /v1/models\r\nHost: a\r\n\r\n", {400, 401}),
    "version in lower case": (b"GET /v1/models http/1.1\r\nHost: a\r\n\r\n", {400}),
    "garbage": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40, {400}),
    "only line breaks": (
        b"\r\n\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        {401},
    ),
    "unknown method": (b"BREW /v1/models HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "method in lower case": (b"get /v1/models HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "known method that is not served": (
        b"DELETE /v1/models HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        {405},
    ),
    "space before the colon": (b"GET /v1/models HTTP/1.1\r\nHost : a\r\n\r\n", {400}),
    "space in a name": (b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n", {400}),
    "no name": (b"GET /v1/models HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n", {400}),
    "no colon": (b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX-Y\r\n\r\n", {400}),
    "nul in a value": (b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", {400}),
    "control character in a value": (b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n", {400}),
    "bare carriage return in a value": (b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", {400}),
    "folded header": (b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", {400}),
    "latin letters in a key": (
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xe9\r\nConnection: close\r\n\r\n",
        {401},
    ),
    "two keys": (
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n"
        b"Connection: close\r\n\r\n",
        {401},
    ),
    "length and chunks": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", {400}),
    "chunks and length": (POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", {400}),
    "two equal lengths": (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", {400}),
    "length in words": (POST + b"Content-Length: two\r\n\r\n{}", {400}),
    "length with a sign": (POST + b"Content-Length: +2\r\n\r\n{}", {400}),
    "negative length": (POST + b"Content-Length: -2\r\n\r\n{}", {400}),
    "length in hexadecimal": (POST + b"Content-Length: 0x2\r\n\r\n{}", {400}),
    "list of lengths": (POST + b"Content-Length: 2, 2\r\n\r\n{}", {400}),
    "length beyond all numbers": (POST + b"Content-Length: 99999999999999999999999\r\n\r\n{}", {400}),
    "length beyond the limit": (
        POST + b"Content-Length: 999999999999\r\nConnection: close\r\n\r\n{}",
        {401, 413},
    ),
    "unknown encoding": (POST + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n", {400}),
    "chunked twice": (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", {400, 401}),
    "chunked first": (POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", {400}),
    "chunk size in words": (
        POST + b"Transfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n0\r\n\r\n",
        {400, 401},
    ),
    "chunk size with a sign": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
        {400, 401},
    ),
    "chunk longer than said": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
        {400, 401},
    ),
    "chunk size beyond all numbers": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
        {400, 401},
    ),
    "absolute form": (
        b"GET http://evil/v1/models HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        {401, 404},
    ),
    "path without a slash": (b"GET v1/models HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "nul in the path": (b"GET /v1/\0 HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "escaped nul in the path": (b"GET /v1/%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", {404}),
    "escaped line break in the path": (
        b"GET /v1/a%0d%0aX:1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        {404},
    ),
    "bad escape in the path": (b"GET /v1/%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", {404}),
    "dots in the path": (b"GET /v1/../healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", {404}),
    "connect": (b"CONNECT evil:443 HTTP/1.1\r\nHost: evil\r\n\r\n", {400, 404, 405}),
    "upgrade to http 2": (
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
        {400, 401},
    ),
}


@pytest.mark.parametrize("case", FRAMING)
def test_P_C4_whatever_is_sent_is_answered_in_json_and_never_fails(product: Running, case: str) -> None:
    sent, allowed = FRAMING[case]
    port = int(product.url.rsplit(":", 1)[1])
    answer = talk(port, sent, half_close=True)
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    assert status_of(answer) in allowed, answer[:300]
    assert b"application/json" in answer.partition(b"\r\n\r\n")[0].lower()
    assert b"Traceback" not in answer


def test_P_C2_while_others_dawdle_requests_are_answered(product: Running) -> None:
    port = int(product.url.rsplit(":", 1)[1])
    dawdlers = [socket.create_connection(("127.0.0.1", port), HANG_S) for _ in range(200)]
    try:
        for dawdler in dawdlers:
            dawdler.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nX: ")
        answer = talk(port, b"GET /v1/models HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert status_of(answer) == 401
    finally:
        for dawdler in dawdlers:
            dawdler.close()


def test_the_log_stays_empty_whatever_was_sent(product: Running, tmp_path: Path) -> None:
    assert "Traceback" not in product.log

"""The upstream client against real sockets: what it sends, and what it makes of silence, cuts and odd answers."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from api.providers import Access, create_providers
from api.providers.base import Timeouts, UpstreamCall, UpstreamFailure
from api.providers.http import Transport

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def answering(*answers: bytes | None) -> Iterator[tuple[str, list[bytes]]]:
    """A server whose every connection gets the next answer; None keeps silent until the test is over."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes] = []
    over = threading.Event()

    def serve() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                seen.append(connection.recv(65536))
                if answer is None:
                    over.wait(20)
                    continue
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
    finally:
        over.set()
        thread.join(20)
        listener.close()


def call(address: str, *, first_byte: float = 20, body: bytes = b'{"a":1}') -> bytes:
    async def story() -> bytes:
        transport = Transport(Timeouts(first_byte=first_byte))
        await transport.start()
        try:
            provider = create_providers(transport, {"openai": Access(f"{address}/v1/", "upstream-key")})[
                "openai"
            ]
            reply = await provider.send(UpstreamCall("openai_chat", body, False))
            try:
                return await reply.read()
            finally:
                reply.close()
        finally:
            await transport.stop()

    return asyncio.run(story())


def test_what_goes_out_is_the_body_and_listed_headers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with answering(PLAIN) as (address, seen):
        assert call(address) == b"{}"
    head, body = seen[0].split(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v1/chat/completions HTTP/1.1"
    assert {line.split(b":")[0].lower() for line in lines[1:]} == {
        b"host",
        b"content-type",
        b"content-length",
        b"accept-encoding",
        b"user-agent",
        b"authorization",
    }
    assert b"accept-encoding: identity" in head.lower()
    assert b"Bearer upstream-key" in head
    assert body == b'{"a":1}'


def test_nobody_listening_is_an_upstream_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UpstreamFailure) as caught:
        call(f"http://127.0.0.1:{port}")
    assert caught.value.kind == "upstream_error"


def test_silence_is_a_timeout() -> None:
    with answering(None) as (address, _), pytest.raises(UpstreamFailure) as caught:
        call(address, first_byte=0.1)
    assert caught.value.kind == "upstream_timeout"


def test_an_upstream_that_does_not_take_the_request_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(UpstreamFailure) as caught:
            call(address, first_byte=0.2, body=bytes(2**20))
    assert caught.value.kind == "upstream_timeout"


def test_a_kept_connection_is_as_patient_with_its_second_call() -> None:
    """The clock of the first one must not end the second, nor be missing there."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            for _ in range(2):
                connection.recv(65536)
                connection.sendall(PLAIN)
            connection.recv(65536)
            over.wait(20)

    thread = threading.Thread(target=serve)
    thread.start()

    async def story() -> None:
        transport = Transport(Timeouts(first_byte=0.3))
        await transport.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        for _ in range(2):
            reply = await transport.post(url, {}, b"{}")
            assert await reply.read() == b"{}"
        with pytest.raises(UpstreamFailure) as caught:
            await transport.post(url, {}, b"{}")
        assert caught.value.kind == "upstream_timeout"
        await transport.stop()

    asyncio.run(story())
    over.set()
    thread.join(20)
    listener.close()


def test_a_body_that_breaks_off_is_a_disconnect() -> None:
    cut = PLAIN.replace(b"Content-Length: 2", b"Content-Length: 200")
    with answering(cut) as (address, _), pytest.raises(UpstreamFailure) as caught:
        call(address)
    assert caught.value.kind == "upstream_disconnected"


def test_P_A4_what_came_before_a_cut_is_not_lost_to_a_slow_reader() -> None:
    cut = PLAIN.replace(b"Content-Length: 2", b"Content-Length: 200")

    async def story(address: str) -> list[bytes]:
        transport = Transport()
        await transport.start()
        reply = await transport.post(address, {}, b"{}")
        connection = reply._response.connection
        if connection is not None and connection.protocol is not None and connection.protocol.closed:
            async with asyncio.timeout(20):
                await connection.protocol.closed
        pieces = [await reply.next_chunk()]
        with pytest.raises(UpstreamFailure):
            await reply.next_chunk()
        reply.close()
        await transport.stop()
        return pieces

    with answering(cut) as (address, _):
        assert asyncio.run(story(address)) == [b"{}"]


def test_P_U2_a_connection_closed_before_any_answer_is_not_tried_again_behind_the_gateways_back() -> None:
    with answering(b"") as (address, seen), pytest.raises(UpstreamFailure) as caught:
        call(address)
    assert (caught.value.kind, len(seen)) == ("upstream_error", 1)


def test_P_U4_redirects_are_not_followed() -> None:
    moved = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\n{}"
    with answering(moved) as (address, seen):
        assert call(address) == b"{}"
    assert len(seen) == 1


def test_P_U4_an_encoded_answer_is_refused_because_identity_was_asked() -> None:
    encoded = PLAIN.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    with answering(encoded) as (address, _), pytest.raises(UpstreamFailure) as caught:
        call(address)
    assert caught.value.kind == "upstream_error"


def test_an_answer_that_is_no_http_is_an_upstream_error() -> None:
    with answering(b"SSH-2.0-OpenSSH\r\n\r\n") as (address, _), pytest.raises(UpstreamFailure) as caught:
        call(address)
    assert caught.value.kind == "upstream_error"

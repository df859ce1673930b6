"""assets/nginx.conf by itself, before two small servers that say who they are and what they got."""

import asyncio
import json
import os
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import scaled
from fakes.serving import served
from starlette.types import Receive, Scope, Send

from api.errors import KINDS, Kind
from app import main, serving
from app.settings import Settings

CONFIGURATION = scaled.CONFIGURATION.read_text(encoding="utf-8")
PATIENCE_S = 20


@dataclass
class Node:
    """A server behind the proxy: answers each request with what it saw of it. /v1/stream goes on when told."""

    name: str
    go_on: threading.Event = field(default_factory=threading.Event)
    requests: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        self.requests += 1
        path = scope["path"]
        kind = b"application/json" if path.startswith(("/v1", "/files")) else b"text/html; charset=utf-8"
        headers = [(b"content-type", kind), (b"x-node", self.name.encode())]
        status = 502 if path == "/v1/broken" else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        seen = {name.decode(): value.decode() for name, value in scope["headers"]} | {"size": str(size)}
        line = json.dumps(seen).encode() + b"\n"
        await send({"type": "http.response.body", "body": line, "more_body": True})
        if path == "/v1/stream":
            await asyncio.to_thread(self.go_on.wait, PATIENCE_S)
        await send({"type": "http.response.body", "body": b"the end"})


@dataclass
class Behind:
    """`url` is the proxy's."""

    url: str
    nodes: tuple[Node, Node]


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    nodes = Node("one"), Node("other")
    with ExitStack() as held:
        urls = [held.enter_context(served(node)) for node in nodes]
        with proxy(tmp_path_factory.mktemp("proxy"), *urls) as url:
            yield Behind(url, nodes)


@contextmanager
def proxy(directory: Path, *urls: str) -> Iterator[str]:
    try:
        url, stop = scaled.start_proxy(directory, urls)
    except FileNotFoundError as missing:
        pytest.fail(str(missing)) if os.environ.get("CI") else pytest.skip(str(missing))
    try:
        yield url
    finally:
        stop()


@contextmanager
def nowhere() -> Iterator[str]:
    """An address that refuses connections, for as long as nobody else may have it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def breaking_off() -> Iterator[tuple[str, list[bytes]]]:
    """A server that hangs up as soon as it has read a request; the requests it got."""
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE_S)

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    got.append(connection.recv(65536))

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", got
        listening.shutdown(socket.SHUT_RDWR)


def browser() -> httpx.Client:
    return httpx.Client(trust_env=False, timeout=PATIENCE_S)


def seen(answer: httpx.Response) -> Any:
    return json.loads(answer.text.splitlines()[0])


def test_the_gateway_is_balanced_and_gets_no_cookie(behind: Behind) -> None:
    with browser() as client:
        answers = [client.get(f"{behind.url}/v1/models") for _ in range(10)]
    assert Counter(answer.headers["x-node"] for answer in answers) == {"one": 5, "other": 5}
    assert not any("set-cookie" in answer.headers for answer in answers)


def test_a_browser_stays_with_the_server_that_built_its_first_page(behind: Behind) -> None:
    met = set()
    for _ in range(16):
        with browser() as client:
            first = client.get(f"{behind.url}/")
            met.add(first.headers["x-node"])
            name = first.headers["set-cookie"]
            assert re.fullmatch(r"starscoo_browser=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Lax", name)
            later = [client.get(f"{behind.url}{path}") for path in ("/_nicegui_ws/socket.io/", "/app", "/")]
            assert {answer.headers["x-node"] for answer in later} == {first.headers["x-node"]}
            assert not any("set-cookie" in answer.headers for answer in later)
    assert met == {"one", "other"}


@pytest.mark.parametrize("cookie", ["", "1", "A" * 32, "0" * 33, "%0d%0aset-cookie: x=y"])
def test_a_name_that_the_proxy_did_not_give_is_replaced(cookie: str, behind: Behind) -> None:
    answer = httpx.get(behind.url, headers={"cookie": f"starscoo_browser={cookie}"}, trust_env=False)
    assert re.fullmatch(r"[0-9a-f]{32}", answer.cookies["starscoo_browser"])
    assert answer.cookies["starscoo_browser"] != cookie
    assert "x" not in answer.cookies


def test_files_that_caches_may_keep_carry_no_name(behind: Behind) -> None:
    assert "set-cookie" not in httpx.get(f"{behind.url}/files/starscoo.js", trust_env=False).headers


def test_the_server_learns_who_asks_and_under_what_address(behind: Behind) -> None:
    claimed = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "upgrade": "h2c"}
    for path in ("/v1/models", "/", "/readyz"):
        got = seen(httpx.get(behind.url + path, headers=claimed, trust_env=False))
        assert f"http://{got['host']}" == behind.url
        # What the client claims stands before the proxy's own word, and nobody trusts the client.
        assert got["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
        assert got["x-forwarded-proto"] == "http"
        assert "upgrade" not in got
        assert "connection" not in got


def test_a_pages_socket_is_upgraded(behind: Behind) -> None:
    headers = {"upgrade": "websocket", "connection": "Upgrade"}
    got = seen(httpx.get(f"{behind.url}/_nicegui_ws/socket.io/", headers=headers, trust_env=False))
    assert (got["upgrade"], got["connection"]) == ("websocket", "upgrade")


def test_a_stream_arrives_while_it_is_made(behind: Behind) -> None:
    for node in behind.nodes:
        node.go_on.clear()
    with browser() as client, client.stream("POST", f"{behind.url}/v1/stream", content=b"{}") as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("{")
        for node in behind.nodes:
            node.go_on.set()
        assert list(lines) == ["the end"]


def test_a_body_as_large_as_the_server_takes_passes_and_a_larger_one_is_refused_in_json(
    behind: Behind,
) -> None:
    limit = int(Settings.model_fields["max_body"].default)
    with browser() as client:
        passed = client.post(f"{behind.url}/v1/chat/completions", content=b" " * limit)
        refused = client.post(f"{behind.url}/v1/chat/completions", content=b" " * (limit + 1))
    assert seen(passed)["size"] == str(limit)
    assert_error(refused, "request_too_large")


def test_an_error_of_the_server_is_passed_on_as_it_is(behind: Behind) -> None:
    answer = httpx.post(f"{behind.url}/v1/broken", content=b"{}", trust_env=False)
    assert (answer.status_code, seen(answer)["size"]) == (502, "2")


def test_what_can_not_be_reached_is_passed_by_for_the_gateway_and_for_pages(tmp_path: Path) -> None:
    node = Node("one")
    with nowhere() as dead, served(node) as living, proxy(tmp_path, dead, living) as url:
        for _ in range(8):
            posted = httpx.post(f"{url}/v1/chat/completions", content=b"{}", trust_env=False)
            assert (posted.status_code, seen(posted)["size"]) == (200, "2")
            with browser() as client:  # half of these names lead to the dead one
                assert client.get(f"{url}/").headers["x-node"] == "one"
                assert client.post(f"{url}/login", content=b"email=x").headers["x-node"] == "one"
    assert node.requests == 24


def test_where_no_server_is_left_the_gateway_says_so_in_json(tmp_path: Path) -> None:
    with nowhere() as dead, nowhere() as dead_too, proxy(tmp_path, dead, dead_too) as url:
        for _ in range(2):
            answer = httpx.post(f"{url}/v1/chat/completions", content=b"{}", trust_env=False)
            assert_error(answer, "service_unavailable")
            assert answer.headers["retry-after"] == "1"


def test_a_post_is_never_sent_twice(tmp_path: Path) -> None:
    with (
        breaking_off() as (first, got),
        breaking_off() as (second, got_too),
        proxy(tmp_path, first, second) as url,
    ):
        answer = httpx.post(f"{url}/v1/chat/completions", content=b"{}", trust_env=False)
        assert_error(answer, "service_unavailable")
        form = httpx.post(f"{url}/login", content=b"email=x", trust_env=False)
        assert form.status_code == 502
        assert len(got) + len(got_too) == 2


def assert_error(answer: httpx.Response, kind: Kind) -> None:
    status, type_, _ = KINDS[kind]
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"], error["param"]) == (status, type_, kind, None)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"


def test_the_proxy_takes_for_the_gateway_what_the_server_does() -> None:
    (location,) = re.findall(r"location ~ (\^/\(v1\S+)", CONFIGURATION)
    for path in ("/v1", "/v1/", "/v1/chat/completions", *main.WITHOUT_VERSION):
        assert re.search(location, path), path
    for path in ("/", "/v1x", "/app", "/responses/1", "/_nicegui_ws/socket.io/"):
        assert not re.search(location, path), path


def test_a_connection_is_kept_shorter_than_the_server_keeps_it() -> None:
    kept = re.findall(r"keepalive_timeout (\d+)s;", CONFIGURATION)
    assert len(kept) == 2
    assert max(map(int, kept)) < serving.KEEP_ALIVE_SECONDS


def test_the_server_gives_up_before_the_proxy_does() -> None:
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s;", CONFIGURATION)
    assert int(seconds) > 2 * int(Settings.model_fields["upstream_timeout"].default)

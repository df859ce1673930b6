"""What a hostile upstream and clients that read nothing cost in memory: the peak of a real process, by its own
account."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import running
from faults import plays
from faults.server import PATIENCE_SECONDS, FaultServer, Play

MODELS = ("gpt-5", "codex-1", "claude-sonnet-4-6")
HOSTILE_BYTES = 64 * 2**20
SLOW_READER_BYTES = 16 * 2**20
READERS = 8
HOSTILE: dict[str, Play] = {
    "100 MB in one chunk": plays.huge_chunk,
    "small events for ever": plays.endless_small_events,
    "10^5 headers": plays.many_headers,
    "a header of 8 MB": plays.long_header,
    "a gzip bomb": plays.encoded,
    "an error of 100 MB": plays.huge_refusal(500),
    "empty objects": plays.many_small(b"{}"),
    "numbers": plays.many_small(b"0"),
    "an error of empty lists": plays.many_small_in_an_error,
    "empty lists": plays.many_small(b"[]"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture(scope="module")
def starscoo(tmp_path_factory: pytest.TempPathFactory, server: FaultServer) -> Iterator[running.Running]:
    options = {"OPENAI_BASE_URL": server.openai_base_url, "ANTHROPIC_BASE_URL": server.anthropic_base_url}
    keys = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
    with running.server(tmp_path_factory.mktemp("starscoo"), **options, **keys) as started:
        yield started


@pytest.fixture(scope="module")
def key(starscoo: running.Running) -> str:
    return starscoo.new_key()


@pytest.fixture
def client(starscoo: running.Running, key: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"{starscoo.url}/v1", headers=headers, timeout=60, trust_env=False) as client:
        yield client


def asked(model: str, *, stream: bool) -> dict[str, object]:
    messages = [{"role": "user", "content": "Hi"}]
    return {"model": model, "messages": messages, "stream": stream, "max_completion_tokens": 50}


def memory(process: int, what: str) -> int:
    """`VmRSS` now or `VmHWM` at most, in bytes."""
    found = re.search(rf"^{what}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def forget_peak(process: int) -> int:
    """The peak counts from here; what is in use now."""
    Path(f"/proc/{process}/clear_refs").write_text("5")
    return memory(process, "VmRSS")


@pytest.mark.parametrize("name", HOSTILE)
def test_P_U4_a_hostile_upstream_costs_less_than_64_MB(
    name: str, client: httpx.Client, starscoo: running.Running, server: FaultServer
) -> None:
    calls = [(model, stream) for model in MODELS for stream in (True, False)]
    server.play = plays.well
    for model, stream in calls:  # also tells the breakers that all is well
        assert client.post("/chat/completions", json=asked(model, stream=stream)).status_code == 200
    server.play = HOSTILE[name]
    for model, stream in calls:
        before = forget_peak(starscoo.process.pid)
        client.post("/chat/completions", json=asked(model, stream=stream))
        cost = memory(starscoo.process.pid, "VmHWM") - before
        assert cost < HOSTILE_BYTES, f"{model}, {'stream' if stream else 'plain'}: {cost / 2**20:.0f} MB"
    assert server.broken == []


def test_P_C3_readers_that_read_nothing_cost_less_than_16_MB_each(
    client: httpx.Client, starscoo: running.Running, key: str, server: FaultServer
) -> None:
    flood = plays.Flood(READERS)
    server.play, server.sent = flood, 0
    before = forget_peak(starscoo.process.pid)
    address = ("127.0.0.1", int(starscoo.url.rsplit(":", 1)[1]))
    clients = []
    for number in range(READERS):
        body = json.dumps(asked(MODELS[number % len(MODELS)], stream=True))
        one = socket.create_connection(address)
        one.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        clients.append(one)
    assert flood.all_held.wait(PATIENCE_SECONDS)
    assert memory(starscoo.process.pid, "VmHWM") - before < READERS * SLOW_READER_BYTES / 4
    assert server.sent < READERS * SLOW_READER_BYTES
    for one in clients:
        one.close()
    server.settled()

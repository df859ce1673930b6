"""What a client sees of a stream while nothing comes, and when what comes is a failure. Silence is 50 ms here."""

import json
from collections.abc import Iterator
from pathlib import Path

import gateways
import httpx
import pytest
from fakes.provider import FakeProvider
from gateways import Gateway

from api.outlet import KEEP_ALIVE
from api.providers import Access
from models import keys

COMMENT = KEEP_ALIVE.decode().strip()
TARGETS = ["gpt-5", "codex-1", "claude-sonnet-4-6"]
"""One per upstream wire."""


@pytest.fixture
def gateway(tmp_path: Path, upstream: FakeProvider) -> Iterator[Gateway]:
    access = {
        "openai": Access(upstream.openai_base_url, "upstream-key-1"),
        "anthropic": Access(upstream.anthropic_base_url, "upstream-key-2"),
    }
    with gateways.running_gateway(tmp_path, access, silence_seconds=0.05) as running:
        yield running


def asked(model: str) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "Say hello"}], "stream": True}


@pytest.mark.parametrize("model", TARGETS)
def test_a_silent_upstream_is_bridged_by_comments_before_its_headers_and_between_its_events(
    model: str, client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    script = upstream.script(text="one two three four five six seven eight", headers_held=True, held=True)
    with client.stream("POST", "/chat/completions", json=asked(model)) as answer:
        assert answer.status_code == 200
        lines = answer.iter_lines()
        assert next(lines) == COMMENT
        script.release_headers()
        script.release(4)
        assert next(line for line in lines if line.startswith("data: "))
        assert next(line for line in lines if line == COMMENT)
        script.release_all()
        rest = [line for line in lines if line.startswith("data: ")]
    assert rest[-1] == "data: [DONE]"
    assert len(upstream.calls) == 1
    (row,) = gateway.rows()
    assert (row.state, row.outcome) == ("final", "ok")


@pytest.mark.parametrize("model", TARGETS)
def test_after_the_silence_a_failure_is_an_event_without_an_end(
    model: str, client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    script = upstream.script(status=500, body={"error": {"message": "x"}}, headers_held=True)
    with client.stream("POST", "/chat/completions", json=asked(model)) as answer:
        lines = answer.iter_lines()
        assert next(lines) == COMMENT
        script.release_headers()
        told = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert answer.status_code == 200
    assert [json.loads(line)["error"]["code"] for line in told] == ["upstream_error"]
    (row,) = gateway.rows()
    assert (row.state, row.error_code) == ("final", "upstream_error")


def test_a_client_that_leaves_during_the_silence_cuts_the_upstream(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    upstream.script(text="one", headers_held=True)
    with client.stream("POST", "/chat/completions", json=asked("gpt-5")) as answer:
        assert next(answer.iter_lines()) == COMMENT
    upstream.wait_for_calls(1).disconnected.wait()
    gateway.run(gateway.settled())
    (row,) = gateway.rows()
    assert row.outcome == "client_abort"


def test_a_ledger_that_is_away_is_a_status_even_after_a_silence(
    client: httpx.Client,
    gateway: Gateway,
    upstream: FakeProvider,
    issued: keys.Issued,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def disk_full(*_: object) -> None:
        script.release_headers()
        raise OSError("disk full")

    script = upstream.script(text="one", headers_held=True)
    monkeypatch.setattr(gateway.ledger, "_commit", disk_full)
    answer = client.post("/chat/completions", json=asked("gpt-5"))
    monkeypatch.undo()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
    gateway.run(gateway.settled())


@pytest.mark.parametrize("model", TARGETS)
def test_an_error_event_after_text_is_told_once_and_never_as_an_end(
    model: str, client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    kind = "overloaded_error" if model.startswith("claude") else "server_error"
    upstream.script(text="one two three four", cut_after=5, failure=(kind, "org-123 is unhappy"))
    answer = client.post("/chat/completions", json=asked(model))
    told = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert "[DONE]" not in told
    chunks = [json.loads(line) for line in told]
    assert [("error" in chunk) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert len(chunks) > 1
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks[:-1])
    assert "org-123" not in answer.text
    (row,) = gateway.rows()
    assert (row.outcome, row.is_estimated) == ("cut", True)

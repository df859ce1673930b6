"""Summaries of reasoning, which OpenAI gives to verified organisations alone."""

from typing import Any

import httpx
import pytest
from fakes.provider import FakeProvider
from gateways import Gateway

UNVERIFIED = {
    "error": {
        "message": "Your organization must be verified to generate reasoning summaries. Go to the settings.",
        "type": "invalid_request_error",
        "param": "reasoning.summary",
        "code": "unsupported_value",
    }
}


def ask(client: httpx.Client, **more: object) -> httpx.Response:
    body: dict[str, Any] = {"model": "codex-1", "messages": [{"role": "user", "content": "Hi"}]}
    return client.post("/chat/completions", json={**body, **more})


@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_summary_is_left_out_once_and_from_then_on(
    stream: bool, client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    upstream.script(status=400, body=UNVERIFIED)
    upstream.script(text="Hello")
    first = ask(client, reasoning_effort="high", stream=stream)
    assert first.status_code == 200, first.text
    assert "Hello" in first.text
    assert [call.json["reasoning"] for call in upstream.calls] == [
        {"effort": "high", "summary": "auto"},
        {"effort": "high"},
    ]
    assert {k: v for k, v in upstream.calls[0].json.items() if k != "reasoning"} == {
        k: v for k, v in upstream.calls[1].json.items() if k != "reasoning"
    }
    assert ask(client, reasoning_effort="low", stream=stream).status_code == 200
    assert upstream.calls[2].json["reasoning"] == {"effort": "low"}
    assert upstream.violations == []
    assert len(upstream.calls) == 3
    assert [row.outcome for row in gateway.rows()] == ["ok", "ok"]
    assert not gateway.notices


def test_there_are_two_attempts_in_all(client: httpx.Client, upstream: FakeProvider) -> None:
    upstream.script(status=400, body=UNVERIFIED)
    upstream.script(status=500, body={"error": {"message": "x", "type": "server_error"}})
    answer = ask(client, reasoning_effort="high")
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    assert len(upstream.calls) == 2


@pytest.mark.parametrize("changed", [{"param": "stream"}, {"message": "reasoning.summary: bad value"}])
def test_other_refusals_are_not_tried_again(
    changed: dict[str, str], client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    upstream.script(status=400, body={"error": {**UNVERIFIED["error"], **changed}})
    answer = ask(client, reasoning_effort="high")
    assert len(upstream.calls) == 1
    assert "rganization" not in answer.text
    assert bool(gateway.notices) == (answer.status_code == 503)
    assert ask(client, reasoning_effort="high").status_code == 200
    assert upstream.calls[1].json["reasoning"] == {"effort": "high", "summary": "auto"}
    assert not gateway.notices

"""What the pipeline adds to a translation: what was dropped is told, and calls come back as they were declared."""

import json
from typing import Any

import httpx
import pytest
from fakes.provider import FakeProvider

CLAUDE = "claude-opus-4-7"
DROP = {"x-starscoo-unsupported": "drop"}


def chat(model: str = CLAUDE, **more: object) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Say hello"}], **more}


def test_what_is_not_supported_is_dropped_on_request_and_named(
    client: httpx.Client, upstream: FakeProvider
) -> None:
    asked = chat(temperature=0.2, logprobs=True, **{"odd\r\nkey": 1})
    answer = client.post("/chat/completions", json=asked, headers=DROP)
    assert answer.status_code == 200, answer.text
    assert set(answer.headers["x-starscoo-dropped"].split(", ")) == {
        "temperature",
        "logprobs",
        "odd%0D%0Akey",
    }
    assert "temperature" not in upstream.calls[0].json
    assert upstream.violations == []


def test_without_the_header_it_is_refused_and_costs_nothing(
    client: httpx.Client, upstream: FakeProvider
) -> None:
    answer = client.post("/chat/completions", json=chat(temperature=0.2))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "temperature")
    assert "x-starscoo-dropped" not in answer.headers
    assert upstream.calls == []


@pytest.mark.parametrize(("model", "carrier"), [(CLAUDE, "thinking_blocks"), ("codex-1", "reasoning_items")])
def test_reasoning_travels_with_the_conversation_plain_and_streamed(
    model: str, carrier: str, client: httpx.Client, upstream: FakeProvider
) -> None:
    asked = chat(model, reasoning_effort="high")
    plain = client.post("/chat/completions", json=asked).json()["choices"][0]["message"]
    streamed = client.post("/chat/completions", json={**asked, "stream": True}).text
    lines = [line[6:] for line in streamed.splitlines() if line.startswith("data: {")]
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines]
    (carried,) = [delta[carrier] for delta in deltas if carrier in delta]
    assert carried == plain[carrier]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == plain["reasoning_content"]
    turns = [*asked["messages"], plain, {"role": "user", "content": "Go on"}]
    assert client.post("/chat/completions", json={**asked, "messages": turns}).status_code == 200
    other = "codex-1" if model == CLAUDE else CLAUDE
    for another in (other, "gpt-5"):
        moved = client.post("/chat/completions", json={**asked, "model": another, "messages": turns})
        assert moved.status_code == 200, moved.text
    sealed = plain[carrier][0].get("signature") or plain[carrier][0]["encrypted_content"]
    assert [sealed in call.body.decode() for call in upstream.calls] == [False, False, True, False, False]
    assert upstream.violations == []


def test_a_custom_tool_is_called_with_plain_text(client: httpx.Client, upstream: FakeProvider) -> None:
    tool = {"type": "custom", "custom": {"name": "run", "description": "Runs code"}}
    for stream in (False, True):
        asked = chat(tools=[tool], tool_choice="required", stream=stream)
        answer = client.post("/chat/completions", json=asked)
        assert answer.status_code == 200, answer.text
        if stream:
            lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: {")]
            deltas = [json.loads(line)["choices"][0]["delta"] for line in lines]
            calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
            custom = "".join(call["custom"]["input"] for call in calls)
        else:
            (call,) = answer.json()["choices"][0]["message"]["tool_calls"]
            assert call["type"] == "custom"
            custom = call["custom"]["input"]
        assert custom
        assert not custom.startswith("{")
    assert upstream.violations == []

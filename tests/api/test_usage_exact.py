"""Tokens and money to the last unit: what the upstream reports, what the client is told, what the row holds."""

import json
from typing import Any

import httpx
import pytest
from fakes.provider import FakeProvider
from gateways import Gateway

from models.ledger import Usage

# Each class unlike any other, so that none can stand for another. Prices in nano-dollars per token times 1000.
CLAUDE = Usage(
    cache_write_1h_tokens=400,
    input_tokens=3,
    cache_read_tokens=20_000,
    cache_write_tokens=1_500,
    output_tokens=701,
    reasoning_tokens=307,
)
GPT = Usage(input_tokens=1_505, cache_read_tokens=20_000, output_tokens=701, reasoning_tokens=307)
CASES = [
    ("claude-opus-4-7", CLAUDE, 3 * 5_000 + 20_000 * 500 + 1_100 * 6_250 + 400 * 10_000 + 701 * 25_000),
    ("claude-sonnet-4-6", CLAUDE, 3 * 3_000 + 20_000 * 300 + 1_100 * 3_750 + 400 * 6_000 + 701 * 15_000),
    ("gpt-5", GPT, 1_505 * 1_250 + 20_000 * 125 + 701 * 10_000),
    ("gpt-5-mini", GPT, 1_505 * 250 + 20_000 * 25 + 701 * 2_000),
    ("codex-1", GPT, 1_505 * 1_750 + 20_000 * 175 + 701 * 14_000),
]


def asked(model: str, **more: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}], **more}


def reported(answer: httpx.Response) -> dict[str, Any]:
    """The one usage report of an answer, plain or streamed."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        found: dict[str, Any] = answer.json()["usage"]
        return found
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    reports = [chunk["usage"] for chunk in map(json.loads, lines) if chunk.get("usage")]
    assert len(reports) == 1
    return dict(reports[0])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("model", "used", "cost_nusd"), CASES)
def test_g39_usage_and_cost_are_exact_in_the_row_and_in_the_answer(
    model: str,
    used: Usage,
    cost_nusd: int,
    stream: bool,
    client: httpx.Client,
    gateway: Gateway,
    upstream: FakeProvider,
) -> None:
    upstream.script(text="one two three", usage=used)
    options = {"stream_options": {"include_usage": True}} if stream else {}
    answer = client.post("/chat/completions", json=asked(model, stream=stream, **options))
    assert answer.status_code == 200, answer.text
    usage = reported(answer)
    counts = (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"])
    assert counts == (used.prompt_tokens, 701, used.prompt_tokens + 701)
    details = usage["prompt_tokens_details"]
    assert (details["cached_tokens"], details.get("cache_write_tokens") or 0) == (
        20_000,
        used.cache_write_tokens,
    )
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 307
    (row,) = gateway.rows()
    assert (
        row.input_tokens,
        row.cache_read_tokens,
        row.cache_write_tokens,
        row.output_tokens,
        row.reasoning_tokens,
    ) == (used.input_tokens, 20_000, used.cache_write_tokens, 701, 307)
    assert (row.total_tokens, row.is_estimated) == (used.total_tokens, False)
    assert row.cost_nusd == cost_nusd
    assert isinstance(row.cost_nusd, int)
    assert upstream.violations == []


def test_g40_reports_at_the_start_and_at_the_end_are_not_added(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    start = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-4-7",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 4, "output_tokens": 1},
    }
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 9, "input_tokens": 10},
        },
        {"type": "message_stop"},
    ]
    upstream.script(raw=[f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in told])
    answer = client.post(
        "/chat/completions",
        json=asked("claude-opus-4-7", stream=True, stream_options={"include_usage": True}),
    )
    usage = reported(answer)
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (14, 9, 23)
    (row,) = gateway.rows()
    assert (row.input_tokens, row.cache_read_tokens, row.output_tokens) == (10, 4, 9)

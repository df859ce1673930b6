"""One request from its key to its row, over real HTTP on both sides."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from fakes.provider import FakeProvider
from gateways import Gateway

from models import keys, refusals
from models.ledger import Usage
from models.live import Limits

MODELS = ["gpt-5", "gpt-5-mini", "codex-1", "claude-opus-4-7", "claude-sonnet-4-6"]


def chat(model: str = "gpt-5", **more: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "Say hello"}], **more}


def events(text: str) -> list[Any]:
    found = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in found]


@pytest.mark.parametrize("model", MODELS)
def test_every_model_answers_plain(
    model: str, client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    upstream.script(text="Hello there", usage=Usage(input_tokens=9, output_tokens=3))
    answer = client.post("/chat/completions", json=chat(model))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["object"] == "chat.completion"
    assert body["model"] == model
    assert body["choices"][0]["message"]["content"] == "Hello there"
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["prompt_tokens"] == 9
    assert body["usage"]["total_tokens"] == 12
    assert upstream.violations == []
    (row,) = gateway.rows()
    assert (row.id, row.state, row.outcome) == (answer.headers["x-request-id"], "final", "ok")
    assert (row.model, row.total_tokens, row.is_estimated) == (model, 12, False)


@pytest.mark.parametrize("wants_usage", [True, False])
@pytest.mark.parametrize("model", MODELS)
def test_every_model_streams(
    model: str, wants_usage: bool, client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    upstream.script(text="Hello there friend", usage=Usage(input_tokens=9, output_tokens=3))
    options = {"stream_options": {"include_usage": True}} if wants_usage else {}
    answer = client.post("/chat/completions", json=chat(model, stream=True, **options))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    chunks = events(answer.text)
    assert chunks[-1] == "[DONE]"
    chunks.pop()
    assert {chunk["model"] for chunk in chunks} == {model}
    said = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
    assert said == "Hello there friend"
    reasons = [c["choices"][0].get("finish_reason") for c in chunks if c["choices"]]
    assert reasons[-1] == "stop"
    reported = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    assert [usage["total_tokens"] for usage in reported] == ([12] if wants_usage else [])
    assert upstream.violations == []
    (row,) = gateway.rows()
    assert (row.state, row.outcome, row.total_tokens, row.is_stream) == ("final", "ok", 12, True)


@pytest.mark.parametrize("model", MODELS)
def test_parallel_tool_calls_come_back_in_order(
    model: str, client: httpx.Client, upstream: FakeProvider
) -> None:
    tools = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
        for name in ("now", "weather")
    ]
    for stream in (False, True):
        upstream.script(calls=[("weather", '{"city":"Oslo"}'), ("now", "{}")])
        answer = client.post("/chat/completions", json=chat(model, tools=tools, stream=stream))
        assert answer.status_code == 200, answer.text
        if stream:
            found: dict[int, list[str]] = {}
            for chunk in events(answer.text)[:-1]:
                for call in (chunk["choices"] or [{"delta": {}}])[0]["delta"].get("tool_calls") or []:
                    entry = found.setdefault(call["index"], ["", ""])
                    entry[0] += call["function"].get("name") or ""
                    entry[1] += call["function"].get("arguments") or ""
            calls = [tuple(found[index]) for index in sorted(found)]
        else:
            message = answer.json()["choices"][0]
            assert message["finish_reason"] == "tool_calls"
            calls = [
                (c["function"]["name"], c["function"]["arguments"]) for c in message["message"]["tool_calls"]
            ]
        assert [(name, json.loads(arguments)) for name, arguments in calls] == [
            ("weather", {"city": "Oslo"}),
            ("now", {}),
        ]
    assert upstream.violations == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer sk-starscoo-nonsense"},
        {"Authorization": "Basic eA=="},
    ],
)
def test_a_missing_or_wrong_key_is_a_401(
    headers: dict[str, str], gateway: Gateway, upstream: FakeProvider
) -> None:
    answer = httpx.post(f"{gateway.base_url}/chat/completions", json=chat(), headers=headers, trust_env=False)
    assert answer.status_code == 401
    error = answer.json()["error"]
    assert (error["code"], error["type"]) == ("invalid_api_key", "invalid_request_error")
    assert set(error) == {"message", "type", "param", "code"}
    assert upstream.calls == []
    assert gateway.rows() == []


def test_a_revoked_key_stops_within_one_request(
    client: httpx.Client, gateway: Gateway, issued: keys.Issued
) -> None:
    assert client.post("/chat/completions", json=chat()).status_code == 200
    key = issued.key
    gateway.database.run_now(keys.revoke, key.account_id, key.public_id, actor="test", now=gateway.now())
    gateway.changed(key.account_id)
    assert client.post("/chat/completions", json=chat()).status_code == 401


def test_the_hourly_ceiling_refuses_and_says_why(
    client: httpx.Client, gateway: Gateway, issued: keys.Issued
) -> None:
    gateway.limit(issued, "hourly_requests", 2)
    first = client.post("/chat/completions", json=chat())
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert first.headers["x-ratelimit-reset-requests"] == "1h0m0s"
    assert client.post("/chat/completions", json=chat()).status_code == 200
    refused = client.post("/chat/completions", json=chat())
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "rate_limited"
    assert refused.json()["error"]["message"].startswith("Hourly request limit exceeded.")
    assert refused.headers["retry-after"] == "3600"
    assert refused.headers["x-should-retry"] == "false"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    gateway.run(gateway.settled())
    (line,) = gateway.database.read_now(refusals.last, issued.key.account_id, 10)
    assert (line.limit_name, line.layer, line.value, line.count) == ("hourly_requests", "key", 2, 2)
    gateway.clock.advance(3600)
    assert client.post("/chat/completions", json=chat()).status_code == 200


def test_a_small_monthly_cap_bounds_the_output_and_never_refuses_a_fresh_key(
    client: httpx.Client, gateway: Gateway, issued: keys.Issued, upstream: FakeProvider
) -> None:
    gateway.limit(issued, "monthly_tokens", 200)
    upstream.script(text="Hello", usage=Usage(input_tokens=9, output_tokens=3))
    answer = client.post("/chat/completions", json=chat())
    assert answer.status_code == 200, answer.text
    assert 0 < upstream.calls[0].json["max_completion_tokens"] < 200
    assert upstream.violations == []
    upstream.script(text="Hello", usage=Usage(input_tokens=9, output_tokens=191))
    after = client.post("/chat/completions", json=chat())
    assert after.status_code == 200
    refused = client.post("/chat/completions", json=chat())
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "token_cap_exceeded"
    assert refused.json()["error"]["message"].startswith("Monthly token cap exceeded.")
    assert refused.headers["x-should-retry"] == "false"


def test_what_the_gateway_refuses_consumes_nothing(
    client: httpx.Client, gateway: Gateway, issued: keys.Issued, upstream: FakeProvider
) -> None:
    gateway.limit(issued, "hourly_requests", 1)
    refused = client.post("/chat/completions", json=chat("claude-opus-4-7", temperature=0.2))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unsupported_value")
    assert refused.json()["error"]["param"] == "temperature"
    assert client.post("/chat/completions", json=chat("gpt-9")).status_code == 404
    assert client.post("/chat/completions", content=b"{").status_code == 400
    assert client.get("/models").status_code == 200
    assert upstream.calls == []
    assert client.post("/chat/completions", json=chat()).status_code == 200
    assert len(gateway.rows()) == 1


def test_an_hourly_slot_is_kept_when_the_upstream_fails(
    client: httpx.Client, gateway: Gateway, issued: keys.Issued, upstream: FakeProvider
) -> None:
    gateway.limit(issued, "hourly_requests", 1)
    upstream.script(status=500, body={"error": {"message": "secret org-123", "type": "server_error"}})
    failed = client.post("/chat/completions", json=chat())
    assert (failed.status_code, failed.json()["error"]["code"]) == (502, "upstream_error")
    assert "org-123" not in failed.text
    assert client.post("/chat/completions", json=chat()).status_code == 429
    (row,) = gateway.rows()
    assert (row.outcome, row.total_tokens, row.error_code) == ("error", 0, "upstream_error")


@pytest.mark.parametrize("model", ["gpt-5", "codex-1", "claude-opus-4-7"])
def test_the_gateways_own_credential_trouble_is_a_503_without_its_words(
    model: str, client: httpx.Client, upstream: FakeProvider
) -> None:
    body = {"error": {"message": "Incorrect API key provided: upstream-key", "type": "authentication_error"}}
    upstream.script(status=401, body=body)
    answer = client.post("/chat/completions", json=chat(model))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upstream_unavailable")
    assert answer.headers["x-should-retry"] == "false"
    assert "upstream-key" not in answer.text


def test_G52_an_upstreams_retry_after_is_passed_on(client: httpx.Client, upstream: FakeProvider) -> None:
    error = {"error": {"message": "Rate limit", "type": "requests", "code": "rate_limit_exceeded"}}
    upstream.script(status=429, body=error, headers={"Retry-After": "7"})
    answer = client.post("/chat/completions", json=chat())
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "upstream_rate_limited")
    assert answer.headers["retry-after"] == "7"
    upstream.script(status=429, body=error, headers={"Retry-After": "3600"})
    assert client.post("/chat/completions", json=chat()).headers["retry-after"] == "120"


@pytest.mark.parametrize("model", ["gpt-5", "codex-1", "claude-sonnet-4-6"])
def test_a_cut_stream_is_an_error_event_and_never_a_finished_answer(
    model: str, client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    upstream.script(text="one two three four five six", cut_after=5)
    answer = client.post("/chat/completions", json=chat(model, stream=True))
    assert answer.status_code == 200
    chunks = events(answer.text)
    assert "[DONE]" not in chunks
    assert chunks[-1]["error"]["code"] == "upstream_disconnected"
    reasons = [c["choices"][0].get("finish_reason") for c in chunks[:-1] if c["choices"]]
    assert set(reasons) <= {None}
    (row,) = gateway.rows()
    assert (row.state, row.outcome, row.is_estimated) == ("final", "cut", True)
    assert row.total_tokens > 0


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", ["gpt-5", "codex-1", "claude-sonnet-4-6"])
def test_G46_a_client_that_leaves_cuts_the_upstream_and_leaves_one_settled_row(
    model: str, stream: bool, client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    script = upstream.script(text="one two three four", held=True, headers_held=not stream)
    if stream:
        script.release(4)
        with client.stream("POST", "/chat/completions", json=chat(model, stream=True)) as answer:
            next(answer.iter_lines())
    else:
        with pytest.raises(httpx.ReadTimeout):
            client.post("/chat/completions", json=chat(model), timeout=httpx.Timeout(10, read=0.5))
    upstream.wait_for_calls(1).disconnected.wait()
    gateway.run(gateway.settled())
    (row,) = gateway.rows()
    assert (row.state, row.outcome, row.is_estimated) == ("final", "client_abort", True)
    standing = gateway.run(gateway.live.standing(row.account_id, row.key_id, Limits(None, None, None, None)))[
        1
    ]
    assert (standing.reserved, standing.settled) == (0, row.total_tokens)


def test_an_overloaded_upstream_that_says_so_in_its_first_event_is_a_503(
    client: httpx.Client, upstream: FakeProvider
) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    upstream.script(raw=[b"event: error\ndata: " + json.dumps(error).encode() + b"\n\n"])
    answer = client.post("/chat/completions", json=chat("claude-opus-4-7", stream=True))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upstream_overloaded")
    assert answer.headers["retry-after"] == "5"


def test_a_ledger_that_cannot_be_written_yields_no_finished_answer(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in (False, True):
        monkeypatch.setattr(gateway.ledger, "_commit", _disk_full)
        answer = client.post("/chat/completions", json=chat(stream=stream))
        monkeypatch.undo()
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
    gateway.run(gateway.settled())
    assert [row.state for row in gateway.rows()] == ["final", "final"]


def _disk_full(*_: object) -> None:
    raise OSError("disk full")


def test_unknown_fields_survive_on_the_same_wire_both_ways(
    client: httpx.Client, upstream: FakeProvider
) -> None:
    upstream.tolerate("shiny_new_option")
    reply = {
        "id": "chatcmpl-up",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-5",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "x"},
                "finish_reason": "stop",
                "novel": [1],
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    upstream.script(body=reply)
    answer = client.post("/chat/completions", json=chat(shiny_new_option={"a": [1, 2.5]}))
    assert answer.json() == reply
    assert upstream.calls[0].json["shiny_new_option"] == {"a": [1, 2.5]}


def test_customers_secret_and_upstream_credentials_never_cross(
    client: httpx.Client, upstream: FakeProvider, issued: keys.Issued
) -> None:
    for model in MODELS:
        answer = client.post(
            "/chat/completions", json=chat(model), headers={"Cookie": "a=b", "X-Custom": "1"}
        )
        assert answer.status_code == 200
        assert "upstream-key" not in str(answer.headers)
    for call in upstream.calls:
        assert issued.secret not in str(call.headers)
        assert "cookie" not in call.headers
        assert "x-custom" not in call.headers


def test_P_A3_a_stream_without_a_report_that_cannot_be_entered_has_no_end(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = upstream.script(text="one two three", usage=None, held=True)
    script.release(3)
    with client.stream("POST", "/chat/completions", json=chat(stream=True)) as answer:
        lines = answer.iter_lines()
        first = next(lines)
        monkeypatch.setattr(gateway.ledger, "_commit", _disk_full)
        script.release_all()
        text = "\n".join([first, *lines])
    monkeypatch.undo()
    assert "[DONE]" not in text
    assert events(text)[-1]["error"]["code"] == "service_unavailable"
    gateway.run(gateway.settled())
    assert [(row.state, row.is_estimated) for row in gateway.rows()] == [("final", True)]


@pytest.mark.parametrize("figure", [-5_000_000, 10**22])
def test_P_U4_a_figure_that_no_request_can_use_neither_gives_back_nor_stops_the_ledger(
    figure: int, client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    usage = {"prompt_tokens": figure, "completion_tokens": 1, "total_tokens": figure}
    details = {"completion_tokens_details": {"reasoning_tokens": figure}}
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-5", "choices": [choice]}
    upstream.script(body=body | {"usage": usage | details})
    client.post("/chat/completions", json=chat())
    assert client.post("/chat/completions", json=chat()).status_code == 200
    rows = gateway.rows()
    assert [row.state for row in rows] == ["final", "final"]
    assert all(0 <= row.total_tokens <= 10**11 for row in rows)
    assert all(row.cost_nusd >= 0 for row in rows)
    row = rows[0]
    counted = gateway.run(gateway.live.standing(row.account_id, row.key_id, Limits(None, None, None, None)))[
        1
    ]
    assert counted.settled == sum(row.total_tokens for row in rows)


def test_a_long_conversation_is_translated_like_a_short_one(
    client: httpx.Client, upstream: FakeProvider
) -> None:
    messages = [{"role": "user", "content": "word " * 40_000}]
    answer = client.post("/chat/completions", json={"model": "claude-opus-4-7", "messages": messages})
    assert answer.status_code == 200, answer.text
    assert upstream.violations == []


def test_an_unknown_path_still_knows_the_key(
    client: httpx.Client, gateway: Gateway, issued: keys.Issued
) -> None:
    gateway.limit(issued, "hourly_requests", 5)
    for answer in (client.get("/nope"), client.get("/chat/completions")):
        assert answer.headers["x-ratelimit-remaining-requests"] == "5"
    gateway.run(gateway.settled())
    lines = gateway.database.read_now(refusals.last, issued.key.account_id, 10)
    assert [line.code for line in lines] == ["not_found"]


def test_P_O1_a_stream_that_a_stopping_server_gives_up_is_told_and_settled(
    gateway: Gateway, issued: keys.Issued, upstream: FakeProvider
) -> None:
    script = upstream.script(text="one two three", held=True)
    script.release(3)
    sent = gateway.run(_given_up(gateway, issued.secret))
    assert sent[0]["status"] == 200
    text = b"".join(message.get("body", b"") for message in sent[1:]).decode()
    assert "[DONE]" not in text
    assert events(text)[-1]["error"]["code"] == "service_unavailable"
    upstream.wait_for_calls(1).disconnected.wait()
    (row,) = gateway.rows()
    assert (row.state, row.outcome, row.is_estimated) == ("final", "cut", True)


async def _given_up(gateway: Gateway, secret: str) -> list[Any]:
    """Drives the app by hand: the server cancels the request's task once the stream has begun."""
    body = json.dumps(chat(stream=True)).encode()
    begun, sent = asyncio.Event(), []
    requests = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return requests.pop() if requests else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)
        if message.get("body"):
            begun.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/chat/completions",
        "raw_path": b"/v1/chat/completions",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"authorization", f"Bearer {secret}".encode())],
    }
    task = asyncio.create_task(gateway.app(scope, receive, send))
    await begun.wait()
    task.cancel()
    await task
    return sent

"""The wire's plain answers and errors."""

import json
from typing import Any

import pytest

from api.errors import GatewayError
from api.types import Reasoning, Refusal, Text, ToolCall
from api.wires import BadReply, openai_responses
from models.ledger import Usage


def body(**changes: Any) -> bytes:
    response = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "output": [
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
            }
        ],
        "error": None,
        "incomplete_details": None,
        "usage": {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 75, "cache_write_tokens": 0},
            "output_tokens": 9,
            "output_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 109,
        },
    }
    return json.dumps(response | changes).encode()


def error(code: str | None, message: str = "words", param: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "type": "x", "param": param, "code": code}}).encode()


def test_a_plain_answer() -> None:
    reply = openai_responses.parse_reply(body())
    assert reply.parts == (Text(text="Hello"),)
    assert (reply.stop, reply.upstream_id) == ("end", "resp_1")
    assert reply.usage == Usage(input_tokens=25, cache_read_tokens=75, output_tokens=9, reasoning_tokens=4)


def test_items_keep_their_order_and_those_not_known_are_passed_over() -> None:
    output = [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "A"}, {"type": "summary_text", "text": "B"}],
            "encrypted_content": "gAAA",
        },
        {"type": "web_search_call", "id": "ws_1"},
        {"type": "message", "content": [{"type": "refusal", "refusal": "No."}, {"type": "hologram"}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": '{"x": 1}'},
        {"type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "g", "arguments": ""},
    ]
    reply = openai_responses.parse_reply(body(output=output))
    assert reply.parts == (
        Reasoning(text="A\n\nB", signature="gAAA", pieces=("A", "B"), vendor="openai"),
        Refusal(text="No."),
        ToolCall(id="call_1", name="f", arguments='{"x": 1}'),
        ToolCall(id="call_2", name="g", arguments="{}"),
    )
    assert reply.stop == "tool_calls"


def test_an_incomplete_answer_is_an_answer() -> None:
    reply = openai_responses.parse_reply(
        body(status="incomplete", incomplete_details={"reason": "max_output_tokens"}, usage=None)
    )
    assert (reply.stop, reply.usage) == ("length", None)


def test_a_failed_response_is_its_error() -> None:
    failed = {"code": "rate_limit_exceeded", "message": "org-abcdefgh12 is limited"}
    with pytest.raises(GatewayError) as caught:
        openai_responses.parse_reply(body(status="failed", error=failed))
    assert caught.value.kind == "upstream_rate_limited"
    assert "org-" not in caught.value.message


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b"{}", b'{"error":{}}', b'{"status":"queued"}', body(output=[1])]
)
def test_what_is_not_a_finished_response_is_a_bad_reply(content: bytes) -> None:
    with pytest.raises(BadReply):
        openai_responses.parse_reply(content)


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (400, error("context_length_exceeded"), "context_length_exceeded"),
        (400, error("invalid_prompt"), "content_policy_violation"),
        (400, error("unsupported_value"), "unsupported_value"),
        (400, error(None), "invalid_request"),
        (400, error(None, "Your organization must be verified to stream"), "upstream_unavailable"),
        (401, error("invalid_api_key"), "upstream_unavailable"),
        (404, error("model_not_found"), "upstream_unavailable"),
        (429, error("insufficient_quota"), "upstream_unavailable"),
        (429, error("rate_limit_exceeded"), "upstream_rate_limited"),
        (500, error("server_error"), "upstream_error"),
        (503, error(None), "upstream_overloaded"),
        (502, b"<html>", "upstream_error"),
        (504, b"", "upstream_timeout"),
    ],
)
def test_an_upstream_error_is_one_of_ours(status: int, content: bytes, kind: str) -> None:
    assert openai_responses.parse_error(status, content).kind == kind


@pytest.mark.parametrize(
    ("param", "named"),
    [
        ("input[3].content[0].text", "messages"),
        ("max_output_tokens", "max_completion_tokens"),
        ("reasoning.effort", "reasoning_effort"),
        ("text.format", "response_format"),
        ("text.verbosity", "verbosity"),
        ("tools[0].name", "tools[0].name"),
        (None, None),
    ],
)
def test_an_upstream_error_names_the_clients_field(param: str | None, named: str | None) -> None:
    assert openai_responses.parse_error(400, error("unsupported_value", param=param)).param == named

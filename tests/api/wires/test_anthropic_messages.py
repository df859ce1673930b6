"""The wire's plain answers and errors."""

import json
from typing import Any

import pytest

from api.types import Reasoning, Refusal, Text, ToolCall
from api.wires import BadReply, anthropic_messages
from models.ledger import Usage


def body(**changes: Any) -> bytes:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-4-7",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 3},
    }
    return json.dumps(message | changes).encode()


def error(kind: str, message: str = "", **more: Any) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message, **more}}).encode()


def test_a_plain_answer() -> None:
    reply = anthropic_messages.parse_reply(body())
    assert reply.parts == (Text(text="Hello"),)
    assert (reply.stop, reply.upstream_id) == ("end", "msg_1")
    assert reply.usage == Usage(input_tokens=10, output_tokens=3)


def test_blocks_keep_their_order_and_those_not_known_are_passed_over() -> None:
    content = [
        {"type": "thinking", "thinking": "Hm", "signature": "sig"},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "text", "text": "Now"},
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1.50, "y": "a b"}},
        {"type": "tool_use", "id": "b", "name": "g", "input": {}},
        {"type": "hologram", "text": [0]},
    ]
    reply = anthropic_messages.parse_reply(body(content=content, stop_reason="tool_use"))
    assert reply.parts == (
        Reasoning(text="Hm", signature="sig", vendor="anthropic"),
        Text(text="Now"),
        ToolCall(id="a", name="f", arguments='{"x":1.5,"y":"a b"}'),
        ToolCall(id="b", name="g", arguments="{}"),
    )
    assert reply.stop == "tool_calls"


def test_numbers_of_arguments_stay_as_the_model_wrote_them() -> None:
    content = body(content=[{"type": "tool_use", "id": "a", "name": "f", "input": {"n": 7777}}])
    exact = content.replace(b"7777", b"12345678901234567890123.10")
    (call,) = anthropic_messages.parse_reply(exact).parts
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"n":12345678901234567890123.10}'


def test_g48_a_refusal_without_content_is_an_answer() -> None:
    reply = anthropic_messages.parse_reply(body(content=[], stop_reason="refusal"))
    assert (reply.parts, reply.stop) == ((), "content_filter")


def test_a_refusal_tells_its_explanation() -> None:
    details = {"type": "refusal", "category": None, "explanation": "I may not."}
    reply = anthropic_messages.parse_reply(body(content=[], stop_reason="refusal", stop_details=details))
    assert reply.parts == (Refusal(text="I may not."),)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"type":"error"}',
        b'{"type":"message","content":[{"type":"tool_use"}]}',
    ],
)
def test_what_is_not_a_message_is_a_bad_reply(content: bytes) -> None:
    with pytest.raises(BadReply):
        anthropic_messages.parse_reply(content)


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (400, error("invalid_request_error", "messages: roles must alternate"), "invalid_request"),
        (400, error("invalid_request_error", "prompt is too long: 2 > 1"), "context_length_exceeded"),
        (
            400,
            error("invalid_request_error", "messages.0.content.1: Could not process image"),
            "invalid_image",
        ),
        (400, error("invalid_request_error", "Your credit balance is too low"), "upstream_unavailable"),
        (400, error("invalid_request_error", "You have reached your usage limits"), "upstream_unavailable"),
        (401, error("authentication_error", "invalid x-api-key"), "upstream_unavailable"),
        (402, error("billing_error"), "upstream_unavailable"),
        (403, error("permission_error"), "upstream_unavailable"),
        (404, error("not_found_error", "model: claude-x"), "upstream_unavailable"),
        (413, error("request_too_large"), "request_too_large"),
        (413, b"<html>", "request_too_large"),
        (422, error("odd_error", "tools.0: bad"), "invalid_request"),
        (429, error("rate_limit_error"), "upstream_rate_limited"),
        (
            429,
            error("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}),
            "upstream_unavailable",
        ),
        (400, b"<html>", "upstream_error"),
        (500, error("api_error"), "upstream_error"),
        (502, b"bad gateway", "upstream_error"),
        (504, error("timeout_error"), "upstream_timeout"),
        (408, b"", "upstream_timeout"),
        (524, b"", "upstream_error"),
        (529, error("overloaded_error"), "upstream_overloaded"),
        (529, b"", "upstream_overloaded"),
        (409, error("conflict_error"), "upstream_error"),
        (418, b'{"error": "odd"}', "upstream_error"),
        (401, b'{"error": {"type": "\xff"}}', "upstream_unavailable"),
    ],
)
def test_an_upstream_error_is_one_of_ours(status: int, content: bytes, kind: str) -> None:
    assert anthropic_messages.parse_error(status, content).kind == kind


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("messages.2.content.0: bad", "messages"),
        ("system: bad", "messages"),
        ("tools.0.custom.input_schema: bad", "tools"),
        ("stop_sequences: bad", "stop"),
        ("something else", None),
    ],
)
def test_an_upstream_error_names_the_clients_field(message: str, param: str | None) -> None:
    made = anthropic_messages.parse_error(400, error("invalid_request_error", message))
    assert (made.message, made.param) == (message, param)


def test_g49_words_about_the_operators_account_do_not_reach_the_client() -> None:
    made = anthropic_messages.parse_error(401, error("authentication_error", "x-api-key sk-ant-1 is invalid"))
    assert made.status == 503
    assert "sk-ant" not in made.message


def test_g50_the_operators_empty_account_is_not_the_clients_fault() -> None:
    words = "Your credit balance is too low to access the API. Please go to Plans & Billing."
    made = anthropic_messages.parse_error(400, error("invalid_request_error", words))
    assert made.status == 503
    assert "credit" not in made.message


def test_g51_a_spend_limit_is_not_worth_another_try() -> None:
    content = error("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"})
    assert anthropic_messages.parse_error(429, content).is_retryable is False


def test_thinking_that_came_back_altered_is_named() -> None:
    words = "messages.1.content.0: Invalid `signature` in `thinking` block"
    body = json.dumps(
        {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
    ).encode()
    error = anthropic_messages.parse_error(400, body)
    assert (error.kind, error.status, error.param) == ("invalid_thinking_signature", 400, "messages")

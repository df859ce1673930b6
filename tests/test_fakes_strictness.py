"""The fake provider must be as strict as the real ones, or the tests that lean on it prove nothing."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fakes import provider
from fakes.provider import FakeProvider
from fakes.requests import CHAT, HEADERS, MESSAGES, RESPONSES, body, said

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n and more").decode()
SCHEMA = {"type": "object", "properties": {}}
CHAT_TOOL = {"type": "function", "function": {"name": "now", "parameters": SCHEMA}}
RESPONSES_TOOL = {"type": "function", "name": "now", "parameters": SCHEMA, "strict": False}
MESSAGES_TOOL = {"name": "now", "input_schema": SCHEMA}


@pytest.fixture(scope="module")
def started() -> Iterator[FakeProvider]:
    with provider.start() as fake:
        yield fake


@pytest.fixture
def fake(started: FakeProvider) -> FakeProvider:
    started.reset()
    return started


@pytest.fixture(scope="module")
def http(started: FakeProvider) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=started.anthropic_base_url, headers=HEADERS, trust_env=False) as client:
        yield client


def chat_call(call_id: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "now", "arguments": "{}"}}


def tool_use(call_id: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "now", "input": {}}


def result(call_id: str, **more: object) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, **more}


def text(words: str, **more: object) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def image(media_type: str, content: str = PIXEL) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": content}}


CACHED = {"cache_control": {"type": "ephemeral"}}
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
SIGNED = {"type": "thinking", "thinking": "", "signature": "x"}
THOUGHT = {**SIGNED, **CACHED}
CLOSED_TOOL = {"name": "now", "strict": True, "input_schema": {**SCHEMA, "additionalProperties": False}}
ACTS: list[Any] = [said("user", "Hi"), said("assistant", [tool_use("a"), tool_use("b")])]


def closed(properties: dict[str, Any]) -> dict[str, Any]:
    """A strict tool of these, none of them required."""
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"name": "closed", "strict": True, "input_schema": schema}


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (CHAT, {"messages": [said("developer", "Be brief"), said("user", [text("Hi")])], "stream": True}),
        (CHAT, {"max_completion_tokens": 5, "temperature": 1, "tools": [CHAT_TOOL], "tool_choice": "none"}),
        (
            CHAT,
            {
                "messages": [
                    said("user", "Hi"),
                    said("assistant", None, tool_calls=[chat_call("a"), chat_call("b")]),
                    said("tool", "1", tool_call_id="b"),
                    said("tool", "2", tool_call_id="a"),
                ]
            },
        ),
        (RESPONSES, {"tools": [RESPONSES_TOOL], "max_output_tokens": 16, "store": False}),
        (
            RESPONSES,
            {
                "input": [
                    said("developer", [{"type": "input_text", "text": "Be brief"}]),
                    said("assistant", [{"type": "output_text", "text": "Hello"}]),
                    {"type": "function_call", "call_id": "a", "name": "now", "arguments": "{}"},
                    {"type": "function_call_output", "call_id": "a", "output": "noon"},
                ]
            },
        ),
        (MESSAGES, {"system": [text("Be brief", **CACHED)], "stream": True}),
        (
            MESSAGES,
            {
                "messages": [*ACTS, said("user", [result("b"), result("a", content="2"), text("And?")])],
                "tools": [MESSAGES_TOOL],
                "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
            },
        ),
        (MESSAGES, {"messages": [said("user", [image("image/png"), text("What is it?")])]}),
        (MESSAGES, {"model": "claude-sonnet-4-6", "temperature": 0.5}),
        (MESSAGES, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}),
    ],
)
def test_a_request_in_order_is_answered(
    fake: FakeProvider, http: httpx.Client, path: str, asked: Any
) -> None:
    answer = http.post(path, json=body(path, **asked))
    assert fake.violations == []
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("asked", "param", "words"),
    [
        ({"top_kk": 1}, "top_kk", "Unknown parameter"),
        ({"messages": None}, "messages", "Missing required parameter"),
        ({"messages": [said("user", "Hi", mood="good")]}, "messages[0].mood", "Unknown parameter"),
        ({"messages": [said("user", [text("Hi", id=1)])]}, "messages[0].content[0].id", "Unknown parameter"),
        (
            {"messages": [said("user", [{"type": "text", "text": 5}])]},
            "messages[0].content[0].text",
            "string",
        ),
        ({"messages": [said("tool", "x", tool_call_id="a")]}, None, "must be a response to"),
        ({"messages": [said("assistant", None, tool_calls=[chat_call("a")])]}, None, "did not have response"),
        ({"messages": [said("assistant", None), said("user", "Hi")]}, None, "got null"),
        ({"max_tokens": 5}, "max_tokens", "max_completion_tokens"),
        ({"temperature": 0}, "temperature", "Only the default (1)"),
        ({"stop": "x"}, "stop", "not supported with this model"),
        ({"model": "gpt-4o", "stop": list("12345")}, "stop", "at most 4"),
        ({"reasoning_effort": "xhigh"}, "reasoning_effort", "does not support 'xhigh'"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "only allowed when"),
        ({"tool_choice": "required"}, "tool_choice", "only allowed when 'tools'"),
        ({"tools": [{**CHAT_TOOL, "function": {"name": "a b"}}]}, "tools[0].function.name", "pattern"),
        (
            {"tools": [{**CHAT_TOOL, "function": {"name": "a", "strict": True, "parameters": SCHEMA}}]},
            "tools[0].function",
            "additionalProperties",
        ),
        (
            {"tools": [{**CHAT_TOOL, "function": {"name": "a", "parameters": {"type": "array"}}}]},
            None,
            "'object'",
        ),
        ({"safety_identifier": "x" * 129}, "safety_identifier", "too long"),
        ({"user": "x" * 513}, "user", "too long"),
        ({"prompt_cache_key": "x" * 513}, "prompt_cache_key", "too long"),
        ({"messages": [said("assistant", "Hi", tool_calls=[])]}, None, "empty array"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "strict": True, "schema": SCHEMA},
                }
            },
            "response_format",
            "additionalProperties",
        ),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata", "too many"),
    ],
)
def test_chat_is_strict(
    fake: FakeProvider, http: httpx.Client, asked: Any, param: str | None, words: str
) -> None:
    answer = http.post(CHAT, json=body(CHAT, **asked))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert words in error["message"]
    assert param is None or error["param"] == param
    assert len(fake.violations) == 1


@pytest.mark.parametrize(
    ("asked", "param", "words"),
    [
        ({"n": 1}, "n", "Unknown parameter"),
        ({"stop": ["x"]}, "stop", "Unknown parameter"),
        ({"max_output_tokens": 15}, "max_output_tokens", ">= 16"),
        ({"temperature": 0.5}, "temperature", "Only the default (1)"),
        ({"tools": [{**RESPONSES_TOOL, "strict": ...}]}, "tools[0].strict", "Missing required parameter"),
        ({"tools": [CHAT_TOOL]}, None, "parameter"),
        ({"input": []}, "input", "must not be empty"),
        ({"input": [said("user", [text("Hi")])]}, None, "input[0]"),
        (
            {"input": [{"type": "function_call_output", "call_id": "a", "output": "x"}]},
            "input",
            "No tool call found",
        ),
        (
            {"input": [{"type": "function_call", "call_id": "a", "name": "now", "arguments": "{}"}]},
            "input",
            "No tool output found",
        ),
        (
            {
                "input": [
                    {"type": "function_call", "id": "x", "call_id": "a", "name": "now", "arguments": "{}"}
                ]
            },
            "input[0].id",
            "begins with 'fc_'",
        ),
        ({"reasoning": {"effort": "none"}}, "reasoning.effort", "does not support"),
        ({"previous_response_id": "resp_1"}, "previous_response_id", "not found"),
        (
            {"text": {"format": {"type": "json_schema", "name": "x", "strict": True, "schema": SCHEMA}}},
            "text.format",
            "additionalProperties",
        ),
    ],
)
def test_responses_are_strict(
    fake: FakeProvider, http: httpx.Client, asked: Any, param: str | None, words: str
) -> None:
    for tool in asked.get("tools", []):
        if tool.get("strict") is ...:
            del tool["strict"]
    answer = http.post(RESPONSES, json=body(RESPONSES, **asked))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert words in error["message"]
    assert param is None or error["param"] == param
    assert len(fake.violations) == 1


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"top_kk": 1}, "top_kk: Extra inputs are not permitted"),
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 128_001}, "max_tokens: 128001 > 128000"),
        ({"messages": [said("user", [text("Hi", id=1)])]}, "messages.0.content.0.id: Extra inputs"),
        ({"messages": [said("system", "Hi")]}, "messages.0.role"),
        ({"messages": [said("assistant", "Hi"), said("user", "Hi")]}, 'must use the "user" role'),
        ({"messages": [said("user", "Hi"), said("user", "Ho")]}, "roles must alternate"),
        ({"messages": [said("user", "Hi"), said("assistant", "Ho")]}, "prefill"),
        ({"messages": [said("user", "")]}, "non-empty content"),
        ({"messages": [said("user", [])]}, "non-empty content"),
        ({"messages": [said("user", [text(" \n")])]}, "non-whitespace"),
        ({"system": [text("")]}, "system: text content blocks"),
        ({"messages": [said("user", [result("a")])]}, "unexpected `tool_use_id`"),
        ({"messages": [*ACTS, said("user", "no")]}, "without `tool_result` blocks"),
        ({"messages": [*ACTS, said("user", [result("a")])]}, "without `tool_result` blocks"),
        ({"messages": [*ACTS, said("user", [result("a"), text("x"), result("b")])]}, "immediately after"),
        (
            {
                "messages": [
                    said("user", "Hi"),
                    said("assistant", [tool_use("a|b")]),
                    said("user", [result("a|b")]),
                ]
            },
            "should match pattern",
        ),
        (
            {
                "messages": [
                    *ACTS,
                    said("user", [result("a"), result("b")]),
                    *ACTS[1:],
                    said("user", [result("a")]),
                ]
            },
            "unique",
        ),
        ({"messages": [*ACTS, said("user", [result("a"), result("b")])]}, "must define tools"),
        ({"tools": [{**MESSAGES_TOOL, "name": "a b"}]}, "tools.0.name"),
        ({"tools": [{**MESSAGES_TOOL, "input_schema": {}}]}, "input_schema.type"),
        ({"tools": [MESSAGES_TOOL, MESSAGES_TOOL]}, "unique"),
        ({"tools": [{**MESSAGES_TOOL, "strict": True}]}, "additionalProperties"),
        ({"tool_choice": {"type": "auto"}}, "tool_choice: may only be specified"),
        ({"temperature": 0.5}, "temperature"),
        ({"top_k": 5}, "top_k"),
        ({"model": "claude-sonnet-4-6", "temperature": 0.5, "top_p": 0.9}, "cannot both be specified"),
        ({"model": "claude-sonnet-4-6", "temperature": 1.5}, "temperature: range"),
        (
            {"model": "claude-sonnet-4-6", "temperature": 0.5, "thinking": {"type": "adaptive"}},
            "`temperature` may only be set to 1",
        ),
        ({"model": "claude-sonnet-4-6", "output_config": {"effort": "xhigh"}}, "output_config.effort"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "thinking.type.enabled"),
        (
            {"model": "claude-sonnet-4-6", "thinking": {"type": "enabled", "budget_tokens": 1000}},
            "at least 1024",
        ),
        ({"model": "claude-sonnet-4-6", "thinking": {"type": "adaptive"}, "top_p": 0.5}, "0.95"),
        (
            {
                "model": "claude-sonnet-4-6",
                "max_tokens": 5000,
                "thinking": {"type": "enabled", "budget_tokens": 1024},
                "tools": [MESSAGES_TOOL],
                "tool_choice": {"type": "any"},
            },
            "forces tool use",
        ),
        (
            {"messages": [*ACTS[:1], said("assistant", [THOUGHT]), *ACTS[:1]]},
            "messages.1.content.0.cache_control: Extra inputs",
        ),
        ({"tools": [{**CLOSED_TOOL, "name": f"t{n}"} for n in range(21)]}, "maximum is 20"),
        ({"tools": [closed({f"p{n}": {"type": "null"} for n in range(25)})]}, "maximum is 24"),
        ({"tools": [closed({f"p{n}": {"type": ["null"]} for n in range(17)})]}, "maximum is 16"),
        ({"tools": [closed({"p": {"type": "integer", "minimum": 1}})]}, "'minimum' is not supported"),
        ({"tools": [{**MESSAGES_TOOL, **CACHED}], "system": [text("a", **HOUR)]}, "must not come after"),
        (
            {"messages": [*ACTS[:1], said("assistant", [text("a"), SIGNED]), *ACTS[:1]]},
            "thinking blocks must come first",
        ),
        ({"stop_sequences": ["\n"]}, "stop_sequences.0"),
        ({"metadata": {"user_id": "a@example.com"}}, "metadata.user_id"),
        ({"messages": [said("user", [image("image/jpeg")])]}, "appears to be another"),
        ({"messages": [said("user", [image("image/png", "%")])]}, "Invalid base64"),
        ({"messages": [said("user", [image("image/svg+xml")])]}, "media_type"),
        ({"system": [text(str(n), **CACHED) for n in range(5)]}, "maximum of 4"),
        ({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}, "additionalProperties"),
    ],
)
def test_messages_are_strict(fake: FakeProvider, http: httpx.Client, asked: Any, words: str) -> None:
    answer = http.post(MESSAGES, json=body(MESSAGES, **asked))
    assert answer.status_code == 400
    assert answer.json()["type"] == "error"
    assert words in answer.json()["error"]["message"]
    assert len(fake.violations) == 1


@pytest.mark.parametrize("version", [None, "2025-01-01"])
def test_messages_need_a_version_that_exists(
    fake: FakeProvider, http: httpx.Client, version: str | None
) -> None:
    headers = {"x-api-key": "any"} | ({"anthropic-version": version} if version else {})
    address = fake.anthropic_base_url + MESSAGES
    answer = httpx.post(address, json=body(MESSAGES), headers=headers, trust_env=False)
    assert "anthropic-version" in answer.json()["error"]["message"]
    assert len(fake.violations) == 1


def test_sampling_is_unknown_under_the_newer_version(fake: FakeProvider, http: httpx.Client) -> None:
    asked = body(MESSAGES, model="claude-sonnet-4-6", temperature=1)
    answer = http.post(MESSAGES, json=asked, headers={"anthropic-version": "2026-10-21"})
    assert "temperature: Extra inputs" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("path", "model"), [(CHAT, "claude-opus-4-7"), (MESSAGES, "gpt-5")])
def test_a_vendor_does_not_know_the_others_models(
    fake: FakeProvider, http: httpx.Client, path: str, model: str
) -> None:
    assert http.post(path, json=body(path, model=model)).status_code == 404
    assert len(fake.violations) == 1

"""The sandbox, judged by the vendors' own client libraries and types, over real HTTP."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from anthropic import Anthropic
from anthropic.types import Message, RawMessageStreamEvent
from fakes.requests import CHAT, HEADERS, MESSAGES, PATHS, RESPONSES, body, said
from fakes.serving import served
from hypothesis import given
from hypothesis import strategies as st
from openai import OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from api.sandbox import create_sandbox
from api.sandbox.answers import fragments, words

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHAT_TOOLS: list[Any] = [
    {"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in ("weather", "time")
]
RESPONSES_TOOLS: list[Any] = [
    {"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in ("weather", "time")
]
MESSAGES_TOOLS: list[Any] = [{"name": name, "input_schema": SCHEMA} for name in ("weather", "time")]
PROMPT = "What is the weather in Lisbon?"
BOTH = "Call both of them for Lisbon"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(create_sandbox(pace_ms=0)) as address:
        yield address


@pytest.fixture(scope="module")
def openai(address: str) -> Iterator[OpenAI]:
    with OpenAI(api_key="any", base_url=f"{address}/v1", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def anthropic(address: str) -> Iterator[Anthropic]:
    with Anthropic(api_key="any", base_url=address, max_retries=0) as client:
        yield client


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, headers=HEADERS, trust_env=False) as client:
        yield client


def user(text: str) -> list[Any]:
    return [said("user", text)]


def tools(path: str) -> dict[str, Any]:
    return {"tools": {CHAT: CHAT_TOOLS, RESPONSES: RESPONSES_TOOLS, MESSAGES: MESSAGES_TOOLS}[path]}


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def types_of(answer: httpx.Response) -> list[str]:
    return [event["type"] for event in events(answer)]


def typed(event: dict[str, Any]) -> dict[str, Any]:
    """Without the two fields that the vendor sends and its types leave out (as they leave out `ping`)."""
    nested = {"response": typed(event["response"])} if "response" in event else {}
    return {key: value for key, value in {**event, **nested}.items() if key not in ("obfuscation", "store")}


@pytest.mark.parametrize(
    ("path", "whole", "streamed"),
    [
        (CHAT, ChatCompletion, ChatCompletionChunk),
        (RESPONSES, Response, ResponseStreamEvent),
        (MESSAGES, Message, RawMessageStreamEvent),
    ],
)
@pytest.mark.parametrize("with_tools", [False, True])
def test_every_byte_fits_the_vendors_own_types(
    http: httpx.Client, path: str, whole: Any, streamed: Any, with_tools: bool
) -> None:
    asked = body(path, BOTH, **(tools(path) if with_tools else {}))
    if path == RESPONSES:
        asked["reasoning"] = {"effort": "high", "summary": "auto"}
    if path == MESSAGES:
        asked["thinking"] = {"type": "adaptive", "display": "summarized"}
    whole, streamed = TypeAdapter(whole), TypeAdapter(streamed)
    plain = http.post(path, json=asked).json()
    whole.validate_json(json.dumps(typed(plain)), strict=True, extra="forbid")
    for event in events(http.post(path, json={**asked, "stream": True})):
        if event.get("type") != "ping":
            streamed.validate_json(json.dumps(typed(event)), strict=True, extra="forbid")


@pytest.mark.parametrize("path", PATHS)
def test_every_reply_says_that_it_is_a_sandbox(http: httpx.Client, path: str) -> None:
    asked = [body(path, PROMPT), body(path, PROMPT, **tools(path)), body(path, PROMPT, stream=True), {}]
    for each in asked:
        answer = http.post(path, json=each)
        assert answer.headers["x-starscoo-sandbox"] == "1"
        assert "sandbox" in answer.text or answer.status_code == 400
    assert "Sandbox answer: " in http.post(path, json=body(path, PROMPT)).text


@pytest.mark.parametrize("path", PATHS)
def test_the_same_question_gets_the_same_answer_and_ids(http: httpx.Client, path: str) -> None:
    moments = ("created", "created_at", "completed_at")
    first, again, other = (
        {key: value for key, value in http.post(path, json=asked).json().items() if key not in moments}
        for asked in (body(path, PROMPT), body(path, PROMPT), body(path, "Something else"))
    )
    assert first == again
    assert first["id"] != other["id"]


def test_chat_answers_plain(openai: OpenAI) -> None:
    answer = openai.chat.completions.create(model="gpt-5", messages=user(PROMPT))
    text = answer.choices[0].message.content
    assert text
    assert text.startswith("Sandbox answer: ")
    assert "gpt-5" in text
    assert PROMPT in text
    assert "one message" in text
    assert answer.choices[0].finish_reason == "stop"
    assert answer.system_fingerprint == "sandbox"


def test_chat_streams_the_same_words_and_usage(openai: OpenAI) -> None:
    plain = openai.chat.completions.create(model="gpt-5", messages=user(PROMPT))
    chunks = list(
        openai.chat.completions.create(
            model="gpt-5", messages=user(PROMPT), stream=True, stream_options={"include_usage": True}
        )
    )
    spoken = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(spoken) == plain.choices[0].message.content
    assert all(len(piece.split()) <= 1 for piece in spoken)
    assert chunks[-1].choices == []
    assert chunks[-1].usage == plain.usage
    assert chunks[-2].choices[0].finish_reason == "stop"


def test_chat_sends_usage_only_when_asked(http: httpx.Client) -> None:
    with_usage = http.post(CHAT, json=body(CHAT, PROMPT, stream=True, stream_options={"include_usage": True}))
    assert [event["usage"] is None for event in events(with_usage)] == [True] * (
        len(events(with_usage)) - 1
    ) + [False]
    without = http.post(CHAT, json=body(CHAT, PROMPT, stream=True))
    assert not any("usage" in event for event in events(without))
    assert without.text.endswith("data: [DONE]\n\n")


def test_chat_calls_a_tool_and_then_answers_with_its_result(openai: OpenAI) -> None:
    history = user(PROMPT)
    first = openai.chat.completions.create(model="gpt-5", messages=history, tools=CHAT_TOOLS)
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    assert message.content is None
    assert message.tool_calls
    call = message.tool_calls[0]
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("weather", '{"city":"Lisbon"}')
    history += [message.to_dict(), {"role": "tool", "tool_call_id": call.id, "content": "22 degrees"}]
    second = openai.chat.completions.create(model="gpt-5", messages=history, tools=CHAT_TOOLS)
    assert second.choices[0].finish_reason == "stop"
    assert "22 degrees" in (second.choices[0].message.content or "")


def test_chat_streams_two_tool_calls_in_fragments(openai: OpenAI) -> None:
    with openai.chat.completions.stream(model="gpt-5", messages=user(BOTH), tools=CHAT_TOOLS) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls or []
    assert [(call.function.name, call.function.arguments) for call in calls] == [
        ("weather", '{"city":"Lisbon"}'),
        ("time", '{"city":"Lisbon"}'),
    ]
    plain = openai.chat.completions.create(model="gpt-5", messages=user(BOTH), tools=CHAT_TOOLS)
    assert [call.id for call in plain.choices[0].message.tool_calls or []] == [call.id for call in calls]


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ({"tool_choice": "none"}, []),
        ({"tool_choice": {"type": "function", "function": {"name": "time"}}}, ["time"]),
        ({"parallel_tool_calls": False}, ["weather"]),
    ],
)
def test_chat_obeys_the_choice_of_tools(openai: OpenAI, choice: Any, called: list[str]) -> None:
    answer = openai.chat.completions.create(model="gpt-5", messages=user(BOTH), tools=CHAT_TOOLS, **choice)
    calls = answer.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls if call.type == "function"] == called


def test_responses_answer_plain_and_streamed_alike(openai: OpenAI) -> None:
    plain = openai.responses.create(model="codex-1", input=PROMPT)
    assert plain.status == "completed"
    assert plain.output_text.startswith("Sandbox answer: ")
    with openai.responses.stream(model="codex-1", input=PROMPT) as stream:
        final = stream.get_final_response()
    assert final.output_text == plain.output_text
    assert final.usage == plain.usage
    assert final.id == plain.id


def test_responses_events_come_in_the_vendors_order(http: httpx.Client) -> None:
    streamed = http.post(RESPONSES, json=body(RESPONSES, PROMPT, stream=True))
    kinds = [kind for kind in types_of(streamed) if kind != "response.output_text.delta"]
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event["sequence_number"] for event in events(streamed)] == list(range(len(events(streamed))))
    assert "[DONE]" not in streamed.text


def test_responses_call_a_tool_and_then_answer_with_its_result(openai: OpenAI) -> None:
    history: list[Any] = user(PROMPT)
    with openai.responses.stream(model="codex-1", input=history, tools=RESPONSES_TOOLS) as stream:
        output = stream.get_final_response().output
    (call,) = output
    assert call.type == "function_call"
    assert (call.name, call.arguments) == ("weather", '{"city":"Lisbon"}')
    history += [
        call.to_dict(),
        {"type": "function_call_output", "call_id": call.call_id, "output": "22 degrees"},
    ]
    second = openai.responses.create(model="codex-1", input=history, tools=RESPONSES_TOOLS)
    assert "22 degrees" in second.output_text


def test_responses_carry_their_reasoning_when_asked_to_include_it(openai: OpenAI) -> None:
    answer = openai.responses.create(
        model="codex-1", input=PROMPT, store=False, include=["reasoning.encrypted_content"]
    )
    assert answer.output[0].type == "reasoning"
    assert answer.output[0].encrypted_content
    assert answer.output[0].summary == []
    assert answer.usage
    assert 0 < answer.usage.output_tokens_details.reasoning_tokens < answer.usage.output_tokens


def test_messages_answer_plain_and_streamed_alike(anthropic: Anthropic) -> None:
    asked: Any = {"model": "claude-opus-4-7", "max_tokens": 1000, "messages": user(PROMPT)}
    plain = anthropic.messages.create(**asked)
    assert plain.stop_reason == "end_turn"
    assert plain.content[0].type == "text"
    assert plain.content[0].text.startswith("Sandbox answer: ")
    with anthropic.messages.stream(**asked) as stream:
        final = stream.get_final_message()
    assert final.content[0].to_dict()["text"] == plain.content[0].text
    assert (final.id, final.usage.input_tokens, final.usage.output_tokens) == (
        plain.id,
        plain.usage.input_tokens,
        plain.usage.output_tokens,
    )


def test_messages_events_come_in_the_vendors_order(http: httpx.Client) -> None:
    streamed = http.post(MESSAGES, json=body(MESSAGES, PROMPT, stream=True, **tools(MESSAGES)))
    kinds = [kind for kind in types_of(streamed) if kind != "content_block_delta"]
    assert kinds == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_stop",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_messages_call_tools_and_then_answer_with_their_results(anthropic: Anthropic) -> None:
    asked: Any = {"model": "claude-sonnet-4-6", "max_tokens": 1000, "tools": MESSAGES_TOOLS}
    history = user(BOTH)
    with anthropic.messages.stream(messages=history, **asked) as stream:
        first = stream.get_final_message()
    assert first.stop_reason == "tool_use"
    calls = [block for block in first.content if block.type == "tool_use"]
    assert [(call.name, call.input) for call in calls] == [
        ("weather", {"city": "Lisbon"}),
        ("time", {"city": "Lisbon"}),
    ]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": call.name} for call in calls]
    said = [block.to_dict() for block in first.content]
    history += [{"role": "assistant", "content": said}, {"role": "user", "content": results}]
    second = anthropic.messages.create(messages=history, **asked)
    assert second.content[0].type == "text"
    assert "weather time" in second.content[0].text


def test_messages_think_where_it_can_be_seen_only_on_request(anthropic: Anthropic) -> None:
    asked: Any = {"model": "claude-opus-4-7", "max_tokens": 1000, "messages": user(PROMPT)}
    silent = anthropic.messages.create(thinking={"type": "adaptive"}, **asked).content[0]
    shown = anthropic.messages.create(
        thinking={"type": "adaptive", "display": "summarized"}, **asked
    ).content[0]
    assert silent.type == shown.type == "thinking"
    assert silent.thinking == ""
    assert shown.thinking.startswith("Sandbox")
    assert silent.signature == shown.signature != ""


def test_messages_end_at_a_stop_sequence(anthropic: Anthropic) -> None:
    answer = anthropic.messages.create(
        model="claude-opus-4-7", max_tokens=1000, messages=user(PROMPT), stop_sequences=["nowhere", "answer"]
    )
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "answer")
    assert answer.content[0].to_dict()["text"] == "Sandbox "


def test_a_bound_on_output_ends_every_wire_with_length(http: httpx.Client) -> None:
    chat = http.post(CHAT, json=body(CHAT, PROMPT, max_completion_tokens=5)).json()
    assert chat["choices"][0]["finish_reason"] == "length"
    assert chat["usage"]["completion_tokens"] == 5
    assert len(chat["choices"][0]["message"]["content"]) == 20
    responses = http.post(RESPONSES, json=body(RESPONSES, PROMPT, max_output_tokens=16)).json()
    assert responses["incomplete_details"] == {"reason": "max_output_tokens"}
    assert (responses["status"], responses["usage"]["output_tokens"]) == ("incomplete", 16)
    messages = http.post(MESSAGES, json=body(MESSAGES, PROMPT, max_tokens=5, **tools(MESSAGES))).json()
    assert (messages["stop_reason"], messages["usage"]["output_tokens"]) == ("max_tokens", 5)
    streamed = http.post(RESPONSES, json=body(RESPONSES, PROMPT, max_output_tokens=16, stream=True))
    assert types_of(streamed)[-1] == "response.incomplete"


@pytest.mark.parametrize("path", PATHS)
def test_usage_adds_up_and_grows_with_the_prompt(http: httpx.Client, path: str) -> None:
    short, long = (http.post(path, json=body(path, "word " * count)).json()["usage"] for count in (4, 400))
    name = "prompt_tokens" if path == CHAT else "input_tokens"
    assert long[name] - short[name] == 396 * 5 // 4
    if path != MESSAGES:
        assert (
            short["total_tokens"]
            == short[name] + short[name.replace("prompt", "completion").replace("in", "out")]
        )


def test_an_answer_in_a_given_shape_has_that_shape(openai: OpenAI) -> None:
    shape: Any = {
        "type": "object",
        "properties": {
            "sure": {"type": "boolean"},
            "count": {"type": ["integer", "null"], "minimum": 7},
            "kind": {"enum": ["a", "b"]},
            "when": {"type": "string", "format": "date"},
            "inner": {"$ref": "#/$defs/inner"},
        },
        "required": ["sure", "count", "kind", "when", "inner"],
        "additionalProperties": False,
        "$defs": {"inner": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "string"}}]}},
    }
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": shape, "strict": True}}
    answer = openai.chat.completions.create(model="gpt-5", messages=user("Hi"), response_format=wanted)
    value = json.loads(answer.choices[0].message.content or "")
    assert value == {"sure": True, "count": 7, "kind": "a", "when": "2026-03-14", "inner": ["sandbox"]}


@given(st.text())
def test_the_pieces_of_a_stream_are_the_whole_text(text: str) -> None:
    assert "".join(words(text)) == text
    assert "".join(fragments(text)) == text

"""What the sandbox refuses, as the vendor it stands for does."""

import contextlib
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import httpx
import msgspec
import pytest
from fakes.requests import CHAT, HEADERS, MESSAGES, PATHS, RESPONSES, body
from fakes.serving import served
from hypothesis import given
from hypothesis import strategies as st

from api.sandbox import WIRES, create_sandbox
from api.sandbox.answers import compose
from api.sandbox.questions import Refused

FIELDS = (
    "messages input instructions system tools tool_choice parallel_tool_calls stop stop_sequences "
    "stream stream_options max_tokens max_completion_tokens max_output_tokens temperature top_p n "
    "reasoning text include metadata response_format output_config thinking"
)
WORDS = (
    "role content type text function name parameters input_schema schema json_schema format "
    "properties required output call_id tool_use_id input summary effort include_usage"
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(create_sandbox(pace_ms=0)) as address:
        yield address


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, headers=HEADERS, trust_env=False) as client:
        yield client


@pytest.mark.parametrize(
    ("asked", "param", "code"),
    [
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": "hi"}, "messages", "invalid_type"),
        ({"messages": [{"role": "nobody", "content": ""}]}, "messages[0].role", "invalid_type"),
        ({"model": 5}, "model", "invalid_type"),
        ({"stop": ["x"]}, "stop", "unsupported_parameter"),
        ({"max_tokens": 5}, "max_tokens", "unsupported_parameter"),
        ({"temperature": 0.2}, "temperature", "unsupported_value"),
        ({"stream_options": {"include_usage": True}}, "stream_options", None),
        ({"tool_choice": "required"}, "tool_choice", None),
    ],
)
def test_chat_refuses_what_gpt_5_refuses(
    http: httpx.Client, asked: Any, param: str, code: str | None
) -> None:
    answer = http.post(CHAT, json={**body(CHAT), **asked})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"max_tokens": 0}, "max_tokens: "),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages.0.role: "),
        ({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}, "prefill"),
        ({"temperature": 0.5}, "temperature"),
        ({"tool_choice": {"type": "any"}}, "tool_choice: "),
    ],
)
def test_messages_refuse_what_claude_refuses(http: httpx.Client, asked: Any, words: str) -> None:
    answer = http.post(MESSAGES, json={**body(MESSAGES), **asked})
    assert answer.status_code == 400
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert words in answer.json()["error"]["message"]


def test_a_bound_below_sixteen_is_refused_on_responses(http: httpx.Client) -> None:
    error = http.post(RESPONSES, json=body(RESPONSES, max_output_tokens=15)).json()["error"]
    assert (error["param"], error["code"]) == ("max_output_tokens", "integer_below_min_value")


@pytest.mark.parametrize("sent", [b"", b"nonsense", b"[]", b'"x"', b'{"model":"\xff"}', b"[" * 5000])
@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_is_no_json_object_is_a_400_in_the_vendors_shape(
    http: httpx.Client, path: str, sent: bytes
) -> None:
    answer = http.post(path, content=sent)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", PATHS)
def test_a_call_without_a_credential_is_refused(address: str, path: str) -> None:
    answer = httpx.post(address + path, json=body(path), headers={"authorization": "Bearer"}, trust_env=False)
    assert answer.status_code == 401
    assert "API key" in answer.text or "x-api-key" in answer.text


def test_unknown_paths_and_methods_answer_in_the_vendors_shape(http: httpx.Client) -> None:
    assert http.get("/v1/nope").json()["type"] == "error"
    del http.headers["anthropic-version"]
    assert http.get("/v1/nope").json()["error"]["message"] == "Invalid URL (GET /v1/nope)"
    assert http.get(CHAT).status_code == 405


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 9999)
    | st.sampled_from(["", "auto", "function", "x", "user", "none"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(WORDS.split()), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.PATH)
@given(given=st.dictionaries(st.sampled_from(FIELDS.split()), ANYTHING, max_size=3))
def test_whatever_the_fields_hold_is_answered_or_refused(wire: ModuleType, given: dict[str, Any]) -> None:
    raw = json.dumps({**body(wire.PATH), **given}).encode()
    with contextlib.suppress(Refused):
        question = wire.ask(raw, HEADERS)
        answer = compose(question)
        msgspec.json.encode(wire.reply(question, answer))
        assert list(wire.stream(question, answer))

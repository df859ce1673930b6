"""`x-starscoo-unsupported: drop`, over a request for Claude."""

import json
from typing import Any

import pytest
from meanings import OPUS

from api.errors import GatewayError
from api.types import Envelope
from api.wires import anthropic_messages, dropping, openai_chat

HELLO: dict[str, Any] = {"role": "user", "content": "Hello"}


def sent(*messages: Any, may_drop: bool = True, **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    def translate(envelope: Envelope) -> bytes:
        request = openai_chat.parse_request(envelope, salt="7")
        return anthropic_messages.render_request(request, OPUS, output_tokens=None)

    body = {"model": "claude-opus-4-7", "messages": list(messages) or [HELLO], **fields}
    envelope = openai_chat.peek(json.dumps(body).encode())
    made, dropped = dropping.translated(envelope, translate, may_drop=may_drop)
    return json.loads(made), dropped


def refused(*messages: Any, **fields: Any) -> tuple[str, str | None]:
    with pytest.raises(GatewayError) as caught:
        sent(*messages, **fields)
    return caught.value.kind, caught.value.param


def test_nothing_is_dropped_that_the_model_takes() -> None:
    plain, _ = sent()
    assert sent(temperature=1, seed=3, stop="END") == ({**plain, "stop_sequences": ["END"]}, ())


def test_without_the_header_all_of_it_is_refused() -> None:
    assert refused(temperature=0.2, may_drop=False) == ("unsupported_value", "temperature")


def test_what_is_not_supported_is_left_out_and_named() -> None:
    plain, _ = sent()
    body, dropped = sent(
        temperature=0.2, frequency_penalty=1, logprobs=True, service_tier="flex", top_kk=1, store=True
    )
    assert body == plain
    assert sorted(dropped) == [
        "frequency_penalty",
        "logprobs",
        "service_tier",
        "store",
        "temperature",
        "top_kk",
    ]


def test_an_unknown_key_is_taken_out_where_it_stands() -> None:
    body, dropped = sent(
        HELLO,
        {"role": "assistant", "content": "Hi", "mood": "good"},
        HELLO,
        stream=True,
        stream_options={"include_usage": True, "include_all": True},
    )
    assert body["messages"][1]["content"] == [{"type": "text", "text": "Hi"}]
    assert set(dropped) == {"stream_options.include_all", "messages[1].mood"}


def test_a_key_that_looks_like_a_path_is_found() -> None:
    assert sent(**{"a.b[0]": 1})[1] == ("a.b[0]",)
    assert refused({**HELLO, "a.b": 1}) == ("unknown_parameter", "messages[0].a.b")


def test_a_value_goes_with_its_whole_parameter() -> None:
    body, dropped = sent(thinking={"type": "enabled", "budget_tokens": 2000})
    assert "thinking" not in body
    assert dropped == ("thinking",)


def test_a_mark_for_caching_goes_alone() -> None:
    part = {"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}
    body, dropped = sent({"role": "user", "content": [part]})
    assert body["messages"][0]["content"] == [{"type": "text", "text": "x"}]
    assert dropped == ("messages[0].content[0].prompt_cache_breakpoint",)


def test_several_answers_become_one_with_its_own_bound() -> None:
    body, dropped = sent(n=3, max_tokens=10)
    assert (body["max_tokens"], dropped) == (10, ("n",))


def test_content_and_tools_are_never_dropped() -> None:
    audio = {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}
    assert refused(HELLO, audio) == ("unsupported_parameter", "messages[1].content[0]")
    assert refused(HELLO, {"role": "assistant", "content": "Well,"}) == ("unsupported_value", "messages")
    tools = [{"type": "function", "function": {"name": f"t{number}", "strict": True}} for number in range(21)]
    assert refused(tools=tools) == ("unsupported_value", "tools")


def test_what_makes_no_sense_is_refused_all_the_same() -> None:
    assert refused(temperature=7)[0] == "invalid_request"


def test_there_is_an_end_to_dropping() -> None:
    assert refused(**{f"key{number}": 1 for number in range(100)})[0] == "unknown_parameter"

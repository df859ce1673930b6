import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from api.errors import GatewayError
from api.types import Part, Reasoning, Refusal, Reply, StopReason, Text, ToolCall
from api.wires import BadReply, openai_chat
from api.wires.openai_chat.reply import usage_of
from models.ledger import Usage


def rendered(*parts: Part, stop: StopReason = "end", usage: Usage | None = None) -> dict[str, Any]:
    reply = Reply(parts=parts, stop=stop, usage=usage)
    body = openai_chat.render_reply(reply, id="chatcmpl-1", created=1_795_300_000, model="the-model")
    ChatCompletion.model_validate_json(body, strict=True)
    made: dict[str, Any] = json.loads(body)
    return made


def test_a_reply_has_exactly_one_choice_and_the_id_that_was_asked_for() -> None:
    made = rendered(Text(text="Grüße "), Text(text="🌍"), usage=Usage(input_tokens=1, output_tokens=2))
    assert made == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_795_300_000,
        "model": "the-model",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Grüße 🌍", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 1,
            "completion_tokens": 2,
            "total_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        },
    }


def test_tool_calls_keep_their_order_and_empty_arguments_are_an_object() -> None:
    calls = (ToolCall(id="a", name="f", arguments=""), ToolCall(id="b", name="g", arguments='{"x":1}'))
    message = rendered(*calls, stop="tool_calls")["choices"][0]["message"]
    assert message["content"] is None
    assert [call["function"] for call in message["tool_calls"]] == [
        {"name": "f", "arguments": "{}"},
        {"name": "g", "arguments": '{"x":1}'},
    ]


def test_reasoning_stands_beside_the_answer_and_never_in_it() -> None:
    message = rendered(Reasoning(text="hm"), Text(text="Hi"))["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("hm", "Hi")
    assert "reasoning_content" not in rendered(Text(text="Hi"))["choices"][0]["message"]


def test_g48_a_refusal_without_words_has_null_content() -> None:
    choice = rendered(stop="content_filter")["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (None, "content_filter")
    assert rendered(Refusal(text="No"))["choices"][0]["message"]["refusal"] == "No"


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("end", "stop"),
        ("stop_sequence", "stop"),
        ("paused", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("content_filter", "content_filter"),
    ],
)
def test_each_way_to_stop_has_its_finish_reason(stop: StopReason, reason: str) -> None:
    assert rendered(stop=stop)["choices"][0]["finish_reason"] == reason


def test_g39_usage_adds_the_cache_to_the_prompt() -> None:
    usage = Usage(input_tokens=3, cache_read_tokens=20_000, cache_write_tokens=1_500, output_tokens=7)
    shown = rendered(usage=usage)["usage"]
    assert (shown["prompt_tokens"], shown["total_tokens"]) == (21_503, 21_510)
    assert shown["prompt_tokens_details"] == {"cached_tokens": 20_000, "cache_write_tokens": 1_500}


def test_reasoning_tokens_are_shown_when_there_are_any() -> None:
    usage = Usage(input_tokens=1, output_tokens=9, reasoning_tokens=5)
    assert rendered(usage=usage)["usage"]["completion_tokens_details"] == {"reasoning_tokens": 5}


def test_an_error_has_the_four_fields_of_openai() -> None:
    error = GatewayError("unsupported_value", "No.", "messages[0]")
    shown = {"message": "No.", "type": "invalid_request_error", "param": "messages[0]"}
    assert json.loads(openai_chat.render_error(error)) == {"error": {**shown, "code": "unsupported_value"}}
    assert openai_chat.stream_error(error) == b"data: %b\n\n" % openai_chat.render_error(error)


# --- passed on ------------------------------------------------------------------------------------------

REPORT = b'{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}'
BODY = (
    b'{ "id":"x","model":"gpt-5-2025-08-07", "choices":[{"index":0,"finish_reason":"length",'
    b'"message":{"content":"say \\"model\\":\\"gpt-5\\" \xc3\xa9","future":1.50}}],"usage":%b}' % REPORT
)


def test_a_plain_answer_passes_byte_for_byte() -> None:
    assert openai_chat.pass_reply(BODY, rename=None) == (
        BODY,
        Usage(input_tokens=10, output_tokens=5),
        "length",
    )


def test_only_the_models_name_is_replaced() -> None:
    sent, _, _ = openai_chat.pass_reply(BODY, rename=("gpt-5", "mine"))
    assert sent == BODY.replace(b"gpt-5-2025-08-07", b"mine")


def test_an_answer_without_usage_or_reason_is_still_an_answer() -> None:
    assert openai_chat.pass_reply(b'{"choices":[]}', rename=None) == (b'{"choices":[]}', None, None)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"choices":', b'{"error":{}}', b'{"choices":3}'])
def test_what_is_no_completion_is_a_bad_reply(body: bytes) -> None:
    with pytest.raises(BadReply):
        openai_chat.pass_reply(body, rename=None)


@pytest.mark.parametrize(
    ("report", "usage"),
    [
        (b"null", None),
        (b"{}", None),
        (b'"many"', None),
        (b'{"prompt_tokens":"ten"}', None),
        (b'{"prompt_tokens":10}', Usage(input_tokens=10)),
        (
            b'{"prompt_tokens":100,"completion_tokens":4,"prompt_tokens_details":'
            b'{"cached_tokens":75,"cache_write_tokens":5},"completion_tokens_details":{"reasoning_tokens":3}}',
            Usage(20, 75, 5, 4, 3),
        ),
        (
            b'{"prompt_tokens":100,"completion_tokens":4,"prompt_tokens_details":null,'
            b'"completion_tokens_details":{"reasoning_tokens":null}}',
            Usage(input_tokens=100, output_tokens=4),
        ),
        (
            b'{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":75,"cache_write_tokens":5}}',
            Usage(cache_read_tokens=10),
        ),
        (b'{"prompt_tokens":-1,"completion_tokens":-1}', Usage()),
    ],
)
def test_g59_the_classes_of_usage_are_disjoint_and_add_up(report: bytes, usage: Usage | None) -> None:
    assert usage_of(report) == usage

"""The named edge cases of requests, each from the client's body to the vendor's, who checks what he is sent."""

import base64
from typing import Any

import pytest
from translating import CODEX, GPT5, HELLO, MINI, OPUS, SONNET, refused, sent, sent_bytes

from api.errors import GatewayError

TOOL: dict[str, Any] = {"type": "function", "function": {"name": "weather"}}
CLOCK: dict[str, Any] = {"type": "function", "function": {"name": "clock"}}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 30).decode()
PDF = base64.b64encode(b"%PDF-1.7\n...").decode()


def call(id: str, arguments: str = "{}") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": "weather", "arguments": arguments}}


def called(*ids: str, arguments: str = "{}") -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [call(id, arguments) for id in ids]}


def result(id: str, content: str = "sunny") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": content}


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


# --- sampling and bounds --------------------------------------------------------------------------------


def test_G1_defaults_are_accepted_and_not_sent() -> None:
    assert sent(OPUS, temperature=1, top_p=1, n=1, frequency_penalty=0) == sent(OPUS)


def test_G2_temperature_zero_is_refused_where_sampling_is_fixed() -> None:
    assert refused(OPUS, temperature=0) == ("unsupported_value", "temperature")


def test_G3_a_temperature_above_one_is_capped() -> None:
    assert sent(SONNET, temperature=1.7)["temperature"] == 1


def test_G4_temperature_and_top_p_together_are_refused() -> None:
    assert refused(SONNET, temperature=0.5, top_p=0.9) == ("unsupported_value", "top_p")


def test_G5_effort_and_temperature_together_are_refused() -> None:
    assert refused(SONNET, reasoning_effort="high", temperature=0.5) == ("unsupported_value", "temperature")


def test_G6_a_stop_of_white_space_is_refused_and_one_string_is_a_list() -> None:
    assert refused(OPUS, stop=["\n"]) == ("unsupported_value", "stop")
    assert sent(OPUS, stop="END")["stop_sequences"] == ["END"]


def test_G7_stop_is_refused_over_responses() -> None:
    assert refused(CODEX, stop="END") == ("unsupported_parameter", "stop")


def test_G8_a_bound_below_the_vendors_least_is_raised() -> None:
    assert sent(CODEX, max_completion_tokens=5)["max_output_tokens"] == 16


@pytest.mark.parametrize("model", [OPUS, GPT5, CODEX])
def test_G9_stream_options_need_a_stream(model: str) -> None:
    assert refused(model, stream_options={"include_usage": True}) == ("invalid_request", "stream_options")


@pytest.mark.parametrize("model", [OPUS, CODEX])
def test_G10_an_unknown_key_is_refused(model: str) -> None:
    assert refused(model, top_kk=1) == ("unknown_parameter", "top_kk")


# --- turns ----------------------------------------------------------------------------------------------


def test_G11_leading_system_messages_go_on_top_and_a_late_one_stays() -> None:
    body = sent(
        OPUS,
        {"role": "system", "content": "One"},
        {"role": "developer", "content": "Two"},
        HELLO,
        {"role": "assistant", "content": "Hi"},
        HELLO,
        {"role": "system", "content": "Three"},
    )
    assert body["system"] == [words("One"), words("Two")]
    assert "Three" in body["messages"][-1]["content"][-1]["text"]
    assert "operator_instruction" in body["messages"][-1]["content"][-1]["text"]


def test_G12_a_system_message_between_call_and_result_moves_behind_the_result() -> None:
    body = sent(OPUS, HELLO, called("a"), {"role": "system", "content": "Now"}, result("a"), tools=[TOOL])
    assert [block["type"] for block in body["messages"][2]["content"]] == ["tool_result", "text"]


def test_G13_three_results_and_words_are_one_turn() -> None:
    body = sent(
        OPUS, HELLO, called("a", "b", "c"), result("a"), result("b"), result("c"), HELLO, tools=[TOOL]
    )
    kinds = [block["type"] for block in body["messages"][2]["content"]]
    assert kinds == ["tool_result", "tool_result", "tool_result", "text"]
    assert len(body["messages"]) == 3


def test_G14_results_are_paired_by_id() -> None:
    body = sent(OPUS, HELLO, called("a", "b"), result("b", "second"), result("a", "first"), tools=[TOOL])
    results = body["messages"][2]["content"]
    assert [(each["tool_use_id"], each["content"]) for each in results] == [
        ("a", [words("first")]),
        ("b", [words("second")]),
    ]


@pytest.mark.parametrize("model", [OPUS, CODEX])
def test_G15_a_result_without_its_call_is_refused(model: str) -> None:
    assert refused(model, HELLO, called("a"), result("x")) == ("invalid_request", "messages[2]")


def test_G16_empty_arguments_are_an_empty_object() -> None:
    body = sent(OPUS, HELLO, called("a", arguments=""), result("a"), tools=[TOOL])
    assert body["messages"][1]["content"][0]["input"] == {}


def test_G17_broken_arguments_are_wrapped() -> None:
    body = sent(OPUS, HELLO, called("a", arguments="{bad"), result("a"), tools=[TOOL])
    assert list(body["messages"][1]["content"][0]["input"].values()) == ["{bad"]


def test_G18_a_call_id_is_cleaned_alike_in_call_and_result() -> None:
    body = sent(OPUS, HELLO, called("call|1:0"), result("call|1:0"), tools=[TOOL])
    assert body["messages"][1]["content"][0]["id"] == "call_1_0"
    assert body["messages"][2]["content"][0]["tool_use_id"] == "call_1_0"


def test_G19_an_empty_text_is_not_sent() -> None:
    body = sent(OPUS, HELLO, {"role": "user", "content": ""}, HELLO)
    assert body["messages"] == [{"role": "user", "content": [words("Hello"), words("Hello")]}]


def test_G20_calls_without_words_are_calls_only() -> None:
    body = sent(OPUS, HELLO, called("a"), result("a"), tools=[TOOL])
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_use"]


@pytest.mark.parametrize(
    "tail",
    [
        {"content": "Well,"},
        {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "s"}], "content": None},
    ],
)
def test_G21_a_started_answer_is_refused(tail: dict[str, Any]) -> None:
    ended = {"role": "assistant", **tail}
    assert refused(OPUS, HELLO, ended, reasoning_effort="low") == ("unsupported_value", "messages")


# --- content --------------------------------------------------------------------------------------------


def test_G22_the_type_of_an_image_is_its_bytes() -> None:
    body = sent(OPUS, user(image(f"data:image/jpg;base64,{PNG}")))
    assert body["messages"][0]["content"][0]["source"]["media_type"] == "image/png"


@pytest.mark.parametrize(("label", "content"), [("svg+xml", b"<svg/>"), ("heic", b"\0\0\0\x18ftypheic")])
def test_G23_another_kind_of_image_is_refused(label: str, content: bytes) -> None:
    url = f"data:image/{label};base64,{base64.b64encode(content).decode()}"
    assert refused(OPUS, user(image(url))) == ("invalid_image", "messages[0].content[0].image_url.url")


def test_G24_an_address_of_an_image_is_passed_on() -> None:
    body = sent(OPUS, user(image("http://10.0.0.1/a.png")))
    assert body["messages"][0]["content"][0]["source"] == {"type": "url", "url": "http://10.0.0.1/a.png"}


@pytest.mark.parametrize("data", [PDF, f"data:application/pdf;base64,{PDF}"])
def test_G25_a_pdf_is_a_document_and_a_file_id_is_refused(data: str) -> None:
    file = {"type": "file", "file": {"file_data": data, "filename": "bill.pdf"}}
    assert sent(OPUS, user(file))["messages"][0]["content"] == [
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
            "title": "bill.pdf",
        }
    ]
    assert sent(CODEX, user(file))["input"][0]["content"] == [
        {"type": "input_file", "filename": "bill.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}
    ]
    by_id = user({"type": "file", "file": {"file_id": "file-1"}})
    for model in (OPUS, CODEX):
        assert refused(model, by_id) == ("unsupported_parameter", "messages[0].content[0].file.file_id")


@pytest.mark.parametrize("model", [OPUS, CODEX])
def test_G26_audio_is_refused_and_not_dropped(model: str) -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    assert refused(model, user(words("x"), audio)) == ("unsupported_parameter", "messages[0].content[1]")


# --- tools and formats ----------------------------------------------------------------------------------


def test_G27_calls_one_by_one_are_asked_for_within_the_choice() -> None:
    choice = sent(OPUS, tools=[TOOL], parallel_tool_calls=False)["tool_choice"]
    assert choice == {"type": "auto", "disable_parallel_tool_use": True}


def test_G28_the_choice_of_none_keeps_the_tools() -> None:
    body = sent(OPUS, tools=[TOOL], tool_choice="none")
    assert (len(body["tools"]), body["tool_choice"]) == (1, {"type": "none"})


def test_G29_allowed_tools_are_the_only_ones_sent() -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "clock"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    body = sent(OPUS, tools=[TOOL, CLOCK], tool_choice=choice)
    assert [tool["name"] for tool in body["tools"]] == ["clock"]
    assert body["tool_choice"] == {"type": "any"}
    assert sent(CODEX, tools=[TOOL, CLOCK], tool_choice=choice)["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "clock"}],
    }


def test_G30_a_schema_is_closed_and_its_limits_are_told_in_words() -> None:
    count = {"type": "integer", "minimum": 1, "description": "How many"}
    schema = {
        "type": "object",
        "properties": {"count": count, "what": {"oneOf": [{"type": "string"}, {"type": "null"}]}},
        "required": ["count", "what"],
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "order", "schema": schema, "strict": True}}
    made = sent(OPUS, response_format=wanted)["output_config"]["format"]
    assert made == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {
                "count": {"type": "integer", "description": "How many\n\n{minimum: 1}"},
                "what": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
            "additionalProperties": False,
            "required": ["count", "what"],
        },
    }


def test_G31_more_strict_tools_than_the_vendor_takes_are_refused() -> None:
    tools = [{"type": "function", "function": {"name": f"t{n}", "strict": True}} for n in range(21)]
    assert refused(OPUS, tools=tools) == ("unsupported_value", "tools")
    assert len(sent(OPUS, tools=tools[:20])["tools"]) == 20


# --- reasoning ------------------------------------------------------------------------------------------


def test_G32_effort_asks_for_a_summary_of_the_thinking() -> None:
    body = sent(OPUS, reasoning_effort="high")
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": "high"}


def test_G33_an_effort_that_the_model_lacks_is_refused() -> None:
    assert refused(SONNET, reasoning_effort="xhigh") == ("unsupported_value", "reasoning_effort")
    assert refused(CODEX, reasoning_effort="none") == ("unsupported_value", "reasoning_effort")


def test_G34_thinking_goes_back_byte_for_byte_and_first() -> None:
    blocks = [
        {"type": "thinking", "thinking": "", "signature": "EqQB+/="},
        {"type": "redacted_thinking", "data": "Emwk"},
    ]
    answer = {"role": "assistant", "content": "Let me see.", "thinking_blocks": blocks, **TURN}
    body = sent(OPUS, HELLO, answer, result("a"), tools=[TOOL], reasoning_effort="high")
    assert body["messages"][1]["content"][:3] == [*blocks, words("Let me see.")]
    assert "thinking" not in str(sent(OPUS, HELLO, answer, result("a"), tools=[TOOL])["messages"])


TURN: dict[str, Any] = {"reasoning_content": "Hm.", "tool_calls": [call("a")]}


def test_G35_reasoning_of_another_vendor_is_dropped() -> None:
    item = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "Hm"}],
        "encrypted_content": "gAAA",
    }
    block = {"type": "thinking", "thinking": "Hm", "signature": "s"}
    answer = {
        "role": "assistant",
        "content": "Hi",
        "reasoning_content": "Hm",
        "reasoning_items": [item],
        "thinking_blocks": [block],
    }
    to_claude = sent(OPUS, HELLO, answer, HELLO, reasoning_effort="high")
    assert to_claude["messages"][1]["content"] == [block, words("Hi")]
    assert sent(CODEX, HELLO, answer, HELLO)["input"][1] == item
    assert "Hm" not in str(sent(CODEX, HELLO, answer, HELLO)["input"][2:])


# --- vendors and customers ------------------------------------------------------------------------------


def test_G53_strict_is_always_said_over_responses() -> None:
    assert sent(CODEX, tools=[TOOL])["tools"][0]["strict"] is False


def test_G55_a_conversation_by_its_id_is_refused_with_a_word_on_what_to_send() -> None:
    with pytest.raises(GatewayError, match="send all of its messages again") as caught:
        sent(CODEX, previous_response_id="resp_1")
    assert (caught.value.status, caught.value.param) == (400, "previous_response_id")


@pytest.mark.parametrize("model", [GPT5, MINI, CODEX])
def test_G61_two_customers_with_one_cache_key_are_told_apart(model: str) -> None:
    one, other = (sent(model, salt=salt, prompt_cache_key="shared")["prompt_cache_key"] for salt in "12")
    assert len({one, other, "shared"}) == 3


@pytest.mark.parametrize(
    ("model", "place"),
    [
        (OPUS, lambda body: body["metadata"]["user_id"]),
        (CODEX, lambda body: body["safety_identifier"]),
        (GPT5, lambda body: body["user"]),
    ],
)
def test_R10_an_end_user_is_told_as_a_hash_of_his_customer(model: str, place: Any) -> None:
    one, other = (place(sent(model, salt=salt, user="bob@example.com")) for salt in "12")
    assert one != other
    assert "bob" not in one + other
    both = sent(model, user="bob", safety_identifier="bob@example.com")
    if model != GPT5:
        assert place(both) == place(sent(model, user="bob@example.com"))


@pytest.mark.parametrize("model", [OPUS, GPT5, CODEX])
def test_G62_the_same_request_is_the_same_bytes(model: str) -> None:
    def made() -> bytes:
        turn = called("call|1", "call:1")
        history = (HELLO, turn, result("call:1"), result("call|1"))
        return sent_bytes(model, *history, tools=[TOOL, CLOCK], user="bob", prompt_cache_key="k")

    assert made() == made()

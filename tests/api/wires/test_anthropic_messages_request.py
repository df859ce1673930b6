import base64
import json
from typing import Any

import pytest
from fakes import sdk_types
from meanings import OPUS, SONNET, asked, assistant, system, user

from api.errors import GatewayError
from api.types import (
    Document,
    Image,
    Reasoning,
    Refusal,
    Request,
    Target,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from api.wires import anthropic_messages

PNG = Image(media_type="image/png", content="iVBORw0KGgo=")
WEATHER = Tool(
    name="weather",
    description="Weather in a city",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
CLOCK = Tool(name="clock")


def rendered(
    request: Request, target: Target = OPUS, *, granted: int | None = None, end_user: str | None = None
) -> dict[str, Any]:
    body = anthropic_messages.render_request(request, target, output_tokens=granted, end_user=end_user)
    made: dict[str, Any] = json.loads(body)
    # The newest types describe the API's newest version, which has no sampling parameters any more.
    typed = {name: value for name, value in made.items() if name not in ("temperature", "top_p")}
    assert sdk_types.mismatch("/v1/messages", typed) is None
    return made


def refused(request: Request, target: Target = OPUS) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        anthropic_messages.render_request(request, target, output_tokens=None, end_user=None)
    assert caught.value.status == 400
    return caught.value


def call(id: str, name: str = "weather", arguments: str = "{}") -> ToolCall:
    return ToolCall(id=id, name=name, arguments=arguments)


def result(call_id: str, text: str = "sunny", path: str = "messages") -> Any:
    return user(ToolResult(call_id=call_id, parts=(Text(text=text),)), path=path)


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


# --- sampling, bounds, stop -----------------------------------------------------------------------------


def test_g01_defaults_are_accepted_and_not_sent() -> None:
    body = rendered(asked(temperature=1, top_p=1, parallel_tool_calls=True))
    assert set(body) == {"model", "max_tokens", "messages"}


def test_g02_temperature_zero_is_refused_for_a_model_of_fixed_sampling() -> None:
    error = refused(asked(temperature=0))
    assert (error.kind, error.param) == ("unsupported_value", "temperature")


def test_g03_a_temperature_above_the_vendors_scale_is_capped() -> None:
    assert rendered(asked(temperature=1.7), SONNET)["temperature"] == 1


def test_a_temperature_within_the_scale_is_sent_as_it_is() -> None:
    assert rendered(asked(temperature=0.3), SONNET)["temperature"] == 0.3
    assert rendered(asked(temperature=0), SONNET)["temperature"] == 0


@pytest.mark.parametrize(("option", "value"), [("temperature", 2.1), ("temperature", -1), ("top_p", 1.1)])
def test_sampling_outside_of_the_range_is_refused(option: str, value: float) -> None:
    assert refused(asked(**{option: value}), SONNET).param == option


def test_g04_temperature_and_top_p_together_are_refused() -> None:
    error = refused(asked(temperature=0.5, top_p=0.9), SONNET)
    assert (error.kind, error.param) == ("unsupported_value", "top_p")
    assert rendered(asked(temperature=1, top_p=0.9), SONNET)["top_p"] == 0.9


def test_g05_with_reasoning_only_the_default_temperature_is_taken() -> None:
    assert refused(asked(effort="high", temperature=0.5), SONNET).param == "temperature"


def test_with_reasoning_top_p_is_taken_from_095() -> None:
    assert refused(asked(effort="high", top_p=0.9), SONNET).param == "top_p"
    assert rendered(asked(effort="high", top_p=0.95), SONNET)["top_p"] == 0.95


def test_g06_a_stop_sequence_of_white_space_is_refused_and_others_are_a_list() -> None:
    error = refused(asked(stop=("\n",)))
    assert (error.kind, error.param) == ("unsupported_value", "stop")
    assert rendered(asked(stop=("END",)))["stop_sequences"] == ["END"]


def test_more_than_four_stop_sequences_are_refused() -> None:
    assert refused(asked(stop=("a", "b", "c", "d", "e"))).param == "stop"


@pytest.mark.parametrize(
    ("own", "granted", "sent"),
    [
        (None, None, 128_000),
        (50, None, 50),
        (None, 700, 700),
        (50, 20, 20),
        (20, 50, 20),
        (10**9, None, 128_000),
    ],
)
def test_the_least_bound_on_output_is_sent(own: int | None, granted: int | None, sent: int) -> None:
    assert rendered(asked(max_output_tokens=own), granted=granted)["max_tokens"] == sent


def test_a_bound_below_one_is_refused_by_the_name_that_the_client_used() -> None:
    assert refused(asked(max_output_tokens=0, max_output_param="max_tokens")).param == "max_tokens"


# --- thinking -------------------------------------------------------------------------------------------


def test_g32_effort_asks_for_a_summary_of_the_thinking() -> None:
    body = rendered(asked(effort="high"))
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": "high"}


def test_no_effort_leaves_thinking_to_its_default_and_none_switches_it_off() -> None:
    assert "thinking" not in rendered(asked())
    body = rendered(asked(effort="none"))
    assert body["thinking"] == {"type": "disabled"}
    assert "output_config" not in body


def test_minimal_effort_is_the_least_that_the_model_has() -> None:
    assert rendered(asked(effort="minimal"))["output_config"] == {"effort": "low"}


def test_g33_an_effort_that_the_model_lacks_is_refused() -> None:
    error = refused(asked(effort="xhigh"), SONNET)
    assert (error.kind, error.param) == ("unsupported_value", "reasoning_effort")
    assert rendered(asked(effort="xhigh"), OPUS)["output_config"] == {"effort": "xhigh"}


def test_g34_signed_thinking_goes_back_first_and_as_it_was() -> None:
    thought = Reasoning(text="", signature="sig+/=", vendor="anthropic")
    body = rendered(asked("Hi", assistant(thought, "Hello"), "Again", effort="low"))
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "", "signature": "sig+/="},
        text("Hello"),
    ]


def test_g35_reasoning_of_another_vendor_is_dropped() -> None:
    thought = Reasoning(text="secret", signature="x", vendor="openai")
    body = rendered(asked("Hi", assistant(thought, "Hello"), "Again", effort="low"))
    assert body["messages"][1]["content"] == [text("Hello")]


def test_thinking_of_earlier_turns_is_dropped_while_thinking_is_off() -> None:
    thought = Reasoning(text="hm", signature="x", vendor="anthropic")
    body = rendered(asked("Hi", assistant(thought, "Hello"), "Again"))
    assert body["messages"][1]["content"] == [text("Hello")]


# --- turns ----------------------------------------------------------------------------------------------


def test_g11_leading_system_messages_go_on_top_and_a_late_one_is_marked_in_its_place() -> None:
    body = rendered(
        asked(system("One"), system("Two"), user("Hi"), assistant("Hello"), user("More"), system("Be brief"))
    )
    assert body["system"] == [text("One"), text("Two")]
    assert body["messages"][-1] == {
        "role": "user",
        "content": [text("More"), text("<operator_instruction>\nBe brief\n</operator_instruction>")],
    }


def test_g12_a_system_message_between_call_and_result_moves_behind_the_result() -> None:
    body = rendered(asked("Hi", assistant(call("a")), system("Be brief"), result("a"), tools=(WEATHER,)))
    kinds = [block["type"] for block in body["messages"][2]["content"]]
    assert kinds == ["tool_result", "text"]


def test_g13_results_and_the_following_words_are_one_turn() -> None:
    body = rendered(
        asked(
            "Hi",
            assistant(call("a"), call("b"), call("c")),
            result("a"),
            result("b"),
            result("c"),
            user("And?"),
            tools=(WEATHER,),
        )
    )
    turn = body["messages"][2]
    assert turn["role"] == "user"
    assert [block["type"] for block in turn["content"]] == ["tool_result"] * 3 + ["text"]


def test_g14_results_in_another_order_are_sent_in_the_order_of_the_calls() -> None:
    body = rendered(
        asked("Hi", assistant(call("a"), call("b")), result("b", "B"), result("a", "A"), tools=(WEATHER,))
    )
    assert [block["tool_use_id"] for block in body["messages"][2]["content"]] == ["a", "b"]
    assert body["messages"][2]["content"][0]["content"] == [text("A")]


def test_g15_a_result_without_its_call_is_refused_where_it_stands() -> None:
    error = refused(asked(user("Hi"), result("nobody", path="messages[1]")))
    assert error.param == "messages[1]"


def test_a_call_without_its_result_is_refused_where_it_stands() -> None:
    late = asked("Hi", assistant(call("a"), path="messages[1]"), "Go on")
    too_late = asked("Hi", assistant(call("a"), path="messages[1]"), "Go on", assistant("Well"), result("a"))
    assert refused(late).param == "messages[1]"
    assert refused(too_late).param == "messages[1]"


def test_a_second_result_of_one_call_is_refused() -> None:
    twice = asked("Hi", assistant(call("a")), result("a"), result("a", path="messages[3]"))
    assert refused(twice).param == "messages[3]"


def test_one_id_for_two_calls_of_a_turn_is_refused() -> None:
    assert refused(asked("Hi", assistant(call("a"), call("a"), path="messages[1]"))).param == "messages[1]"


def test_messages_of_one_side_are_merged() -> None:
    body = rendered(asked("One", "Two", assistant("A"), assistant("B"), "Three"))
    assert body["messages"] == [
        {"role": "user", "content": [text("One"), text("Two")]},
        {"role": "assistant", "content": [text("A"), text("B")]},
        {"role": "user", "content": [text("Three")]},
    ]


def test_g19_an_empty_text_is_not_sent() -> None:
    body = rendered(asked("Hi", assistant("Hello"), "", user(" \n", "There")))
    assert body["messages"][-1]["content"] == [text("There")]


def test_turns_around_a_message_without_content_are_merged() -> None:
    assert [turn["role"] for turn in rendered(asked("One", assistant(""), "Two"))["messages"]] == ["user"]


def test_messages_without_any_content_are_refused() -> None:
    assert refused(asked("", user())).param == "messages"
    assert refused(asked(system("Only this"))).param == "messages"


def test_a_conversation_that_the_assistant_starts_gets_an_opening() -> None:
    body = rendered(asked(assistant("Welcome"), "Hi"))
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]


def test_g20_calls_without_words_are_tool_use_blocks_only() -> None:
    body = rendered(asked("Hi", assistant(call("a")), result("a"), tools=(WEATHER,)))
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_use"]


def test_g21_a_started_answer_is_refused() -> None:
    error = refused(asked("Hi", assistant("Well,")))
    assert (error.kind, error.param) == ("unsupported_value", "messages")


def test_a_refusal_in_the_history_is_its_words() -> None:
    body = rendered(asked("Hi", assistant(Refusal(text="I will not.")), "Please"))
    assert body["messages"][1]["content"] == [text("I will not.")]


# --- tool calls -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ("", {}),
        (" \n", {}),
        ('{"city": "Kraków", "n": 1.0}', {"city": "Kraków", "n": 1.0}),
        ("{bad", {"INVALID_JSON": "{bad"}),
        ("[1, 2]", {"INVALID_JSON": "[1, 2]"}),
        ('"word"', {"INVALID_JSON": '"word"'}),
        ("NaN", {"INVALID_JSON": "NaN"}),
        ("[" * 100_000, {"INVALID_JSON": "[" * 100_000}),
    ],
    ids=["G16 empty", "blank", "object", "G17 cut off", "list", "string", "no JSON", "deep"],
)
def test_arguments_are_always_an_object(arguments: str, sent: dict[str, Any]) -> None:
    body = rendered(asked("Hi", assistant(call("a", arguments=arguments)), result("a"), tools=(WEATHER,)))
    assert body["messages"][1]["content"][0]["input"] == sent


def test_g18_a_cleaned_id_is_the_same_in_call_and_result() -> None:
    body = rendered(asked("Hi", assistant(call("call|1:0")), result("call|1:0"), tools=(WEATHER,)))
    sent = body["messages"][1]["content"][0]["id"]
    assert sent == body["messages"][2]["content"][0]["tool_use_id"] == "call_1_0"


def test_ids_that_clash_once_cleaned_stay_apart() -> None:
    body = rendered(
        asked(
            "Hi",
            assistant(call("a:b"), call("a|b")),
            result("a|b", "2"),
            result("a:b", "1"),
            tools=(WEATHER,),
        )
    )
    first, second = (block["id"] for block in body["messages"][1]["content"])
    results = body["messages"][2]["content"]
    assert first != second
    assert [(block["tool_use_id"], block["content"][0]["text"]) for block in results] == [
        (first, "1"),
        (second, "2"),
    ]


def test_an_id_used_again_in_a_later_turn_is_made_unique_and_the_prefix_stays() -> None:
    earlier = ("Hi", assistant(call("a")), result("a"))
    short = rendered(asked(*earlier, tools=(WEATHER,)))
    long = rendered(asked(*earlier, assistant(call("a")), result("a"), tools=(WEATHER,)))
    assert long["messages"][:3] == short["messages"]
    assert long["messages"][3]["content"][0]["id"] != "a"
    assert long["messages"][3]["content"][0]["id"] == long["messages"][4]["content"][0]["tool_use_id"]


def test_a_result_without_words_has_no_content() -> None:
    body = rendered(asked("Hi", assistant(call("a")), result("a", ""), tools=(WEATHER,)))
    assert body["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "a"}]


def test_a_failed_tool_is_marked() -> None:
    failed = user(ToolResult(call_id="a", parts=(Text(text="no"),), is_error=True))
    body = rendered(asked("Hi", assistant(call("a")), failed, tools=(WEATHER,)))
    assert body["messages"][2]["content"][0]["is_error"] is True


# --- images and files -----------------------------------------------------------------------------------


def test_an_image_keeps_its_type() -> None:
    body = rendered(asked(user(Image(media_type="image/webp", content="UklGRg=="))))
    assert body["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "UklGRg=="}}
    ]


@pytest.mark.parametrize("media_type", ["image/svg+xml", "image/heic", None])
def test_g23_an_image_of_another_type_is_refused_where_it_stands(media_type: str | None) -> None:
    image = Image(media_type=media_type, content="AAAA")
    error = refused(asked(user("Look", image, path="messages[0]")))
    assert (error.kind, error.param) == ("invalid_image", "messages[0].content[1]")


def test_g24_an_image_by_address_is_left_to_the_upstream() -> None:
    body = rendered(asked(user(Image(url="http://10.0.0.1/a.png", detail="low"))))
    assert body["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "url", "url": "http://10.0.0.1/a.png"}}
    ]


def test_g25_a_pdf_is_a_document_with_its_title() -> None:
    pdf = Document(media_type="application/pdf", content="JVBERi0=", title="bill.pdf")
    assert rendered(asked(user(pdf)))["messages"][0]["content"] == [
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "bill.pdf",
        }
    ]


def test_a_text_file_is_a_document_of_its_words() -> None:
    content = base64.b64encode("żółw".encode()).decode()
    body = rendered(asked(user(Document(media_type="text/plain", content=content))))
    assert body["messages"][0]["content"][0]["source"]["data"] == "żółw"


@pytest.mark.parametrize(("media_type", "content"), [("text/plain", "/w=="), ("application/zip", "AAAA")])
def test_other_files_are_refused_where_they_stand(media_type: str, content: str) -> None:
    file = Document(media_type=media_type, content=content)
    assert refused(asked(user(file, path="messages[0]"))).param == "messages[0].content[0]"


def test_an_image_in_a_tool_result_stays_in_it() -> None:
    shot = user(ToolResult(call_id="a", parts=(Text(text="See"), PNG)))
    body = rendered(asked("Hi", assistant(call("a")), shot, tools=(WEATHER,)))
    assert [block["type"] for block in body["messages"][2]["content"][0]["content"]] == ["text", "image"]


def test_a_system_message_with_an_image_is_refused() -> None:
    error = refused(asked(system(PNG, path="messages[0]"), user("Hi")))
    assert error.param == "messages[0].content[0]"


# --- tools ----------------------------------------------------------------------------------------------


def test_a_tool_keeps_its_schema_and_one_without_gets_the_empty_one() -> None:
    tools = rendered(asked(tools=(WEATHER, CLOCK)))["tools"]
    assert tools == [
        {"name": "weather", "description": "Weather in a city", "input_schema": WEATHER.parameters},
        {"name": "clock", "input_schema": {"type": "object", "properties": {}}},
    ]


def test_a_schema_without_a_type_is_an_object() -> None:
    tool = Tool(name="t", parameters={"properties": {"a": {}}})
    assert rendered(asked(tools=(tool,)))["tools"][0]["input_schema"]["type"] == "object"


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        (ToolChoice(mode="auto"), None),
        (ToolChoice(mode="none"), {"type": "none"}),
        (ToolChoice(mode="required"), {"type": "any"}),
        (ToolChoice(mode="named", name="clock"), {"type": "tool", "name": "clock"}),
    ],
    ids=["absent", "auto", "G28 none", "required", "named"],
)
def test_a_tool_choice_keeps_the_tools(choice: ToolChoice | None, sent: Any) -> None:
    body = rendered(asked(tools=(WEATHER, CLOCK), tool_choice=choice))
    assert len(body["tools"]) == 2
    assert body.get("tool_choice") == sent


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice(mode="none"), {"type": "none"}),
        (ToolChoice(mode="required"), {"type": "any", "disable_parallel_tool_use": True}),
    ],
    ids=["G27 absent", "none", "required"],
)
def test_calls_one_by_one_are_asked_for_within_the_tool_choice(choice: ToolChoice | None, sent: Any) -> None:
    body = rendered(asked(tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=False))
    assert body["tool_choice"] == sent


def test_a_choice_of_a_tool_that_is_not_there_is_refused() -> None:
    assert (
        refused(asked(tools=(WEATHER,), tool_choice=ToolChoice(mode="named", name="x"))).param
        == "tool_choice"
    )
    assert refused(asked(tool_choice=ToolChoice(mode="required"))).param == "tool_choice"
    assert refused(asked(parallel_tool_calls=False)).param == "parallel_tool_calls"


def test_a_choice_without_effect_is_accepted_without_tools() -> None:
    assert "tool_choice" not in rendered(asked(tool_choice=ToolChoice(mode="none")))


def test_tools_of_the_history_are_declared_when_the_request_has_none() -> None:
    body = rendered(asked("Hi", assistant(call("a"), call("b", "clock")), result("a"), result("b"), "Thanks"))
    assert [tool["name"] for tool in body["tools"]] == ["weather", "clock"]
    assert body["tool_choice"] == {"type": "none"}


def test_strict_is_said_where_it_is_asked_for() -> None:
    tools = rendered(asked(tools=(WEATHER, Tool(name="s", is_strict=True))))["tools"]
    assert [tool.get("strict") for tool in tools] == [None, True]


def test_g31_more_strict_tools_than_upstream_takes_are_refused() -> None:
    tools = tuple(Tool(name=f"t{number}", is_strict=True) for number in range(21))
    assert refused(asked(tools=tools)).param == "tools"


# --- the body -------------------------------------------------------------------------------------------


def test_the_end_user_and_the_stream_are_told() -> None:
    body = rendered(asked(is_stream=True), end_user="ab12")
    assert body["metadata"] == {"user_id": "ab12"}
    assert body["stream"] is True


def test_g62_equal_requests_are_equal_bytes() -> None:
    def made() -> bytes:
        request = asked(
            "Hi", assistant(call("a|b"), call("a:b")), result("a:b"), result("a|b"), tools=(WEATHER,)
        )
        return anthropic_messages.render_request(request, SONNET, output_tokens=5, end_user="u")

    assert made() == made()

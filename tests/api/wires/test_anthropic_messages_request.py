"""Everything but the conversation: sampling, bounds, thinking, tools."""

from typing import Any

import pytest
from claude import CLOCK, WEATHER, call, refused, rendered, result, text
from meanings import OPUS, SONNET, asked, assistant

from api.types import Reasoning, Tool, ToolChoice
from api.wires import anthropic_messages

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
    body = rendered(asked(is_stream=True, end_user="ab12"))
    assert body["metadata"] == {"user_id": "ab12"}
    assert body["stream"] is True


def test_g62_equal_requests_are_equal_bytes() -> None:
    def made() -> bytes:
        request = asked(
            "Hi", assistant(call("a|b"), call("a:b")), result("a:b"), result("a|b"), tools=(WEATHER,)
        )
        return anthropic_messages.render_request(request, SONNET, output_tokens=5)

    assert made() == made()

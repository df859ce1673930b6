import json
from typing import Any

import pytest
from fakes import openai_rules, sdk_types
from meanings import CODEX, asked, assistant, system, user

from api.errors import GatewayError
from api.types import (
    Document,
    Image,
    Reasoning,
    Refusal,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from api.wires import openai_responses

PATH = "/v1/responses"
WEATHER = Tool(
    name="weather",
    description="Weather in a city",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
CLOCK = Tool(name="clock")


def rendered(request: Request, *, granted: int | None = None) -> dict[str, Any]:
    body = openai_responses.render_request(request, CODEX, output_tokens=granted)
    made: dict[str, Any] = json.loads(body)
    assert sdk_types.mismatch(PATH, openai_rules.typed(PATH, made)) is None
    openai_rules.check(PATH, made)
    return made


def refused(request: Request) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        openai_responses.render_request(request, CODEX, output_tokens=None)
    assert caught.value.status == 400
    return caught.value


def call(id: str, arguments: str = "{}") -> ToolCall:
    return ToolCall(id=id, name="weather", arguments=arguments)


def said(role: str, *content: dict[str, str]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(content)}


def words(text: str, kind: str = "input_text") -> dict[str, str]:
    return {"type": kind, "text": text}


# --- options --------------------------------------------------------------------------------------------


def test_nothing_is_stored_and_reasoning_travels_encrypted() -> None:
    assert rendered(asked("Hi")) == {
        "model": "gpt-5.3-codex",
        "input": [said("user", words("Hi"))],
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }


def test_g01_defaults_are_accepted_and_not_sent() -> None:
    body = rendered(asked(temperature=1, top_p=1, parallel_tool_calls=True))
    assert set(body) == {"model", "input", "store", "include"}


@pytest.mark.parametrize(("option", "value"), [("temperature", 0.2), ("top_p", 0.9)])
def test_other_sampling_is_refused(option: str, value: float) -> None:
    error = refused(asked(**{option: value}))
    assert (error.kind, error.param) == ("unsupported_value", option)


def test_g07_stop_sequences_are_refused() -> None:
    error = refused(asked(stop=("END",)))
    assert (error.kind, error.param) == ("unsupported_parameter", "stop")


@pytest.mark.parametrize(
    ("own", "granted", "sent"),
    [(5, None, 16), (None, 5, 16), (None, None, None), (100, 50, 50), (50, 100, 50), (10**9, None, 128_000)],
    ids=["G08 raised", "raised when granted less", "absent", "granted", "own", "most"],
)
def test_the_least_bound_on_output_is_sent(own: int | None, granted: int | None, sent: int | None) -> None:
    assert rendered(asked(max_output_tokens=own), granted=granted).get("max_output_tokens") == sent


def test_a_bound_below_one_is_refused_by_the_name_that_the_client_used() -> None:
    assert refused(asked(max_output_tokens=0, max_output_param="max_tokens")).param == "max_tokens"


def test_effort_asks_for_a_summary_of_the_reasoning() -> None:
    assert rendered(asked(effort="minimal"))["reasoning"] == {"effort": "minimal", "summary": "auto"}


@pytest.mark.parametrize("effort", ["none", "xhigh", "max"])
def test_g33_an_effort_that_the_model_lacks_is_refused(effort: Any) -> None:
    error = refused(asked(effort=effort))
    assert (error.kind, error.param) == ("unsupported_value", "reasoning_effort")


def test_verbosity_the_end_user_and_the_stream_are_told() -> None:
    body = rendered(asked(verbosity="low", is_stream=True, end_user="ab12"))
    assert body["text"] == {"verbosity": "low"}
    assert body["safety_identifier"] == "ab12"
    assert body["stream"] is True
    assert body["stream_options"] == {"include_obfuscation": False}


def test_g62_equal_requests_are_equal_bytes() -> None:
    def made() -> bytes:
        request = asked("Hi", tools=(WEATHER, CLOCK), effort="low")
        return openai_responses.render_request(request, CODEX, output_tokens=50)

    assert made() == made()


# --- items ----------------------------------------------------------------------------------------------


def test_system_messages_are_developer_items_in_their_place() -> None:
    body = rendered(asked(system("One"), user("Hi"), system("Two")))
    assert body["input"] == [
        said("developer", words("One")),
        said("user", words("Hi")),
        said("developer", words("Two")),
    ]


def test_a_conversation_of_instructions_alone_is_valid() -> None:
    assert rendered(asked(system("Say hello")))["input"] == [said("developer", words("Say hello"))]


def test_the_assistants_words_and_refusals_are_output() -> None:
    body = rendered(asked("Hi", assistant("Hello"), "Bad", assistant(Refusal(text="No."))))
    assert body["input"][1] == said("assistant", words("Hello", "output_text"))
    assert body["input"][3] == said("assistant", {"type": "refusal", "refusal": "No."})


def test_calls_and_results_are_items_after_the_words() -> None:
    body = rendered(
        asked(
            "Hi",
            assistant("Let me see.", call("call_1", '{"city": "Oslo"}'), call("call_2", "")),
            user(ToolResult(call_id="call_2", parts=(Text(text="rain"),))),
            user(ToolResult(call_id="call_1", parts=())),
            tools=(WEATHER,),
        )
    )
    assert body["input"][1:] == [
        said("assistant", words("Let me see.", "output_text")),
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Oslo"}'},
        {"type": "function_call", "call_id": "call_2", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_2", "output": "rain"},
        {"type": "function_call_output", "call_id": "call_1", "output": ""},
    ]


def test_a_result_of_several_parts_is_a_list() -> None:
    parts = (Text(text="See"), Image(url="https://example.com/a.png"))
    body = rendered(
        asked("Hi", assistant(call("c")), user(ToolResult(call_id="c", parts=parts)), tools=(WEATHER,))
    )
    assert body["input"][-1]["output"] == [
        words("See"),
        {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"},
    ]


@pytest.mark.parametrize(
    ("parts", "sent"),
    [
        ((Text(text="no"),), "Error: no"),
        ((Text(text="a"), Text(text="b")), [words("Error:"), words("a"), words("b")]),
    ],
)
def test_a_failed_tool_is_marked(parts: Any, sent: Any) -> None:
    failed = user(ToolResult(call_id="c", parts=parts, is_error=True))
    body = rendered(asked("Hi", assistant(call("c")), failed, tools=(WEATHER,)))
    assert body["input"][-1]["output"] == sent


def test_images_are_addresses_or_data() -> None:
    images = (
        Image(url="https://example.com/a.png", detail="low"),
        Image(media_type="image/png", content="iVBORw0KGgo="),
    )
    content = rendered(asked(user("Look", *images)))["input"][0]["content"]
    assert content[1:] == [
        {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"},
    ]


def test_a_file_is_data_with_its_name() -> None:
    pdf = Document(media_type="application/pdf", content="JVBERi0=", title="bill.pdf")
    assert rendered(asked(user(pdf)))["input"][0]["content"] == [
        {
            "type": "input_file",
            "filename": "bill.pdf",
            "file_data": "data:application/pdf;base64,JVBERi0=",
        }
    ]


def test_reasoning_goes_back_encrypted_before_what_it_led_to() -> None:
    own = Reasoning(text="Hm", signature="gAAA", pieces=("Hm",), vendor="openai")
    other = Reasoning(text="Hm", signature="sig", vendor="anthropic")
    request = asked("Hi", assistant(own, other, "Hello"), "More")
    body = json.loads(openai_responses.render_request(request, CODEX, output_tokens=None))
    assert body["input"][1:3] == [
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "Hm"}],
            "encrypted_content": "gAAA",
        },
        said("assistant", words("Hello", "output_text")),
    ]


def test_empty_words_are_not_sent() -> None:
    body = rendered(asked("Hi", assistant(""), user("", "There")))
    assert body["input"] == [said("user", words("Hi")), said("user", words("There"))]
    assert refused(asked("")).param == "messages"


@pytest.mark.parametrize(
    "message", [system(Image(content="AA"), path="m"), assistant(Image(content="AA"), path="m")]
)
def test_an_image_where_none_belongs_is_refused_where_it_stands(message: Any) -> None:
    assert refused(asked("Hi", message)).param == "m.content[0]"


def test_g15_a_result_without_its_call_is_refused_where_it_stands() -> None:
    assert (
        refused(asked(user("Hi"), user(ToolResult(call_id="x"), path="messages[1]"))).param == "messages[1]"
    )


def test_a_call_without_its_result_is_refused_where_it_stands() -> None:
    assert refused(asked("Hi", assistant(call("c"), path="messages[1]"), "Go on")).param == "messages[1]"


# --- tools ----------------------------------------------------------------------------------------------


def test_g53_strict_is_always_said() -> None:
    strict = Tool(
        name="s",
        parameters={"type": "object", "properties": {}, "required": [], "additionalProperties": False},
        is_strict=True,
    )
    tools = rendered(asked(tools=(WEATHER, CLOCK, strict)))["tools"]
    assert [tool["strict"] for tool in tools] == [False, False, True]
    assert tools[0] == {
        "type": "function",
        "name": "weather",
        "description": "Weather in a city",
        "parameters": WEATHER.parameters,
        "strict": False,
    }
    assert tools[1]["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        (ToolChoice(mode="auto"), None),
        (ToolChoice(mode="none"), "none"),
        (ToolChoice(mode="required"), "required"),
        (ToolChoice(mode="named", name="clock"), {"type": "function", "name": "clock"}),
    ],
)
def test_the_tool_choice(choice: ToolChoice | None, sent: Any) -> None:
    assert rendered(asked(tools=(WEATHER, CLOCK), tool_choice=choice)).get("tool_choice") == sent


def test_calls_one_by_one() -> None:
    assert rendered(asked(tools=(WEATHER,), parallel_tool_calls=False))["parallel_tool_calls"] is False


def test_a_choice_of_a_tool_that_is_not_there_is_refused() -> None:
    assert (
        refused(asked(tools=(WEATHER,), tool_choice=ToolChoice(mode="named", name="x"))).param
        == "tool_choice"
    )

import base64
import json
from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from api.errors import GatewayError
from api.types import Image, Message, Refusal, Request, Text, Tool, ToolCall, ToolChoice, ToolResult
from api.wires import openai_chat
from api.wires.openai_chat import shape

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
WEATHER: dict[str, Any] = {"type": "function", "function": {"name": "weather"}}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 30).decode()


def parsed(*messages: Any, **fields: Any) -> Request:
    body = {"model": "the-model", "messages": list(messages) or HELLO, **fields}
    return openai_chat.parse_request(openai_chat.peek(json.dumps(body).encode()), salt="7")


def refused(*messages: Any, **fields: Any) -> tuple[str, str | None]:
    with pytest.raises(GatewayError) as caught:
        parsed(*messages, **fields)
    assert caught.value.status == 400
    return caught.value.kind, caught.value.param


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def image(url: str, **fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **fields}}


def inline(content: bytes, label: str = "image/png") -> dict[str, Any]:
    return image(f"data:{label};base64,{base64.b64encode(content).decode()}")


# --- parameters -----------------------------------------------------------------------------------------


def test_every_parameter_of_the_official_library_has_its_place() -> None:
    official = {*CompletionCreateParamsBase.__annotations__, "stream"}
    assert set(shape.Body.__struct_fields__) == official | {"thinking", "cache_control"}


def test_what_a_request_can_say_is_carried_over() -> None:
    request = parsed(
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False},
        max_completion_tokens=100,
        temperature=0.5,
        top_p=0.9,
        stop=["a", "b"],
        tools=[WEATHER],
        parallel_tool_calls=False,
        reasoning_effort="high",
        verbosity="low",
    )
    assert request == Request(
        model="the-model",
        messages=(Message(role="user", parts=(Text(text="Hello"),), path="messages[0]"),),
        is_stream=True,
        max_output_tokens=100,
        max_output_param="max_completion_tokens",
        temperature=0.5,
        top_p=0.9,
        stop=("a", "b"),
        tools=(Tool(name="weather"),),
        parallel_tool_calls=False,
        effort="high",
        verbosity="low",
    )


def test_r1_g1_null_and_the_defaults_are_accepted_and_not_carried_over() -> None:
    plain = parsed()
    defaults = {
        "temperature": 1,
        "top_p": 1.0,
        "n": 1,
        "frequency_penalty": 0,
        "presence_penalty": 0.0,
        "logprobs": False,
        "top_logprobs": 0,
        "logit_bias": {},
        "modalities": ["text"],
        "tool_choice": "auto",
        "store": False,
        "stop": [],
        "service_tier": "auto",
        "response_format": {"type": "text"},
        "stream": False,
    }
    assert parsed(**defaults) == plain
    nothing = dict.fromkeys(set(shape.Body.__struct_fields__) - {"model", "messages"})
    assert parsed(**nothing) == plain


def test_hints_that_change_no_word_are_accepted_without_effect() -> None:
    hints = {
        "seed": 7,
        "prediction": {"type": "content", "content": "x"},
        "metadata": {"k" * 64: "v" * 512},
        "prompt_cache_options": {"mode": "explicit"},
    }
    assert parsed(**hints) == parsed()


@pytest.mark.parametrize(
    ("kind", "param", "value"),
    [
        ("unsupported_value", "n", 2),
        ("unsupported_parameter", "frequency_penalty", 0.1),
        ("unsupported_parameter", "presence_penalty", -1),
        ("unsupported_parameter", "logit_bias", {"50256": -100}),
        ("unsupported_parameter", "logprobs", True),
        ("unsupported_parameter", "top_logprobs", 2),
        ("unsupported_value", "modalities", ["text", "audio"]),
        ("unsupported_value", "store", True),
        ("unsupported_value", "service_tier", "flex"),
        ("unsupported_parameter", "audio", {"voice": "alloy", "format": "mp3"}),
        ("unsupported_parameter", "moderation", {"model": "omni"}),
        ("unsupported_parameter", "web_search_options", {}),
        ("unsupported_parameter", "functions", [{"name": "f"}]),
        ("unsupported_parameter", "function_call", "auto"),
        ("unsupported_value", "prompt_cache_retention", "forever"),
        ("unsupported_value", "reasoning_effort", "extreme"),
        ("unsupported_value", "verbosity", "chatty"),
        ("invalid_request", "temperature", 2.1),
        ("invalid_request", "temperature", True),
        ("invalid_request", "top_p", -0.1),
        ("invalid_request", "stop", ["a", "b", "c", "d", "e"]),
        ("invalid_request", "seed", "x"),
        ("invalid_request", "user", 5),
        ("invalid_request", "metadata", {"k" * 65: "v"}),
        ("invalid_request", "metadata", {"k": "v" * 513}),
        ("invalid_request", "metadata", {str(index): "v" for index in range(17)}),
    ],
)
def test_what_cannot_be_carried_over_is_refused_by_its_name(kind: str, param: str, value: Any) -> None:
    assert refused(**{param: value}) == (kind, param)


def test_g10_an_unknown_key_is_refused() -> None:
    assert refused(top_kk=1) == ("unknown_parameter", "top_kk")
    assert refused(stream=True, stream_options={"include_all": True}) == (
        "unknown_parameter",
        "stream_options.include_all",
    )


def test_functions_are_refused_with_a_word_on_tools() -> None:
    with pytest.raises(GatewayError, match="Use tools"):
        parsed(functions=[{"name": "f"}])


def test_g6_one_stop_string_is_a_list_of_one() -> None:
    assert parsed(stop="END").stop == ("END",)


def test_the_older_name_of_the_bound_is_kept_for_errors() -> None:
    request = parsed(max_tokens=9)
    assert (request.max_output_tokens, request.max_output_param) == (9, "max_tokens")


# --- messages -------------------------------------------------------------------------------------------


def test_turns_keep_their_order_their_roles_and_their_paths() -> None:
    request = parsed(
        {"role": "system", "content": "S"},
        {"role": "developer", "content": [{"type": "text", "text": "D"}]},
        {"role": "user", "content": "U", "name": "anna"},
        {"role": "assistant", "content": "A"},
        {"role": "system", "content": "late"},
    )
    assert [(message.role, message.path) for message in request.messages] == [
        ("system", "messages[0]"),
        ("system", "messages[1]"),
        ("user", "messages[2]"),
        ("assistant", "messages[3]"),
        ("system", "messages[4]"),
    ]
    assert request.messages[1].parts == (Text(text="D"),)


def test_g20_calls_without_words_are_calls_only_and_results_are_user_turns() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
    request = parsed(
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [{**call, "index": 0}, {**call, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c2", "content": "sunny"},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "rain"}]},
        tools=[WEATHER],
    )
    arguments = '{"city":"Oslo"}'
    assert [message.parts for message in request.messages[1:]] == [
        (
            ToolCall(id="c1", name="weather", arguments=arguments),
            ToolCall(id="c2", name="weather", arguments=arguments),
        ),
        (ToolResult(call_id="c2", parts=(Text(text="sunny"),)),),
        (ToolResult(call_id="c1", parts=(Text(text="rain"),)),),
    ]
    assert [message.role for message in request.messages[1:]] == ["assistant", "user", "user"]


@pytest.mark.parametrize("arguments", ["", "{bad", None])
def test_g16_g17_arguments_are_carried_over_as_they_are(arguments: str | None) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    request = parsed(
        {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c", "content": ""}
    )
    assert request.messages[0].parts == (ToolCall(id="c", name="f", arguments=arguments or ""),)


def test_an_answer_of_this_gateway_can_be_sent_back_as_it_came() -> None:
    answer = {
        "role": "assistant",
        "content": "Hi",
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
        "tool_calls": None,
        "reasoning_content": "thought",
    }
    assert parsed(*HELLO, answer).messages[1].parts == (Text(text="Hi"),)


def test_refusals_are_carried_over_as_field_and_as_part() -> None:
    as_part = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}]}
    as_field = {"role": "assistant", "content": None, "refusal": "No"}
    for message in (as_part, as_field):
        assert parsed(*HELLO, message).messages[1].parts == (Refusal(text="No"),)


@pytest.mark.parametrize("content", [None, "", []])
def test_an_assistant_turn_that_says_nothing_is_dropped(content: Any) -> None:
    assert len(parsed(*HELLO, {"role": "assistant", "content": content}).messages) == 1


@pytest.mark.parametrize(
    ("message", "kind", "path"),
    [
        ("Hello", "invalid_request", ""),
        ({"content": "Hello"}, "invalid_request", ".role"),
        ({"role": "user"}, "invalid_request", ".content"),
        ({"role": "user", "content": None}, "invalid_request", ".content"),
        ({"role": "king", "content": "x"}, "unsupported_value", ".role"),
        ({"role": "function", "name": "f", "content": "x"}, "unsupported_parameter", ".role"),
        ({"role": "user", "content": "x", "mood": 1}, "unknown_parameter", ".mood"),
        ({"role": "user", "content": "x", "cache_control": {}}, "invalid_request", ".cache_control.type"),
        (
            {"role": "assistant", "thinking_blocks": [{"type": "guess"}]},
            "unsupported_value",
            ".thinking_blocks[0].type",
        ),
        ({"role": "assistant", "audio": {"id": "a"}}, "unsupported_parameter", ".audio"),
        ({"role": "assistant", "function_call": {"name": "f"}}, "unsupported_parameter", ".function_call"),
        ({"role": "tool", "content": "x"}, "invalid_request", ".tool_call_id"),
        (user({"type": "text"}), "invalid_request", ".content[0].text"),
        (user({"type": "text", "text": 5}), "invalid_request", ".content[0].text"),
        (user({"text": "x"}), "invalid_request", ".content[0].type"),
        (user({"type": "video"}), "unsupported_value", ".content[0].type"),
        (
            user({"type": "text", "text": "x", "prompt_cache_breakpoint": {}}),
            "invalid_request",
            ".content[0].prompt_cache_breakpoint.mode",
        ),
        (user({"type": "refusal", "refusal": "x"}), "invalid_request", ".content[0].type"),
        ({**user(inline(b"\xff\xd8\xff")), "role": "system"}, "invalid_request", ".content[0].type"),
        (
            {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f"}}]},
            "invalid_request",
            ".tool_calls[0].custom.input",
        ),
        (
            {
                "role": "assistant",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": {}}}],
            },
            "invalid_request",
            ".tool_calls[0].function.arguments",
        ),
    ],
)
def test_a_message_is_refused_by_its_exact_path(message: Any, kind: str, path: str) -> None:
    assert refused(*HELLO, message) == (kind, f"messages[1]{path}")


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "input_audio"},
    ],
)
def test_g26_audio_is_refused_not_dropped(part: dict[str, Any]) -> None:
    text = {"type": "text", "text": "x"}
    assert refused(*HELLO, *HELLO, user(text, part)) == ("unsupported_parameter", "messages[2].content[1]")


# --- images ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 20, "image/png"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 20, "image/jpeg"),
        (b"GIF87a" + b"\0" * 20, "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x0a\x0a\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_g22_the_type_of_an_image_is_read_from_its_bytes(content: bytes, media_type: str) -> None:
    made = parsed(user(inline(content, "image/jpg"))).messages[0].parts
    assert made == (Image(media_type=media_type, content=base64.b64encode(content).decode()),)


@pytest.mark.parametrize(
    "url",
    [
        "data:image/svg+xml;base64,"
        + base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode(),
        "data:image/heic;base64," + base64.b64encode(b"\0\0\0\x18ftypheic" + b"\0" * 20).decode(),
        "data:image/png;base64,",
        "data:image/png;base64,!!!!",
        "data:image/png;base64,iVBORw0KGgé",
        "data:image/png," + PNG,
        "data:image/png;base64",
        "file:///etc/passwd",
        "ftp://example.org/a.png",
        "",
        PNG,
    ],
)
def test_g23_what_is_no_image_is_refused(url: str) -> None:
    assert refused(user({"type": "text", "text": "x"}, image(url))) == (
        "invalid_image",
        "messages[0].content[1].image_url.url",
    )


@pytest.mark.parametrize(
    "url", ["https://example.org/a.png", "http://10.0.0.1/a.png", "HTTPS://example.org/"]
)
def test_g24_an_address_is_carried_over_and_never_fetched(url: str) -> None:
    assert parsed(user(image(url, detail="low"))).messages[0].parts == (Image(url=url, detail="low"),)


def test_a_tool_may_answer_with_an_image() -> None:
    request = parsed({**user(inline(b"GIF89a")), "role": "tool", "tool_call_id": "c"})
    result = ToolResult(call_id="c", parts=(Image(media_type="image/gif", content="R0lGODlh"),))
    assert request.messages[0].parts == (result,)


# --- tools ----------------------------------------------------------------------------------------------


def test_a_tool_is_carried_over_with_its_schema() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "number", "minimum": 1}}}
    function = {"name": "f-1_A", "description": "d", "parameters": schema, "strict": True}
    request = parsed(tools=[{"type": "function", "function": function}])
    assert request.tools == (Tool(name="f-1_A", description="d", parameters=schema, is_strict=True),)


@pytest.mark.parametrize(
    ("tool", "kind", "path"),
    [
        ({"type": "custom", "custom": {"name": "a b"}}, "invalid_request", ".custom.name"),
        ({"type": "web_search"}, "unsupported_value", ".type"),
        ({"type": "function"}, "invalid_request", ".function"),
        ({"type": "function", "function": {}}, "invalid_request", ".function.name"),
        ({"type": "function", "function": {"name": "a b"}}, "invalid_request", ".function.name"),
        ({"type": "function", "function": {"name": "a" * 65}}, "invalid_request", ".function.name"),
        ({"type": "function", "function": {"name": "f\n"}}, "invalid_request", ".function.name"),
        (
            {"type": "function", "function": {"name": "f", "parameters": []}},
            "invalid_request",
            ".function.parameters",
        ),
        (
            {"type": "function", "function": {"name": "f"}, "cache_control": {}},
            "invalid_request",
            ".cache_control.type",
        ),
    ],
)
def test_a_tool_is_refused_by_its_exact_path(tool: dict[str, Any], kind: str, path: str) -> None:
    assert refused(tools=[WEATHER, tool]) == (kind, f"tools[1]{path}")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (None, None),
        ("auto", None),
        ("none", ToolChoice(mode="none")),
        ("required", ToolChoice(mode="required")),
        ({"type": "function", "function": {"name": "weather"}}, ToolChoice(mode="named", name="weather")),
    ],
)
def test_g28_the_choice_of_a_tool_is_carried_over(given: Any, meant: ToolChoice | None) -> None:
    request = parsed(tools=[WEATHER], tool_choice=given)
    assert request.tool_choice == meant
    assert request.tools == (Tool(name="weather"),)


@pytest.mark.parametrize(
    ("choice", "kind", "param"),
    [
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
            "invalid_request",
            "tool_choice.allowed_tools.tools",
        ),
        ({"type": "hosted"}, "unsupported_value", "tool_choice.type"),
        ({"type": "function"}, "invalid_request", "tool_choice.function"),
        ("any", "unsupported_value", "tool_choice"),
    ],
)
def test_a_choice_of_tools_that_makes_no_sense_is_refused(choice: Any, kind: str, param: str) -> None:
    assert refused(tools=[WEATHER], tool_choice=choice) == (kind, param)


def test_g62_the_same_body_is_the_same_request() -> None:
    assert parsed(tools=[WEATHER], stop="x") == parsed(tools=[WEATHER], stop="x")

import json
from typing import Any

import meanings
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.errors import GatewayError
from api.wires import openai_chat
from api.wires.openai_chat import envelope

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
GPT = meanings.target("openai_chat", "gpt-5")
RENAMED = meanings.target("openai_chat", "gpt-5", upstream="vendor/gpt-5")


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "gpt-5", "messages": HELLO, **fields}).encode()


def refused(content: bytes) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        openai_chat.peek(content)
    assert caught.value.status == 400
    return caught.value


def passed(
    *, granted: int | None = None, salt: str = "1", target: Any = GPT, **fields: Any
) -> dict[str, Any]:
    peeked = openai_chat.peek(body(**fields))
    made: dict[str, Any] = json.loads(
        openai_chat.pass_request(peeked, target, output_tokens=granted, salt=salt)
    )
    return made


def not_passed(**fields: Any) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        passed(**fields)
    assert caught.value.status == 400
    return caught.value


# --- what the gateway reads -----------------------------------------------------------------------------


def test_a_small_body_is_read_with_its_defaults() -> None:
    seen = openai_chat.peek(body())
    assert (seen.model, seen.is_stream, seen.wants_usage, seen.output_tokens) == (
        "gpt-5",
        False,
        False,
        None,
    )
    assert list(seen.fields) == ["model", "messages"]


def test_all_that_the_gateway_decides_by_is_read() -> None:
    seen = openai_chat.peek(body(stream=True, stream_options={"include_usage": True}, max_tokens=50))
    assert (seen.is_stream, seen.wants_usage) == (True, True)
    assert (seen.output_param, seen.output_tokens) == ("max_tokens", 50)


def test_a_bound_holds_for_each_of_several_answers() -> None:
    assert openai_chat.peek(body(n=3, max_completion_tokens=50)).output_tokens == 150


def test_r1_null_is_as_good_as_absent() -> None:
    fields = ("stream", "stream_options", "max_tokens", "max_completion_tokens", "n")
    assert openai_chat.peek(body(**dict.fromkeys(fields))) is not None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"model":"gpt-5"} {}',
        b'\xef\xbb\xbf{"model":"gpt-5","messages":[1]}',
        b'{"model":"gpt-5","messages":[NaN]}',
        b'{"model":"gpt-5","messages":[-Infinity]}',
        b'{"model":"gpt-5","messages":["\\ud800 alone"]}',
        b'{"model":"gpt-5","messages":["\\udc00 alone"]}',
        b'{"model":"gpt-5","messages":["\x00"]}',
        b'{"model":"gpt-5","messages":["\xff"]}',
        b'{"model":"gpt-5","messages":["\xed\xa0\x80"]}',
        b'{"\xff":1}',
        b"'model'",
    ],
)
def test_what_is_no_json_object_in_utf8_is_refused(content: bytes) -> None:
    assert refused(content).kind == "invalid_json"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"model": "gpt\0"}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"stream": 1}, "stream"),
        ({"stream": "true"}, "stream"),
        ({"stream": True, "stream_options": []}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": "yes"}}, "stream_options"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
    ],
)
def test_a_field_that_the_gateway_needs_is_refused_by_its_name(fields: dict[str, Any], param: str) -> None:
    error = refused(body(**fields))
    assert (error.kind, error.param) == ("invalid_request", param)


def test_absent_messages_and_an_absent_model_are_named() -> None:
    assert refused(b'{"model":"gpt-5"}').param == "messages"
    assert refused(b'{"messages":[{}]}').param == "model"
    assert refused(b'{"model":"gpt-5","messages": [ \n ] }').param == "messages"


@pytest.mark.parametrize("fields", [{}, {"stream": False}])
def test_g9_stream_options_without_a_stream_are_refused(fields: dict[str, Any]) -> None:
    assert refused(body(stream_options={"include_usage": True}, **fields)).param == "stream_options"


def test_both_names_of_the_bound_may_say_the_same() -> None:
    assert openai_chat.peek(body(max_tokens=7, max_completion_tokens=7)).output_tokens == 7


# --- depth ----------------------------------------------------------------------------------------------


def nested(depth: int, *, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + "1" + closing * depth


def around(value: str, *, key: str = "other", messages: str = "[{}]") -> bytes:
    if key == "messages":
        return ('{"model":"m","messages":' + value + "}").encode()
    return ('{"model":"m","messages":' + messages + f',"{key}":' + value + "}").encode()


PLACES: list[dict[str, str]] = [
    {},
    {"key": "messages"},
    {"messages": '[{"content":"' + "[{" * 2_000 + '"}]'},
    {"messages": '[{"content":"' + "x" * (1 << 20) + '"}]'},
]


@pytest.mark.parametrize("place", PLACES)
def test_64_levels_are_accepted_and_65_are_not(place: dict[str, str]) -> None:
    assert openai_chat.peek(around(nested(63), **place))
    assert refused(around(nested(64), **place)).kind == "invalid_json"


def test_objects_count_as_levels_like_arrays() -> None:
    assert openai_chat.peek(around(nested(63, opening='{"a":', closing="}")))
    assert refused(around(nested(64, opening='{"a":', closing="}"))).kind == "invalid_json"


@pytest.mark.parametrize("depth", [5_000, 100_000])
def test_nesting_beyond_all_measure_is_refused(depth: int) -> None:
    assert refused(around(nested(depth))).kind == "invalid_json"


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("messages", '[{"role":"user","content":[{"type":"text","text":"a"},{"x":', "}]}]"),
        ("messages", '[{"role":"assistant","tool_calls":[{"function":{"arguments":', "}}]}]"),
        ("messages", '[1,{"content":', "}]"),
        ("tools", '[{"type":"function","function":{"name":"f","parameters":', "}}]"),
    ],
)
def test_deep_values_are_found_wherever_they_are(key: str, before: str, after: str) -> None:
    within = 63 - after.count("]") - after.count("}")
    assert openai_chat.peek(around(before + nested(within) + after, key=key))
    assert refused(around(before + nested(within + 1) + after, key=key)).kind == "invalid_json"


def test_brackets_in_strings_are_not_levels() -> None:
    text = '[[{\\"' * 500 + "\\\\"
    content = '[{"role":"user","content":[{"type":"text","x":["' + text + '"]}]}]'
    assert openai_chat.peek(around(content, key="messages"))


def test_a_large_body_may_not_be_made_of_countless_containers() -> None:
    content = b'{"model":"m","messages":[' + b"{}," * 600_000 + b"{}]}"
    assert refused(content).kind == "invalid_request"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('ab[]{}"\\', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('k[{"\\', max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(JSON)
@settings(max_examples=150, deadline=None)
def test_the_measured_depth_is_the_depth(value: Any) -> None:
    content, depth = msgspec.json.encode(value), depth_of(value)
    envelope._check_depth(content, depth)
    if depth:
        with pytest.raises(GatewayError):
            envelope._check_depth(content, depth - 1)


# --- the estimate ---------------------------------------------------------------------------------------


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def estimate(*parts: dict[str, Any], **fields: Any) -> int:
    return openai_chat.peek(body(messages=[{"role": "user", "content": list(parts)}], **fields)).prompt_tokens


def test_text_is_estimated_at_three_bytes_a_token() -> None:
    content = body(messages=[{"role": "user", "content": "word " * 1_000}])
    assert openai_chat.peek(content).prompt_tokens == -(-len(content) // 3)


@pytest.mark.parametrize("padding", [0, 1 << 20])
def test_an_image_counts_as_an_image_not_by_its_bytes(padding: int) -> None:
    text = {"type": "text", "text": "x" * padding}
    small = estimate(text, image("data:image/png;base64,AAAA"))
    large = estimate(text, image("data:image/png;base64," + "A" * 400_000))
    assert small == large
    assert estimate(text, image("https://example.org/a.png")) > 1_600 + padding // 3
    two = estimate(text, image("data:image/png;base64,AAAA"), image("data:image/png;base64,BBBB"))
    assert 1_600 <= two - small < 1_700


@pytest.mark.parametrize(
    "part",
    [
        {"type": "text", "text": "data:image/png;base64," + "A" * 9_000},
        {"type": "text", "text": '{"type":"image_url","url":"data:image/png;base64,' + "A" * 9_000},
        {"type": "text", "url ": "data:image/png;base64," + "A" * 9_000},
        {"type": "image_url", "image_url": {"url": 'data:image/png;base64,\\"' + "A" * 9_000}},
    ],
)
def test_text_that_looks_like_an_image_is_still_text(part: dict[str, Any]) -> None:
    assert estimate(part) >= 3_000


def test_tools_cost_more_than_their_text() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert openai_chat.peek(body(tools=tools)).prompt_tokens > 500


# --- what goes upstream on the same wire ----------------------------------------------------------------


def test_keys_that_the_gateway_does_not_know_go_upstream_untouched() -> None:
    made = passed(top_kk=1, future={"a": [1, 2.50, "é"]}, temperature=0.2, stop="x")
    assert made == {
        "model": "gpt-5",
        "messages": HELLO,
        "top_kk": 1,
        "future": {"a": [1, 2.5, "é"]},
        "temperature": 0.2,
        "stop": "x",
    }


def test_values_keep_their_bytes_and_their_order() -> None:
    content = b'{ "model": "gpt-5", "x": [1.50 , "\\u00e9"], "messages": [ {"role":"user"} ] }'
    sent = openai_chat.pass_request(openai_chat.peek(content), GPT, output_tokens=None, salt="1")
    assert sent == b'{"model":"gpt-5","x":[1.50 , "\\u00e9"],"messages":[ {"role":"user"} ]}'


def test_of_a_key_given_twice_the_last_is_checked_and_sent() -> None:
    content = b'{"model":"a","messages":[{}],"store":true,"store":false,"model":"gpt-5"}'
    sent = openai_chat.pass_request(openai_chat.peek(content), GPT, output_tokens=None, salt="1")
    assert sent == b'{"model":"gpt-5","messages":[{}],"store":false}'


def test_a_key_written_with_escapes_is_the_same_key() -> None:
    content = b'{"model":"gpt-5","messages":[{}],"st\\u006fre":true}'
    with pytest.raises(GatewayError):
        openai_chat.pass_request(openai_chat.peek(content), GPT, output_tokens=None, salt="1")


def test_the_upstreams_id_of_the_model_is_sent() -> None:
    assert passed(target=RENAMED)["model"] == "vendor/gpt-5"


def test_a_stream_is_asked_for_its_usage_and_keeps_its_options() -> None:
    assert passed(stream=True)["stream_options"] == {"include_usage": True}
    options = {"include_usage": False, "include_obfuscation": False}
    assert passed(stream=True, stream_options=options)["stream_options"] == {
        "include_usage": True,
        "include_obfuscation": False,
    }
    assert passed(stream=True, stream_options=None)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in passed()


@pytest.mark.parametrize(
    ("fields", "granted", "sent"),
    [
        ({}, None, None),
        ({}, 900, 900),
        ({"max_tokens": 50}, None, 50),
        ({"max_completion_tokens": 50}, 900, 50),
        ({"max_tokens": 5_000}, 900, 900),
        ({"max_tokens": 50, "max_completion_tokens": 50}, None, 50),
        ({"max_tokens": 300, "n": 3}, None, 300),
        ({"n": 3}, 900, 300),
        ({"max_tokens": 500, "n": 3}, 900, 300),
    ],
)
def test_the_bound_goes_upstream_by_its_new_name(
    fields: dict[str, Any], granted: int | None, sent: int | None
) -> None:
    made = passed(granted=granted, **fields)
    assert made.get("max_completion_tokens") == sent
    assert "max_tokens" not in made


def test_a_bound_too_small_for_all_choices_is_refused() -> None:
    with pytest.raises(GatewayError) as caught:
        passed(granted=2, n=3)
    assert (caught.value.kind, caught.value.param) == ("token_cap_exceeded", "n")


@pytest.mark.parametrize("key", ["user", "safety_identifier", "prompt_cache_key"])
def test_g61_ids_of_end_users_are_told_apart_by_customer_and_hidden(key: str) -> None:
    first, again, other = (passed(salt=salt, **{key: "mail@example.org"})[key] for salt in "112")
    assert first == again != other
    assert "mail" not in first
    assert len(first) == 32
    assert passed(**{key: None})[key] is None


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"service_tier": "flex"}, "unsupported_value"),
        ({"service_tier": "priority"}, "unsupported_value"),
        ({"store": True}, "unsupported_value"),
        ({"modalities": ["text", "audio"]}, "unsupported_value"),
        ({"audio": {"voice": "alloy"}}, "unsupported_parameter"),
        ({"web_search_options": {}}, "unsupported_parameter"),
        ({"moderation": {"model": "x"}}, "unsupported_parameter"),
    ],
)
def test_r8_what_changes_the_bill_or_stores_data_is_refused(fields: dict[str, Any], kind: str) -> None:
    error = not_passed(**fields)
    assert (error.kind, error.param) == (kind, next(iter(fields)))


def test_r8_the_defaults_of_those_go_through() -> None:
    for fields in (
        {"service_tier": "auto", "store": False, "modalities": ["text"]},
        {"service_tier": "default", "audio": None, "web_search_options": None, "moderation": None},
        dict.fromkeys(["service_tier", "store", "modalities"]),
    ):
        assert passed(**fields) == {"model": "gpt-5", "messages": HELLO, **fields}


def test_what_another_vendors_model_carried_is_left_out_and_all_else_stays() -> None:
    turn = {"role": "assistant", "content": "Hi", "unknown": {"kept": 1}}
    carried = {"reasoning_content": "Hm", "thinking_blocks": [{"type": "thinking"}], "reasoning_items": []}
    plain = {"role": "assistant", "content": '"thinking_blocks"', "reasoning_content": "its own"}
    made = passed(messages=[*HELLO, {**turn, **carried}, plain])
    assert made["messages"] == [*HELLO, turn, plain]


def test_marks_for_caching_are_left_out() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    part = {"type": "text", "text": '"cache_control"'}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"properties": mark}}}
    made = passed(messages=[{"role": "user", "content": [part | mark], **mark}], tools=[tool | mark], **mark)
    assert made == {"model": "gpt-5", "messages": [{"role": "user", "content": [part]}], "tools": [tool]}


def test_g62_the_same_request_gives_the_same_bytes() -> None:
    content = body(user="u", stream=True, seed=1)
    sent = [
        openai_chat.pass_request(openai_chat.peek(content), RENAMED, output_tokens=5, salt="1")
        for _ in range(2)
    ]
    assert sent[0] == sent[1]


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=6))
@settings(max_examples=80, deadline=None)
def test_splicing_nothing_changes_no_meaning(fields: dict[str, Any]) -> None:
    whole = {**fields, "model": "m", "messages": HELLO, "stream": False}
    for name in ("stream_options", "max_tokens", "max_completion_tokens", "n"):
        whole.pop(name, None)
    seen = openai_chat.peek(json.dumps(whole).encode())
    assert json.loads(envelope.splice(seen, {})) == whole

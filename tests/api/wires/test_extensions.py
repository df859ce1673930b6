"""Files, marks for caching, thinking in a vendor's own words, custom tools: each from a Chat body to the vendor."""

import base64
from typing import Any

import pytest
from translating import CODEX, GPT5, HELLO, OPUS, SONNET, refused, sent

MARK = {"cache_control": {"type": "ephemeral"}}
EPHEMERAL = {"type": "ephemeral"}
FUNCTION: dict[str, Any] = {"type": "function", "function": {"name": "weather"}}
CUSTOM: dict[str, Any] = {"type": "custom", "custom": {"name": "run"}}


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def user(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts), **more}


def file(data: str | None, **more: Any) -> dict[str, Any]:
    return {"type": "file", "file": {"file_data": data, **more}}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


# --- files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["", "data:text/plain;base64,", "DATA:text/plain; charset=utf-8;base64,"])
def test_a_text_file_is_its_words(label: str) -> None:
    body = sent(OPUS, user(file(label + encoded("żółw".encode()))))
    assert body["messages"][0]["content"][0] == {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "żółw"},
    }


def test_a_pdf_is_known_by_its_bytes_whatever_its_label() -> None:
    body = sent(OPUS, user(file("data:application/octet-stream;base64," + encoded(b"%PDF-1.4"))))
    assert body["messages"][0]["content"][0]["source"]["media_type"] == "application/pdf"


@pytest.mark.parametrize(
    ("data", "code", "key"),
    [
        (None, "invalid_request", "file_data"),
        ("", "invalid_request", "file_data"),
        ("not base64!", "invalid_request", "file_data"),
        ("data:text/plain,hello", "invalid_request", "file_data"),
        (encoded(b"\xff\xfe\x00"), "unsupported_value", "file_data"),
        ("data:application/zip;base64,UEsDBA==", "unsupported_value", "file_data"),
    ],
)
def test_another_file_is_refused_where_it_stands(data: str | None, code: str, key: str) -> None:
    assert refused(OPUS, user(text("x"), file(data))) == (code, f"messages[0].content[1].file.{key}")


# --- marks for caching ----------------------------------------------------------------------------------


def test_a_mark_on_a_message_is_one_on_its_last_part() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    body = sent(
        OPUS,
        {"role": "system", "content": [text("a"), text("b")], **MARK},
        user(text("a"), text("b"), **MARK),
        {"role": "assistant", "content": "Hm", "tool_calls": [call], **MARK},
        {"role": "tool", "tool_call_id": "c", "content": "sunny", **MARK},
        tools=[FUNCTION],
    )
    marked = [body["system"][-1], *(message["content"][-1] for message in body["messages"])]
    assert [block["cache_control"] for block in marked] == [EPHEMERAL] * 4
    assert [block["type"] for block in marked] == ["text", "text", "tool_use", "tool_result"]
    assert str(body).count("cache_control") == 4


def test_parts_tools_and_the_whole_request_may_be_marked() -> None:
    hour = {"type": "ephemeral", "ttl": "1h"}
    tool = {**FUNCTION, "cache_control": hour}
    body = sent(OPUS, user(text("book", cache_control=hour)), tools=[tool], **MARK)
    assert body["messages"][0]["content"][0]["cache_control"] == body["tools"][0]["cache_control"] == hour
    assert body["cache_control"] == EPHEMERAL


def test_a_breakpoint_is_a_mark_that_lives_an_hour() -> None:
    for breakpoint in ({"mode": "explicit"}, {"mode": "explicit", "ttl": "30m"}):
        body = sent(OPUS, user(text("book", prompt_cache_breakpoint=breakpoint)))
        mark = body["messages"][0]["content"][0]["cache_control"]
        assert mark == {"type": "ephemeral", "ttl": "1h"}


def test_half_a_day_is_more_than_the_vendor_keeps() -> None:
    part = text("book", prompt_cache_breakpoint={"mode": "explicit", "ttl": "12h"})
    path = "messages[0].content[0].prompt_cache_breakpoint.ttl"
    assert refused(OPUS, user(part)) == ("unsupported_value", path)
    assert sent(CODEX, user(part)) == sent(CODEX, user(text("book")))


def test_a_fifth_mark_is_refused() -> None:
    parts = [text("x", **MARK) for _ in range(4)]
    assert str(sent(OPUS, user(*parts))).count("cache_control") == 4
    assert refused(OPUS, user(*parts), **MARK) == ("invalid_request", "cache_control")
    schema = {"type": "object", "properties": MARK}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    sent(OPUS, user(*parts), tools=[tool])


# --- thinking -------------------------------------------------------------------------------------------


def test_thinking_may_be_asked_for_in_the_vendors_words() -> None:
    shown = {"type": "adaptive", "display": "summarized"}
    assert sent(OPUS, thinking={"type": "adaptive"})["thinking"] == shown
    hidden = {"type": "adaptive", "display": "omitted"}
    assert sent(OPUS, thinking=hidden)["thinking"] == hidden
    assert sent(OPUS, thinking={"type": "disabled"})["thinking"] == {"type": "disabled"}
    both = sent(OPUS, thinking={"type": "adaptive"}, reasoning_effort="max")
    assert (both["thinking"], both["output_config"]) == (shown, {"effort": "max"})


def test_a_budget_is_taken_by_the_model_that_has_budgets() -> None:
    wanted = {"type": "enabled", "budget_tokens": 2000}
    made = sent(SONNET, thinking=wanted, max_tokens=4000)["thinking"]
    assert made == {**wanted, "display": "summarized"}
    assert refused(OPUS, thinking=wanted) == ("unsupported_value", "thinking.type")


@pytest.mark.parametrize(
    ("thinking", "more", "param"),
    [
        ({"type": "between_tools"}, {}, "thinking.type"),
        ({"type": "enabled"}, {}, "thinking.budget_tokens"),
        ({"type": "adaptive", "budget_tokens": 2000}, {}, "thinking.budget_tokens"),
        ({"type": "enabled", "budget_tokens": 1000}, {}, "thinking.budget_tokens"),
        ({"type": "enabled", "budget_tokens": 2000}, {"max_tokens": 2000}, "thinking.budget_tokens"),
        (
            {"type": "enabled", "budget_tokens": 2000},
            {"tools": [FUNCTION], "tool_choice": "required"},
            "tool_choice",
        ),
        ({"type": "adaptive"}, {"reasoning_effort": "none"}, "thinking"),
        ({"type": "adaptive"}, {"temperature": 0.5}, "temperature"),
    ],
)
def test_thinking_that_makes_no_sense_is_refused(thinking: Any, more: Any, param: str) -> None:
    assert refused(SONNET, thinking=thinking, **more)[1] == param


# --- custom tools and choices ---------------------------------------------------------------------------


def test_a_custom_tool_is_a_function_of_one_text_where_there_are_only_functions() -> None:
    body = sent(OPUS, tools=[CUSTOM], tool_choice={"type": "custom", "custom": {"name": "run"}})
    assert body["tools"][0]["input_schema"]["required"] == ["input"]
    assert body["tool_choice"] == {"type": "tool", "name": "run"}


def test_a_grammar_is_passed_on_or_refused() -> None:
    grammar = {"syntax": "regex", "definition": "a+"}
    tool = {"type": "custom", "custom": {"name": "run", "format": {"type": "grammar", "grammar": grammar}}}
    assert refused(OPUS, tools=[FUNCTION, tool]) == ("unsupported_value", "tools[1].custom.format")
    assert sent(CODEX, tools=[tool])["tools"][0]["format"] == {"type": "grammar", **grammar}


@pytest.mark.parametrize("model", [OPUS, CODEX])
def test_a_choice_of_what_is_not_there_is_refused(model: str) -> None:
    allowed = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "x"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    assert refused(model, tools=[FUNCTION], tool_choice=choice) == ("invalid_request", "tool_choice")
    assert refused(model, tool_choice=choice) == ("invalid_request", "tool_choice")


# --- formats of the answer ------------------------------------------------------------------------------


def test_a_json_object_is_asked_for_in_words_where_it_cannot_be_enforced() -> None:
    body = sent(
        OPUS, {"role": "system", "content": "Be brief."}, HELLO, response_format={"type": "json_object"}
    )
    assert "JSON object" in body["system"][1]["text"]
    assert "output_config" not in body
    assert sent(CODEX, response_format={"type": "json_object"})["text"] == {"format": {"type": "json_object"}}


def test_a_schema_goes_with_effort_and_with_verbosity() -> None:
    described = {"name": "x", "schema": {"type": "object", "properties": {}, "additionalProperties": False}}
    wanted = {"type": "json_schema", "json_schema": described}
    assert set(sent(OPUS, response_format=wanted, reasoning_effort="low")["output_config"]) == {
        "effort",
        "format",
    }
    made = sent(CODEX, response_format=wanted, verbosity="low")["text"]
    assert made == {"format": {"type": "json_schema", **described}, "verbosity": "low"}


@pytest.mark.parametrize(
    ("described", "code", "path"),
    [
        ({}, "invalid_request", ".json_schema.name"),
        ({"name": "a b", "schema": {}}, "invalid_request", ".json_schema.name"),
        ({"name": "a"}, "invalid_request", ".json_schema.schema"),
    ],
)
def test_a_format_without_name_or_schema_is_refused(described: Any, code: str, path: str) -> None:
    wanted = {"type": "json_schema", "json_schema": described}
    assert refused(OPUS, response_format=wanted) == (code, f"response_format{path}")


def test_a_conversation_that_another_model_began_goes_on_with_any_other() -> None:
    """As the answers of this gateway came, marks and carriers included."""
    answer = {
        "role": "assistant",
        "content": "Hi",
        "refusal": None,
        "reasoning_content": "Hm",
        "thinking_blocks": [{"type": "thinking", "thinking": "Hm", "signature": "s"}],
    }
    made = sent(GPT5, user(text("x", **MARK)), answer, HELLO)
    assert made["messages"] == [
        user(text("x")),
        {"role": "assistant", "content": "Hi", "refusal": None},
        HELLO,
    ]
    assert "Hm" not in str(sent(CODEX, user(text("x", **MARK)), answer, HELLO))

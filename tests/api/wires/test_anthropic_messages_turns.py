"""The conversation: turns, tool calls and their results, images and files."""

import base64
from typing import Any

import pytest
from claude import PNG, WEATHER, call, refused, rendered, result, text
from meanings import asked, assistant, system, user

from api.types import Document, Image, Refusal, Text, ToolResult

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
    assert refused(asked(user(file, path="messages[0]"))).param == "messages[0].content[0].file.file_data"


def test_an_image_in_a_tool_result_stays_in_it() -> None:
    shot = user(ToolResult(call_id="a", parts=(Text(text="See"), PNG)))
    body = rendered(asked("Hi", assistant(call("a")), shot, tools=(WEATHER,)))
    assert [block["type"] for block in body["messages"][2]["content"][0]["content"]] == ["text", "image"]


def test_a_system_message_with_an_image_is_refused() -> None:
    error = refused(asked(system(PNG, path="messages[0]"), user("Hi")))
    assert error.param == "messages[0].content[0]"

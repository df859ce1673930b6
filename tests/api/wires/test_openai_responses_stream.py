from typing import Any

import pytest
from meanings import events, stream

from api import types
from api.sse import SseEvent
from api.types import (
    ArgumentsDelta,
    Failed,
    Finished,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    TextDelta,
)
from api.wires import openai_responses
from models.ledger import Usage

USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 15,
}


def response(**fields: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "status": "in_progress",
        "output": [],
        "usage": None,
    } | fields


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "sequence_number": 0, **fields}


CREATED = event("created", response=response())
COMPLETED = event("completed", response=response(status="completed", usage=USAGE))


def text(words: str, item: int = 0, content: int = 0) -> dict[str, Any]:
    return event("output_text.delta", item_id="m", output_index=item, content_index=content, delta=words)


def message(*content: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": list(content),
    }


def call(arguments: str = "", call_id: str = "call_1", name: str = "f") -> dict[str, Any]:
    return {"type": "function_call", "id": "fc_1", "call_id": call_id, "name": name, "arguments": arguments}


def added(item: int, content: dict[str, Any]) -> dict[str, Any]:
    return event("output_item.added", output_index=item, item=content)


def done(item: int, content: dict[str, Any]) -> dict[str, Any]:
    return event("output_item.done", output_index=item, item=content)


def arguments(item: int, fragment: str) -> dict[str, Any]:
    return event("function_call_arguments.delta", item_id="fc_1", output_index=item, delta=fragment)


def read(*payloads: dict[str, Any]) -> list[types.Event]:
    return events(openai_responses.reader(), [stream(*payloads)])


def fragments(made: list[types.Event]) -> list[tuple[int, str]]:
    return [(event.index, event.fragment) for event in made if isinstance(event, ArgumentsDelta)]


def test_a_text_arrives_once_although_it_is_sent_four_times() -> None:
    whole = {"type": "output_text", "text": "Hey", "annotations": []}
    made = read(
        CREATED,
        event("in_progress", response=response()),
        added(0, message()),
        event(
            "content_part.added", output_index=0, content_index=0, part={"type": "output_text", "text": ""}
        ),
        text("He"),
        text("y"),
        event("output_text.done", output_index=0, content_index=0, text="Hey"),
        event("content_part.done", output_index=0, content_index=0, part=whole),
        done(0, message(whole)),
        event("completed", response=response(status="completed", output=[message(whole)], usage=USAGE)),
    )
    assert made == [
        Started(upstream_id="resp_1"),
        PartStarted(index=0, kind="text"),
        TextDelta(index=0, text="He"),
        TextDelta(index=0, text="y"),
        PartEnded(index=0),
        Finished(
            stop="end",
            usage=Usage(
                input_tokens=5,
                cache_read_tokens=4,
                cache_write_tokens=1,
                output_tokens=5,
                reasoning_tokens=2,
            ),
        ),
    ]


@pytest.mark.parametrize(
    "late",
    [
        [event("output_text.done", output_index=0, content_index=0, text="Hey")],
        [done(0, message({"type": "output_text", "text": "Hey"}))],
        [
            event("output_text.done", output_index=0, content_index=0, text="Hey"),
            done(0, message({"type": "output_text", "text": "Hey"})),
        ],
    ],
)
def test_a_text_without_deltas_is_taken_from_what_is_done(late: list[dict[str, Any]]) -> None:
    made = read(CREATED, added(0, message()), *late, COMPLETED)
    assert [event.text for event in made if isinstance(event, TextDelta)] == ["Hey"]


def test_an_answer_that_was_not_streamed_is_taken_from_the_final_response() -> None:
    output = [message({"type": "output_text", "text": "Hey"}), call('{"a":1}')]
    made = read(CREATED, event("completed", response=response(status="completed", output=output)))
    assert [event.text for event in made if isinstance(event, TextDelta)] == ["Hey"]
    assert fragments(made) == [(1, '{"a":1}')]
    assert made[-1] == Finished(stop="tool_calls", usage=None)


def test_a_refusal_in_words_is_an_ordinary_end() -> None:
    refusal = {"type": "refusal", "refusal": "No."}
    made = read(
        CREATED,
        event("refusal.delta", output_index=0, content_index=0, delta="No."),
        event("refusal.done", output_index=0, content_index=0, refusal="No."),
        done(0, message(refusal)),
        COMPLETED,
    )
    assert made[1:4] == [
        PartStarted(index=0, kind="refusal"),
        TextDelta(index=0, text="No."),
        PartEnded(index=0),
    ]
    assert isinstance(made[-1], Finished)
    assert made[-1].stop == "end"


def test_a_refusal_without_deltas_is_taken_from_its_item() -> None:
    made = read(CREATED, done(0, message({"type": "refusal", "refusal": "No."})), COMPLETED)
    assert TextDelta(index=0, text="No.") in made


def test_g36_parts_are_counted_and_calls_carry_their_call_id() -> None:
    made = read(
        CREATED,
        text("Let me see."),
        added(1, call(call_id="call_1")),
        arguments(1, '{"a":'),
        arguments(1, "1}"),
        done(1, call('{"a":1}', call_id="call_1")),
        added(2, call(call_id="call_2", name="g")),
        done(2, call("{}", call_id="call_2", name="g")),
        COMPLETED,
    )
    assert [event for event in made if isinstance(event, PartStarted)] == [
        PartStarted(index=0, kind="text"),
        PartStarted(index=1, kind="tool_call", id="call_1", name="f"),
        PartStarted(index=2, kind="tool_call", id="call_2", name="g"),
    ]
    assert isinstance(made[-1], Finished)
    assert made[-1].stop == "tool_calls"


def test_g37_a_call_without_arguments_ends_with_an_empty_object() -> None:
    assert fragments(read(CREATED, added(0, call()), done(0, call()), COMPLETED)) == [(0, "{}")]
    assert fragments(read(CREATED, added(0, call()), COMPLETED)) == [(0, "{}")]


def test_g54_arguments_arrive_once() -> None:
    made = read(
        CREATED,
        added(0, call()),
        arguments(0, '{"a":1}'),
        event("function_call_arguments.done", item_id="fc_1", output_index=0, arguments='{"a":1}'),
        done(0, call('{"a":1}')),
        COMPLETED,
    )
    assert fragments(made) == [(0, '{"a":1}')]


def test_arguments_without_deltas_are_taken_from_the_item() -> None:
    made = read(
        CREATED,
        added(0, call()),
        event("function_call_arguments.done", item_id="fc_1", output_index=0, arguments='{"a":1}'),
        done(0, call('{"a":1}')),
        COMPLETED,
    )
    assert fragments(made) == [(0, '{"a":1}')]


def test_a_call_that_was_never_opened_is_taken_from_its_item() -> None:
    made = read(CREATED, arguments(0, "{"), done(0, call('{"a":1}')), COMPLETED)
    assert made[1] == PartStarted(index=0, kind="tool_call", id="call_1", name="f")
    assert fragments(made) == [(0, '{"a":1}')]


def test_summaries_of_reasoning_stand_apart_and_the_signature_is_the_finished_items() -> None:
    def summary(index: int, words: str) -> dict[str, Any]:
        return event("reasoning_summary_text.delta", output_index=0, summary_index=index, delta=words)

    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    made = read(
        CREATED,
        added(0, item | {"encrypted_content": "half"}),
        summary(0, "First "),
        summary(0, "this."),
        summary(1, "Then that."),
        done(0, item | {"encrypted_content": "whole"}),
        COMPLETED,
    )
    assert made[1:-1] == [
        PartStarted(index=0, kind="reasoning"),
        ReasoningDelta(index=0, text="First "),
        ReasoningDelta(index=0, text="this."),
        ReasoningDelta(index=0, text="\n\nThen that."),
        ReasoningSealed(index=0, reasoning=Reasoning(signature="whole", vendor="openai")),
        PartEnded(index=0),
    ]


def test_reasoning_in_the_models_own_words_is_told_too() -> None:
    made = read(
        CREATED, event("reasoning_text.delta", output_index=0, content_index=0, delta="Hm"), COMPLETED
    )
    assert ReasoningDelta(index=0, text="Hm") in made


def test_reasoning_without_deltas_is_taken_from_its_item() -> None:
    summary = [{"type": "summary_text", "text": "A"}, {"type": "summary_text", "text": "B"}]
    made = read(CREATED, done(0, {"type": "reasoning", "id": "rs_1", "summary": summary}), COMPLETED)
    assert ReasoningDelta(index=0, text="A\n\nB") in made


@pytest.mark.parametrize(
    ("reason", "canonical"),
    [("max_output_tokens", "length"), ("content_filter", "content_filter"), ("new", "end"), (None, "end")],
)
def test_an_incomplete_answer_says_why(reason: str | None, canonical: str) -> None:
    details = {"reason": reason} if reason else None
    last = event(
        "incomplete", response=response(status="incomplete", incomplete_details=details, usage=USAGE)
    )
    reader = openai_responses.reader()
    made = events(reader, [stream(CREATED, text("He"), last)])
    assert reader.is_finished
    assert isinstance(made[-1], Finished)
    assert made[-1].stop == canonical


def test_usage_never_falls_below_nothing() -> None:
    odd = {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 5}, "output_tokens": 1}
    made = read(CREATED, event("completed", response=response(status="completed", usage=odd)))
    assert made[-1] == Finished(stop="end", usage=Usage(input_tokens=0, cache_read_tokens=5, output_tokens=1))


def test_g42_what_is_not_known_is_passed_over() -> None:
    made = read(
        CREATED,
        {"type": "keepalive"},
        event("web_search_call.in_progress", output_index="x"),
        added(0, {"type": "web_search_call", "call_id": 7}),
        event("output_text.annotation.added", output_index=0, content_index=0, annotation={}),
        done(0, {"type": "web_search_call", "call_id": 7}),
        done(1, message({"type": "hologram", "text": 3}, {"type": "output_text", "text": "Hi"})),
        COMPLETED,
    )
    assert made[1:-1] == [
        PartStarted(index=0, kind="text"),
        TextDelta(index=0, text="Hi"),
        PartEnded(index=0),
    ]


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (
            event("failed", response=response(error={"code": "server_error", "message": "x"})),
            "upstream_error",
        ),
        (
            event("failed", response=response(error={"code": "rate_limit_exceeded", "message": "x"})),
            "upstream_rate_limited",
        ),
        (
            event("failed", response=response(error={"code": "invalid_image", "message": "x"})),
            "invalid_image",
        ),
        (
            event("failed", response=response(error={"code": "bio_policy", "message": "x"})),
            "content_policy_violation",
        ),
        (event("failed", response=response(error=None)), "upstream_error"),
        (
            {"type": "error", "code": "server_is_overloaded", "message": "x", "param": None},
            "upstream_overloaded",
        ),
        ({"type": "error", "error": {"code": "insufficient_quota", "message": "x"}}, "upstream_unavailable"),
        ({"type": "error", "code": None, "message": "x"}, "upstream_error"),
    ],
)
def test_a_failure_may_come_first_or_later(last: dict[str, Any], kind: str) -> None:
    for before in ([], [CREATED, text("Hi")]):
        reader = openai_responses.reader()
        failed = events(reader, [stream(*before, last, COMPLETED)])[-1]
        assert isinstance(failed, Failed)
        assert failed.kind == kind
        assert not reader.is_finished


def test_a_failure_tells_what_was_used() -> None:
    reader = openai_responses.reader()
    events(reader, [stream(CREATED, event("failed", response=response(usage=USAGE)))])
    assert reader.usage is not None
    assert reader.usage.total_tokens == 15


def test_g45_a_stream_without_its_end_is_not_finished() -> None:
    reader = openai_responses.reader()
    made = events(
        reader, [stream(CREATED, text("Hi"), done(0, message({"type": "output_text", "text": "Hi"})))]
    )
    assert not reader.is_finished
    assert not any(isinstance(event, Finished) for event in made)


def test_nothing_follows_the_end() -> None:
    reader = openai_responses.reader()
    tail = b"data: [DONE]\n\n" + stream(text("more"), COMPLETED)
    made = events(reader, [stream(CREATED, text("Hi"), COMPLETED) + tail])
    assert reader.is_finished
    assert isinstance(made[-1], Finished)
    assert reader.feed(SseEvent("", b"{")) == []


@pytest.mark.parametrize(
    "content",
    [b"{", b'{"type":"response.created"}', b'{"type":"response.output_text.delta","output_index":"x"}'],
)
def test_an_event_of_another_shape_is_a_failure(content: bytes) -> None:
    (failed,) = openai_responses.reader().feed(SseEvent("", content))
    assert isinstance(failed, Failed)
    assert failed.kind == "upstream_error"

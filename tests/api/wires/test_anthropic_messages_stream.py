from typing import Any

import pytest
from meanings import events, stream

from api import types
from api.sse import SseEvent
from api.types import (
    ArgumentsDelta,
    Failed,
    Finished,
    Heartbeat,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    TextDelta,
)
from api.wires import anthropic_messages
from models.ledger import Usage


def start(**usage: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {"id": "msg_1", "usage": usage or {"input_tokens": 3}}}


def block(index: int, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": content}


def delta(index: int, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": content}


def text(index: int, words: str) -> dict[str, Any]:
    return delta(index, type="text_delta", text=words)


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def ending(reason: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage or {"output_tokens": 1}}


END = {"type": "message_stop"}


def read(*payloads: dict[str, Any]) -> list[types.Event]:
    return events(anthropic_messages.reader(), [stream(*payloads)])


def finished(*payloads: dict[str, Any]) -> Finished:
    last = read(*payloads)[-1]
    assert isinstance(last, Finished)
    return last


def test_a_text_becomes_one_part() -> None:
    assert read(
        start(), block(0, type="text", text=""), text(0, "He"), text(0, "y"), stop(0), ending(), END
    ) == [
        Started(upstream_id="msg_1", usage=Usage(input_tokens=3)),
        PartStarted(index=0, kind="text"),
        TextDelta(index=0, text="He"),
        TextDelta(index=0, text="y"),
        PartEnded(index=0),
        Finished(stop="end", usage=Usage(input_tokens=3, output_tokens=1)),
    ]


def test_a_text_may_begin_with_its_block() -> None:
    assert TextDelta(index=0, text="He") in read(start(), block(0, type="text", text="He"))


def test_g36_parts_are_counted_and_calls_keep_their_order() -> None:
    made = read(
        start(),
        block(0, type="text", text=""),
        stop(0),
        block(1, type="tool_use", id="a", name="f", input={}),
        delta(1, type="input_json_delta", partial_json=""),
        delta(1, type="input_json_delta", partial_json='{"x": 1}'),
        stop(1),
        block(2, type="tool_use", id="b", name="g", input={}),
        stop(2),
    )
    assert made[3:] == [
        PartStarted(index=1, kind="tool_call", id="a", name="f"),
        ArgumentsDelta(index=1, fragment='{"x": 1}'),
        PartEnded(index=1),
        PartStarted(index=2, kind="tool_call", id="b", name="g"),
        ArgumentsDelta(index=2, fragment="{}"),
        PartEnded(index=2),
    ]


def test_g37_a_call_without_fragments_ends_with_an_empty_object() -> None:
    made = read(start(), block(0, type="tool_use", id="a", name="f", input={}), stop(0))
    assert [event for event in made if isinstance(event, ArgumentsDelta)] == [
        ArgumentsDelta(index=0, fragment="{}")
    ]


def test_arguments_may_come_with_the_block() -> None:
    made = read(start(), block(0, type="tool_use", id="a", name="f", input={"x": [1, "ż"]}), stop(0))
    assert [event.fragment for event in made if isinstance(event, ArgumentsDelta)] == ['{"x":[1,"\\u017c"]}']


def test_thinking_and_its_signature_are_told() -> None:
    made = read(
        start(),
        block(0, type="thinking", thinking="", signature=""),
        delta(0, type="thinking_delta", thinking="Hm"),
        delta(0, type="signature_delta", signature="sig"),
        stop(0),
    )
    assert made[1:] == [
        PartStarted(index=0, kind="reasoning"),
        ReasoningDelta(index=0, text="Hm"),
        ReasoningSealed(index=0, reasoning=Reasoning(text="Hm", signature="sig", vendor="anthropic")),
        PartEnded(index=0),
    ]


def test_thinking_may_come_with_its_block() -> None:
    made = read(start(), block(0, type="thinking", thinking="Hm", signature="old"), stop(0))
    sealed = Reasoning(text="Hm", signature="old", vendor="anthropic")
    assert made[2:-1] == [ReasoningDelta(index=0, text="Hm"), ReasoningSealed(index=0, reasoning=sealed)]


def test_a_later_signature_replaces_the_earlier_one() -> None:
    made = read(
        start(),
        block(0, type="thinking", thinking="", signature="old"),
        delta(0, type="signature_delta", signature="new"),
        stop(0),
    )
    assert ReasoningSealed(index=0, reasoning=Reasoning(signature="new", vendor="anthropic")) in made


def test_hidden_thinking_is_kept_for_its_vendor() -> None:
    made = read(start(), block(0, type="redacted_thinking", data="EmwKAhgB"), stop(0))
    assert made[1:] == [
        PartStarted(index=0, kind="reasoning"),
        ReasoningSealed(index=0, reasoning=Reasoning(redacted="EmwKAhgB", vendor="anthropic")),
        PartEnded(index=0),
    ]


def test_g39_usage_keeps_the_classes_apart() -> None:
    usage = finished(
        start(
            input_tokens=3, cache_read_input_tokens=20000, cache_creation_input_tokens=1500, output_tokens=1
        ),
        ending(output_tokens=9, output_tokens_details={"thinking_tokens": 4}),
        END,
    ).usage
    assert usage == Usage(
        input_tokens=3, cache_read_tokens=20000, cache_write_tokens=1500, output_tokens=9, reasoning_tokens=4
    )
    assert usage.prompt_tokens == 21503


def test_g40_later_figures_overwrite_and_missing_ones_keep_the_old() -> None:
    usage = finished(
        start(input_tokens=10, cache_read_input_tokens=5, output_tokens=1),
        ending(output_tokens=7),
        ending(input_tokens=12, cache_read_input_tokens=None, output_tokens=8),
        END,
    ).usage
    assert usage == Usage(input_tokens=12, cache_read_tokens=5, output_tokens=8)


def test_usage_is_known_in_the_middle_of_a_stream() -> None:
    reader = anthropic_messages.reader()
    assert reader.usage is None
    events(reader, [stream(start(input_tokens=10, output_tokens=2), block(0, type="text", text=""))])
    assert reader.usage == Usage(input_tokens=10, output_tokens=2)


@pytest.mark.parametrize(
    ("reason", "canonical"),
    [
        ("end_turn", "end"),
        ("stop_sequence", "stop_sequence"),
        ("pause_turn", "paused"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("invented_later", "end"),
        (None, "end"),
    ],
)
def test_stop_reasons(reason: str | None, canonical: str) -> None:
    assert finished(start(), ending(reason), END).stop == canonical


def test_g42_pings_are_heartbeats_and_what_is_not_known_is_passed_over() -> None:
    made = read(
        start(),
        {"type": "ping"},
        {"type": "billing_notice", "delta": [1], "index": "x"},
        block(0, type="web_search_tool_result", content=[]),
        delta(0, type="text_delta", text="of a block that is not known"),
        stop(0),
        block(1, type="text", text=""),
        delta(1, type="citations_delta", citation={}),
        delta(1, type="text_weights_delta", text=[1]),
        text(1, "Hi"),
        stop(1),
        ending(),
        END,
    )
    assert made[1:-1] == [
        Heartbeat(),
        PartStarted(index=0, kind="text"),
        TextDelta(index=0, text="Hi"),
        PartEnded(index=0),
    ]


@pytest.mark.parametrize("payloads", [[], [start()]], ids=["G43 first", "later"])
def test_an_overloaded_upstream_is_a_failure(payloads: list[dict[str, Any]]) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    failed = read(*payloads, error, text(0, "more"), END)[-1]
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.retry_after) == ("upstream_overloaded", 5)


def test_g44_nothing_follows_a_failure() -> None:
    reader = anthropic_messages.reader()
    error = {"type": "error", "error": {"type": "api_error", "message": "node 7 of org_abc died"}}
    made = events(reader, [stream(start(), error, error, END)])
    assert [type(event) for event in made] == [Started, Failed]
    assert "org_abc" not in str(made)
    assert not reader.is_finished


def test_g45_a_stream_without_its_end_is_not_finished() -> None:
    reader = anthropic_messages.reader()
    made = events(reader, [stream(start(), block(0, type="text", text=""), text(0, "Hi"), stop(0), ending())])
    assert not reader.is_finished
    assert not any(isinstance(event, Finished) for event in made)


def test_nothing_follows_the_end() -> None:
    reader = anthropic_messages.reader()
    made = events(reader, [stream(start(), ending(), END, END, text(0, "more"), ending(output_tokens=99))])
    assert reader.is_finished
    assert isinstance(made[-1], Finished)
    assert reader.usage == Usage(input_tokens=3, output_tokens=1)


def test_parts_left_open_are_ended() -> None:
    made = read(start(), block(0, type="tool_use", id="a", name="f", input={}), ending("tool_use"), END)
    assert made[2:4] == [ArgumentsDelta(index=0, fragment="{}"), PartEnded(index=0)]


@pytest.mark.parametrize("reason", [None, "I may not."])
def test_g48_a_refusal_may_have_words(reason: str | None) -> None:
    last = ending("refusal")
    last["delta"]["stop_details"] = {"type": "refusal", "category": "bio", "explanation": reason}
    made = read(start(), last, END)
    expected: list[types.Event] = [
        PartStarted(index=0, kind="refusal"),
        TextDelta(index=0, text="I may not."),
        PartEnded(index=0),
    ]
    assert made[1:-1] == (expected if reason else [])
    assert made[-1] == Finished(stop="content_filter", usage=Usage(input_tokens=3, output_tokens=1))


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'{"type":"message_start"}',
        b'{"type":"content_block_stop","index":"x"}',
        b'"\xff"',
        b"[" * 100_000,
    ],
)
def test_an_event_of_another_shape_is_a_failure(content: bytes) -> None:
    (failed,) = anthropic_messages.reader().feed(SseEvent("", content))
    assert isinstance(failed, Failed)
    assert failed.kind == "upstream_error"

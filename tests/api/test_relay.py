"""Two ways from upstream bytes to client bytes, and what a request without a report is settled at."""

import pytest

from api.relay import Collector, Translated, estimated
from api.types import (
    ArgumentsDelta,
    Event,
    Finished,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    Text,
    TextDelta,
    ToolCall,
)
from api.wires import BadReply, anthropic_messages, openai_chat
from models.ledger import Usage

ERROR = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"m","content":[],"stop_reason":null,"stop_sequence":null,'
    b'"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
)


def translated() -> Translated:
    writer = openai_chat.writer(id="chatcmpl-1", created=1, model="claude-opus-4-7", wants_usage=False)
    return Translated(anthropic_messages.reader(), writer)


def test_an_error_event_becomes_an_error_and_never_an_end() -> None:
    relay = translated()
    assert relay.feed(START)
    relay.feed(ERROR)
    assert relay.error is not None
    assert relay.error.kind == "upstream_overloaded"
    assert not relay.is_finished


def test_usage_seen_so_far_is_known_in_the_middle_of_a_stream() -> None:
    relay = translated()
    relay.feed(START)
    assert relay.usage is not None
    assert relay.usage.input_tokens == 9
    assert not relay.is_finished


def test_an_endless_event_is_an_upstream_error() -> None:
    relay = translated()
    for _ in range(9):
        relay.feed(b"data: " + b"x" * 1024 * 1024)
    assert relay.error is not None
    assert relay.error.kind == "upstream_error"


def test_a_collected_stream_is_the_reply_that_it_told() -> None:
    collector = Collector()
    events: list[Event] = [
        Started(upstream_id="msg_1"),
        PartStarted(index=0, kind="reasoning"),
        ReasoningDelta(index=0, text="hm"),
        ReasoningSealed(index=0, reasoning=Reasoning(text="hm", signature="s", vendor="v")),
        PartEnded(index=0),
        PartStarted(index=1, kind="text"),
        TextDelta(index=1, text="Hel"),
        TextDelta(index=1, text="lo"),
        PartEnded(index=1),
        PartStarted(index=2, kind="tool_call", id="call_1", name="now"),
        PartEnded(index=2),
        PartStarted(index=3, kind="tool_call", id="call_2", name="weather"),
        ArgumentsDelta(index=3, fragment='{"a":'),
        ArgumentsDelta(index=3, fragment="1}"),
        PartEnded(index=3),
        Finished(stop="tool_calls", usage=Usage(input_tokens=1, output_tokens=2)),
    ]
    assert {collector.write(event) for event in events} == {b""}
    reply = collector.reply()
    assert reply.parts == (
        Reasoning(text="hm", signature="s", vendor="v"),
        Text(text="Hello"),
        ToolCall(id="call_1", name="now", arguments="{}"),
        ToolCall(id="call_2", name="weather", arguments='{"a":1}'),
    )
    assert (reply.stop, reply.usage) == ("tool_calls", Usage(input_tokens=1, output_tokens=2))


def test_a_stream_without_an_end_is_no_reply() -> None:
    collector = Collector()
    collector.write(PartStarted(index=0, kind="text"))
    with pytest.raises(BadReply):
        collector.reply()


@pytest.mark.parametrize(
    ("seen", "chars", "settled"),
    [
        (None, 0, Usage(input_tokens=50)),
        (None, 9, Usage(input_tokens=50, output_tokens=3)),
        (Usage(input_tokens=7, output_tokens=1), 40, Usage(input_tokens=7, output_tokens=10)),
        (Usage(input_tokens=7, output_tokens=90), 40, Usage(input_tokens=7, output_tokens=90)),
        (Usage(), 0, Usage()),
    ],
)
def test_P_A4_a_cut_answer_is_settled_at_what_was_reported_or_said(
    seen: Usage | None, chars: int, settled: Usage
) -> None:
    assert estimated(seen, prompt_tokens=50, output_chars=chars) == settled

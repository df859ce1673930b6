"""Custom calls out of a vendor's calls of functions."""

import pytest
from meanings import asked

from api.sse import SseEvent
from api.types import (
    ArgumentsDelta,
    Event,
    Finished,
    PartEnded,
    PartStarted,
    Reply,
    TextDelta,
    Tool,
    ToolCall,
)
from api.wires import custom_calls
from api.wires.custom_calls import RestoringReader
from models.ledger import Usage


class Reading:
    """A reader of one event, which says all this."""

    is_finished = True
    usage = Usage(input_tokens=1)

    def __init__(self, *events: Event) -> None:
        self._events = list(events)

    def feed(self, event: SseEvent) -> list[Event]:
        return self._events


def restored(*events: Event) -> list[Event]:
    reader = RestoringReader(Reading(*events), frozenset({"run"}))
    assert (reader.is_finished, reader.usage) == (True, Usage(input_tokens=1))
    return reader.feed(SseEvent(name="x", data=b""))


START = PartStarted(index=0, kind="tool_call", id="c", name="run")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input":"a\\n\\"b\\" 🐢"}', 'a\n"b" 🐢'),
        ('{"input": "cut sho', "cut sho"),
        ("{}", ""),
        ("", ""),
        ('{"code":"x"}', '{"code":"x"}'),
        ('{"input":7}', '{"input":7}'),
        ("{bad", "{bad"),
    ],
)
def test_the_text_is_taken_out_of_the_arguments_plain_and_streamed_alike(arguments: str, text: str) -> None:
    call = ToolCall(id="c", name="run", arguments=arguments)
    reply = Reply(parts=(call,), stop="tool_calls", usage=None)
    assert custom_calls.restored(reply, {"run"}).parts == (
        ToolCall(id="c", name="run", arguments=text, is_custom=True),
    )
    pieces = [ArgumentsDelta(index=0, fragment=piece) for piece in arguments]
    made = restored(START, *pieces, PartEnded(index=0))
    assert made == [
        PartStarted(index=0, kind="tool_call", id="c", name="run", is_custom=True),
        ArgumentsDelta(index=0, fragment=text),
        PartEnded(index=0),
    ]


def test_a_call_that_was_never_ended_is_told_before_the_end() -> None:
    end = Finished(stop="length", usage=None)
    made = restored(START, ArgumentsDelta(index=0, fragment='{"input":"a'), end)
    assert made[1:] == [ArgumentsDelta(index=0, fragment="a"), end]


def test_all_else_passes_untouched() -> None:
    own = PartStarted(index=0, kind="tool_call", id="c", name="run", is_custom=True)
    events: list[Event] = [
        own,
        ArgumentsDelta(index=0, fragment="a"),
        PartEnded(index=0),
        PartStarted(index=1, kind="tool_call", id="d", name="clock"),
        ArgumentsDelta(index=1, fragment="{}"),
        PartEnded(index=1),
        TextDelta(index=2, text="x"),
    ]
    assert restored(*events) == events
    parts = (
        ToolCall(id="c", name="run", arguments="a", is_custom=True),
        ToolCall(id="d", name="clock", arguments="{}"),
    )
    reply = Reply(parts=parts, stop="tool_calls", usage=None)
    assert custom_calls.restored(reply, {"run"}) == reply


def test_the_names_are_those_of_custom_tools() -> None:
    assert custom_calls.names(asked(tools=(Tool(name="a"), Tool(name="b", is_custom=True)))) == {"b"}

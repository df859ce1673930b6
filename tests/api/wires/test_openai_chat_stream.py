import json
from typing import Any

import pytest
from meanings import cuts, events
from openai.types.chat import ChatCompletionChunk

from api.relay import Collector
from api.sse import SseEvent, SseParser
from api.types import (
    ArgumentsDelta,
    Event,
    Failed,
    Finished,
    Heartbeat,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    ReasoningSealed,
    Refusal,
    Reply,
    Started,
    Text,
    TextDelta,
    ToolCall,
)
from api.wires import openai_chat
from models.ledger import Usage

USAGE = Usage(input_tokens=10, output_tokens=5)
EVENTS: list[Event] = [
    Started(usage=Usage(input_tokens=10)),
    PartStarted(index=0, kind="reasoning"),
    ReasoningDelta(index=0, text="hm"),
    ReasoningSealed(index=0, reasoning=Reasoning(text="hm", signature="s", vendor="anthropic")),
    PartEnded(index=0),
    PartStarted(index=1, kind="text"),
    TextDelta(index=1, text="Grüße "),
    Heartbeat(),
    TextDelta(index=1, text=""),
    TextDelta(index=1, text="🌍"),
    PartEnded(index=1),
    PartStarted(index=2, kind="tool_call", id="a", name="f"),
    ArgumentsDelta(index=2, fragment=""),
    PartEnded(index=2),
    PartStarted(index=3, kind="tool_call", id="b", name="g"),
    ArgumentsDelta(index=3, fragment='{"x":'),
    ArgumentsDelta(index=3, fragment="1}"),
    PartEnded(index=3),
    Finished(stop="tool_calls", usage=USAGE),
]
REPLY = Reply(
    parts=(
        Reasoning(text="hm"),
        Text(text="Grüße 🌍"),
        ToolCall(id="a", name="f", arguments="{}"),
        ToolCall(id="b", name="g", arguments='{"x":1}'),
    ),
    stop="tool_calls",
    usage=USAGE,
)


def written(made: list[Event], *, wants_usage: bool = False) -> bytes:
    writer = openai_chat.writer(id="chatcmpl-1", created=1, model="the-model", wants_usage=wants_usage)
    return b"".join([writer.write(event) for event in made]) + writer.end()


def chunks(stream: bytes) -> list[dict[str, Any]]:
    found = [event.data for event in SseParser().feed(stream)]
    assert found[-1] == b"[DONE]"
    for one in found[:-1]:
        ChatCompletionChunk.model_validate_json(one, strict=True)
    return [json.loads(one) for one in found[:-1]]


def deltas(stream: bytes) -> list[dict[str, Any]]:
    return [one["choices"][0]["delta"] for one in chunks(stream) if one["choices"]]


# --- written --------------------------------------------------------------------------------------------


def test_g36_g37_a_stream_is_written_chunk_by_chunk() -> None:
    assert deltas(written(EVENTS)) == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "hm"},
        {"content": "Grüße "},
        {"content": "🌍"},
        {
            "tool_calls": [
                {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
        {
            "tool_calls": [
                {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 1, "function": {"arguments": '{"x":'}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "1}"}}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]},
        {},
    ]


def test_every_chunk_has_the_same_head_and_only_the_last_a_reason() -> None:
    made = chunks(written(EVENTS))
    for one in made:
        head = {name: one[name] for name in ("id", "object", "created", "model")}
        expected = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "the-model"}
        assert head == expected
        assert "usage" not in one
    reasons = [one["choices"][0]["finish_reason"] for one in made]
    assert reasons == [None] * (len(made) - 1) + ["tool_calls"]


def test_g41_usage_is_one_chunk_without_choices_and_null_in_all_others() -> None:
    made = chunks(written(EVENTS, wants_usage=True))
    assert [one["usage"] for one in made[:-1]] == [None] * (len(made) - 1)
    assert made[-1]["choices"] == []
    assert made[-1]["usage"]["total_tokens"] == 15


def test_g42_a_heartbeat_is_a_comment() -> None:
    writer = openai_chat.writer(id="x", created=1, model="m", wants_usage=False)
    assert writer.write(Heartbeat()) == b": ping\n\n"
    assert b'"role":"assistant"' in writer.write(TextDelta(index=0, text="a"))


def test_g44_a_failure_is_an_error_event_and_nothing_else() -> None:
    writer = openai_chat.writer(id="x", created=1, model="m", wants_usage=True)
    writer.write(TextDelta(index=0, text="a"))
    sent = writer.write(Failed(kind="upstream_overloaded", message="Busy."))
    (event,) = SseParser().feed(sent)
    error = json.loads(event.data)["error"]
    assert error == {"message": "Busy.", "type": "server_error", "param": None, "code": "upstream_overloaded"}


def test_the_role_comes_first_even_where_the_upstream_did_not_begin() -> None:
    made = deltas(written([Finished(stop="content_filter", usage=None)]))
    assert made == [{"role": "assistant", "content": ""}, {}]


def test_a_refusal_has_its_own_field() -> None:
    made: list[Event] = [PartStarted(index=0, kind="refusal"), TextDelta(index=0, text="No")]
    assert {"refusal": "No"} in deltas(written(made))


def test_a_call_that_the_upstream_never_ended_still_has_arguments() -> None:
    made: list[Event] = [
        PartStarted(index=0, kind="tool_call", id="a", name="f"),
        Finished(stop="length", usage=None),
    ]
    assert deltas(written(made))[-2] == {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}


# --- read -----------------------------------------------------------------------------------------------


def collected(pieces: list[bytes]) -> Reply:
    collector = Collector()
    reader = openai_chat.reader()
    for event in events(reader, pieces):
        collector.write(event)
    assert reader.is_finished
    return collector.reply()


def test_g38_g47_what_is_written_is_read_the_same_however_it_is_cut() -> None:
    stream = written(EVENTS, wants_usage=True)
    for pieces in cuts(stream):
        assert collected([*pieces, stream]) == REPLY


def test_a_plain_answer_is_read_like_the_stream() -> None:
    body = openai_chat.render_reply(REPLY, id="chatcmpl-1", created=1, model="m")
    reply = openai_chat.parse_reply(body)
    assert (reply.parts, reply.stop, reply.usage) == (REPLY.parts, REPLY.stop, REPLY.usage)


def test_refusals_are_read_in_both_ways() -> None:
    reply = Reply(parts=(Refusal(text="No"),), stop="end", usage=USAGE)
    plain = openai_chat.parse_reply(openai_chat.render_reply(reply, id="x", created=1, model="m"))
    assert plain.parts == reply.parts
    made: list[Event] = [
        PartStarted(index=0, kind="refusal"),
        TextDelta(index=0, text="No"),
        Finished(stop="end", usage=USAGE),
    ]
    assert collected([written(made, wants_usage=True)]) == reply


def test_calls_that_grow_in_turns_are_kept_apart() -> None:
    def call(index: int, **function: str) -> bytes:
        delta = {"tool_calls": [{"index": index, "id": f"c{index}", "function": function}]}
        return b"data: %b\n\n" % json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode()

    stream = (
        call(0, name="f")
        + call(1, name="g")
        + call(0, arguments='{"a"')
        + call(1, arguments="{}")
        + call(0, arguments=":1}")
        + b'data: {"choices":[{"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n'
    )
    assert collected([stream]).parts == (
        ToolCall(id="c0", name="f", arguments='{"a":1}'),
        ToolCall(id="c1", name="g", arguments="{}"),
    )


@pytest.mark.parametrize("rest", [b"", b"data: [DONE]\n\n"])
def test_g45_a_stream_without_a_finish_reason_is_not_finished(rest: bytes) -> None:
    reader = openai_chat.reader()
    made = events(reader, [b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n' + rest])
    assert not reader.is_finished
    assert not any(isinstance(event, Finished) for event in made)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'{"error":{"code":"server_is_overloaded"}}', "upstream_overloaded"),
        (b'{"error":"x"}', "upstream_error"),
        (b"{", "upstream_error"),
    ],
)
def test_an_error_inside_the_stream_is_a_failure(data: bytes, kind: str) -> None:
    (event,) = openai_chat.reader().feed(SseEvent("", data))
    assert isinstance(event, Failed)
    assert event.kind == kind

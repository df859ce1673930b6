"""One meaning in every wire: requests go from the client's to the upstream's, answers back, plain and streamed."""

import json
from typing import Any

import meanings
import msgspec
import pytest
from fakes import openai_rules, sdk_types
from openai._models import construct_type
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from api import types, wires
from api.errors import GatewayError
from api.relay import Collector
from api.sse import SseParser
from api.types import Reasoning, WireName
from api.wires import custom_calls, openai_chat
from api.wires.custom_calls import RestoringReader

ID, CREATED = "chatcmpl-1", 1795300000

ALL = [(name, wire) for name in meanings.names() for wire in meanings.UPSTREAM_WIRES]
ASKED = [pair for pair in ALL if meanings.recorded(pair[0], f"{pair[1]}.request.json")]
REFUSED = [pair for pair in ALL if meanings.recorded(pair[0], f"{pair[1]}.refused.json")]
ANSWERED = [pair for pair in ALL if meanings.recorded(pair[0], f"{pair[1]}.reply.json")]


def recorded(name: str, file: str) -> bytes:
    content = meanings.recorded(name, file)
    assert content is not None
    return content


def rendered(request: types.Request, wire: WireName) -> bytes:
    target = meanings.TARGETS[wire]
    return wires.upstream(wire).render_request(request, target, output_tokens=None)


def asked_in_chat(name: str) -> types.Request:
    return openai_chat.parse_request(openai_chat.peek(recorded(name, "openai_chat.request.json")), salt="7")


def reader_of(name: str, wire: WireName) -> wires.Reader:
    return RestoringReader(wires.upstream(wire).reader(), custom_calls.names(meanings.request_of(name)))


def plain(name: str, wire: WireName) -> types.Reply:
    reply = wires.upstream(wire).parse_reply(recorded(name, f"{wire}.reply.json"))
    return custom_calls.restored(reply, custom_calls.names(meanings.request_of(name)))


def collected(name: str, wire: WireName, chunks: list[bytes]) -> types.Reply:
    collector = Collector()
    reader = reader_of(name, wire)
    for event in meanings.events(reader, chunks):
        collector.write(event)
    assert reader.is_finished
    return collector.reply()


def comparable(reply: types.Reply) -> types.Reply:
    """Without what belongs to one vendor or one way of delivery: ids, signatures, spelling of arguments."""
    return msgspec.structs.replace(reply, upstream_id="", parts=tuple(map(_comparable, reply.parts)))


def _comparable(part: types.Part) -> types.Part:
    if isinstance(part, types.ToolCall) and not part.is_custom:
        return msgspec.structs.replace(part, arguments=json.dumps(json.loads(part.arguments)))
    return Reasoning(text=part.text) if isinstance(part, Reasoning) else part


def test_every_meaning_is_recorded_for_every_upstream() -> None:
    assert len(meanings.names()) >= 12
    assert sorted(ASKED + REFUSED) == ALL


# --- requests -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", meanings.names())
def test_what_a_chat_client_asks_is_the_canonical_request(name: str) -> None:
    assert asked_in_chat(name) == meanings.request_of(name)


@pytest.mark.parametrize(("name", "wire"), ASKED)
def test_a_request_is_rendered_as_recorded(name: str, wire: WireName) -> None:
    body = rendered(meanings.request_of(name), wire)
    assert json.loads(body) == json.loads(recorded(name, f"{wire}.request.json"))
    assert body == rendered(asked_in_chat(name), wire)


@pytest.mark.parametrize(("name", "wire"), ASKED)
def test_a_rendered_request_is_of_the_vendors_own_types(name: str, wire: WireName) -> None:
    path = {"anthropic_messages": "/v1/messages", "openai_responses": "/v1/responses"}[wire]
    body = json.loads(recorded(name, f"{wire}.request.json"))
    assert sdk_types.mismatch(path, openai_rules.typed(path, body)) is None


@pytest.mark.parametrize(("name", "wire"), REFUSED)
def test_a_request_is_refused_as_recorded(name: str, wire: WireName) -> None:
    with pytest.raises(GatewayError) as caught:
        rendered(asked_in_chat(name), wire)
    refusal = {"kind": caught.value.kind, "param": caught.value.param}
    assert refusal == json.loads(recorded(name, f"{wire}.refused.json"))


# --- answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "wire"), ANSWERED)
def test_a_plain_answer_is_read_as_recorded(name: str, wire: WireName) -> None:
    assert comparable(plain(name, wire)) == comparable(meanings.reply_of(name))


@pytest.mark.parametrize(("name", "wire"), ANSWERED)
def test_g38_g47_a_stream_says_the_same_however_it_is_cut(name: str, wire: WireName) -> None:
    """Reasoning with all that its vendor wants back of it included."""
    whole = msgspec.structs.replace(plain(name, wire), upstream_id="")
    for chunks in meanings.cuts(recorded(name, f"{wire}.stream.sse")):
        streamed = collected(name, wire, chunks)
        assert comparable(streamed) == comparable(meanings.reply_of(name))
        for part, same in zip(streamed.parts, whole.parts, strict=True):
            assert part == same or isinstance(part, types.ToolCall)


@pytest.mark.parametrize(("name", "wire"), ANSWERED)
def test_what_follows_the_end_of_a_stream_changes_nothing(name: str, wire: WireName) -> None:
    whole = recorded(name, f"{wire}.stream.sse")
    assert collected(name, wire, [whole, whole, b"data: {\n\n"]) == collected(name, wire, [whole])


# --- back to a Chat client ------------------------------------------------------------------------------


def chat_answer(body: dict[str, Any]) -> dict[str, Any]:
    """What a client compares: an absent field is an empty one, arguments are what they mean."""
    choice = body["choices"][0]
    message = choice["message"]
    calls = [_call(call) for call in message.get("tool_calls") or []]
    said = {field: message.get(field) or None for field in ("content", "refusal", "reasoning_content")}
    usage = {name: value for name, value in body["usage"].items() if value is not None}
    return {**said, "calls": calls, "finish_reason": choice["finish_reason"], "usage": usage}


def _call(call: dict[str, Any]) -> tuple[str, str, Any]:
    if call["type"] == "custom":
        return call["id"], call["custom"]["name"], call["custom"]["input"]
    return call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])


def carriers(body: dict[str, Any]) -> dict[str, Any]:
    message = body["choices"][0]["message"]
    return {name: message.get(name) for name in ("thinking_blocks", "reasoning_items")}


def chat_plain(name: str, wire: WireName) -> bytes:
    return openai_chat.render_reply(plain(name, wire), id=ID, created=CREATED, model="the-model")


def chat_streamed(name: str, wire: WireName, pieces: list[bytes]) -> dict[str, Any]:
    """What the official library gathers of the stream."""
    writer = openai_chat.writer(id=ID, created=CREATED, model="the-model", wants_usage=True)
    made = meanings.events(reader_of(name, wire), pieces)
    sent = b"".join(writer.write(event) for event in made) + writer.end()
    chunks = [event.data for event in SseParser().feed(sent)]
    assert chunks[-1] == b"[DONE]"
    gathered = ChatCompletionStreamState()
    for chunk in chunks[:-1]:
        # The library's type of a chunk knows calls of functions only; what gathers them takes any.
        is_typed = b'"custom"' not in chunk
        read = ChatCompletionChunk.model_validate_json(chunk, strict=True) if is_typed else _untyped(chunk)
        gathered.handle_chunk(read)
    final: dict[str, Any] = _without_nulls(gathered.current_completion_snapshot.model_dump())
    return final


def _untyped(chunk: bytes) -> ChatCompletionChunk:
    made = construct_type(type_=ChatCompletionChunk, value=json.loads(chunk))
    assert isinstance(made, ChatCompletionChunk)
    return made


@pytest.mark.parametrize(("name", "wire"), ANSWERED)
def test_a_chat_client_gets_the_plain_answer(name: str, wire: WireName) -> None:
    body = chat_plain(name, wire)
    expected = json.loads(recorded(name, "openai_chat.reply.json"))
    assert chat_answer(json.loads(body)) == chat_answer(expected)
    assert {**json.loads(body), "choices": [], "usage": {}} == {**expected, "choices": [], "usage": {}}
    ChatCompletion.model_validate_json(body, strict=True)


@pytest.mark.parametrize(("name", "wire"), ANSWERED)
def test_G38_stream_and_plain_answer_are_equal_however_the_stream_is_cut(name: str, wire: WireName) -> None:
    """In content, tool arguments, finish reason, usage, and in what the client sends back with his next turn."""
    expected = _without_nulls(json.loads(chat_plain(name, wire)))
    for pieces in meanings.cuts(recorded(name, f"{wire}.stream.sse")):
        streamed = chat_streamed(name, wire, pieces)
        assert chat_answer(streamed) == chat_answer(expected)
        assert carriers(streamed) == carriers(expected)


@pytest.mark.parametrize(("name", "wire"), ANSWERED)
def test_an_answer_can_be_sent_back_as_the_next_turn(name: str, wire: WireName) -> None:
    """Byte for byte what the vendor said of his reasoning, first in its turn."""
    message = json.loads(chat_plain(name, wire))["choices"][0]["message"]
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": "x"}
        for call in message.get("tool_calls") or []
    ]
    asked = json.loads(recorded(name, "openai_chat.request.json"))
    asked["messages"] += [message, *results, {"role": "user", "content": "Go on"}]
    sent = openai_chat.parse_request(openai_chat.peek(json.dumps(asked).encode()), salt="7")
    said = [part for part in plain(name, wire).parts if isinstance(part, Reasoning)]
    path = f"messages[{len(asked['messages']) - len(results) - 2}]"
    turn = [part for each in sent.messages if each.path == path for part in each.parts]
    assert turn[: len(said)] == said


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value

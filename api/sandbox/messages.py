"""Anthropic Messages as its server speaks it ("Create a Message", "Streaming messages" and "Errors" of the API
documentation, version 2023-06-01, read 2026-11-22)."""

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from api import types
from api.sandbox.answers import Answer, fragments, words
from api.sandbox.questions import (
    Headers,
    JsonObject,
    Question,
    Refused,
    Tool,
    decode,
    input_tokens,
    named,
    seed,
    text_of,
)
from models.ledger import Usage

PATH: Final = "/v1/messages"
REQUEST_ID: Final = "request-id"
STOP_REASONS: Final[dict[types.StopReason, str]] = {
    "end": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
    "content_filter": "refusal",
    "paused": "pause_turn",
}
_SAMPLING_FREE: Final = "claude-opus-4-7"


class _Message(msgspec.Struct):
    role: Literal["user", "assistant"]
    content: str | list[JsonObject]


class _Tool(msgspec.Struct):
    name: str
    input_schema: JsonObject | None = None


class _ToolChoice(msgspec.Struct, frozen=True):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool = False


class _Thinking(msgspec.Struct, frozen=True):
    type: Literal["adaptive", "enabled", "disabled"]
    display: Literal["summarized", "omitted"] | None = None


class _Body(msgspec.Struct):
    model: str
    max_tokens: int
    messages: list[_Message]
    system: str | list[JsonObject] | None = None
    stream: bool = False
    stop_sequences: list[str] = []
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    tools: list[_Tool] = []
    tool_choice: _ToolChoice = _ToolChoice("auto")
    thinking: _Thinking = _Thinking("disabled")
    output_config: JsonObject = {}


def ask(raw: bytes, headers: Headers) -> Question:
    _check_headers(headers)
    body = _decode(raw)
    _refuse(body)
    prompts = [text for text in map(_prompt, body.messages) if text]
    is_thinking = body.thinking.type != "disabled"
    default_display = "omitted" if body.model.startswith(_SAMPLING_FREE) else "summarized"
    contents = [message.content for message in body.messages]
    return Question(
        model=body.model,
        seed=seed(body.model, body.system, body.messages, body.tools, body.tool_choice),
        prompt=prompts[-1] if prompts else "",
        message_count=len(body.messages),
        input_tokens=input_tokens(len(contents), body.system, contents, msgspec.to_builtins(body.tools)),
        is_stream=body.stream,
        max_output_tokens=body.max_tokens,
        stops=tuple(body.stop_sequences),
        tools=_callable(body),
        may_call_two=not body.tool_choice.disable_parallel_tool_use,
        talks_before_calling=body.tool_choice.type == "auto",
        tool_result=_tool_result(body.messages[-1]),
        answer_schema=_answer_schema(body.output_config.get("format")),
        thinks=is_thinking,
        shows_thoughts=(body.thinking.display or default_display) == "summarized",
    )


def reply(question: Question, answer: Answer) -> JsonObject:
    blocks = [_block(question, index, part) for index, part in _shown(answer)]
    usage = {"usage": _usage(answer.reply.usage)} if answer.reply.usage else {}
    return {**_frame(question), "content": blocks, **_stop(answer), **usage}


def stream(question: Question, answer: Answer) -> Iterator[bytes]:
    """The events, one step for each word; a `ping` follows the first block's start, as upstream sends it."""
    usage = answer.reply.usage
    begun = {"usage": {**_usage(usage), "output_tokens": 1}} if usage else {}
    nothing: JsonObject = {"content": [], "stop_reason": None, "stop_sequence": None}
    opening = _event("message_start", message={**_frame(question), **nothing, **begun})
    ping = _event("ping")
    for index, part in _shown(answer):
        block = _block(question, index, part)
        yield opening + _event("content_block_start", index=index, content_block=_begun(block)) + ping
        for delta in _deltas(part):
            yield _event("content_block_delta", index=index, delta=delta)
        opening, ping = _event("content_block_stop", index=index), b""
    counted = {"usage": _counted(usage)} if usage else {}
    yield opening + _event("message_delta", delta=_stop(answer), **counted) + _event("message_stop")


def render_error(refused: Refused) -> JsonObject:
    return {
        "type": "error",
        "error": {"type": refused.kind, "message": refused.message},
        "request_id": "req_sandbox",
    }


def _check_headers(headers: Headers) -> None:
    bearer = headers.get("authorization", "").partition(" ")[2]
    if not (headers.get("x-api-key", "").strip() or bearer.strip()):
        raise Refused("x-api-key header is required", status=401, kind="authentication_error")
    if not headers.get("anthropic-version"):
        raise Refused("anthropic-version: header is required")


def _decode(raw: bytes) -> _Body:
    """The vendor names a field as `messages.0.role: ...` in the text; its errors have no `param`."""
    try:
        return decode(raw, _Body)
    except Refused as refused:
        path = (refused.param or "").replace("[", ".").replace("]", "").replace("...", "")
        if refused.code == "missing_required_parameter":
            raise Refused(f"{path}: Field required") from None
        raise Refused(f"{path}: {refused.message}" if path else refused.message) from None


def _refuse(body: _Body) -> None:
    if body.max_tokens < 1:
        raise Refused("max_tokens: Input should be greater than or equal to 1")
    if not body.messages:
        raise Refused("messages: at least one message is required")
    if body.messages[-1].role == "assistant":
        raise Refused(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    given = {"temperature": body.temperature, "top_p": body.top_p, "top_k": body.top_k}
    for param, value in given.items():
        if value is not None and value != 1 and body.model.startswith(_SAMPLING_FREE):
            raise Refused(f"`{param}` is deprecated for this model.")
        if value is not None and param != "top_k" and not 0 <= value <= 1:
            raise Refused(f"{param}: range: 0..1")
    if body.temperature is not None and body.top_p is not None:
        raise Refused(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
        )


def _callable(body: _Body) -> tuple[Tool, ...]:
    tools = tuple(Tool(tool.name, tool.input_schema) for tool in body.tools if tool.input_schema is not None)
    match body.tool_choice.type:
        case "none":
            return ()
        case "tool":
            return named(tools, body.tool_choice.name)
        case "any" if not tools:
            raise Refused("tool_choice: may only be specified while providing tools.")
    return tools


def _answer_schema(wanted: object) -> JsonObject | None:
    match wanted:
        case {"type": "json_schema", "schema": dict() as schema}:
            return schema
    return None


def _prompt(message: _Message) -> str:
    """What a user said in words; tool results are not his."""
    if message.role != "user":
        return ""
    if isinstance(message.content, str):
        return message.content
    return text_of([block for block in message.content if block.get("type") == "text"])


def _tool_result(last: _Message) -> str | None:
    blocks = [] if isinstance(last.content, str) else last.content
    results = [text_of(block.get("content")) for block in blocks if block.get("type") == "tool_result"]
    return " ".join(results) if results else None


def _shown(answer: Answer) -> list[tuple[int, types.Part]]:
    """The parts that are blocks here; a refusal is told by the stop reason and its details."""
    return list(enumerate(part for part in answer.reply.parts if not isinstance(part, types.Refusal)))


def _block(question: Question, index: int, part: types.Part) -> JsonObject:
    match part:
        case types.ToolCall(id=call_id, name=name, arguments=arguments):
            call_id = call_id or f"toolu_{question.seed}{index}"
            return {
                "type": "tool_use",
                "id": call_id,
                "name": name,
                "input": msgspec.json.decode(arguments or "{}"),
            }
        case types.Reasoning(redacted=str() as redacted):
            return {"type": "redacted_thinking", "data": redacted}
        case types.Reasoning(text=text, signature=signature):
            return {"type": "thinking", "thinking": text, "signature": signature or ""}
    return {"type": "text", "text": part.text if isinstance(part, types.Text) else ""}


def _begun(block: JsonObject) -> JsonObject:
    empty: dict[str, JsonObject] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    return {**block, **empty.get(block["type"], {})}


def _deltas(part: types.Part) -> Iterator[JsonObject]:
    match part:
        case types.Text(text=text):
            yield from ({"type": "text_delta", "text": word} for word in words(text))
        case types.ToolCall(arguments=arguments):
            yield {"type": "input_json_delta", "partial_json": ""}
            pieces = [] if arguments == "{}" else fragments(arguments)
            yield from ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)
        case types.Reasoning(text=text, signature=signature, redacted=None):
            yield from ({"type": "thinking_delta", "thinking": word} for word in words(text))
            yield {"type": "signature_delta", "signature": signature or ""}


def _frame(question: Question) -> JsonObject:
    return {
        "id": f"msg_sandbox{question.seed}",
        "type": "message",
        "role": "assistant",
        "model": question.model,
    }


def _stop(answer: Answer) -> JsonObject:
    stop = {"stop_reason": STOP_REASONS[answer.reply.stop], "stop_sequence": answer.stop_sequence}
    refusals = [part.text for part in answer.reply.parts if isinstance(part, types.Refusal)]
    if not refusals:
        return stop
    return {**stop, "stop_details": {"type": "refusal", "category": None, "explanation": "".join(refusals)}}


def _usage(usage: Usage) -> JsonObject:
    for_an_hour = usage.cache_write_1h_tokens
    written = {
        "ephemeral_5m_input_tokens": usage.cache_write_tokens - for_an_hour,
        "ephemeral_1h_input_tokens": for_an_hour,
    }
    return {**_counted(usage), "cache_creation": written, "service_tier": "standard"}


def _counted(usage: Usage) -> JsonObject:
    """As the end of a stream repeats it: the whole so far, in fewer fields."""
    return {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }


def _event(kind: str, **fields: object) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode({"type": kind, **fields}) + b"\n\n"

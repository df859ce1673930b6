"""OpenAI Chat Completions as its server speaks it (API reference, "Create chat completion" and "The chat
completion chunk object", read 2026-11-22)."""

import time
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from api import types
from api.sandbox import openai
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

PATH: Final = "/v1/chat/completions"
FINISH_REASONS: Final[dict[types.StopReason, str]] = {
    "end": "stop",
    "stop_sequence": "stop",
    "paused": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}
REQUEST_ID: Final = "x-request-id"
render_error = openai.render_error


class _Message(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[JsonObject] | None = None
    tool_calls: list[JsonObject] | None = None


class _Function(msgspec.Struct):
    name: str
    parameters: JsonObject | None = None


class _Tool(msgspec.Struct):
    type: str
    function: _Function | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class _Body(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    stop: str | list[str] | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool | None = None
    tools: list[_Tool] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    response_format: JsonObject | None = None


def ask(raw: bytes, headers: Headers) -> Question:
    openai.check_credential(headers)
    body = decode(raw, _Body)
    _refuse(body)
    last, options = body.messages[-1], body.stream_options
    prompts = [message for message in body.messages if message.role == "user"]
    bound = body.max_completion_tokens if body.max_completion_tokens is not None else body.max_tokens
    return Question(
        model=body.model,
        seed=seed(body.model, body.messages, body.tools, body.tool_choice),
        prompt=text_of(prompts[-1].content) if prompts else "",
        message_count=len(body.messages),
        input_tokens=input_tokens(
            len(body.messages), _contents(body.messages), msgspec.to_builtins(body.tools)
        ),
        is_stream=bool(body.stream),
        max_output_tokens=bound,
        stops=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
        tools=_callable(body),
        may_call_two=body.parallel_tool_calls is not False,
        tool_result=text_of(last.content) if last.role == "tool" else None,
        answer_schema=_answer_schema(body.response_format),
        wants_usage=bool(options and options.include_usage),
        pads_events=options is None or options.include_obfuscation is not False,
    )


def reply(question: Question, answer: Answer) -> JsonObject:
    parts = answer.reply.parts
    message: JsonObject = {"role": "assistant", "content": _text(parts, types.Text)}
    calls = [part for part in parts if isinstance(part, types.ToolCall)]
    if calls:
        message["tool_calls"] = [_call(question, index, call) for index, call in enumerate(calls)]
    message |= {"refusal": _text(parts, types.Refusal), "annotations": []}
    finish = FINISH_REASONS[answer.reply.stop]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    usage = {"usage": _usage(answer.reply.usage)} if answer.reply.usage else {}
    return {**_frame(question, "chat.completion"), "choices": [choice], **usage}


def stream(question: Question, answer: Answer) -> Iterator[bytes]:
    """The events, one step for each word; `[DONE]` travels with the last of them."""
    frame = _frame(question, "chat.completion.chunk")
    usage = {"usage": None} if question.wants_usage else {}
    deltas = _deltas(question, answer)
    for step, delta in enumerate(deltas):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
        noise = {"obfuscation": openai.padding(question.seed, step)} if question.pads_events else {}
        yield _event({**frame, "choices": [choice], **usage, **noise})
    last = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": FINISH_REASONS[answer.reply.stop]}
    end = _event({**frame, "choices": [last], **usage})
    if question.wants_usage and answer.reply.usage:
        end += _event({**frame, "choices": [], "usage": _usage(answer.reply.usage)})
    yield end + b"data: [DONE]\n\n"


def _refuse(body: _Body) -> None:
    if not body.messages:
        raise Refused("Invalid 'messages': empty array.", param="messages", code="empty_array")
    if body.stream_options is not None and not body.stream:
        raise Refused(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    if body.n not in (None, 1):
        raise Refused("The sandbox answers with one choice only.", param="n", code="unsupported_value")
    openai.refuse_below("max_completion_tokens", body.max_completion_tokens, 1)
    openai.refuse_below("max_tokens", body.max_tokens, 1)
    openai.refuse_sampling(body.model, {"temperature": body.temperature, "top_p": body.top_p})
    if openai.is_reasoning(body.model):
        _refuse_for_reasoning(body)


def _refuse_for_reasoning(body: _Body) -> None:
    """What gpt-5 and its kind refuse beyond sampling: their own parameter for the bound, no stop, no logprobs."""
    hints = {"max_tokens": " Use 'max_completion_tokens' instead."}
    for param in ("max_tokens", "stop", "logprobs", "frequency_penalty", "presence_penalty"):
        if getattr(body, param):
            raise Refused(
                f"Unsupported parameter: '{param}' is not supported with this model.{hints.get(param, '')}",
                param=param,
                code="unsupported_parameter",
            )


def _callable(body: _Body) -> tuple[Tool, ...]:
    given = [tool.function for tool in body.tools or () if tool.function]
    tools = tuple(Tool(function.name, function.parameters or {}) for function in given)
    openai.refuse_idle_choice(body.tool_choice, body.tools)
    if body.tool_choice == "none":
        return ()
    match body.tool_choice:
        case {"type": "function", "function": {"name": name}}:
            return named(tools, name)
    return tools


def _answer_schema(response_format: JsonObject | None) -> JsonObject | None:
    match response_format:
        case {"type": "json_schema", "json_schema": {"schema": dict() as schema}}:
            return schema
        case {"type": "json_object"}:
            return openai.JSON_OBJECT
    return None


def _deltas(question: Question, answer: Answer) -> Iterator[JsonObject]:
    opening: JsonObject = {"role": "assistant", "content": "", "refusal": None}
    if any(isinstance(part, types.ToolCall) for part in answer.reply.parts):
        opening["content"] = None
    yield opening
    index = 0
    for part in answer.reply.parts:
        if isinstance(part, types.Text):
            yield from ({"content": word} for word in words(part.text))
        elif isinstance(part, types.Refusal):
            yield from ({"refusal": word} for word in words(part.text))
        elif isinstance(part, types.ToolCall):
            call = _call(question, index, part)
            call["function"] = {"name": part.name, "arguments": ""}
            yield {"tool_calls": [{"index": index, **call}]}
            for fragment in fragments(part.arguments):
                yield {"tool_calls": [{"index": index, "function": {"arguments": fragment}}]}
            index += 1


def _frame(question: Question, kind: str) -> JsonObject:
    return {
        "id": f"chatcmpl-sandbox{question.seed}",
        "object": kind,
        "created": int(time.time()),
        "model": question.model,
        "service_tier": "default",
        "system_fingerprint": "sandbox",
    }


def _call(question: Question, index: int, call: types.ToolCall) -> JsonObject:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id or f"call_{question.seed}{index}", "type": "function", "function": function}


def _text(parts: tuple[types.Part, ...], kind: type[types.Text] | type[types.Refusal]) -> str | None:
    return "".join(part.text for part in parts if isinstance(part, kind)) or None


def _contents(messages: list[_Message]) -> list[object]:
    return [[message.content, message.tool_calls] for message in messages]


def _usage(usage: Usage) -> JsonObject:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _event(chunk: JsonObject) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"

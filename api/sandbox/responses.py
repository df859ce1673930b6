"""OpenAI Responses as its server speaks it (API reference, "Create a model response" and "Streaming events",
read 2026-11-22). Stateless: nothing is stored, so `previous_response_id` is refused."""

import time
from collections.abc import Iterator
from typing import Any, Final

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

PATH: Final = "/v1/responses"
REQUEST_ID: Final = "x-request-id"
_MIN_OUTPUT_TOKENS: Final = 16
_ENCRYPTED: Final = "reasoning.encrypted_content"
render_error = openai.render_error


class _Body(msgspec.Struct):
    model: str
    input: str | list[JsonObject]
    instructions: str | None = None
    stream: bool | None = None
    stream_options: JsonObject | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    tools: list[JsonObject] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    reasoning: JsonObject | None = None
    text: JsonObject | None = None
    include: list[str] | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    metadata: dict[str, str] | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None


def ask(raw: bytes, headers: Headers) -> Question:
    openai.check_credential(headers)
    body = decode(raw, _Body)
    _refuse(body)
    items = [{"role": "user", "content": body.input}] if isinstance(body.input, str) else body.input
    prompts = [item for item in items if item.get("role") == "user"]
    reasoning, options = body.reasoning or {}, body.stream_options or {}
    is_result = items[-1].get("type") == "function_call_output"
    return Question(
        model=body.model,
        seed=seed(body.model, body.instructions, items, body.tools, body.tool_choice),
        prompt=text_of(prompts[-1].get("content")) if prompts else "",
        message_count=len(items),
        input_tokens=input_tokens(len(items), body.instructions, items, body.tools),
        is_stream=bool(body.stream),
        max_output_tokens=body.max_output_tokens,
        tools=_callable(body),
        may_call_two=body.parallel_tool_calls is not False,
        tool_result=text_of(items[-1].get("output")) if is_result else None,
        answer_schema=_answer_schema((body.text or {}).get("format")),
        thinks=bool(reasoning.get("summary")) or _ENCRYPTED in (body.include or ()),
        shows_thoughts=bool(reasoning.get("summary")),
        pads_events=options.get("include_obfuscation") is not False,
        echo=_echo(body),
    )


def reply(question: Question, answer: Answer) -> JsonObject:
    is_whole = answer.reply.stop not in _INCOMPLETE
    items = [_item(question, index, part, is_whole) for index, part in enumerate(answer.reply.parts)]
    return _response(question, answer, items)


def stream(question: Question, answer: Answer) -> Iterator[bytes]:
    """The events, one step for each word; all of a step's bookkeeping events travel together."""
    events = _Events(question)
    started = _response(question, None, [])
    yield events.of("response.created", response=started) + events.of(
        "response.in_progress", response=started
    )
    finished = reply(question, answer)
    for index, part in enumerate(answer.reply.parts):
        item = finished["output"][index]
        yield events.of("response.output_item.added", output_index=index, item=_begun(item))
        if isinstance(part, types.ToolCall):
            yield from _call_events(events, index, part, item)
        elif isinstance(part, types.Reasoning):
            yield from _thought_events(events, index, part, item)
        elif isinstance(part, types.Text | types.Refusal):
            yield from _text_events(events, index, part, item)
        yield events.of("response.output_item.done", output_index=index, item=item)
    yield events.of(f"response.{finished['status']}", response=finished)


_INCOMPLETE: Final[dict[types.StopReason, str]] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}


class _Events:
    """Numbers the events of one stream."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._next = 0

    def of(self, name: str, **fields: object) -> bytes:
        body = {"type": name, "sequence_number": self._next, **fields}
        self._next += 1
        return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(body) + b"\n\n"

    def delta(self, name: str, delta: str, **fields: object) -> bytes:
        noise = (
            {"obfuscation": openai.padding(self._question.seed, self._next)}
            if self._question.pads_events
            else {}
        )
        return self.of(name, **fields, delta=delta, **noise)


def _text_events(
    events: _Events, index: int, part: types.Text | types.Refusal, item: JsonObject
) -> Iterator[bytes]:
    place = {"item_id": item["id"], "output_index": index, "content_index": 0}
    whole = item["content"][0]
    key, kind = ("text", "output_text") if isinstance(part, types.Text) else ("refusal", "refusal")
    logprobs: JsonObject = {"logprobs": []} if kind == "output_text" else {}
    yield events.of("response.content_part.added", **place, part={**whole, key: ""})
    for word in words(part.text):
        yield events.delta(f"response.{kind}.delta", word, **place, **logprobs)
    done = events.of(f"response.{kind}.done", **place, **{key: part.text}, **logprobs)
    yield done + events.of("response.content_part.done", **place, part=whole)


def _call_events(events: _Events, index: int, call: types.ToolCall, item: JsonObject) -> Iterator[bytes]:
    place = {"item_id": item["id"], "output_index": index}
    for fragment in fragments(call.arguments):
        yield events.delta("response.function_call_arguments.delta", fragment, **place)
    yield events.of("response.function_call_arguments.done", **place, arguments=call.arguments)


def _thought_events(events: _Events, index: int, part: types.Reasoning, item: JsonObject) -> Iterator[bytes]:
    if not part.text:
        return
    place = {"item_id": item["id"], "output_index": index, "summary_index": 0}
    whole = {"type": "summary_text", "text": part.text}
    yield events.of("response.reasoning_summary_part.added", **place, part={**whole, "text": ""})
    for word in words(part.text):
        yield events.delta("response.reasoning_summary_text.delta", word, **place)
    done = events.of("response.reasoning_summary_text.done", **place, text=part.text)
    yield done + events.of("response.reasoning_summary_part.done", **place, part=whole)


def _item(question: Question, index: int, part: types.Part, is_whole: bool) -> JsonObject:
    mark = f"{question.seed}{index}"
    status = "completed" if is_whole else "incomplete"
    match part:
        case types.ToolCall(id=call_id, name=name, arguments=arguments):
            call = {"call_id": call_id or f"call_{mark}", "name": name, "arguments": arguments}
            return {"id": f"fc_sandbox{mark}", "type": "function_call", "status": status, **call}
        case types.Reasoning(text=text, signature=signature):
            summary = [{"type": "summary_text", "text": text}] if text else []
            proof = {"encrypted_content": signature} if signature else {}
            return {"id": f"rs_sandbox{mark}", "type": "reasoning", "summary": summary, **proof}
        case types.Refusal(text=text):
            content: JsonObject = {"type": "refusal", "refusal": text}
        case _:
            text = part.text if isinstance(part, types.Text) else ""
            content = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    message = {"type": "message", "status": status, "role": "assistant", "content": [content]}
    return {"id": f"msg_sandbox{mark}", **message}


def _begun(item: JsonObject) -> JsonObject:
    """The item as it is announced: in progress and still empty."""
    empty: dict[str, Any] = {"message": {"content": []}, "function_call": {"arguments": ""}}
    status = {"status": "in_progress"} if "status" in item else {}
    return {**item, **status, **empty.get(item["type"], {"summary": []})}


def _response(question: Question, answer: Answer | None, items: list[JsonObject]) -> JsonObject:
    """The response object; without an answer, as it stands when the stream opens."""
    reason = _INCOMPLETE.get(answer.reply.stop) if answer else None
    status = "incomplete" if reason else "completed" if answer else "in_progress"
    usage = answer.reply.usage if answer else None
    return {
        "id": f"resp_sandbox{question.seed}",
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "background": False,
        "completed_at": int(time.time()) if status == "completed" else None,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "max_tool_calls": None,
        "model": question.model,
        "output": items,
        "previous_response_id": None,
        "service_tier": "default",
        "top_logprobs": 0,
        "truncation": "disabled",
        "usage": _usage(usage) if usage else None,
        "user": None,
        **question.echo,
    }


def _echo(body: _Body) -> JsonObject:
    reasoning = {"effort": "medium", "summary": None, **(body.reasoning or {})}
    return {
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata or {},
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "prompt_cache_key": body.prompt_cache_key,
        "reasoning": reasoning,
        "safety_identifier": body.safety_identifier,
        "store": body.store is not False,
        "temperature": 1.0 if body.temperature is None else body.temperature,
        "text": {"format": {"type": "text"}, "verbosity": "medium", **(body.text or {})},
        "tool_choice": body.tool_choice or "auto",
        "tools": [{"strict": True, "description": None, **tool} for tool in body.tools or ()],
        "top_p": 1.0 if body.top_p is None else body.top_p,
    }


def _refuse(body: _Body) -> None:
    if not body.input:
        raise Refused("Invalid 'input': must not be empty.", param="input", code="invalid_value")
    if body.previous_response_id is not None:
        raise Refused(
            f"Previous response with id '{body.previous_response_id}' not found.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    openai.refuse_below("max_output_tokens", body.max_output_tokens, _MIN_OUTPUT_TOKENS)
    openai.refuse_sampling(body.model, {"temperature": body.temperature, "top_p": body.top_p})


def _callable(body: _Body) -> tuple[Tool, ...]:
    given = [tool for tool in body.tools or () if tool.get("type") == "function"]
    tools = tuple(Tool(str(tool.get("name")), tool.get("parameters") or {}) for tool in given)
    openai.refuse_idle_choice(body.tool_choice, body.tools)
    if body.tool_choice == "none":
        return ()
    match body.tool_choice:
        case {"type": "function", "name": name}:
            return named(tools, name)
    return tools


def _answer_schema(wanted: object) -> JsonObject | None:
    match wanted:
        case {"type": "json_schema", "schema": dict() as schema}:
            return schema
        case {"type": "json_object"}:
            return openai.JSON_OBJECT
    return None


def _usage(usage: Usage) -> JsonObject:
    cached = {"cached_tokens": usage.cache_read_tokens, "cache_write_tokens": usage.cache_write_tokens}
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": cached,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }

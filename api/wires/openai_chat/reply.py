"""A plain Chat answer: written from the canonical form, or passed on with its usage noted.

Usage: OpenAI's `prompt_tokens` includes what was read from a cache and written to it, ours are disjoint
classes, and both come to the same `total_tokens`. `completion_tokens` includes reasoning on both sides.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

import msgspec

from api import sse
from api.errors import GatewayError
from api.types import Reasoning, Refusal, Reply, StopReason, Text, ToolCall
from api.wires import BadReply
from api.wires.crowds import check_crowd
from api.wires.openai_chat.content import ITEMS_VENDOR, THINKING_VENDOR
from models.ledger import Usage

DONE: Final = sse.event(b"[DONE]")

FINISH_REASONS: Final[dict[StopReason, str]] = {
    "end": "stop",
    "stop_sequence": "stop",
    "paused": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}
_STOPS: Final[dict[str, StopReason]] = {
    "stop": "end",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def render_reply(reply: Reply, *, id: str, created: int, model: str) -> bytes:
    """`model` is the id that the client asked for. Text parts are joined without a separator, as a stream
    of them reads."""
    texts = [part.text for part in reply.parts if isinstance(part, Text)]
    reasoning = [part for part in reply.parts if isinstance(part, Reasoning)]
    thought = "".join(part.text for part in reasoning)
    calls = [part for part in reply.parts if isinstance(part, ToolCall)]
    message: dict[str, object] = {
        "role": "assistant",
        "content": "".join(texts) if any(texts) else None,
        "refusal": "".join(part.text for part in reply.parts if isinstance(part, Refusal)) or None,
    }
    if thought:
        message["reasoning_content"] = thought
    message |= carriers(reasoning)
    if calls:
        message["tool_calls"] = [tool_call(call) for call in calls]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": FINISH_REASONS[reply.stop]}
    body: dict[str, object] = {
        "id": id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [choice],
    }
    if reply.usage is not None:
        body["usage"] = usage_object(reply.usage)
    return msgspec.json.encode(body)


def tool_call(call: ToolCall) -> dict[str, object]:
    if call.is_custom:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}


def carriers(reasoning: Iterable[Reasoning]) -> dict[str, object]:
    """What a client sends back with his next turn, so that the vendor's model knows what it thought. A name for
    each vendor: to another one his reasoning means nothing."""
    blocks: list[object] = []
    items: list[object] = []
    for part in reasoning:
        if part.redacted is not None:
            blocks.append({"type": "redacted_thinking", "data": part.redacted})
        elif part.signature and part.vendor == THINKING_VENDOR:
            blocks.append({"type": "thinking", "thinking": part.text, "signature": part.signature})
        elif part.signature and part.vendor == ITEMS_VENDOR:
            summary = [{"type": "summary_text", "text": piece} for piece in part.pieces]
            items.append({"type": "reasoning", "summary": summary, "encrypted_content": part.signature})
    made: dict[str, object] = {"thinking_blocks": blocks, "reasoning_items": items}
    return {name: carried for name, carried in made.items() if carried}


def usage_object(usage: Usage) -> dict[str, object]:
    """Details of the output are left out without reasoning: a vendor that reports none has none to tell."""
    shown: dict[str, object] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
    }
    if usage.reasoning_tokens:
        shown["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return shown


def render_error(error: GatewayError) -> bytes:
    shown = {"message": error.message, "type": error.type, "param": error.param, "code": error.kind}
    return msgspec.json.encode({"error": shown})


def stream_error(error: GatewayError) -> bytes:
    """The last event of a stream that failed: SDKs raise on it, and no [DONE] may make it look finished."""
    return sse.event(render_error(error))


# --- passed on ------------------------------------------------------------------------------------------


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _Reply(msgspec.Struct):
    choices: list[_Choice]
    usage: msgspec.Raw = msgspec.Raw(b"null")


_usage: msgspec.json.Decoder[_Usage | None] = msgspec.json.Decoder(_Usage | None)
_reply = msgspec.json.Decoder(_Reply)


def pass_reply(
    body: bytes, *, rename: tuple[str, str] | None
) -> tuple[bytes, Usage | None, StopReason | None]:
    """An upstream's own answer, byte for byte but for the model's name, with what the ledger wants of it."""
    check_crowd(body, b"{")  # not commas: probabilities of tokens are many, and nobody reads them here
    try:
        reply = _reply.decode(body)
        if not body.isascii():
            body.decode()  # the strings that nobody reads are not looked at above
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadReply(f"no chat completion: {error}") from error
    reasons = [choice.finish_reason for choice in reply.choices if choice.finish_reason]
    stop = stop_reason(reasons[0]) if reasons else None
    return renamer(rename)(body) if rename else body, usage_of(reply.usage), stop


def usage_of(report: bytes | msgspec.Raw) -> Usage | None:
    """None for null and for what is no usage report."""
    try:
        usage = _usage.decode(report)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if usage is None:
        return None
    details = usage.prompt_tokens_details or _PromptDetails()
    output = usage.completion_tokens_details or _CompletionDetails()
    prompt = max(0, usage.prompt_tokens)
    cached = min(max(0, details.cached_tokens or 0), prompt)
    written = min(max(0, details.cache_write_tokens or 0), prompt - cached)
    return Usage(
        input_tokens=prompt - cached - written,
        cache_read_tokens=cached,
        cache_write_tokens=written,
        output_tokens=max(0, usage.completion_tokens),
        reasoning_tokens=max(0, output.reasoning_tokens or 0),
    )


def stop_reason(finish_reason: str) -> StopReason:
    """A reason that we do not know ends an answer like any other."""
    return _STOPS.get(finish_reason, "end")


@lru_cache(maxsize=256)
def renamer(rename: tuple[str, str]) -> Callable[[bytes], bytes]:
    """Replaces the upstream's model id, or a dated form of it, by the client's wherever it is the value of
    `model`. Inside of strings quotes are escaped, so text about models is left alone."""
    upstream, asked = (msgspec.json.encode(name)[1:-1] for name in rename)
    pattern = re.compile(rb'("model"\s*:\s*")' + re.escape(upstream) + rb'[^"\\]*"')
    return lambda answer: pattern.sub(lambda match: match[1] + asked + b'"', answer)

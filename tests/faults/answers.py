"""What an upstream says when all is well, in each wire: four events of text and the bookkeeping around them."""

import json
from typing import Any

from faults.server import Wire

WORDS = ("Hello ", "there ", "dear ", "friend")
SAID = "".join(WORDS)
IN_TOKENS, OUT_TOKENS = 9, 4


def events(wire: Wire) -> list[bytes]:
    """A whole stream, one event each."""
    return {"chat": _chat, "responses": _responses, "messages": _messages}[wire]()


def plain(wire: Wire) -> bytes:
    """The body of an answer that is not streamed."""
    if wire == "chat":
        message = {"role": "assistant", "content": SAID}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body: Any = {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": "up",
            "choices": [choice],
        }
        return _json(body | {"usage": _chat_usage()})
    if wire == "responses":
        return _json(_response([_item()]) | {"usage": _usage()})
    return _json(_message([{"type": "text", "text": SAID}]) | {"stop_reason": "end_turn", "usage": _usage()})


def first_word_at(wire: Wire) -> int:
    """How many events stand before the first that holds a word."""
    return {"chat": 1, "responses": 2, "messages": 2}[wire]


def _chat() -> list[bytes]:
    deltas: list[Any] = [{"role": "assistant", "content": ""}, *({"content": word} for word in WORDS)]
    chunks = [_chunk([{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    chunks.append(_chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
    chunks.append(_chunk([]) | {"usage": _chat_usage()})
    return [*(b"data: " + _json(chunk) + b"\n\n" for chunk in chunks), b"data: [DONE]\n\n"]


def _chunk(choices: list[Any]) -> dict[str, Any]:
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "up", "choices": choices}


def _chat_usage() -> dict[str, int]:
    return {
        "prompt_tokens": IN_TOKENS,
        "completion_tokens": OUT_TOKENS,
        "total_tokens": IN_TOKENS + OUT_TOKENS,
    }


def _usage() -> dict[str, int]:
    return {"input_tokens": IN_TOKENS, "output_tokens": OUT_TOKENS}


def _responses() -> list[bytes]:
    at = {"output_index": 0, "content_index": 0, "item_id": "m1"}
    opened = {"id": "m1", "type": "message", "role": "assistant", "content": []}
    made: list[Any] = [
        {"type": "response.created", "response": {"id": "r1", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": opened},
        *({"type": "response.output_text.delta", "delta": word} | at for word in WORDS),
        {"type": "response.output_item.done", "output_index": 0, "item": _item()},
        {"type": "response.completed", "response": _response([_item()]) | {"usage": _usage()}},
    ]
    return _named(made)


def _item() -> dict[str, Any]:
    content = [{"type": "output_text", "text": SAID, "annotations": []}]
    return {"id": "m1", "type": "message", "role": "assistant", "content": content}


def _response(output: list[Any]) -> dict[str, Any]:
    return {"id": "r1", "object": "response", "status": "completed", "output": output}


def _messages() -> list[bytes]:
    deltas = [{"type": "text_delta", "text": word} for word in WORDS]
    made: list[Any] = [
        {"type": "message_start", "message": _message([]) | {"usage": _usage() | {"output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": OUT_TOKENS},
        },
        {"type": "message_stop"},
    ]
    return _named(made)


def _message(content: list[Any]) -> dict[str, Any]:
    return {"id": "msg1", "type": "message", "role": "assistant", "model": "up", "content": content}


def _named(made: list[Any]) -> list[bytes]:
    return [b"event: " + event["type"].encode() + b"\ndata: " + _json(event) + b"\n\n" for event in made]


def _json(body: object) -> bytes:
    return json.dumps(body).encode()

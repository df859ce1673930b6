"""The error event that each vendor sends inside a stream which has begun."""

import json

from fakes.requests import CHAT, MESSAGES


def event(path: str, kind: str, message: str) -> bytes:
    """`kind` is the vendor's own word: `server_error`, `overloaded_error` and the like."""
    if path == CHAT:
        return _data({"error": {"message": message, "type": kind, "param": None, "code": None}})
    if path == MESSAGES:
        return b"event: error\n" + _data({"type": "error", "error": {"type": kind, "message": message}})
    flat = {"type": "error", "sequence_number": 99, "code": kind, "message": message, "param": None}
    return b"event: error\n" + _data(flat)


def _data(body: object) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"

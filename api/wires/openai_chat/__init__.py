"""The OpenAI Chat Completions wire, as a front and as an upstream.

- `envelope`: what the gateway reads of a body that it may pass on, and what it changes in it
- `shape`, `request`: a body read into the canonical form, for a target on another wire
- `reply`, `write`: answers, errors and streams written for a client; `watch`: a stream passed on to him
- `upstream`, `read`: Chat asked of a vendor, his answers and streams read

As a front it refuses what it cannot carry over, by its exact path. Without effect on a translated target are
(besides every value that is null or the default): seed, prediction, metadata, user, safety_identifier,
prompt_cache_key, prompt_cache_retention, prompt_cache_options, stream_options.include_obfuscation; `name`,
`reasoning_content`, `annotations` and `parsed` of messages; `index` and `parsed_arguments` of a tool call.
"""

from api.wires.openai_chat.envelope import pass_request, peek
from api.wires.openai_chat.read import ChatReader
from api.wires.openai_chat.reply import (
    DONE,
    pass_reply,
    render_error,
    render_reply,
    stream_error,
)
from api.wires.openai_chat.request import parse_request
from api.wires.openai_chat.upstream import parse_reply, render_request
from api.wires.openai_chat.watch import ChatWatcher
from api.wires.openai_chat.write import ChatWriter
from api.wires.openai_errors import parse_error

__all__ = [
    "DONE",
    "parse_error",
    "parse_reply",
    "parse_request",
    "pass_reply",
    "pass_request",
    "peek",
    "reader",
    "render_error",
    "render_reply",
    "render_request",
    "stream_error",
    "watcher",
    "writer",
]


def reader() -> ChatReader:
    """For one stream of a vendor."""
    return ChatReader()


def writer(*, id: str, created: int, model: str, wants_usage: bool) -> ChatWriter:
    """For one stream to a client."""
    return ChatWriter(id=id, created=created, model=model, wants_usage=wants_usage)


def watcher(*, hide_usage: bool, rename: tuple[str, str] | None) -> ChatWatcher:
    """For one stream that passes through; `rename` is the upstream's id of the model and the client's."""
    return ChatWatcher(hide_usage=hide_usage, rename=rename)

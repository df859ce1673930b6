"""Recorded meanings (`tests/data/<meaning>/`) and what tests of wires share: targets, streams fed in any cut.

A meaning holds `canonical.json` (request and reply in canonical form), what a Chat client sends and gets
(`openai_chat.*.json`), and for each upstream wire its request, its plain reply and its stream. Where a target
cannot express the request, `<wire>.refused.json` says how it is refused; where a wire has no such reply,
there is none. Written after the vendors' documentation.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from api import types
from api.sse import SseParser
from api.types import Message, Part, Target, Text, WireName
from api.wires import Reader
from models.catalog import Model, Price

DATA: Final = Path(__file__).parent / "data"
UPSTREAM_WIRES: Final[tuple[WireName, ...]] = ("anthropic_messages", "openai_responses")

_PRICE: Final = Price(input_nusd=1, cache_read_nusd=1, cache_write_nusd=1, output_nusd=1)


def target(
    wire: WireName, model: str, *, sampling: Any = "fixed", efforts: tuple[str, ...] = (), upstream: str = ""
) -> Target:
    known = Model(
        id=model,
        owned_by="vendor",
        context_tokens=200_000,
        max_output_tokens=128_000,
        default_output_tokens=32_768,
        sampling=sampling,
        efforts=efforts,
        targets=(),
    )
    return Target(provider="vendor", upstream_model=upstream or model, wire=wire, model=known, price=_PRICE)


OPUS: Final = target(
    "anthropic_messages", "claude-opus-4-7", efforts=("low", "medium", "high", "xhigh", "max")
)
SONNET: Final = target(
    "anthropic_messages",
    "claude-sonnet-4-6",
    sampling="temperature_or_top_p",
    efforts=("low", "medium", "high", "max"),
)
CODEX: Final = target(
    "openai_responses",
    "codex-1",
    efforts=("minimal", "low", "medium", "high"),
    upstream="gpt-5.3-codex",
)
TARGETS: Final = {"anthropic_messages": SONNET, "openai_responses": CODEX}


def names() -> list[str]:
    return sorted(path.name for path in DATA.iterdir() if (path / "canonical.json").exists())


def recorded(name: str, file: str) -> bytes | None:
    path = DATA / name / file
    return path.read_bytes() if path.exists() else None


def request_of(name: str) -> types.Request:
    return msgspec.convert(_canonical(name)["request"], types.Request)


def reply_of(name: str) -> types.Reply:
    return msgspec.convert(_canonical(name)["reply"], types.Reply)


def _canonical(name: str) -> dict[str, Any]:
    content = recorded(name, "canonical.json")
    assert content is not None
    return json.loads(content)


def asked(*messages: Message | str, **options: Any) -> types.Request:
    """A request; plain strings are user messages."""
    made = [
        message if isinstance(message, Message) else user(message, path=f"messages[{index}]")
        for index, message in enumerate(messages or ("Hello",))
    ]
    return types.Request(model="the-model", messages=tuple(made), **options)


def user(*parts: Part | str, path: str = "messages") -> Message:
    return Message(role="user", parts=_parts(parts), path=path)


def assistant(*parts: Part | str, path: str = "messages") -> Message:
    return Message(role="assistant", parts=_parts(parts), path=path)


def system(*parts: Part | str, path: str = "messages") -> Message:
    return Message(role="system", parts=_parts(parts), path=path)


def _parts(parts: Iterable[Part | str]) -> tuple[Part, ...]:
    return tuple(Text(text=part) if isinstance(part, str) else part for part in parts)


def cuts(stream: bytes) -> Iterator[list[bytes]]:
    """The stream whole, byte by byte, and in pieces of odd sizes, which fall inside characters too."""
    yield [stream]
    for size in (1, 2, 3, 7, 61):
        yield [stream[start : start + size] for start in range(0, len(stream), size)]


def events(reader: Reader, chunks: Iterable[bytes]) -> list[types.Event]:
    parser = SseParser()
    made = [event for chunk in chunks for sse in parser.feed(chunk) for event in reader.feed(sse)]
    return made + [event for sse in parser.close() for event in reader.feed(sse)]


def stream(*payloads: dict[str, Any]) -> bytes:
    """Events as both vendors write them: named by their type."""
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (payload["type"].encode(), json.dumps(payload).encode())
        for payload in payloads
    )

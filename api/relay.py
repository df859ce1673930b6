"""Upstream bytes to client bytes, watching usage on the way.

Two ways, one shape: on the same wire whole events pass untouched; between two wires events are read into the
canonical form and written again. What a client takes for the proper end (`end`) is kept back until the caller
has the final row in the ledger. An error inside the stream becomes `error`; whether it is still an HTTP
status or an event depends on what the client has seen, which the caller knows.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, cast

from api import sse
from api.errors import GatewayError, Kind
from api.types import (
    ArgumentsDelta,
    Event,
    Failed,
    Finished,
    Part,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    ReasoningSealed,
    Refusal,
    Reply,
    StopReason,
    Text,
    TextDelta,
    ToolCall,
)
from api.wires import BadReply, Reader, Watcher, Writer
from api.wires.crowds import check_crowd
from models.ledger import Usage

CHARS_PER_TOKEN = 4


class Relay(Protocol):
    """One stream on its way to the client."""

    @property
    def is_finished(self) -> bool:
        """The upstream said that it was done."""

    @property
    def error(self) -> GatewayError | None: ...

    @property
    def usage(self) -> Usage | None: ...

    @property
    def stop(self) -> StopReason | None: ...

    @property
    def output_chars(self) -> int: ...

    def feed(self, chunk: bytes) -> bytes: ...

    def close(self) -> bytes:
        """What an upstream that closed without a last blank line had still said."""

    def end(self) -> bytes: ...


class SameWire:
    """Passes events through; `done` is what ends a stream on this wire."""

    def __init__(self, watcher: Watcher, done: bytes) -> None:
        self._watcher = watcher
        self._done = done
        self.feed = watcher.feed
        self.close = watcher.close

    @property
    def is_finished(self) -> bool:
        return self._watcher.is_finished

    @property
    def error(self) -> GatewayError | None:
        return self._watcher.error

    @property
    def usage(self) -> Usage | None:
        return self._watcher.usage

    @property
    def stop(self) -> StopReason | None:
        return self._watcher.stop

    @property
    def output_chars(self) -> int:
        return self._watcher.output_chars

    def end(self) -> bytes:
        return self._done


class Translated:
    """Reads one wire and writes another; `write` is the client's writer, or a Collector for a plain
    answer."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._parser = sse.SseParser()
        self._reader = reader
        self._writer = writer
        self.error: GatewayError | None = None
        self.stop: StopReason | None = None
        self.output_chars = 0

    @property
    def is_finished(self) -> bool:
        return self._reader.is_finished and self.error is None

    @property
    def usage(self) -> Usage | None:
        return self._reader.usage

    def feed(self, chunk: bytes) -> bytes:
        try:
            return self._take(lambda: self._parser.feed(chunk))
        except (sse.SseTooLong, BadReply, ValueError) as error:
            self.error = GatewayError(
                "upstream_error", f"The model's provider sent a malformed stream ({error})."
            )
            return b""

    def close(self) -> bytes:
        return b"" if self.error else self._take(self._parser.close)

    def end(self) -> bytes:
        return self._writer.end()

    def _take(self, read: Callable[[], list[sse.SseEvent]]) -> bytes:
        written: list[bytes] = []
        for raw in read():
            check_crowd(raw.data)
            for event in self._reader.feed(raw):
                if isinstance(event, Failed):
                    self.error = GatewayError(
                        cast(Kind, event.kind), event.message, event.param, event.retry_after
                    )
                    return b"".join(written)
                self._note(event)
                written.append(self._writer.write(event))
        return b"".join(written)

    def _note(self, event: Event) -> None:
        match event:
            case TextDelta(text=text) | ReasoningDelta(text=text) | ArgumentsDelta(fragment=text):
                self.output_chars += len(text)
            case Finished(stop=stop):
                self.stop = stop
            case _:
                pass


@dataclass(slots=True)
class _Growing:
    """One part of an answer while it grows."""

    start: PartStarted
    text: list[str]
    sealed: Reasoning | None = None

    def part(self) -> Part:
        text = "".join(self.text)
        match self.start.kind:
            case "tool_call":
                is_custom = self.start.is_custom
                return ToolCall(
                    id=self.start.id or "",
                    name=self.start.name or "",
                    arguments=text or ("" if is_custom else "{}"),
                    is_custom=is_custom,
                )
            case "reasoning":
                return self.sealed or Reasoning(text=text)
            case "refusal":
                return Refusal(text=text)
            case _:
                return Text(text=text)


class Collector:
    """A Writer that gathers the events of a stream into one Reply: for a plain request that is streamed
    upstream because a long silent call would run into time limits on the way."""

    def __init__(self) -> None:
        self._parts: dict[int, _Growing] = {}
        self._finished: Finished | None = None

    def write(self, event: Event) -> bytes:
        match event:
            case PartStarted(index=index):
                self._parts[index] = _Growing(event, [])
            case (
                TextDelta(index=index, text=text)
                | ReasoningDelta(index=index, text=text)
                | ArgumentsDelta(index=index, fragment=text)
            ):
                self._parts[index].text.append(text)
            case ReasoningSealed(index=index, reasoning=reasoning):
                self._parts[index].sealed = reasoning
            case Finished():
                self._finished = event
            case _:
                pass
        return b""

    def end(self) -> bytes:
        return b""

    def reply(self) -> Reply:
        """Raises BadReply when the stream had no end."""
        if self._finished is None:
            raise BadReply("the stream has no end")
        parts = tuple(self._parts[index].part() for index in sorted(self._parts))
        return Reply(parts=parts, stop=self._finished.stop, usage=self._finished.usage)


def estimated(usage: Usage | None, *, prompt_tokens: int, output_chars: int) -> Usage:
    """What a request without a final report is settled at: what was reported so far, else the prompt's
    estimate; output by its characters where that is more than was reported."""
    seen = usage or Usage(input_tokens=prompt_tokens)
    return replace(seen, output_tokens=max(seen.output_tokens, math.ceil(output_chars / CHARS_PER_TOKEN)))

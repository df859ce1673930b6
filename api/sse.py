"""Server-sent events: bytes to events and back, no I/O.

Follows the HTML standard's event stream (section 9.2.6 "Interpreting an event stream", read 2026-11): lines
end in LF, CRLF or CR, several `data` lines are joined by LF, comments and unknown fields are skipped. Other
than there, an event that the end of the stream left without its blank line is delivered by `close()`: some
upstreams end that way, and the caller knows by the event's content whether it is whole.
"""

from typing import Final, NamedTuple

MAX_EVENT_BYTES: Final = 8 * 1024 * 1024
"""The final event of a Responses stream repeats all output and all tools: 1 MB, enough for a line of text,
would cut long answers."""


class SseTooLong(Exception):
    """One event grew over the limit: the other side does not speak this format, or means harm."""


class SseEvent(NamedTuple):
    """`name` is empty where the stream did not give one (the standard would say "message")."""

    name: str
    data: bytes


def event(data: bytes, name: str | None = None) -> bytes:
    """One event on the wire. `data` holds no line breaks: JSON as msgspec encodes it, or a fixed word."""
    if name is None:
        return b"data: %b\n\n" % data
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


class SseParser:
    """Feed it chunks cut anywhere, also inside a character or between CR and LF; it keeps what is open."""

    def __init__(self, *, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._name = ""
        self._bytes = 0
        self._ended_in_cr = False

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that this chunk completed."""
        if not chunk:
            return []
        ended_in_cr = chunk.endswith(b"\r")
        if self._ended_in_cr:
            chunk = chunk.removeprefix(b"\n")
        self._ended_in_cr = ended_in_cr
        events: list[SseEvent] = []
        for piece in chunk.splitlines(keepends=True):
            self._count(len(piece))
            self._line.append(piece)
            if piece.endswith((b"\n", b"\r")):
                line = b"".join(self._line)
                self._line.clear()
                self._take(line.rstrip(b"\r\n"), events)
        return events

    def close(self) -> list[SseEvent]:
        """The event that was under way when the stream ended, if there was one."""
        events: list[SseEvent] = []
        if self._line:
            self._take(b"".join(self._line), events)
            self._line.clear()
        self._take(b"", events)
        return events

    def _count(self, size: int) -> None:
        self._bytes += size
        if self._bytes > self._limit:
            raise SseTooLong(f"one event is longer than {self._limit} bytes")

    def _take(self, line: bytes, events: list[SseEvent]) -> None:
        if not line:
            if self._data:
                events.append(SseEvent(self._name, b"\n".join(self._data)))
            self._data.clear()
            self._name = ""
            self._bytes = 0
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")

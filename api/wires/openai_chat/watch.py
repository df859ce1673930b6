"""A Chat stream that passes through: whole events, untouched, with what must be billed noted on the way.

Every event is read, as far as the gateway needs it: that costs a fifth of searching for the few that matter, and what
is no chunk of a completion ends the stream as an error. Withheld are: the usage event that exists only because the
gateway asked for it, [DONE] (the client gets it when the final row is in the ledger) with all that follows it, an
error, which may name the operator's organisation, and whatever is neither data nor a field of an event.

If the stream is cut there is no usage report, and the output is estimated from the size of its events: an
event has as many characters as it is longer than the shortest one so far, padding aside, and one more. A
report is worth more than any estimate of what came before it: a stream cut right after it is settled at that.
"""

import re
from typing import Final

import msgspec

from api.errors import GatewayError
from api.sse import MAX_EVENT_BYTES
from api.types import StopReason
from api.wires import BadReply, openai_errors
from api.wires.crowds import check_crowd
from api.wires.openai_chat.reply import renamer, stop_reason, usage_of
from models.ledger import Usage

_EVENT: Final = re.compile(rb".*?\n\r?\n", re.DOTALL)
_DATA: Final = re.compile(rb"^data: ?([^\r\n]*)", re.MULTILINE)
_FIELD: Final = re.compile(rb"^(?:data|event|id|retry):[^\n]*\n", re.MULTILINE)
_PADDING: Final = re.compile(rb'"obfuscation":"[^"]*"')


class _Delta(msgspec.Struct):
    pass


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = msgspec.Raw(b"null")
    error: object = None


_chunk = msgspec.json.Decoder(_Chunk)


class ChatWatcher:
    """`rename` is the upstream's id of the model and the client's."""

    def __init__(self, *, hide_usage: bool, rename: tuple[str, str] | None) -> None:
        self.usage: Usage | None = None
        self.is_finished = False
        self.stop: StopReason | None = None
        self.error: GatewayError | None = None
        self.output_chars = 0
        self._hides_usage = hide_usage
        self._rename = renamer(rename) if rename else None
        self._is_reported = False
        self._tail = b""
        self._shortest = MAX_EVENT_BYTES

    def feed(self, chunk: bytes) -> bytes:
        """All events that are complete now, in one piece."""
        if self.is_finished or self.error:
            return b""
        block = self._tail + chunk if self._tail else chunk
        if block.endswith(b"\n\n"):
            self._tail = b""
        else:
            end = _end_of_last_event(block)
            block, self._tail = block[:end], block[end:]
            if len(self._tail) > MAX_EVENT_BYTES:
                self.error = openai_errors.in_stream({})
        single = _read(block[6:]) if block.startswith(b"data: {") else None
        if single is None:
            block = b"".join([self._lets_through(event) for event in _events(block)])
        elif not self._notes(single):
            return b""
        if not block:
            return b""
        self._measure(block)
        return self._rename(block) if self._rename else block

    def close(self) -> bytes:
        """What an upstream that ended without a last blank line had still said, if it is whole."""
        rest, self._tail = self._tail.rstrip(b"\r\n"), b""
        data = _DATA.search(rest)
        if data is None or not (_is_done(data[1]) or _read(data[1]) is not None):
            return b""
        return self.feed(rest + b"\n\n")

    def _measure(self, block: bytes) -> None:
        events = block.count(b"\n\n") or 1
        padding = block.rfind(b'"obfuscation":"')
        if events == 1:
            size = shortest = len(block) if padding < 0 else padding + len(b"}\n\n")
        else:
            bare = block if padding < 0 else _PADDING.sub(b"", block)
            size = len(bare)
            shortest = min(map(len, bare.split(b"\n\n")[:-1])) + len(b"\n\n")
        if block.startswith(b"data:"):
            self._shortest = min(self._shortest, shortest)
        self.output_chars += max(0, size - events * self._shortest) + events
        if self._is_reported and self.usage is not None:
            self.output_chars = min(self.output_chars, self.usage.output_tokens)
            self._is_reported = False

    def _lets_through(self, event: bytes) -> bytes:
        """Notes what this event tells; what the client gets of it."""
        if self.is_finished or self.error is not None:
            return b""
        if event.startswith(b"data: {") and (chunk := _read(event[6:])) is not None:
            return event if self._notes(chunk) else b""
        data = b"\n".join(_DATA.findall(event))
        if not data:
            return b""
        if _is_done(data):
            self.is_finished = True
            return b""
        chunk = _read(data)
        if chunk is None:
            self.error = openai_errors.in_stream({})
        if chunk is None or not self._notes(chunk):
            return b""
        return b"".join(_FIELD.findall(event)) + b"\n"

    def _notes(self, chunk: _Chunk) -> bool:
        """False if the client does not get this chunk."""
        if chunk.error:
            known = chunk.error if isinstance(chunk.error, dict) else {}
            self.error = openai_errors.in_stream(known)
            return False
        for choice in chunk.choices or ():
            if choice.finish_reason:
                self.stop = stop_reason(choice.finish_reason)
        if bytes(chunk.usage) == b"null":
            return True
        usage = usage_of(chunk.usage)
        if usage is not None:
            self.usage, self._is_reported = usage, True
        return not (usage and chunk.choices == [] and self._hides_usage)


def _is_done(data: bytes) -> bool:
    """As the official SDK reads it: by its beginning."""
    return data.strip().startswith(b"[DONE]")


def _read(data: bytes) -> _Chunk | None:
    """None for what is no chunk; also for several events, of which the first alone would be one."""
    try:
        check_crowd(data)
        chunk = _chunk.decode(data)
        if not data.isascii():
            data.decode()  # the strings that nobody reads are not looked at above
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadReply):
        return None
    return chunk


def _events(block: bytes) -> list[bytes]:
    if b"\r" in block:
        return _EVENT.findall(block)
    return [event + b"\n\n" for event in block.split(b"\n\n") if event]


def _end_of_last_event(block: bytes) -> int:
    plain, wide = block.rfind(b"\n\n"), block.rfind(b"\n\r\n")
    return max(plain + 2 if plain >= 0 else 0, wide + 3 if wide >= 0 else 0)

"""Custom tools, which take plain text, for vendors who know only functions.

Such a vendor is given a function of one text, and what he answers is turned back: a call of a tool that the
client declared as custom is a custom call, its text taken out of the JSON. A vendor who has custom tools of
his own answers with custom calls, and they pass untouched.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

import msgspec

from api.sse import SseEvent
from api.types import ArgumentsDelta, Event, Finished, Part, PartEnded, PartStarted, Reply, Request, ToolCall
from api.wires import Reader
from api.wires.known_types import UNREADABLE
from models.ledger import Usage

FIELD: Final = "input"
SCHEMA: Final = {
    "type": "object",
    "properties": {FIELD: {"type": "string"}},
    "required": [FIELD],
    "additionalProperties": False,
}


def names(request: Request) -> frozenset[str]:
    """Of the tools that the client declared as custom."""
    return frozenset(tool.name for tool in request.tools if tool.is_custom)


def wrapped(text: str) -> dict[str, str]:
    return {FIELD: text}


def unwrapped(arguments: str) -> str:
    """The text in the arguments. Of arguments that were cut short what there is of it."""
    for whole in (arguments, f'{arguments}"}}'):
        try:
            found = msgspec.json.decode(whole)
        except UNREADABLE:
            continue
        if isinstance(found, dict) and isinstance(found.get(FIELD), str):
            text: str = found[FIELD]
            return text
    return "" if arguments.strip() in ("", "{}") else arguments


def restored(reply: Reply, custom: Collection[str]) -> Reply:
    """A plain answer as the client declared his tools."""
    return msgspec.structs.replace(reply, parts=tuple(_restored(part, custom) for part in reply.parts))


def _restored(part: Part, custom: Collection[str]) -> Part:
    if not isinstance(part, ToolCall) or part.is_custom or part.name not in custom:
        return part
    return msgspec.structs.replace(part, arguments=unwrapped(part.arguments), is_custom=True)


@dataclass
class RestoringReader:
    """A Reader whose calls are as the client declared his tools. The text of a custom call comes in one piece,
    because half an escape is no text."""

    reader: Reader
    custom: Collection[str]
    _held: dict[int, list[str]] = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        return self.reader.is_finished

    @property
    def usage(self) -> Usage | None:
        return self.reader.usage

    def feed(self, event: SseEvent) -> list[Event]:
        made: list[Event] = []
        for read in self.reader.feed(event):
            match read:
                case PartStarted(kind="tool_call", is_custom=False, name=name) if name in self.custom:
                    self._held[read.index] = []
                    made.append(msgspec.structs.replace(read, is_custom=True))
                case ArgumentsDelta(index=index, fragment=fragment) if index in self._held:
                    self._held[index].append(fragment)
                case PartEnded(index=index) if index in self._held:
                    made += [self._text(index), read]
                case Finished():
                    made += [*(self._text(index) for index in list(self._held)), read]
                case _:
                    made.append(read)
        return made

    def _text(self, index: int) -> ArgumentsDelta:
        return ArgumentsDelta(index=index, fragment=unwrapped("".join(self._held.pop(index))))

"""What a request asks the sandbox, whatever wire it came on; and how its tokens are counted.

Tokens are counted by characters, since there is no tokenizer here. Input: four for each message, and one for
every four characters begun of all texts in messages, system text and tools, an image or file counting as 1,024
characters. Output: one for every four characters begun of each text, and of each call's name and arguments.
Nothing is ever read from a cache. The same request always costs the same, plain or streamed.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec

JsonObject = dict[str, Any]
Headers = Mapping[str, str]
Body = TypeVar("Body")

CHARACTERS_PER_TOKEN: Final = 4
_MESSAGE_TOKENS: Final = 4
_BULK_CHARACTERS: Final = 1024
_BULKY_KEYS: Final = frozenset({"data", "file_data", "image_url", "url"})
_PATH = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]+)`")


class Refused(Exception):
    """What the real vendor would refuse, with the status and words it would use."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int = 400,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.status = status
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    schema: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request. `seed` is derived from what was asked, so the same question gets the same answer and ids.

    `tools` are those that may be called now: none when the client forbade it, one when it named one.
    `answer_schema` is
    the shape a JSON answer must have. `talks_before_calling` is a habit of some vendors' models.
    `echo` are fields of the request that the vendor's answer repeats.
    """

    model: str
    seed: str
    prompt: str
    message_count: int
    input_tokens: int
    is_stream: bool
    max_output_tokens: int | None = None
    stops: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    may_call_two: bool = True
    talks_before_calling: bool = False
    tool_result: str | None = None
    answer_schema: JsonObject | None = None
    thinks: bool = False
    shows_thoughts: bool = False
    wants_usage: bool = True
    pads_events: bool = False
    echo: Mapping[str, object] = field(default_factory=dict)


def seed(*asked: object) -> str:
    """24 hexadecimal digits that stand for what was asked."""
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:24]


def input_tokens(message_count: int, *asked: object) -> int:
    characters = sum(_characters(value) for value in asked)
    return message_count * _MESSAGE_TOKENS + tokens(characters)


def tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)


def decode(body: bytes, shape: type[Body]) -> Body:
    """The body in the wire's shape; what does not fit is refused by its path, as the vendors do."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise _misfit(str(error)) from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise Refused("We could not parse the JSON body of your request.", code="invalid_json") from None


def text_of(content: object) -> str:
    """The words of a message or part, in any of the wires' ways to write them; "" where there are none."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(filter(None, map(text_of, content)))
    if isinstance(content, dict):
        return text_of(content.get("text")) or text_of(content.get("content"))
    return ""


def named(tools: Iterable[Tool], name: object) -> tuple[Tool, ...]:
    """The one tool of that name, for a client which demands it."""
    for tool in tools:
        if tool.name == name:
            return (tool,)
    raise Refused(f"Tool choice {name!r} not found in 'tools' parameter.", param="tool_choice")


def _misfit(report: str) -> Refused:
    found = _PATH.search(report)
    path = found["path"] if found else ""
    missing = _MISSING.search(report)
    if missing:
        path = f"{path}.{missing['name']}".lstrip(".")
        return Refused(
            f"Missing required parameter: '{path}'.", param=path, code="missing_required_parameter"
        )
    if not path:
        return Refused("The body of your request must be a JSON object.", code="invalid_json")
    words = report[: found.start()] if found else report
    return Refused(f"Invalid type for '{path}': {words}.", param=path, code="invalid_type")


def _characters(value: object, key: str = "") -> int:
    if isinstance(value, str):
        return _BULK_CHARACTERS if key in _BULKY_KEYS else len(value)
    if isinstance(value, dict):
        return sum(_characters(item, name) for name, item in value.items())
    if isinstance(value, list | tuple):
        return sum(_characters(item, key) for item in value)
    return 0

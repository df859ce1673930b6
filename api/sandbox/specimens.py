"""Plausible values made from a JSON schema: what the sandbox fills into a tool call or a JSON answer.

Required properties only, as models do with optional ones they have no reason to set. Words of the prompt are
used where they fit: "the weather in Lisbon" makes `{"city":"Lisbon"}`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

JsonObject = dict[str, Any]

_MAX_DEPTH: Final = (
    12  # schemas may refer to themselves: what is deeper, or beyond so many values, becomes null
)
_MAX_VALUES: Final = 500
_PLACE = re.compile(r"\b(?:in|at|for|near|to|of)\s+([A-Z][\w'-]+(?:\s[A-Z][\w'-]+)*)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_FORMATS: Final = {
    "date": "2026-03-14",
    "date-time": "2026-03-14T09:26:53Z",
    "time": "09:26:53Z",
    "duration": "PT15M",
    "email": "ada@example.com",
    "hostname": "example.com",
    "uri": "https://example.com/",
    "uuid": "6f1c2a34-5b6d-4e7f-8a90-b1c2d3e4f506",
    "ipv4": "192.0.2.7",
    "ipv6": "2001:db8::7",
}
_BY_NAME: Final = (
    (("city", "location", "place", "town", "destination"), "Paris"),
    (("country",), "France"),
    (("date", "day"), _FORMATS["date"]),
    (("time",), "09:26"),
    (("email",), _FORMATS["email"]),
    (("url", "uri", "link"), _FORMATS["uri"]),
    (("unit",), "celsius"),
    (("timezone",), "Europe/Paris"),
    (("currency",), "EUR"),
    (("language", "lang"), "en"),
    (("path", "file"), "notes.txt"),
)
_PLACES: Final = _BY_NAME[0][0]
_FREE_TEXT: Final = ("query", "question", "text", "prompt", "message", "input", "expression", "task")


def specimen(schema: JsonObject, prompt: str) -> Any:
    """A value that fits `schema`; `prompt` lends it words and numbers. Local `$ref`s are followed."""
    return _Maker(schema, prompt).make(schema, name="", depth=0)


class _Maker:
    """Holds the whole schema, for references into it. Nonsense in a schema is read as a string's."""

    def __init__(self, root: JsonObject, prompt: str) -> None:
        self._root = root
        self._prompt = prompt
        self._left = _MAX_VALUES

    def make(self, schema: object, *, name: str, depth: int) -> Any:
        self._left -= 1
        if depth > _MAX_DEPTH or self._left < 0:
            return None
        if not isinstance(schema, Mapping):
            return self._words(name)
        for given in ("const", "default"):
            if given in schema:
                return schema[given]
        for given in ("enum", "examples"):
            if isinstance(schema.get(given), list) and schema[given]:
                return schema[given][0]
        branch = self._branch(schema)
        if branch is not None:
            return self.make(branch, name=name, depth=depth + 1)
        return self._typed(schema, name, depth)

    def _branch(self, schema: Mapping[str, Any]) -> object:
        """The schema that stands for this one: the target of its reference, or its first usable alternative."""
        if isinstance(schema.get("$ref"), str):
            return self._resolve(schema["$ref"])
        for key in ("anyOf", "oneOf"):
            options = schema.get(key)
            if isinstance(options, list) and options:
                return next((option for option in options if option != {"type": "null"}), options[0])
        if isinstance(schema.get("allOf"), list):
            return self._merged(schema)
        return None

    def _merged(self, schema: Mapping[str, Any]) -> JsonObject:
        whole: JsonObject = {key: value for key, value in schema.items() if key != "allOf"}
        for given in schema["allOf"]:
            refers = isinstance(given, dict) and isinstance(given.get("$ref"), str)
            part = self._resolve(given["$ref"]) if refers else given
            if isinstance(part, dict):
                properties = {**_properties(whole), **_properties(part)}
                required = [*_required(whole), *_required(part)]
                whole = {**whole, **part, "properties": properties, "required": required}
        return whole

    def _resolve(self, reference: str) -> object:
        target: object = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            if step and isinstance(target, Mapping):
                target = target.get(step.replace("~1", "/").replace("~0", "~"), {})
        return target

    def _typed(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((option for option in kind if option != "null"), "null")
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                count = max(1, _whole(schema.get("minItems"), 1))
                return [self.make(schema.get("items", {}), name=name, depth=depth + 1)] * min(count, 8)
            case "integer" | "number":
                return self._number(schema, kind == "integer")
            case "boolean":
                return True
            case "null":
                return None
        return self._string(schema, name)

    def _object(self, schema: Mapping[str, Any], depth: int) -> JsonObject:
        properties = _properties(schema)
        return {
            name: self.make(properties.get(name, {}), name=name, depth=depth + 1)
            for name in _required(schema)
        }

    def _number(self, schema: Mapping[str, Any], is_integer: bool) -> int | float:
        found = _NUMBER.search(self._prompt)
        value = float(found[0]) if found else 3.0
        value = max(value, _limit(schema.get("minimum"), value))
        value = min(value, _limit(schema.get("maximum"), value))
        return int(value) if is_integer or value.is_integer() else value

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        text = _FORMATS.get(str(schema.get("format"))) or self._words(name)
        text = text.ljust(_whole(schema.get("minLength"), 0), ".")
        return text[: _whole(schema.get("maxLength"), len(text))]

    def _words(self, name: str) -> str:
        word = name.lower()
        if any(part in word for part in _FREE_TEXT):
            return self._prompt[:120] or "sandbox"
        if any(part in word for part in _PLACES):
            place = _PLACE.search(self._prompt)
            if place:
                return place[1]
        return next((value for parts, value in _BY_NAME if any(part in word for part in parts)), "sandbox")


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _required(schema: Mapping[str, Any]) -> list[str]:
    required = schema.get("required")
    return [name for name in required if isinstance(name, str)] if isinstance(required, list) else []


def _limit(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e15 else otherwise


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and 0 <= value <= 10_000 else otherwise

"""A client's JSON schema as the Messages API takes it, where it has to enforce it.

Rewritten as the vendor's own SDK does: oneOf becomes anyOf, every object is closed, and what is not enforced
(limits of numbers, lengths and counts, patterns, unknown formats) moves into the description, where the model
may still follow it. `default` is taken, which the SDK does not know. Refused, each with its reason: schemas
that contain themselves, references out of the schema, objects that must stay open, values of any kind.

Source: Anthropic's documentation, "Structured outputs", and `transform_schema` of the official SDK, read
2026-11-22.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from api.errors import GatewayError

Schema = dict[str, Any]

_FORMATS: Final = frozenset(
    ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
)
_VARIANTS: Final = ("anyOf", "oneOf", "allOf")
_DEFINITIONS: Final = ("$defs", "definitions")
_PRIMITIVES: Final = (str, int, float, bool, type(None))


@dataclass
class Sizes:
    """What upstream bounds over all enforced schemas of a request."""

    optional: int = 0
    unions: int = 0


@dataclass
class Rewriter:
    """Of one schema. `is_strict` is the client's own word; `param` is his name for where it stands."""

    param: str
    is_strict: bool
    sizes: Sizes = field(default_factory=Sizes)

    def rewritten(self, schema: Mapping[str, Any]) -> Schema:
        """Raises GatewayError (400)."""
        self._check_references(schema)
        return self._rewritten(schema)

    def _rewritten(self, given: object) -> Schema:
        if not isinstance(given, Mapping):
            raise self._refused("a value of any kind cannot be described; name its type")
        left = dict(given)
        made: Schema = {}
        for key in _DEFINITIONS:
            if isinstance(definitions := left.pop(key, None), Mapping):
                made[key] = {name: self._rewritten(inner) for name, inner in definitions.items()}
        if "$ref" in left:
            return made | {"$ref": left["$ref"]}
        kind = left.pop("type", None)
        if kind is None and "properties" in left:
            kind = "object"
        variants = {key: left.pop(key, None) for key in _VARIANTS}
        has_literals = self._literals(left, made)
        self._kind(made, kind, variants, has_literals)
        for key in ("description", "title", "default"):
            if (value := left.pop(key, None)) is not None:
                made[key] = value
        if not has_literals:
            self._content(left, made, kind if isinstance(kind, list) else [kind])
        if left:
            rest = "{" + ", ".join(f"{key}: {value}" for key, value in left.items()) + "}"
            made["description"] = f"{made['description']}\n\n{rest}" if "description" in made else rest
        return made

    def _literals(self, left: Schema, made: Schema) -> bool:
        values = left.get("enum")
        if isinstance(values, list) and values and all(isinstance(value, _PRIMITIVES) for value in values):
            made["enum"] = left.pop("enum")
        if "const" in left and isinstance(left["const"], _PRIMITIVES):
            made["const"] = left.pop("const")
        return "enum" in made or "const" in made

    def _kind(self, made: Schema, kind: object, variants: Schema, has_literals: bool) -> None:
        for key, name in (("anyOf", "anyOf"), ("oneOf", "anyOf"), ("allOf", "allOf")):
            if isinstance(variants[key], list):
                made[name] = [self._rewritten(variant) for variant in variants[key]]
                return
        if has_literals:
            return
        if kind is None:
            raise self._refused("each value needs a type, anyOf, oneOf, allOf, enum or const")
        made["type"] = kind

    def _content(self, left: Schema, made: Schema, kinds: Sequence[object]) -> None:
        if "object" in kinds:
            self._object(left, made)
        if "string" in kinds and left.get("format") in _FORMATS:
            made["format"] = left.pop("format")
        if "array" in kinds:
            if (items := left.pop("items", None)) is not None:
                made["items"] = self._rewritten(items)
            if left.get("minItems") in (0, 1):
                made["minItems"] = left.pop("minItems")

    def _object(self, left: Schema, made: Schema) -> None:
        properties = left.pop("properties", None) or {}
        made["properties"] = {name: self._rewritten(inner) for name, inner in properties.items()}
        if self.is_strict and left.get("additionalProperties") not in (None, False):
            raise self._refused("an object cannot take properties that the schema does not name")
        left.pop("additionalProperties", None)
        made["additionalProperties"] = False
        required = left.pop("required", None)
        if required is not None:
            made["required"] = list(required)
        self.sizes.optional += len(set(properties) - set(required or ()))
        self.sizes.unions += sum(map(_is_union, properties.values()))

    # --- references -------------------------------------------------------------------------------------

    def _check_references(self, schema: Mapping[str, Any]) -> None:
        definitions = {
            f"#/{key}/{name}": inner
            for key in _DEFINITIONS
            if isinstance(schema.get(key), Mapping)
            for name, inner in schema[key].items()
        }
        used = {name: _references(inner) for name, inner in definitions.items()}
        for name in {*_references(schema), *(each for names in used.values() for each in names)}:
            if name == "#" or name in _reached(name, used):
                raise self._refused("a schema cannot contain itself")
            if name not in definitions:
                raise self._refused(f"the reference {name!r} leads out of its definitions")

    def _refused(self, why: str) -> GatewayError:
        return GatewayError("unsupported_value", f"This model cannot enforce the schema: {why}.", self.param)


def _references(schema: object) -> set[str]:
    if isinstance(schema, list):
        return {name for inner in schema for name in _references(inner)}
    if not isinstance(schema, Mapping):
        return set()
    own = {schema["$ref"]} if isinstance(schema.get("$ref"), str) else set()
    inner = (value for key, value in schema.items() if key not in ("enum", "const", "default", "examples"))
    return own.union(*(_references(value) for value in inner))


def _reached(name: str, used: Mapping[str, set[str]]) -> set[str]:
    """All that this definition refers to, over others too."""
    found: set[str] = set()
    waiting = list(used.get(name, ()))
    while waiting:
        if (each := waiting.pop()) not in found:
            found.add(each)
            waiting += used.get(each, ())
    return found


def _is_union(schema: object) -> bool:
    return isinstance(schema, Mapping) and (
        isinstance(schema.get("type"), list) or "anyOf" in schema or "oneOf" in schema
    )

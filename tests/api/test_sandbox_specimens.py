"""Values made from schemas: plausible for good ones, and never an exception for bad ones."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.sandbox.specimens import specimen

KEYWORDS = (
    "type properties required items enum const default anyOf oneOf allOf $ref $defs format minimum "
    "maximum minItems minLength maxLength examples object array number integer string null #/$defs/a "
    "a b"
)
NONSENSE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(KEYWORDS.split()),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS.split()), inner, max_size=5)
    ),
    max_leaves=30,
)


def of(properties: dict[str, Any], prompt: str = "", **more: object) -> Any:
    schema = {"type": "object", "properties": properties, "required": list(properties), **more}
    return specimen(schema, prompt)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "enum": ["kelvin", "celsius"]}, "kelvin"),
        ({"const": 5}, 5),
        ({"type": "integer", "default": 8}, 8),
        ({"type": "integer", "minimum": 10}, 10),
        ({"type": "number", "minimum": 10}, 10),
        ({"type": "number", "maximum": 1.5}, 1.5),
        ({"type": ["null", "boolean"]}, True),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 3),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [3, 3]),
        ({"type": "string", "format": "email"}, "ada@example.com"),
        ({"type": "string", "minLength": 9, "maxLength": 9}, "sandbox.."),
        ({"$ref": "#/$defs/unit"}, "m"),
        (
            {"allOf": [{"$ref": "#/$defs/base"}, {"properties": {"y": {}}, "required": ["y"]}]},
            {"x": 1, "y": "sandbox"},
        ),
    ],
)
def test_a_value_fits_its_schema(schema: Any, value: object) -> None:
    base = {"type": "object", "properties": {"x": {"const": 1}}, "required": ["x"]}
    definitions = {"unit": {"enum": ["m"]}, "base": base}
    assert of({"value": schema}, **{"$defs": definitions}) == {"value": value}


def test_words_of_the_prompt_are_used_where_they_fit() -> None:
    text: Any = {"type": "string"}
    made = of({"city": text, "query": text, "days": {"type": "integer"}}, "Rain in New York in 5 days?")
    assert made == {"city": "New York", "query": "Rain in New York in 5 days?", "days": 5}


def test_optional_properties_are_left_out() -> None:
    assert specimen({"type": "object", "properties": {"a": {"type": "string"}}}, "") == {}


def test_a_schema_that_refers_to_itself_comes_to_an_end() -> None:
    names = ["a", "b", "c", "d"]
    node = {"type": "object", "properties": {name: {"$ref": "#"} for name in names}, "required": names}
    assert len(msgspec.json.encode(specimen(node, ""))) < 20_000


@given(st.dictionaries(st.sampled_from(KEYWORDS.split()), NONSENSE, max_size=6))
def test_nonsense_still_makes_json(schema: dict[str, Any]) -> None:
    msgspec.json.encode(specimen(schema, "at Home 3"))

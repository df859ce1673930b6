"""Schemas that are enforced, held against what the vendor's own SDK makes of them."""

from typing import Any

import pytest
from anthropic import transform_schema
from claude import refused, rendered
from fakes.schemas import check_strict
from hypothesis import given, settings
from hypothesis import strategies as st
from meanings import asked

from api.errors import GatewayError
from api.types import OutputFormat, Tool
from api.wires.anthropic_messages.schemas import Rewriter, Sizes


def rewritten(schema: dict[str, Any], *, is_strict: bool = True) -> dict[str, Any]:
    return Rewriter("response_format", is_strict).rewritten(schema)


def reason(schema: dict[str, Any], *, is_strict: bool = True) -> str:
    with pytest.raises(GatewayError) as caught:
        rewritten(schema, is_strict=is_strict)
    assert (caught.value.kind, caught.value.param) == ("unsupported_value", "response_format")
    return caught.value.message


LEAVES = st.sampled_from(
    [
        {"type": "string", "format": "date-time"},
        {"type": "string", "maxLength": 5, "format": "phone"},
        {"type": "string", "pattern": "^a", "description": "A word"},
        {"type": "integer", "minimum": 1, "maximum": 10},
        {"type": "number", "multipleOf": 0.5},
        {"type": "boolean", "title": "Is it"},
        {"type": "null"},
        {"type": "string", "enum": ["a", "b"]},
        {"const": 7},
        {"enum": [1, None]},
    ]
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda item: {"type": "array", "items": item, "minItems": 1}, inner),
        st.builds(lambda item: {"type": "array", "items": item, "uniqueItems": True, "minItems": 3}, inner),
        st.builds(lambda one, two: {"oneOf": [one, two], "description": "Either"}, inner, inner),
        st.builds(lambda one, two: {"anyOf": [one, two]}, inner, inner),
        st.builds(lambda one: {"allOf": [one]}, inner),
        st.builds(lambda one, two: {"type": "object", "properties": {"a": one, "b": two}}, inner, inner),
        st.builds(
            lambda one: {"type": "object", "properties": {"a": one}, "required": ["a"], "maxProperties": 3},
            inner,
        ),
    ),
    max_leaves=8,
)


@given(SCHEMAS)
@settings(max_examples=150, deadline=None)
def test_a_schema_is_rewritten_as_the_vendors_own_library_does(schema: dict[str, Any]) -> None:
    made = rewritten(schema)
    assert made == transform_schema(schema)
    check_strict("schema", made, needs_all=False)


def test_local_references_stay_and_their_definitions_are_rewritten() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A", "description": "lost"}},
        "$defs": {"A": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}}},
    }
    assert rewritten(schema) == transform_schema(schema)


def test_a_default_and_several_types_are_kept() -> None:
    field = {"type": ["string", "null"], "default": "x", "format": "date"}
    assert rewritten(field) == field


def test_an_object_may_leave_its_type_unsaid() -> None:
    assert rewritten({"properties": {}})["type"] == "object"


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#", "type": "object"},
        {"properties": {"next": {"$ref": "#/$defs/N"}}, "$defs": {"N": {"anyOf": [{"$ref": "#/$defs/N"}]}}},
        {
            "properties": {"a": {"$ref": "#/$defs/A"}},
            "$defs": {"A": {"items": {"$ref": "#/$defs/B"}}, "B": {"items": {"$ref": "#/$defs/A"}}},
        },
    ],
)
def test_a_schema_that_contains_itself_is_refused(schema: dict[str, Any]) -> None:
    assert "contain itself" in reason(schema)


def test_a_reference_out_of_the_schema_is_refused() -> None:
    assert "leads out" in reason({"properties": {"a": {"$ref": "https://example.com/a.json"}}})


@pytest.mark.parametrize("extra", [True, {"type": "string"}])
def test_an_open_object_is_refused_where_it_was_strict_and_closed_else(extra: Any) -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": extra}
    assert "properties" in reason(schema)
    assert rewritten(schema, is_strict=False)["additionalProperties"] is False


@pytest.mark.parametrize("schema", [{}, {"type": "array", "items": True}, {"properties": {"a": {}}}])
def test_a_value_of_any_kind_is_refused(schema: dict[str, Any]) -> None:
    assert "type" in reason(schema)


def test_optional_and_mixed_properties_are_counted() -> None:
    sizes = Sizes()
    properties = {
        "a": {"type": ["string", "null"]},
        "b": {"anyOf": [{"type": "null"}]},
        "c": {"type": "null"},
    }
    Rewriter("x", True, sizes).rewritten({"properties": properties, "required": ["a"]})
    assert (sizes.optional, sizes.unions) == (2, 2)


def strict(count: int, field: dict[str, Any], required: bool, name: str = "t") -> Tool:
    properties = {f"p{number}": field for number in range(count)}
    schema = {"type": "object", "properties": properties, "required": list(properties) if required else []}
    return Tool(name=name, parameters=schema, is_strict=True)


def test_more_than_the_vendor_bounds_is_refused_over_all_strict_schemas() -> None:
    union, word = {"type": ["string", "null"]}, {"type": "string"}
    rendered(asked(tools=(strict(16, union, True), strict(24, word, False, "u"))))
    assert refused(asked(tools=(strict(16, union, True), strict(1, union, True, "u")))).param == "tools"
    assert refused(asked(tools=(strict(20, word, False), strict(5, word, False, "u")))).param == "tools"
    schema = strict(5, word, False).parameters
    wanted = OutputFormat(name="x", schema=schema, is_strict=True)
    error = refused(asked(tools=(strict(20, word, False),), output_format=wanted))
    assert error.param == "response_format"

"""What both vendors demand of a JSON schema that they are to enforce."""

from typing import Any

from api.sandbox.questions import Refused

# What the Messages API names as not enforced, and refuses rather than ignores.
_UNENFORCED = {
    *("oneOf", "not", "if", "patternProperties", "propertyNames", "minProperties", "maxProperties"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "maxItems", "uniqueItems", "contains", "prefixItems"),
}


def check_strict(path: str, schema: Any, *, needs_all: bool, param: str | None = None) -> None:
    """Every object is closed; with `needs_all` (OpenAI) all of its properties are required too."""
    if isinstance(schema, list):
        for item in schema:
            check_strict(path, item, needs_all=needs_all, param=param)
    if not isinstance(schema, dict):
        return
    if "properties" in schema or schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            raise Refused(f"{path}: for 'object' type, 'additionalProperties' must be false", param=param)
        if needs_all and set(schema.get("required", [])) != set(schema.get("properties", {})):
            raise Refused(f"{path}: 'required' must include every key in properties", param=param)
    if not needs_all and (unknown := _UNENFORCED & set(schema)):
        raise Refused(f"{path}: property '{min(unknown)}' is not supported", param=param)
    for key, value in schema.items():
        if key in ("properties", "$defs", "definitions") and isinstance(value, dict):
            check_strict(path, list(value.values()), needs_all=needs_all, param=param)
        elif key in ("items", "anyOf", "allOf"):
            check_strict(path, value, needs_all=needs_all, param=param)

"""What /v1/openapi.json says: the paths beside their routes, written by hand, since plain routes describe
nothing."""

from typing import Final, get_args

from api.errors import Kind

_ERROR: Final[dict[str, object]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string", "enum": list(get_args(Kind))},
            },
        }
    },
}

_CHAT: Final[dict[str, object]] = {
    "type": "object",
    "required": ["model", "messages"],
    "properties": {
        "model": {"type": "string"},
        "messages": {"type": "array", "minItems": 1, "items": {"type": "object"}},
        "stream": {"type": ["boolean", "null"]},
    },
    "additionalProperties": True,
}

_MODEL: Final[dict[str, object]] = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by", "context_window", "provider", "available"],
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "model"},
        "created": {"type": "integer"},
        "owned_by": {"type": "string"},
        "context_window": {"type": "integer"},
        "provider": {"type": "string"},
        "available": {"type": "boolean"},
    },
}


def describe(version: str) -> dict[str, object]:
    """The OpenAPI 3.1 document of the gateway."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Starscoo", "version": version},
        "servers": [{"url": "/v1"}],
        "security": [{"key": []}],
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _ERROR, "ChatRequest": _CHAT, "Model": _MODEL},
        },
        "paths": {
            "/chat/completions": {
                "post": {
                    "summary": "Generate an answer, plain or as server-sent events",
                    "requestBody": {"required": True, "content": _json("ChatRequest")},
                    "responses": {
                        "200": {"description": "OpenAI's chat.completion, or a stream of its chunks"},
                        "default": {"description": "Any refusal or failure", "content": _json("Error")},
                    },
                }
            },
            "/models": {"get": _get("The models that this key may use")},
            "/models/{model}": {
                "parameters": [
                    {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}
                ],
                "get": _get("One model", schema="Model"),
            },
        },
    }


def _json(schema: str) -> dict[str, object]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _get(summary: str, *, schema: str | None = None) -> dict[str, object]:
    done: dict[str, object] = {"description": summary}
    if schema is not None:
        done["content"] = _json(schema)
    return {
        "summary": summary,
        "responses": {
            "200": done,
            "default": {"description": "Any refusal or failure", "content": _json("Error")},
        },
    }

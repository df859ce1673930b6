"""A request rendered for Claude, and the pieces that such tests are made of."""

import json
from typing import Any

import pytest
from fakes import sdk_types
from meanings import OPUS, user

from api.errors import GatewayError
from api.types import Image, Message, Request, Target, Text, Tool, ToolCall, ToolResult
from api.wires import anthropic_messages

PNG = Image(media_type="image/png", content="iVBORw0KGgo=")
WEATHER = Tool(
    name="weather",
    description="Weather in a city",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
CLOCK = Tool(name="clock")


def rendered(request: Request, target: Target = OPUS, *, granted: int | None = None) -> dict[str, Any]:
    body = anthropic_messages.render_request(request, target, output_tokens=granted)
    made: dict[str, Any] = json.loads(body)
    # The newest types describe the API's newest version, which has no sampling parameters any more.
    typed = {name: value for name, value in made.items() if name not in ("temperature", "top_p")}
    assert sdk_types.mismatch("/v1/messages", typed) is None
    return made


def refused(request: Request, target: Target = OPUS) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        anthropic_messages.render_request(request, target, output_tokens=None)
    assert caught.value.status == 400
    return caught.value


def call(id: str, name: str = "weather", arguments: str = "{}") -> ToolCall:
    return ToolCall(id=id, name=name, arguments=arguments)


def result(call_id: str, text: str = "sunny", path: str = "messages") -> Message:
    return user(ToolResult(call_id=call_id, parts=(Text(text=text),)), path=path)


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}

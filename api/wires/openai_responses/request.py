"""The request: a flat list of items, in the order of the conversation, and flat tools.

Source: OpenAI's openapi description and the official SDK's types, read 2026-11-22.
"""

from collections.abc import Collection, Iterator
from itertools import groupby
from typing import Final

import msgspec

from api.errors import GatewayError
from api.types import (
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Request,
    Target,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from api.wires import custom_calls, rules

Item = dict[str, object]

VENDOR: Final = "openai"
_MIN_OUTPUT_TOKENS: Final = 16


def render_request(request: Request, target: Target, *, output_tokens: int | None) -> bytes:
    """The body of POST /responses. A pure function of its arguments: equal requests are equal bytes."""
    rules.check_tool_turns(request.messages)
    rules.check_tools(request)
    rules.check_default_sampling(request)
    rules.check_thinking(request)
    if request.stop:
        raise GatewayError("unsupported_parameter", f"{request.model} takes no stop sequences.", "stop")
    body: Item = {
        "model": target.upstream_model,
        "input": _input(request),
        # Nothing is stored upstream; reasoning travels with the conversation instead.
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    bound = rules.output_bound(request, target.model, output_tokens)
    if bound is not None:
        body["max_output_tokens"] = max(bound, _MIN_OUTPUT_TOKENS)
    if request.tools:
        body |= _tools(request)
    if request.effort is not None:
        if request.effort not in target.model.efforts:
            raise rules.unsupported_effort(request, target.model.efforts)
        body["reasoning"] = {"effort": request.effort, "summary": "auto"}
    if text := _text(request):
        body["text"] = text
    for key, value in (
        ("safety_identifier", request.end_user),
        ("prompt_cache_key", request.cache_key),
        ("prompt_cache_retention", request.cache_retention),
    ):
        if value is not None:
            body[key] = value
    if request.is_stream:
        body["stream"] = True
        # Padding against guessing by size is TLS's matter on this hop and would cost bytes.
        body["stream_options"] = {"include_obfuscation": False}
    return msgspec.json.encode(body)


def _input(request: Request) -> list[Item]:
    calls = (part for message in request.messages for part in message.parts if isinstance(part, ToolCall))
    custom = {call.id for call in calls if call.is_custom}
    made = [item for message in request.messages for item in _items(message, custom)]
    if not made:
        raise GatewayError("invalid_request", "messages need at least one with content.", "messages")
    return made


def _text(request: Request) -> Item:
    made: Item = {}
    wanted = request.output_format
    if wanted is not None and wanted.schema is None:
        made["format"] = {"type": "json_object"}
    elif wanted is not None:
        described: Item = {"type": "json_schema", "name": wanted.name, "schema": wanted.schema}
        if wanted.description is not None:
            described["description"] = wanted.description
        if wanted.is_strict is not None:
            described["strict"] = wanted.is_strict
        made["format"] = described
    if request.verbosity is not None:
        made["verbosity"] = request.verbosity
    return made


def _items(message: Message, custom: Collection[str]) -> Iterator[Item]:
    """What is said in one go is one message item; calls, results and reasoning are items of their own. `custom`
    are the ids of calls of custom tools."""
    indexed = list(enumerate(message.parts))
    for is_content, group in groupby(indexed, lambda pair: _is_content(pair[1])):
        if not is_content:
            for index, part in group:
                yield from _item(part, f"{message.path}.content[{index}]", custom)
            continue
        content = [
            made
            for index, part in group
            if (made := _content(part, message.role, f"{message.path}.content[{index}]"))
        ]
        if content:
            role = "developer" if message.role == "system" else message.role
            yield {"type": "message", "role": role, "content": content}


def _is_content(part: Part) -> bool:
    return isinstance(part, Text | Refusal | Image | Document)


def _item(part: Part, path: str, custom: Collection[str]) -> Iterator[Item]:
    if isinstance(part, ToolCall) and part.is_custom:
        yield {"type": "custom_tool_call", "call_id": part.id, "name": part.name, "input": part.arguments}
    elif isinstance(part, ToolCall):
        arguments = part.arguments.strip() or "{}"
        yield {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": arguments}
    elif isinstance(part, ToolResult):
        kind = "custom_tool_call_output" if part.call_id in custom else "function_call_output"
        yield {"type": kind, "call_id": part.call_id, "output": _output(part, path)}
    elif isinstance(part, Reasoning) and part.vendor == VENDOR and part.signature:
        # Without storage an item is known by its encrypted content alone; another vendor's means nothing here.
        summary = [{"type": "summary_text", "text": piece} for piece in part.pieces]
        yield {"type": "reasoning", "summary": summary, "encrypted_content": part.signature}


def _content(part: Part, role: str, path: str) -> Item | None:
    """None for an empty text, which says nothing and is refused upstream."""
    if isinstance(part, Text | Refusal) and not part.text:
        return None
    if role == "assistant":
        if isinstance(part, Refusal):
            return {"type": "refusal", "refusal": part.text}
        if isinstance(part, Text):
            return {"type": "output_text", "text": part.text}
    elif isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    elif isinstance(part, Image) and role == "user":
        return _image(part)
    elif isinstance(part, Document) and role == "user":
        return _file(part)
    raise GatewayError("unsupported_value", "This kind of content does not belong in this message.", path)


def _image(image: Image) -> Item:
    url = image.url if image.url is not None else f"data:{image.media_type};base64,{image.content}"
    return {"type": "input_image", "image_url": url, "detail": image.detail or "auto"}


def _file(document: Document) -> Item:
    url = f"data:{document.media_type};base64,{document.content}"
    return {"type": "input_file", "filename": document.title or "file", "file_data": url}


def _output(result: ToolResult, path: str) -> str | list[Item]:
    """One text is a plain string, as most tools answer; anything else is a list."""
    if len(result.parts) <= 1 and all(isinstance(part, Text) for part in result.parts):
        text = "".join(part.text for part in result.parts if isinstance(part, Text))
        return f"Error: {text}" if result.is_error else text
    content = [made for part in result.parts if (made := _content(part, "user", path))]
    return [{"type": "input_text", "text": "Error:"}, *content] if result.is_error else content


def _tools(request: Request) -> Item:
    made: Item = {"tools": [_tool(tool) for tool in request.tools]}
    choice = request.tool_choice
    if choice is not None:
        custom = custom_calls.names(request)
        if choice.name is not None:
            made["tool_choice"] = _named(choice.name, custom)
        elif choice.allowed:
            named = [_named(name, custom) for name in choice.allowed]
            made["tool_choice"] = {"type": "allowed_tools", "mode": choice.mode, "tools": named}
        elif choice.mode != "auto":
            made["tool_choice"] = choice.mode
    if request.parallel_tool_calls is False:
        made["parallel_tool_calls"] = False
    return made


def _named(name: str, custom: Collection[str]) -> Item:
    return {"type": "custom" if name in custom else "function", "name": name}


def _tool(tool: Tool) -> Item:
    made: Item = {"type": "custom" if tool.is_custom else "function", "name": tool.name}
    if tool.description is not None:
        made["description"] = tool.description
    if tool.is_custom:
        if tool.grammar is not None:
            made["format"] = {"type": "grammar", **msgspec.to_builtins(tool.grammar)}
        return made
    made["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    # Responses takes an absent `strict` for true and then makes every property required.
    made["strict"] = tool.is_strict
    return made

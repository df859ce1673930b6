"""Chat asked of a vendor on behalf of a client of another wire.

Without a place in Chat, and dropped: the model's earlier reasoning, marks for caching. `is_error` of a tool
result becomes a word before its text, images and documents of a result follow in a user message after the
results.
"""

from collections.abc import Collection, Iterator
from itertools import groupby

import msgspec

from api.errors import GatewayError
from api.types import (
    Document,
    Image,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Request,
    Target,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from api.wires import BadReply, custom_calls, rules
from api.wires.openai_chat.reply import stop_reason, tool_call, usage_of

Item = dict[str, object]


def render_request(request: Request, target: Target, *, output_tokens: int | None) -> bytes:
    """The body of POST /chat/completions. A pure function of its arguments: equal requests are equal bytes."""
    rules.check_tool_turns(request.messages)
    rules.check_tools(request)
    rules.check_thinking(request)
    body: Item = {
        "model": target.upstream_model,
        "messages": [item for message in request.messages for item in _items(message)],
    }
    if not body["messages"]:
        raise GatewayError("invalid_request", "messages need at least one with content.", "messages")
    optional: Item = {
        "max_completion_tokens": rules.output_bound(request, target.model, output_tokens),
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop) or None,
        "tools": [_tool(tool) for tool in request.tools] or None,
        "tool_choice": _tool_choice(request),
        "parallel_tool_calls": request.parallel_tool_calls if request.tools else None,
        "reasoning_effort": request.effort,
        "verbosity": request.verbosity,
        "response_format": request.output_format and _response_format(request.output_format),
        "safety_identifier": request.end_user,
        "prompt_cache_key": request.cache_key,
        "prompt_cache_retention": request.cache_retention,
        "stream": request.is_stream or None,
        "stream_options": {"include_usage": True} if request.is_stream else None,
    }
    return msgspec.json.encode(body | _known(optional))


def _known(fields: Item) -> Item:
    return {key: value for key, value in fields.items() if value is not None}


def _tool(tool: Tool) -> Item:
    shown: Item = {"name": tool.name, "description": tool.description}
    if tool.is_custom:
        if tool.grammar is not None:
            shown["format"] = {"type": "grammar", "grammar": msgspec.to_builtins(tool.grammar)}
        return {"type": "custom", "custom": _known(shown)}
    shown |= {"parameters": tool.parameters, "strict": tool.is_strict or None}
    return {"type": "function", "function": _known(shown)}


def _tool_choice(request: Request) -> str | Item | None:
    choice = request.tool_choice
    if choice is None or not request.tools:
        return None
    custom = custom_calls.names(request)
    if choice.name is not None:
        return _named(choice.name, custom)
    if choice.allowed:
        named = [_named(name, custom) for name in choice.allowed]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": named}}
    return choice.mode


def _named(name: str, custom: Collection[str]) -> Item:
    kind = "custom" if name in custom else "function"
    return {"type": kind, kind: {"name": name}}


def _response_format(wanted: OutputFormat) -> Item:
    if wanted.schema is None:
        return {"type": "json_object"}
    described: Item = {
        "name": wanted.name,
        "description": wanted.description,
        "schema": wanted.schema,
        "strict": wanted.is_strict,
    }
    return {"type": "json_schema", "json_schema": _known(described)}


def _items(message: Message) -> Iterator[Item]:
    if message.role == "assistant":
        yield from _assistant(message.parts)
        return
    for is_result, parts in groupby(message.parts, lambda part: isinstance(part, ToolResult)):
        if is_result:
            yield from _results([part for part in parts if isinstance(part, ToolResult)])
        else:
            role = "developer" if message.role == "system" else "user"
            yield {"role": role, "content": _content(list(parts))}


def _assistant(parts: tuple[Part, ...]) -> Iterator[Item]:
    text = "".join(part.text for part in parts if isinstance(part, Text))
    refusal = "".join(part.text for part in parts if isinstance(part, Refusal))
    calls = [tool_call(part) for part in parts if isinstance(part, ToolCall)]
    said = {"content": text or None, "refusal": refusal or None, "tool_calls": calls or None}
    if any(said.values()):
        yield {"role": "assistant"} | {key: value for key, value in said.items() if value is not None}


def _results(results: list[ToolResult]) -> Iterator[Item]:
    shown: list[Part] = []
    for result in results:
        text = "".join(part.text for part in result.parts if isinstance(part, Text))
        shown += [part for part in result.parts if not isinstance(part, Text)]
        content = f"Error: {text}" if result.is_error else text
        yield {"role": "tool", "tool_call_id": result.call_id, "content": content}
    if shown:
        yield {"role": "user", "content": _content(shown)}


def _content(parts: list[Part]) -> str | list[Item]:
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [item for part in parts for item in _part(part)]


def _part(part: Part) -> Iterator[Item]:
    match part:
        case Text(text=text):
            yield {"type": "text", "text": text}
        case Image(url=url, media_type=media_type, content=content, detail=detail):
            image = {"url": url or f"data:{media_type};base64,{content}", "detail": detail or "auto"}
            yield {"type": "image_url", "image_url": image}
        case Document(media_type=media_type, content=content, title=title):
            file = {"filename": title or "file", "file_data": f"data:{media_type};base64,{content}"}
            yield {"type": "file", "file": file}


# --- the answer -----------------------------------------------------------------------------------------


class _Function(msgspec.Struct):
    name: str = ""
    arguments: str = ""


class _Custom(msgspec.Struct):
    name: str = ""
    input: str = ""


class _Call(msgspec.Struct):
    id: str = ""
    function: _Function = msgspec.field(default_factory=_Function)
    custom: _Custom | None = None

    def part(self) -> ToolCall:
        if self.custom is not None:
            custom = self.custom
            return ToolCall(id=self.id, name=custom.name, arguments=custom.input, is_custom=True)
        return ToolCall(id=self.id, name=self.function.name, arguments=self.function.arguments or "{}")


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Reply(msgspec.Struct):
    choices: list[_Choice]
    id: str = ""
    usage: msgspec.Raw = msgspec.Raw(b"null")


_reply = msgspec.json.Decoder(_Reply)


def parse_reply(body: bytes) -> Reply:
    """Raises BadReply if this is no chat completion."""
    try:
        reply = _reply.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadReply(f"no chat completion: {error}") from error
    if not reply.choices:
        raise BadReply("a chat completion without choices")
    choice = reply.choices[0]
    message = choice.message
    parts: list[Part] = []
    if message.reasoning_content:
        parts.append(Reasoning(text=message.reasoning_content))
    if message.content:
        parts.append(Text(text=message.content))
    if message.refusal:
        parts.append(Refusal(text=message.refusal))
    parts += [call.part() for call in message.tool_calls or ()]
    return Reply(
        parts=tuple(parts),
        stop=stop_reason(choice.finish_reason or "stop"),
        usage=usage_of(reply.usage),
        upstream_id=reply.id,
    )

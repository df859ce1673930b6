"""A Chat body read into the canonical form, for a target on another wire.

Everything is carried over, or refused by its exact path, or on the list of `shape.Body` that is accepted
without effect; so are `name` and `reasoning_content` of messages. A value that is null or the documented
default is always accepted. What a given model cannot do is the business of its own wire, and so are the rules
of tool calls and their results.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Final

import msgspec

from api.errors import GatewayError, Kind
from api.types import (
    Envelope,
    Image,
    Message,
    Part,
    Refusal,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from api.wires.openai_chat import shape


def parse_request(envelope: Envelope) -> Request:
    """Raises GatewayError (400) naming the parameter."""
    body = _decoded(envelope)
    _check_defaults(body)
    return Request(
        model=body.model,
        messages=_messages(body.messages),
        is_stream=envelope.is_stream,
        max_output_tokens=envelope.output_tokens,
        max_output_param=envelope.output_param,
        temperature=None if body.temperature == 1 else body.temperature,
        top_p=None if body.top_p == 1 else body.top_p,
        stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
        tools=tuple(_tool(tool, f"tools[{index}]") for index, tool in enumerate(body.tools or ())),
        tool_choice=_tool_choice(body.tool_choice),
        parallel_tool_calls=body.parallel_tool_calls,
        effort=body.reasoning_effort,
        verbosity=body.verbosity,
    )


# --- messages -------------------------------------------------------------------------------------------


def _messages(messages: Sequence[shape.AnyMessage]) -> tuple[Message, ...]:
    made = (_message(message, f"messages[{index}]") for index, message in enumerate(messages))
    return tuple(message for message in made if message is not None)


def _message(message: shape.AnyMessage, path: str) -> Message | None:
    """None for an assistant turn that says nothing."""
    match message:
        case shape.SystemMessage(content=content):
            return Message(role="system", parts=_parts(content, path, (Text,)), path=path)
        case shape.UserMessage(content=content):
            return Message(role="user", parts=_parts(content, path, (Text, Image)), path=path)
        case shape.ToolMessage(content=content, tool_call_id=call_id):
            parts = _parts(content, path, (Text, Image))
            return Message(role="user", parts=(_tool_result(call_id, parts),), path=path)
        case shape.AssistantMessage():
            parts = _assistant_parts(message, path)
            return Message(role="assistant", parts=parts, path=path) if parts else None
        case shape.FunctionMessage():
            raise _unsupported(
                f"{path}.role", "The role function is deprecated. Use tools and the role tool."
            )


def _parts(
    content: str | Sequence[shape.AnyPart], path: str, allowed: tuple[type[Part], ...]
) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(text=content),)
    parts = []
    for index, raw in enumerate(content):
        at = f"{path}.content[{index}]"
        part = _part(raw, at)
        if not isinstance(part, allowed):
            raise GatewayError("invalid_request", "This role takes no content of this type.", f"{at}.type")
        parts.append(part)
    return tuple(parts)


def _part(part: shape.AnyPart, path: str) -> Text | Image | Refusal:
    match part:
        case shape.TextPart(text=text):
            return Text(text=text)
        case shape.RefusalPart(refusal=text):
            return Refusal(text=text)
        case shape.ImagePart(image_url=image):
            return _image(image, f"{path}.image_url.url")
        case shape.FilePart():
            raise _unsupported(path, "Files are not supported yet for this model. Send their text instead.")
        case shape.AudioPart():
            raise _unsupported(path, "Audio input is not supported. Send its transcript instead.")


def _tool_result(call_id: str, parts: tuple[Part, ...]) -> ToolResult:
    shown = tuple(part for part in parts if isinstance(part, Text | Image))
    return ToolResult(call_id=call_id, parts=shown)


def _assistant_parts(message: shape.AssistantMessage, path: str) -> tuple[Part, ...]:
    if message.audio is not None:
        raise _unsupported(
            f"{path}.audio", "Audio of earlier answers is not supported. Send its text as content."
        )
    if message.function_call is not None:
        raise _unsupported(f"{path}.function_call", "function_call is deprecated. Use tool_calls.")
    parts = list(_parts(message.content or (), path, (Text, Refusal)))
    if message.refusal:
        parts.append(Refusal(text=message.refusal))
    for index, call in enumerate(message.tool_calls or ()):
        if isinstance(call, shape.CustomCall):
            raise _unsupported(f"{path}.tool_calls[{index}].type", "Only calls of functions are supported.")
        parts.append(ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments or ""))
    return tuple(parts)


# --- images ---------------------------------------------------------------------------------------------


def _image(image: shape.ImageUrl, path: str) -> Image:
    scheme, _, rest = image.url.partition(":")
    match scheme.lower():
        case "http" | "https":
            return Image(url=image.url, detail=image.detail)
        case "data":
            label, _, content = rest.partition(",")
            if not label.lower().endswith(";base64"):
                raise GatewayError("invalid_image", "An inline image must be a base64 data URL.", path)
            return Image(media_type=_media_type(content, path), content=content, detail=image.detail)
        case _:
            raise GatewayError("invalid_image", "An image must be an http(s) or a data URL.", path)


_HEAD_CHARS: Final = 24
_SIGNATURE: Final = re.compile(
    rb"(?P<jpeg>\xff\xd8\xff)|(?P<png>\x89PNG\r\n\x1a\n)|(?P<gif>GIF8[79]a)|(?P<webp>RIFF.{4}WEBP)", re.DOTALL
)


def _media_type(content: str, path: str) -> str:
    """By the signature of the bytes: labels are often wrong, and a wrong one is refused upstream."""
    try:
        head = base64.b64decode(content[:_HEAD_CHARS], validate=True)
    except (binascii.Error, ValueError) as error:
        raise GatewayError("invalid_image", "The image's data is not base64.", path) from error
    found = _SIGNATURE.match(head)
    if found is None:
        raise GatewayError("invalid_image", "Only JPEG, PNG, GIF and WebP images are supported.", path)
    return f"image/{found.lastgroup}"


# --- tools ----------------------------------------------------------------------------------------------

_TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def _tool(tool: shape.FunctionTool | shape.CustomTool, path: str) -> Tool:
    if isinstance(tool, shape.CustomTool):
        raise _unsupported(
            f"{path}.type", "Custom tools are not supported yet for this model. Use a function."
        )
    function = tool.function
    if _TOOL_NAME.fullmatch(function.name) is None:
        raise GatewayError(
            "invalid_request",
            "A function's name has 1 to 64 letters, digits, underscores and hyphens.",
            f"{path}.function.name",
        )
    return Tool(
        name=function.name,
        description=function.description,
        parameters=function.parameters,
        is_strict=function.strict or False,
    )


def _tool_choice(choice: shape.Choice | None) -> ToolChoice | None:
    match choice:
        case None | "auto":
            return None
        case "none" | "required":
            return ToolChoice(mode=choice)
        case shape.NamedFunction(function=function):
            return ToolChoice(mode="named", name=function.name)
        case shape.NamedCustom() | shape.AllowedTools():
            raise _unsupported(
                "tool_choice.type", "Only the choice of a function is supported for this model yet."
            )


# --- the rest -------------------------------------------------------------------------------------------

_DEFAULTS: Final[tuple[tuple[str, tuple[object, ...], Kind], ...]] = (
    ("n", (1,), "unsupported_value"),
    ("frequency_penalty", (0,), "unsupported_parameter"),
    ("presence_penalty", (0,), "unsupported_parameter"),
    ("logit_bias", ({},), "unsupported_parameter"),
    ("logprobs", (False,), "unsupported_parameter"),
    ("top_logprobs", (0,), "unsupported_parameter"),
    ("modalities", (["text"],), "unsupported_value"),
    ("store", (False,), "unsupported_value"),
    ("service_tier", ("auto", "default"), "unsupported_value"),
    ("audio", (), "unsupported_parameter"),
    ("moderation", (), "unsupported_parameter"),
    ("web_search_options", (), "unsupported_parameter"),
    ("functions", (), "unsupported_parameter"),
    ("function_call", (), "unsupported_parameter"),
)
_INSTEAD: Final = {"functions": " Use tools.", "function_call": " Use tool_choice."}


def _check_defaults(body: shape.Body) -> None:
    for name, accepted, kind in _DEFAULTS:
        value = getattr(body, name)
        if value is not None and value not in accepted:
            known = " other than its default" if accepted else ""
            instead = _INSTEAD.get(name, " Leave it out.")
            raise GatewayError(kind, f"{body.model} takes no {name}{known}.{instead}", name)
    if body.response_format is not None and body.response_format.type != "text":
        raise _unsupported("response_format", "Structured output is not supported for this model yet.")


def _unsupported(param: str, message: str) -> GatewayError:
    return GatewayError("unsupported_parameter", message, param)


# --- what msgspec found wrong ---------------------------------------------------------------------------


def _decoded(envelope: Envelope) -> shape.Body:
    try:
        return shape.decoder.decode(msgspec.json.encode(envelope.fields))
    except msgspec.ValidationError as error:
        raise _refused(str(error)) from error


_NOT_YET: Final = frozenset(
    {"thinking", "cache_control", "thinking_blocks", "reasoning_items", "prompt_cache_breakpoint"}
)
_FOUND: Final = re.compile(
    r"(?P<what>.*?(?:(?P<unknown>unknown)|(?P<missing>missing required)) field `(?P<field>.*?)`|.*?)"
    r"(?: - at (?:`key` in )?`\$\.?(?P<path>.*)`)?",
    re.DOTALL,
)


def _refused(found: str) -> GatewayError:
    """msgspec says what and where: "Expected `str`, got `int` - at `$.messages[0].content`"."""
    match = _FOUND.fullmatch(found)
    assert match is not None
    path = (match["path"] or "").removesuffix("[...]")
    field = match["field"]
    param = ".".join(name for name in (path, field) if name)
    if match["unknown"]:
        if field in _NOT_YET:
            return GatewayError(
                "unsupported_parameter", f"{param} is not supported for this model yet.", param
            )
        return GatewayError("unknown_parameter", f"Unknown parameter: {param}.", param)
    if match["missing"]:
        return GatewayError("invalid_request", f"Missing required parameter: {param}.", param)
    kind: Kind = "unsupported_value" if match["what"].startswith("Invalid") else "invalid_request"
    return GatewayError(kind, f"{param}: {match['what']}.", param)

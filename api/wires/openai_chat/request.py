"""A Chat body read into the canonical form, for a target on another wire.

Everything is carried over, or refused by its exact path, or on the list of `shape.Body` that is accepted
without effect; so are `name` and `reasoning_content` of messages. What a message holds is read by `content`,
tools and formats by `options`. A value that is null or the documented
default is always accepted. What a given model cannot do is the business of its own wire, and so are the rules
of tool calls and their results.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from api.errors import GatewayError, Kind
from api.types import (
    Document,
    Envelope,
    Image,
    Message,
    Part,
    Refusal,
    Request,
    Text,
    ToolCall,
    ToolResult,
)
from api.wires.openai_chat import content, options, shape
from api.wires.openai_chat.envelope import hashed


def parse_request(envelope: Envelope, *, salt: str) -> Request:
    """Raises GatewayError (400) naming the parameter. `salt` keeps one customer's end users and cache keys apart
    from another's."""
    body = _decoded(envelope)
    _check_defaults(body)
    end_user = body.safety_identifier or body.user
    return Request(
        model=body.model,
        messages=_messages(body.messages),
        is_stream=envelope.is_stream,
        max_output_tokens=envelope.output_tokens,
        max_output_param=envelope.output_param,
        temperature=None if body.temperature == 1 else body.temperature,
        top_p=None if body.top_p == 1 else body.top_p,
        stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
        tools=options.tools(body.tools or ()),
        tool_choice=options.tool_choice(body.tool_choice),
        parallel_tool_calls=body.parallel_tool_calls,
        effort=body.reasoning_effort,
        thinking=options.thinking(body.thinking),
        verbosity=body.verbosity,
        output_format=options.output_format(body.response_format),
        end_user=hashed(end_user, salt) if end_user else None,
        cache=content.cache_mark(body.cache_control),
        cache_key=hashed(body.prompt_cache_key, salt) if body.prompt_cache_key else None,
        cache_retention=body.prompt_cache_retention,
    )


# --- messages -------------------------------------------------------------------------------------------


def _messages(messages: Sequence[shape.AnyMessage]) -> tuple[Message, ...]:
    made = (_message(message, f"messages[{index}]") for index, message in enumerate(messages))
    return tuple(message for message in made if message is not None)


def _message(message: shape.AnyMessage, path: str) -> Message | None:
    """None for an assistant turn that says nothing."""
    match message:
        case shape.SystemMessage():
            parts = content.parts(message.content, path, (Text,))
            return Message(role="system", parts=content.marked(parts, message), path=path)
        case shape.UserMessage():
            parts = content.parts(message.content, path, (Text, Image, Document))
            return Message(role="user", parts=content.marked(parts, message), path=path)
        case shape.ToolMessage(tool_call_id=call_id):
            shown = content.parts(message.content, path, (Text, Image, Document))
            result = ToolResult(
                call_id=call_id,
                parts=tuple(part for part in shown if isinstance(part, Text | Image | Document)),
            )
            return Message(role="user", parts=content.marked([result], message), path=path)
        case shape.AssistantMessage():
            parts = _assistant_parts(message, path)
            if not parts:
                return None
            return Message(role="assistant", parts=content.marked(parts, message), path=path)
        case shape.FunctionMessage():
            raise _unsupported(
                f"{path}.role", "The role function is deprecated. Use tools and the role tool."
            )


def _assistant_parts(message: shape.AssistantMessage, path: str) -> list[Part]:
    if message.audio is not None:
        raise _unsupported(
            f"{path}.audio", "Audio of earlier answers is not supported. Send its text as content."
        )
    if message.function_call is not None:
        raise _unsupported(f"{path}.function_call", "function_call is deprecated. Use tool_calls.")
    parts: list[Part] = [*content.reasoning(message)]
    parts += content.parts(message.content or (), path, (Text, Refusal))
    if message.refusal:
        parts.append(Refusal(text=message.refusal))
    for call in message.tool_calls or ():
        if isinstance(call, shape.CustomCall):
            custom = call.custom
            parts.append(ToolCall(id=call.id, name=custom.name, arguments=custom.input, is_custom=True))
        else:
            function = call.function
            parts.append(ToolCall(id=call.id, name=function.name, arguments=function.arguments or ""))
    return parts


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


def _unsupported(param: str, message: str) -> GatewayError:
    return GatewayError("unsupported_parameter", message, param)


# --- what msgspec found wrong ---------------------------------------------------------------------------


def _decoded(envelope: Envelope) -> shape.Body:
    try:
        return shape.decoder.decode(msgspec.json.encode(envelope.fields))
    except msgspec.ValidationError as error:
        raise _refused(str(error)) from error


_STATE: Final = frozenset({"previous_response_id", "conversation"})
_STATELESS: Final = " No conversation is stored here: send all of its messages again."
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
        hint = _STATELESS if param in _STATE else ""
        return GatewayError("unknown_parameter", f"Unknown parameter: {param}.{hint}", param)
    if match["missing"]:
        return GatewayError("invalid_request", f"Missing required parameter: {param}.", param)
    kind: Kind = "unsupported_value" if match["what"].startswith("Invalid") else "invalid_request"
    return GatewayError(kind, f"{param}: {match['what']}.", param)

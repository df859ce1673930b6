"""What every translated upstream refuses or bounds alike, by the client's name for it and before any call.

On a same-wire target none of this runs: there the upstream judges.
"""

from collections.abc import Sequence

from api.errors import GatewayError
from api.types import Message, Request, ToolCall, ToolResult
from models.catalog import Model


def check_tool_turns(messages: Sequence[Message]) -> None:
    """Each call has one result and each result its call, before the assistant speaks again.

    The order of the results is free: they are paired by id. Ids may be used again in a later turn.
    """
    waiting: dict[str, Message] = {}
    answered: set[str] = set()
    is_answering = False
    for message in messages:
        if message.role == "assistant":
            if is_answering:
                _check_answered(waiting)
                answered.clear()
            is_answering = False
        else:
            is_answering = True
        for part in message.parts:
            if isinstance(part, ToolCall):
                if part.id in waiting:
                    raise GatewayError(
                        "invalid_request", f"Tool call id {part.id!r} is used twice.", message.path
                    )
                waiting[part.id] = message
            elif isinstance(part, ToolResult):
                _check_result(part, message, waiting, answered)
                del waiting[part.call_id]
                answered.add(part.call_id)
    _check_answered(waiting)


def _check_result(
    result: ToolResult, message: Message, waiting: dict[str, Message], answered: set[str]
) -> None:
    if result.call_id in waiting:
        return
    why = "was answered before" if result.call_id in answered else "is not one of the calls right before it"
    raise GatewayError(
        "invalid_request",
        f"Tool call id {result.call_id!r} {why}. Send exactly one tool message for each tool call.",
        message.path,
    )


def _check_answered(waiting: dict[str, Message]) -> None:
    for call_id, message in waiting.items():
        raise GatewayError(
            "invalid_request",
            f"Tool call {call_id!r} has no result. Send a tool message for each tool call.",
            message.path,
        )


def check_tools(request: Request) -> None:
    """The tool options are such as the tools allow."""
    choice = request.tool_choice
    if not request.tools:
        if choice is not None and (choice.mode in ("required", "named") or choice.allowed):
            raise GatewayError("invalid_request", "tool_choice needs tools to choose from.", "tool_choice")
        if request.parallel_tool_calls is False:
            raise GatewayError(
                "invalid_request", "parallel_tool_calls is only allowed with tools.", "parallel_tool_calls"
            )
    elif choice is not None:
        known = {tool.name for tool in request.tools}
        for name in (choice.name, *choice.allowed):
            if name is not None and name not in known:
                raise GatewayError(
                    "invalid_request", f"tool_choice names {name!r}, which is not in tools.", "tool_choice"
                )


def check_thinking(request: Request) -> None:
    """For vendors who are asked to think by effort alone."""
    if request.thinking is not None:
        raise GatewayError(
            "unsupported_parameter",
            f"{request.model} takes no thinking. Use reasoning_effort.",
            "thinking",
        )


def check_default_sampling(request: Request) -> None:
    """For models which sample their own way: only the defaults are accepted, and they are not forwarded."""
    for name, value in (("temperature", request.temperature), ("top_p", request.top_p)):
        if value is not None and value != 1:
            raise GatewayError(
                "unsupported_value",
                f"{request.model} takes no {name} other than 1. Leave {name} out.",
                name,
            )


def unsupported_effort(request: Request, supported: Sequence[str]) -> GatewayError:
    choices = ", ".join(supported) or "none"
    return GatewayError(
        "unsupported_value",
        f"{request.model} has no reasoning effort {request.effort!r}. Supported: {choices}.",
        "reasoning_effort",
    )


def output_bound(request: Request, model: Model, granted: int | None) -> int | None:
    """The least of the client's bound, what the cap leaves (`granted`) and what the model can; None: unbound."""
    asked = request.max_output_tokens
    if asked is not None and asked < 1:
        param = request.max_output_param
        raise GatewayError("invalid_request", f"{param} must be at least 1, not {asked}.", param)
    bounds = [bound for bound in (asked, granted) if bound is not None]
    return min(*bounds, model.max_output_tokens) if bounds else None

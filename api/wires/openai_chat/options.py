"""Tools, the choice among them, the format of the answer and the way of thinking, read from a Chat body."""

import re
from collections.abc import Sequence
from typing import Final

from api.errors import GatewayError
from api.types import Grammar, OutputFormat, Thinking, Tool, ToolChoice
from api.wires.openai_chat import shape
from api.wires.openai_chat.content import cache_mark

_TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def tools(given: Sequence[shape.AnyTool]) -> tuple[Tool, ...]:
    return tuple(_tool(tool, f"tools[{index}]") for index, tool in enumerate(given))


def _tool(tool: shape.AnyTool, path: str) -> Tool:
    mark = cache_mark(tool.cache_control)
    if isinstance(tool, shape.CustomTool):
        custom = tool.custom
        _check_name(custom.name, f"{path}.custom.name")
        rules = custom.format.grammar if isinstance(custom.format, shape.Grammar) else None
        return Tool(
            name=custom.name,
            description=custom.description,
            is_custom=True,
            grammar=None if rules is None else Grammar(syntax=rules.syntax, definition=rules.definition),
            cache=mark,
        )
    function = tool.function
    _check_name(function.name, f"{path}.function.name")
    return Tool(
        name=function.name,
        description=function.description,
        parameters=function.parameters,
        is_strict=function.strict or False,
        cache=mark,
    )


def _check_name(name: str, path: str) -> None:
    if _TOOL_NAME.fullmatch(name) is None:
        raise GatewayError(
            "invalid_request",
            "A tool's name has 1 to 64 letters, digits, underscores and hyphens.",
            path,
        )


def tool_choice(choice: shape.Choice | None) -> ToolChoice | None:
    """None for auto, which is the default."""
    match choice:
        case None | "auto":
            return None
        case "none" | "required":
            return ToolChoice(mode=choice)
        case shape.NamedFunction(function=named) | shape.NamedCustom(custom=named):
            return ToolChoice(mode="named", name=named.name)
        case shape.AllowedTools(allowed_tools=allowed):
            names = tuple(_name(named) for named in allowed.tools)
            if not names:
                raise GatewayError(
                    "invalid_request",
                    "allowed_tools needs one tool at least.",
                    "tool_choice.allowed_tools.tools",
                )
            return ToolChoice(mode=allowed.mode, allowed=names)


def _name(named: shape.NamedFunction | shape.NamedCustom) -> str:
    return named.function.name if isinstance(named, shape.NamedFunction) else named.custom.name


def output_format(
    wanted: shape.TextFormat | shape.JsonObject | shape.JsonSchema | None,
) -> OutputFormat | None:
    """None for plain text."""
    match wanted:
        case shape.JsonObject():
            return OutputFormat()
        case shape.JsonSchema(json_schema=described):
            if described.schema is None:
                path = "response_format.json_schema.schema"
                raise GatewayError("invalid_request", f"Missing required parameter: {path}.", path)
            return OutputFormat(
                name=described.name,
                description=described.description,
                schema=described.schema,
                is_strict=described.strict,
            )
        case _:
            return None


def thinking(wanted: shape.Thinking | None) -> Thinking | None:
    if wanted is None:
        return None
    if wanted.type == "enabled" and wanted.budget_tokens is None:
        path = "thinking.budget_tokens"
        raise GatewayError("invalid_request", f"Missing required parameter: {path}.", path)
    if wanted.type != "enabled" and wanted.budget_tokens is not None:
        raise GatewayError(
            "invalid_request", "A budget belongs to thinking of type enabled.", "thinking.budget_tokens"
        )
    return Thinking(mode=wanted.type, budget_tokens=wanted.budget_tokens, display=wanted.display)

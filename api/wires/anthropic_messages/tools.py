"""Tools, the choice among them, and the format of the answer: all that has a schema."""

from typing import Final

from api.errors import GatewayError
from api.types import OutputFormat, Request, Tool
from api.wires import custom_calls
from api.wires.anthropic_messages import turns
from api.wires.anthropic_messages.caching import Block, marked
from api.wires.anthropic_messages.schemas import Rewriter, Sizes

_MAX_STRICT_TOOLS: Final = 20
_MAX_OPTIONAL: Final = 24
_MAX_UNIONS: Final = 16

JSON_ONLY: Final = (
    "Answer with exactly one JSON object and nothing else: no words before or after it, no code fence."
)
"""This vendor enforces only closed schemas, so an object of any shape can only be asked for."""


def tools(request: Request, sizes: Sizes) -> Block:
    """`sizes` grows by what the strict tools take of upstream's bounds."""
    if not request.tools:
        # Some routes refuse tool blocks in the history when no tools are declared.
        names = turns.tool_names(request.messages)
        called = [_tool(Tool(name=name), "tools", sizes) for name in names]
        return {"tools": called, "tool_choice": {"type": "none"}} if called else {}
    allowed = request.tool_choice.allowed if request.tool_choice else ()
    shown = [
        _tool(tool, f"tools[{index}]", sizes)
        for index, tool in enumerate(request.tools)
        if not allowed or tool.name in allowed
    ]
    _check_strict(sum("strict" in tool for tool in shown), sizes, "tools")
    made: Block = {"tools": shown}
    if choice := _tool_choice(request):
        made["tool_choice"] = choice
    return made


def output_format(wanted: OutputFormat, sizes: Sizes) -> Block | None:
    """None where the answer's shape can only be asked for."""
    if wanted.schema is None:
        return None
    rewriter = Rewriter("response_format", wanted.is_strict or False, sizes)
    schema = rewriter.rewritten(wanted.schema)
    _check_strict(0, sizes, "response_format")
    return {"type": "json_schema", "schema": schema}


def _check_strict(tool_count: int, sizes: Sizes, param: str) -> None:
    for count, most, what in (
        (tool_count, _MAX_STRICT_TOOLS, "strict tools"),
        (sizes.optional, _MAX_OPTIONAL, "optional properties in all strict schemas"),
        (sizes.unions, _MAX_UNIONS, "properties of several types in all strict schemas"),
    ):
        if count > most:
            raise GatewayError("unsupported_value", f"This model takes at most {most} {what}.", param)


def _tool(tool: Tool, path: str, sizes: Sizes) -> Block:
    made: Block = {"name": tool.name}
    if tool.description is not None:
        made["description"] = tool.description
    if tool.grammar is not None:
        raise GatewayError(
            "unsupported_value",
            "This model cannot be held to a grammar. Describe the format in words.",
            f"{path}.custom.format",
        )
    if tool.is_custom:
        made["input_schema"] = custom_calls.SCHEMA
        return marked(made, tool.cache, path)
    schema = dict(tool.parameters or {"type": "object", "properties": {}})
    if not schema.get("type"):
        schema["type"] = "object"
    if tool.is_strict:
        made["input_schema"] = Rewriter(path, True, sizes).rewritten(schema)
        made["strict"] = True
    else:
        made["input_schema"] = schema
    return marked(made, tool.cache, path)


def _tool_choice(request: Request) -> Block | None:
    """None where upstream's default, auto with parallel calls, is meant."""
    choice = request.tool_choice
    if choice is None or choice.mode == "auto":
        made: Block = {"type": "auto"}
    elif choice.mode == "none":
        return {"type": "none"}
    elif choice.mode == "required":
        made = {"type": "any"}
    else:
        made = {"type": "tool", "name": choice.name}
    if request.parallel_tool_calls is False:
        made["disable_parallel_tool_use"] = True
    return made if made != {"type": "auto"} else None

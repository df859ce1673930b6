"""The request: options by what each model takes, tools, thinking. The conversation itself is in `turns`."""

from typing import Final

import msgspec

from api.errors import GatewayError
from api.types import Request, Target, Tool
from api.wires import rules
from api.wires.anthropic_messages import turns
from models.catalog import Model

Block = turns.Block

_MAX_STOPS: Final = 4
_MAX_STRICT_TOOLS: Final = 20


def render_request(
    request: Request, target: Target, *, output_tokens: int | None, end_user: str | None
) -> bytes:
    """The body of POST /v1/messages. A pure function of its arguments: equal requests are equal bytes."""
    rules.check_tool_turns(request.messages)
    rules.check_tools(request)
    model = target.model
    effort = _effort(request, model)
    body: Block = {
        "model": target.upstream_model,
        "max_tokens": rules.output_bound(request, model, output_tokens) or model.max_output_tokens,
    }
    if system := turns.system_blocks(request.messages):
        body["system"] = system
    body["messages"] = turns.turns(request.messages, keeps_reasoning=effort is not None)
    body |= _tools(request)
    if request.stop:
        body["stop_sequences"] = _stop(request.stop)
    body |= _sampling(request, model, is_thinking=effort is not None)
    if effort is not None:
        # Without `display` some models answer with empty thinking texts.
        body["thinking"] = {"type": "adaptive", "display": "summarized"}
        body["output_config"] = {"effort": effort}
    elif request.effort == "none":
        body["thinking"] = {"type": "disabled"}
    if end_user is not None:
        body["metadata"] = {"user_id": end_user}
    if request.is_stream:
        body["stream"] = True
    return msgspec.json.encode(body)


def _effort(request: Request, model: Model) -> str | None:
    """None: thinking stays off, which is these models' default."""
    if request.effort is None or request.effort == "none":
        return None
    effort = "low" if request.effort == "minimal" else request.effort
    if effort not in model.efforts:
        raise rules.unsupported_effort(request, ("none", "minimal", *model.efforts))
    return effort


def _sampling(request: Request, model: Model, *, is_thinking: bool) -> Block:
    if model.sampling == "fixed":
        rules.check_default_sampling(request)
        return {}
    temperature, top_p = request.temperature, request.top_p
    made: Block = {}
    if temperature is not None and temperature != 1:
        if not 0 <= temperature <= 2:
            raise GatewayError("unsupported_value", "temperature must be between 0 and 2.", "temperature")
        if is_thinking:
            raise GatewayError(
                "unsupported_value", "With reasoning_effort, temperature can only be 1.", "temperature"
            )
        # This vendor's scale ends at 1; his own compatibility layer caps as well.
        made["temperature"] = min(temperature, 1)
    if top_p is not None and top_p != 1:
        if not 0 <= top_p <= 1:
            raise GatewayError("unsupported_value", "top_p must be between 0 and 1.", "top_p")
        if is_thinking and top_p < 0.95:
            raise GatewayError(
                "unsupported_value", "With reasoning_effort, top_p can only be 0.95 to 1.", "top_p"
            )
        if made:
            raise GatewayError(
                "unsupported_value", f"{request.model} takes temperature or top_p, not both.", "top_p"
            )
        made["top_p"] = top_p
    return made


def _stop(stop: tuple[str, ...]) -> list[str]:
    if len(stop) > _MAX_STOPS:
        raise GatewayError("invalid_request", f"At most {_MAX_STOPS} stop sequences are allowed.", "stop")
    if any(not sequence.strip() for sequence in stop):
        raise GatewayError(
            "unsupported_value", "This model takes no stop sequence of white space alone.", "stop"
        )
    return list(stop)


def _tools(request: Request) -> Block:
    if not request.tools:
        # Some routes refuse tool blocks in the history when no tools are declared.
        names = turns.tool_names(request.messages)
        called = [_tool(Tool(name=name)) for name in names]
        return {"tools": called, "tool_choice": {"type": "none"}} if called else {}
    if sum(tool.is_strict for tool in request.tools) > _MAX_STRICT_TOOLS:
        raise GatewayError(
            "unsupported_value", f"This model takes at most {_MAX_STRICT_TOOLS} strict tools.", "tools"
        )
    made: Block = {"tools": [_tool(tool) for tool in request.tools]}
    if choice := _tool_choice(request):
        made["tool_choice"] = choice
    return made


def _tool(tool: Tool) -> Block:
    made: Block = {"name": tool.name}
    if tool.description is not None:
        made["description"] = tool.description
    schema = dict(tool.parameters or {"type": "object", "properties": {}})
    made["input_schema"] = schema if schema.get("type") else {**schema, "type": "object"}
    if tool.is_strict:
        made["strict"] = True
    return made


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

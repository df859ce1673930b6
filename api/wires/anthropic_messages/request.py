"""The request: options by what each model takes. The conversation itself is in `turns`, what has a schema in
`tools`."""

from typing import Final

import msgspec

from api.errors import GatewayError
from api.types import Request, Target, Text
from api.wires import rules
from api.wires.anthropic_messages import caching, thinking, tools, turns
from api.wires.anthropic_messages.caching import Block
from api.wires.anthropic_messages.schemas import Sizes
from models.catalog import Model

_MAX_STOPS: Final = 4


def render_request(request: Request, target: Target, *, output_tokens: int | None) -> bytes:
    """The body of POST /v1/messages. A pure function of its arguments: equal requests are equal bytes."""
    rules.check_tool_turns(request.messages)
    rules.check_tools(request)
    model = target.model
    thought, effort = thinking.thinking(request, model)
    bound = rules.output_bound(request, model, output_tokens) or model.max_output_tokens
    thinking.check_budget(request, bound)
    sizes = Sizes()
    body: Block = {"model": target.upstream_model, "max_tokens": bound}
    if system := _system(request):
        body["system"] = system
    body["messages"] = turns.turns(request.messages, keeps_reasoning=thinking.is_on(thought))
    body |= tools.tools(request, sizes)
    if request.stop:
        body["stop_sequences"] = _stop(request.stop)
    body |= _sampling(request, model, is_thinking=thinking.is_on(thought))
    if thought is not None:
        body["thinking"] = thought
    if output := _output(request, effort, sizes):
        body["output_config"] = output
    if request.end_user is not None:
        body["metadata"] = {"user_id": request.end_user}
    body = caching.marked(body, request.cache, "")
    caching.check_marks(body)
    if request.is_stream:
        body["stream"] = True
    return msgspec.json.encode(body)


def _system(request: Request) -> list[Block]:
    blocks = turns.system_blocks(request.messages)
    wanted = request.output_format
    if wanted is not None and wanted.schema is None:
        blocks.append(turns.text(Text(text=tools.JSON_ONLY), ""))
    return blocks


def _output(request: Request, effort: str | None, sizes: Sizes) -> Block:
    made: Block = {} if effort is None else {"effort": effort}
    wanted = request.output_format and tools.output_format(request.output_format, sizes)
    return {**made, "format": wanted} if wanted else made


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
                "unsupported_value", "With thinking, temperature can only be 1.", "temperature"
            )
        # This vendor's scale ends at 1; his own compatibility layer caps as well.
        made["temperature"] = min(temperature, 1)
    if top_p is not None and top_p != 1:
        if not 0 <= top_p <= 1:
            raise GatewayError("unsupported_value", "top_p must be between 0 and 1.", "top_p")
        if is_thinking and top_p < 0.95:
            raise GatewayError("unsupported_value", "With thinking, top_p can only be 0.95 to 1.", "top_p")
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

"""Thinking: asked for by effort, or in the vendor's own words by the extension `thinking`."""

from typing import Final

from api.errors import GatewayError
from api.types import Request, Thinking
from api.wires import rules
from api.wires.anthropic_messages.caching import Block
from models.catalog import Model

_MIN_BUDGET: Final = 1024


def thinking(request: Request, model: Model) -> tuple[Block | None, str | None]:
    """What is sent as `thinking`, and the effort. Without both it stays off, which is these models' default."""
    effort = _effort(request, model)
    if request.thinking is not None:
        if request.effort == "none" and request.thinking.mode != "disabled":
            raise GatewayError(
                "invalid_request", "reasoning_effort none and thinking contradict each other.", "thinking"
            )
        return _own_words(request.thinking, request.model, model), effort
    if effort is not None:
        return _shown(Thinking(mode="adaptive")), effort
    return ({"type": "disabled"} if request.effort == "none" else None), None


def check_budget(request: Request, bound: int) -> None:
    """A budget is part of the bound on output, and leaves no room for forced calls."""
    wanted = request.thinking
    if wanted is None or wanted.budget_tokens is None:
        return
    if not _MIN_BUDGET <= wanted.budget_tokens < bound:
        raise GatewayError(
            "unsupported_value",
            f"A budget is at least {_MIN_BUDGET} and below the bound on output, here {bound}.",
            "thinking.budget_tokens",
        )
    if request.tool_choice is not None and request.tool_choice.mode in ("required", "named"):
        raise GatewayError(
            "unsupported_value", "With a budget for thinking no tool can be forced.", "tool_choice"
        )


def is_on(thinking: Block | None) -> bool:
    return thinking is not None and thinking["type"] != "disabled"


def _effort(request: Request, model: Model) -> str | None:
    if request.effort is None or request.effort == "none":
        return None
    effort = "low" if request.effort == "minimal" else request.effort
    if effort not in model.efforts:
        raise rules.unsupported_effort(request, ("none", "minimal", *model.efforts))
    return effort


def _own_words(wanted: Thinking, name: str, model: Model) -> Block:
    if wanted.mode == "between_tools" or (wanted.mode == "enabled" and not model.has_thinking_budgets):
        raise GatewayError(
            "unsupported_value",
            f"{name} takes no thinking of type {wanted.mode}. Use adaptive or disabled.",
            "thinking.type",
        )
    return {"type": "disabled"} if wanted.mode == "disabled" else _shown(wanted)


def _shown(wanted: Thinking) -> Block:
    # Without `display` some models answer with empty thinking texts.
    made: Block = {"type": wanted.mode}
    if wanted.budget_tokens is not None:
        made["budget_tokens"] = wanted.budget_tokens
    return made | {"display": wanted.display or "summarized"}

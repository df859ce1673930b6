"""What the two OpenAI wires have in common: the credential, the shape of errors, and what reasoning models refuse."""

import re
from collections.abc import Mapping, Sequence

from api.sandbox.questions import Headers, JsonObject, Refused

_REASONING_MODEL = re.compile(r"^(gpt-5|codex|o\d)")
JSON_OBJECT: JsonObject = {
    "type": "object",
    "properties": {"sandbox": {"const": True}, "text": {"type": "string"}},
    "required": ["sandbox", "text"],
}


def check_credential(headers: Headers) -> None:
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Refused(
            "You didn't provide an API key. You need to provide your API key in an Authorization header using"
            " Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            status=401,
        )


def render_error(refused: Refused) -> JsonObject:
    error = {"message": refused.message, "type": refused.kind, "param": refused.param, "code": refused.code}
    return {"error": error}


def is_reasoning(model: str) -> bool:
    """Whether the model takes no sampling parameters; measured on gpt-5 (translation rules A1)."""
    return _REASONING_MODEL.match(model) is not None


def refuse_sampling(model: str, given: Mapping[str, float | None]) -> None:
    """Reasoning models take the default of 1 and nothing else."""
    for param, value in given.items():
        if value is not None and not 0 <= value <= (2 if param == "temperature" else 1):
            raise Refused(
                f"Invalid '{param}': {value} is out of range.", param=param, code="decimal_out_of_range"
            )
        if value not in (None, 1) and is_reasoning(model):
            raise Refused(
                f"Unsupported value: '{param}' does not support {value} with this model."
                " Only the default (1) value is supported.",
                param=param,
                code="unsupported_value",
            )


def refuse_below(param: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise Refused(
            f"Invalid '{param}': integer below minimum value. Expected a value >= {least}, but got {value} instead.",
            param=param,
            code="integer_below_min_value",
        )


def refuse_idle_choice(choice: object, tools: Sequence[object] | None) -> None:
    if choice not in (None, "none", "auto") and not tools:
        raise Refused(
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
            param="tool_choice",
        )


def padding(seed: str, step: int) -> str:
    """What `obfuscation` holds: noise of changing length, here from the seed."""
    return seed[: 4 + step * 7 % 13]

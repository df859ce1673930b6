"""OpenAI's errors, with the fields of a Responses request named as the client knows them."""

import re
from collections.abc import Mapping
from typing import Final

from api.errors import GatewayError
from api.types import Failed
from api.wires import openai_errors

# Paths are those of the rendered request: its indexes count items, not messages, so they are left out.
_STEP: Final = re.compile(r"[.\[]")
_CLIENT_FIELDS: Final = {
    "input": "messages",
    "instructions": "messages",
    "max_output_tokens": "max_completion_tokens",
    "reasoning": "reasoning_effort",
    "text": "response_format",
    "text.verbosity": "verbosity",
}


def parse_error(status: int, body: bytes) -> GatewayError:
    """An answer that is no success."""
    return _renamed(openai_errors.parse_error(status, body))


def failure(error: Mapping[str, object] | None) -> GatewayError:
    """The error of a response that failed, or of an error event; neither has a status."""
    return _renamed(openai_errors.in_stream(error or {}))


def failed(error: Mapping[str, object] | None) -> Failed:
    """The same as an event; as the first of a stream the caller can still make it an HTTP error."""
    made = failure(error)
    return Failed(kind=made.kind, message=made.message, param=made.param, retry_after=made.retry_after)


def _renamed(error: GatewayError) -> GatewayError:
    param = error.param
    if param is not None:
        error.param = _CLIENT_FIELDS.get(param) or _CLIENT_FIELDS.get(_STEP.split(param)[0], param)
    return error

"""A Chat request on its way to each model of the catalog, without any server: what is sent, or how it is refused."""

import json
from functools import cache
from typing import Any, Final

import pytest
from fakes import anthropic_rules, openai_rules, sdk_types

from api import wires
from api.errors import GatewayError
from api.types import Target, WireName
from api.wires import openai_chat
from models import catalog

HELLO: Final[dict[str, Any]] = {"role": "user", "content": "Hello"}
OPUS, SONNET, GPT5, MINI, CODEX = MODELS = (
    "claude-opus-4-7",
    "claude-sonnet-4-6",
    "gpt-5",
    "gpt-5-mini",
    "codex-1",
)
PATHS: Final[dict[WireName, str]] = {
    "anthropic_messages": "/v1/messages",
    "openai_responses": "/v1/responses",
    "openai_chat": "/v1/chat/completions",
}


@cache
def target(model: str) -> Target:
    """As a client of Chat reaches it: his own wire where it is listed, Responses before Chat else."""
    known = catalog.load(catalog.default_path()).models[model]
    entry = known.targets[0]
    order: tuple[WireName, ...] = ("openai_chat", "openai_responses", "anthropic_messages")
    wire = next(wire for wire in order if wire in entry.wires)
    assert entry.price is not None
    return Target(
        provider=entry.provider,
        upstream_model=entry.upstream_id,
        wire=wire,
        model=known,
        price=entry.price,
    )


def body(model: str, *messages: Any, **fields: Any) -> bytes:
    return json.dumps({"model": model, "messages": list(messages) or [HELLO], **fields}).encode()


def sent_bytes(model: str, *messages: Any, salt: str = "7", **fields: Any) -> bytes:
    """The body for the model's own vendor, who takes it."""
    to = target(model)
    envelope = openai_chat.peek(body(model, *messages, **fields))
    if to.wire == "openai_chat":
        return openai_chat.pass_request(envelope, to, output_tokens=None, salt=salt)
    request = openai_chat.parse_request(envelope, salt=salt)
    made = wires.upstream(to.wire).render_request(request, to, output_tokens=None)
    _check(to.wire, json.loads(made))
    return made


def sent(model: str, *messages: Any, salt: str = "7", **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(sent_bytes(model, *messages, salt=salt, **fields))
    return made


def refused(model: str, *messages: Any, **fields: Any) -> tuple[str, str | None]:
    """Code and param of a refusal that comes before any call upstream."""
    with pytest.raises(GatewayError) as caught:
        sent(model, *messages, **fields)
    assert caught.value.status == 400
    return caught.value.kind, caught.value.param


def _check(wire: WireName, made: dict[str, Any]) -> None:
    """What the vendor checks, by his official types and by what he enforces beyond them."""
    path = PATHS[wire]
    if wire == "anthropic_messages":
        typed = anthropic_rules.check_version({"anthropic-version": "2023-06-01"}, made)
        assert sdk_types.mismatch(path, typed) is None
        anthropic_rules.check(made)
    else:
        assert sdk_types.mismatch(path, openai_rules.typed(path, made)) is None
        openai_rules.check(path, made)

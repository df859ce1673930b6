"""Model name to targets."""

import pytest

from api.errors import GatewayError
from api.providers import Access, create_providers
from api.providers.http import Transport
from api.routing import Router, choose_wire
from models import catalog


def router(*, openai: str | None = "k", anthropic: str | None = "k") -> Router:
    access = {
        "openai": Access("http://127.0.0.1:1/v1", openai),
        "anthropic": Access("http://127.0.0.1:1", anthropic),
    }
    return Router(catalog.load(catalog.default_path()), create_providers(Transport(), access))


@pytest.mark.parametrize(
    ("model", "wire"),
    [
        ("gpt-5", "openai_chat"),
        ("gpt-5-mini", "openai_chat"),
        ("codex-1", "openai_responses"),
        ("claude-opus-4-7", "anthropic_messages"),
        ("claude-sonnet-4-6", "anthropic_messages"),
    ],
)
def test_each_model_is_reached_over_its_wire(model: str, wire: str) -> None:
    assert [target.wire for target in router().route(model, "openai_chat")] == [wire]


def test_an_unknown_model_is_a_404_that_names_the_parameter() -> None:
    with pytest.raises(GatewayError) as caught:
        router().route("gpt-6", "openai_chat")
    assert (caught.value.status, caught.value.kind, caught.value.param) == (404, "model_not_found", "model")


def test_a_model_without_a_credential_is_unavailable_never_simulated() -> None:
    alone = router(anthropic=None)
    assert alone.is_available("gpt-5")
    assert not alone.is_available("claude-opus-4-7")
    with pytest.raises(GatewayError) as caught:
        alone.route("claude-opus-4-7", "openai_chat")
    assert (caught.value.status, caught.value.kind) == (503, "upstream_unavailable")


def test_the_clients_own_wire_is_taken_before_a_richer_one() -> None:
    assert choose_wire(["openai_responses", "openai_chat"], "openai_chat") == "openai_chat"
    assert choose_wire(["openai_chat", "openai_responses"], "anthropic_messages") == "openai_responses"
    assert choose_wire(["openai_chat"], "anthropic_messages") == "openai_chat"

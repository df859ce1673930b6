"""A server of the operator's own, named in the catalog and nowhere in the code."""

import json
from collections.abc import Iterator
from pathlib import Path

import gateways
import httpx
import pytest
from fakes.provider import FakeProvider
from gateways import Gateway

from api.providers import Access
from models import catalog

CATALOG = """
[[providers]]
name = "cellar"
kind = "openai_compatible"
base_url = "http://127.0.0.1:1/v1"

[[models]]
id = "llama"
owned_by = "us"
context_tokens = 8000
max_output_tokens = 4000
default_output_tokens = 1000
sampling = "temperature_or_top_p"
efforts = []
[[models.targets]]
provider = "cellar"
upstream_id = "llama3.3:70b"
wires = ["openai_chat"]
[models.targets.price]
input = 0.1
output = 0.2
source = "our power bill"
"""
ASKED = {"model": "llama", "messages": [{"role": "user", "content": "Hi"}]}


def served(directory: Path, upstream: FakeProvider, *, key: str | None, needs_key: bool) -> Iterator[Gateway]:
    path = directory / "own.toml"
    path.write_text(CATALOG)
    offer = catalog.load(path)
    kind = offer.providers["cellar"].kind
    access = {"cellar": Access(upstream.openai_base_url, key, kind, needs_key=needs_key)}
    with gateways.running_gateway(directory, access, offer=offer) as running:
        yield running


@pytest.fixture
def gateway(tmp_path: Path, upstream: FakeProvider) -> Iterator[Gateway]:
    upstream.needs_key = False
    yield from served(tmp_path, upstream, key=None, needs_key=False)


@pytest.mark.parametrize("stream", [False, True])
def test_a_server_without_a_key_answers_under_the_name_of_the_catalog(
    stream: bool, client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    upstream.tolerate("top_k")
    upstream.script(text="Hello from the cellar")
    answer = client.post(
        "/chat/completions",
        json={**ASKED, "stream": stream, "temperature": 0.3, "max_tokens": 50, "top_k": 5},
    )
    assert answer.status_code == 200, answer.text
    assert "cellar" in answer.text
    assert '"model":"llama"' in answer.text.replace('": "', '":"')
    sent = upstream.calls[0]
    assert "authorization" not in sent.headers
    assert sent.json["model"] == "llama3.3:70b"
    assert (sent.json["max_tokens"], sent.json["max_completion_tokens"]) == (50, 50)
    assert (sent.json["temperature"], sent.json["top_k"]) == (0.3, 5)
    assert upstream.violations == []
    (row,) = gateway.rows()
    assert (row.outcome, row.cost_nusd) == ("ok", 12 * 100 + 7 * 200)


def test_without_a_bound_none_is_invented(client: httpx.Client, upstream: FakeProvider) -> None:
    assert client.post("/chat/completions", json=ASKED).status_code == 200
    assert not {"max_tokens", "max_completion_tokens"} & set(upstream.calls[0].json)


def test_its_key_is_sent_where_it_has_one(tmp_path: Path, upstream: FakeProvider) -> None:
    for gateway in served(tmp_path, upstream, key="cellar-key", needs_key=True):
        assert ask(gateway).status_code == 200
    assert upstream.calls[0].headers["authorization"] == "Bearer cellar-key"


def test_a_key_that_is_missing_makes_its_models_unavailable(tmp_path: Path, upstream: FakeProvider) -> None:
    for gateway in served(tmp_path, upstream, key=None, needs_key=True):
        answer = ask(gateway)
        assert (answer.status_code, json.loads(answer.content)["error"]["code"]) == (
            503,
            "upstream_unavailable",
        )
    assert upstream.calls == []


def ask(gateway: Gateway) -> httpx.Response:
    headers = {"Authorization": f"Bearer {gateway.key(gateway.account()).secret}"}
    return httpx.post(f"{gateway.base_url}/chat/completions", json=ASKED, headers=headers, trust_env=False)

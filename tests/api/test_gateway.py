"""The routes themselves: what is there, what is not, and that all of it is JSON."""

import json
from http.client import HTTPConnection

import httpx
import pytest
from fakes.provider import FakeProvider
from gateways import Gateway
from sqlmodel import Session

from models import accounts, epochs, keys, refusals


def test_models_are_listed_in_openais_shape_with_context_and_provider(client: httpx.Client) -> None:
    answer = client.get("/models")
    assert answer.status_code == 200
    body = answer.json()
    assert body["object"] == "list"
    found = {line["id"]: (line["provider"], line["context_window"], line["object"]) for line in body["data"]}
    assert found == {
        "claude-opus-4-7": ("anthropic", 200_000, "model"),
        "claude-sonnet-4-6": ("anthropic", 200_000, "model"),
        "gpt-5": ("openai", 128_000, "model"),
        "gpt-5-mini": ("openai", 128_000, "model"),
        "codex-1": ("openai", 128_000, "model"),
    }
    assert "x-request-id" in answer.headers


def test_one_model_can_be_asked_for(client: httpx.Client) -> None:
    assert client.get("/models/codex-1").json()["id"] == "codex-1"
    missing = client.get("/models/gpt-9")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


def test_models_need_a_key(gateway: Gateway) -> None:
    answer = httpx.get(f"{gateway.base_url}/models", trust_env=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def test_a_suspended_account_is_a_403_that_leaves_a_row(
    client: httpx.Client, gateway: Gateway, issued: keys.Issued
) -> None:
    account_id = issued.key.account_id
    gateway.database.run_now(_suspend, account_id, gateway.now())
    gateway.changed(account_id)
    for answer in (client.get("/models"), client.post("/chat/completions", json={})):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "account_suspended")
        assert "x-ratelimit-limit-requests" not in answer.headers
    gateway.run(gateway.settled())
    lines = gateway.database.read_now(refusals.last, account_id, 10)
    assert [line.code for line in lines] == ["account_suspended", "account_suspended"]
    assert gateway.rows() == []


def _suspend(session: Session, account_id: int, now: int) -> None:
    account = accounts.get(session, account_id)
    assert account is not None
    account.suspended_at = now
    session.add(account)
    epochs.bump(session, account_id, now=now)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "not_found"),
        ("POST", "/nope", 404, "not_found"),
        ("DELETE", "/chat/completions", 405, "method_not_allowed"),
        ("GET", "/chat/completions", 405, "method_not_allowed"),
        ("GET", "/", 404, "not_found"),
        ("GET", "", 404, "not_found"),
    ],
)
def test_unknown_paths_and_methods_answer_json(
    method: str, path: str, status: int, code: str, gateway: Gateway
) -> None:
    answer = httpx.request(method, gateway.base_url + path, trust_env=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/json"
    assert "x-request-id" in answer.headers
    assert "set-cookie" not in answer.headers


def test_browsers_may_ask_first_without_a_key(gateway: Gateway) -> None:
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{gateway.base_url}/chat/completions", headers=headers, trust_env=False)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers


def test_every_answer_may_be_read_by_any_origin(client: httpx.Client) -> None:
    for answer in (
        client.get("/models"),
        client.get("/nope"),
        client.post("/chat/completions", content=b"["),
    ):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "x-request-id" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b'{"model":"gpt-5","messages":[{"role":"user","content":"\\ud800"}]}', "invalid_json"),
        (b"[]", "invalid_json"),
        (b"{}", "invalid_request"),
        (b'{"model":1,"messages":[]}', "invalid_request"),
        (b'{"model":"gpt-5","messages":[]}', "invalid_request"),
    ],
)
def test_a_bad_body_is_a_400_that_says_what_is_wrong(
    body: bytes, code: str, client: httpx.Client, upstream: FakeProvider
) -> None:
    answer = client.post("/chat/completions", content=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == code
    assert upstream.calls == []


def test_G63_a_body_over_the_limit_is_refused_before_it_is_read(
    client: httpx.Client, gateway: Gateway
) -> None:
    url = httpx.URL(gateway.base_url)
    connection = HTTPConnection(url.host, url.port, timeout=20)
    connection.putrequest("POST", "/v1/chat/completions")
    connection.putheader("Content-Length", "41943040")
    connection.putheader("Authorization", client.headers["Authorization"])
    connection.endheaders(b"{")
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["error"]["code"] == "request_too_large"
    connection.close()


def test_a_body_without_a_length_is_held_to_the_same_limit(client: httpx.Client) -> None:
    answer = client.post("/chat/completions", content=(b" " * 65536 for _ in range(40)))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


def test_the_description_is_served(gateway: Gateway) -> None:
    body = httpx.get(f"{gateway.base_url}/openapi.json", trust_env=False).json()
    assert body["openapi"] == "3.1.0"
    assert "/chat/completions" in body["paths"]

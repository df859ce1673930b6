"""A key that is known and may not be used: what its requests are told, over real HTTP."""

import json
from functools import partial

import httpx
import pytest
from fakes.provider import FakeProvider
from gateways import Gateway

from api.upkeep import Upkeep
from models import key_settings, keys, refusals, rotation
from models.keys import Issued

CHAT = {"model": "gpt-5", "messages": [{"role": "user", "content": "Say hello"}]}


def change(gateway: Gateway, issued: Issued, operation: object) -> Issued:
    """By the owner, and heard of here."""
    key = issued.key
    done = gateway.database.run_now(
        operation,  # type: ignore[arg-type]
        key.account_id,
        key.public_id,
        actor="test",
        now=gateway.now(),
    )
    gateway.changed(key.account_id)
    return done  # type: ignore[return-value]


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def ask(gateway: Gateway, secret: str, **more: object) -> httpx.Response:
    return httpx.post(
        f"{gateway.base_url}/chat/completions",
        headers={"authorization": f"Bearer {secret}"},
        json=CHAT | more,
        trust_env=False,
        timeout=30,
    )


def test_a_paused_key_is_refused_from_the_next_request_until_it_is_resumed(
    client: httpx.Client, gateway: Gateway, issued: Issued, upstream: FakeProvider
) -> None:
    upstream.script(text="Hello")
    assert client.post("/chat/completions", json=CHAT).status_code == 200
    change(gateway, issued, key_settings.pause)
    answer = client.post("/chat/completions", json=CHAT)
    assert refused(answer) == (403, "key_paused")
    assert "resume it in the dashboard" in answer.json()["error"]["message"]
    assert refused(client.get("/models")) == (403, "key_paused")
    gateway.run(gateway.ledger.drained())
    assert len(gateway.rows()) == 1
    [row, *_] = gateway.database.read_now(refusals.last, issued.key.account_id, 1)
    assert (row.code, row.status, row.key_id) == ("key_paused", 403, issued.key.id)

    change(gateway, issued, key_settings.resume)
    upstream.script(text="Hello")
    assert client.post("/chat/completions", json=CHAT).status_code == 200


def test_a_key_that_has_ended_is_told_when_and_its_owner_sees_the_refusal(
    client: httpx.Client, gateway: Gateway, issued: Issued, upstream: FakeProvider
) -> None:
    change(gateway, issued, partial(key_settings.set_expiry, expires_at=gateway.now() + 10))
    upstream.script(text="Hello")
    assert client.post("/chat/completions", json=CHAT).status_code == 200
    gateway.clock.advance(10)
    answer = client.post("/chat/completions", json=CHAT)
    assert refused(answer) == (401, "invalid_api_key")
    assert "expired on 22 Nov 2026 12:00 UTC" in answer.json()["error"]["message"]
    gateway.run(gateway.ledger.drained())
    [row] = gateway.database.read_now(refusals.last, issued.key.account_id, 5)
    assert row.message == answer.json()["error"]["message"]

    change(gateway, issued, partial(key_settings.set_expiry, expires_at=None))
    upstream.script(text="Hello")
    assert client.post("/chat/completions", json=CHAT).status_code == 200


def test_a_key_that_ends_while_its_request_is_received_is_refused(
    gateway: Gateway, issued: Issued, upstream: FakeProvider
) -> None:
    change(gateway, issued, partial(key_settings.set_expiry, expires_at=gateway.now() + 10))

    def slowly() -> object:
        whole = json.dumps(CHAT).encode()
        yield whole[:10]
        gateway.run(gateway.ledger.drained())
        gateway.clock.advance(10)
        yield whole[10:]

    answer = httpx.post(
        f"{gateway.base_url}/chat/completions",
        headers={"authorization": f"Bearer {issued.secret}", "content-type": "application/json"},
        content=slowly(),  # type: ignore[arg-type]
        trust_env=False,
    )
    assert refused(answer) == (401, "invalid_api_key")
    assert upstream.calls == []


def test_both_secrets_of_a_rotated_key_share_its_counters(
    gateway: Gateway, issued: Issued, upstream: FakeProvider
) -> None:
    gateway.limit(issued, "hourly_requests", 3)
    new = change(gateway, issued, partial(rotation.rotate, overlap_s=3600))
    left = []
    for secret in (issued.secret, new.secret, issued.secret):
        upstream.script(text="Hello")
        answer = ask(gateway, secret)
        assert answer.status_code == 200, answer.text
        left.append(answer.headers["x-ratelimit-remaining-requests"])
    assert left == ["2", "1", "0"]
    for secret in (issued.secret, new.secret):
        assert refused(ask(gateway, secret)) == (429, "rate_limited")
    assert {row.key_id for row in gateway.rows()} == {issued.key.id}


def test_an_old_secret_that_is_ended_is_refused_from_the_next_request_on_and_told_why(
    gateway: Gateway, issued: Issued, upstream: FakeProvider
) -> None:
    new = change(gateway, issued, partial(rotation.rotate, overlap_s=3600))
    upstream.script(text="Hello")
    assert ask(gateway, issued.secret).status_code == 200
    change(gateway, issued, rotation.end_old)
    answer = ask(gateway, issued.secret)
    assert refused(answer) == (401, "invalid_api_key")
    assert "replaced by a new one" in answer.json()["error"]["message"]
    upstream.script(text="Hello")
    assert ask(gateway, new.secret).status_code == 200


def test_a_lost_secret_is_dead_from_the_next_request_on(gateway: Gateway, issued: Issued) -> None:
    assert ask(gateway, issued.secret, model="no-such-model").status_code == 404
    again = change(gateway, issued, rotation.reissue)
    assert refused(ask(gateway, issued.secret)) == (401, "invalid_api_key")
    assert refused(ask(gateway, again.secret, model="no-such-model")) == (404, "model_not_found")


def test_a_model_that_is_not_allowed_is_not_there_for_this_key_and_costs_nothing(
    client: httpx.Client, gateway: Gateway, issued: Issued, upstream: FakeProvider
) -> None:
    change(gateway, issued, partial(key_settings.set_models, names=["gpt-5-mini", "codex-1"]))
    answer = client.post("/chat/completions", json=CHAT)
    assert refused(answer) == (404, "model_not_found")
    assert "'gpt-5' is not available for this key" in answer.json()["error"]["message"]
    assert answer.json()["error"]["param"] == "model"
    assert upstream.calls == []
    upstream.script(text="Hello")
    assert client.post("/chat/completions", json=CHAT | {"model": "gpt-5-mini"}).status_code == 200
    gateway.run(gateway.settled())
    assert [row.model for row in gateway.rows()] == ["gpt-5-mini"]


def test_the_list_of_models_is_that_of_the_key(
    client: httpx.Client, gateway: Gateway, issued: Issued
) -> None:
    assert len(client.get("/models").json()["data"]) == 5
    change(gateway, issued, partial(key_settings.set_models, names=["gpt-5-mini", "gone-1"]))
    assert [model["id"] for model in client.get("/models").json()["data"]] == ["gpt-5-mini"]
    assert client.get("/models/gpt-5-mini").json()["id"] == "gpt-5-mini"
    assert refused(client.get("/models/gpt-5")) == (404, "model_not_found")
    other = gateway.key(issued.key.account_id, "other")
    assert ask(gateway, other.secret, model="nope").json()["error"]["message"].startswith("The model 'nope'")


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (key_settings.pause, "key_paused"),
        (partial(rotation.rotate, overlap_s=0), "invalid_api_key"),
        (keys.revoke, "invalid_api_key"),
    ],
)
def test_P_L4_a_stream_of_a_key_that_may_not_go_on_ends_and_says_why(
    operation: object,
    code: str,
    client: httpx.Client,
    gateway: Gateway,
    upstream: FakeProvider,
    issued: Issued,
) -> None:
    upkeep = Upkeep(gateway.pipeline.parts, gateway.database)
    script = upstream.script(text="one two three four", held=True)
    script.release(3)
    with client.stream("POST", "/chat/completions", json=CHAT | {"stream": True}) as answer:
        lines = answer.iter_lines()
        next(lines)
        change(gateway, issued, operation)
        gateway.run(upkeep.end_barred())
        rest = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert json.loads(rest[-1])["error"]["code"] == code


def test_a_stream_goes_on_over_a_rotation_that_leaves_its_secret(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, issued: Issued
) -> None:
    upkeep = Upkeep(gateway.pipeline.parts, gateway.database)
    script = upstream.script(text="one two three four", held=True)
    script.release(3)
    with client.stream("POST", "/chat/completions", json=CHAT | {"stream": True}) as answer:
        lines = answer.iter_lines()
        next(lines)
        change(gateway, issued, partial(rotation.rotate, overlap_s=3600))
        gateway.run(upkeep.end_barred())
        script.release_all()
        assert "data: [DONE]" in lines

"""The care of running exchanges: who is ended, who goes on, and what is noted of them."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fakes.provider import FakeProvider
from gateways import Gateway

from api.upkeep import Upkeep
from models import keys
from models.live.layers import LEASE_TTL_S

STREAMED = {"model": "gpt-5", "messages": [{"role": "user", "content": "Say hello"}], "stream": True}


@pytest.fixture
def upkeep(gateway: Gateway) -> Upkeep:
    return Upkeep(gateway.pipeline.parts, gateway.database)


def test_P_L4_a_stream_of_a_revoked_key_ends_with_an_error_and_is_metered(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, issued: keys.Issued, upkeep: Upkeep
) -> None:
    script = upstream.script(text="one two three four", held=True)
    script.release(3)
    with client.stream("POST", "/chat/completions", json=STREAMED) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("data: ")
        gateway.database.run_now(keys.revoke_by_id, issued.key.public_id, actor="test", now=gateway.now())
        gateway.changed(issued.key.account_id)
        gateway.run(upkeep.end_barred())
        rest = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert json.loads(rest[-1])["error"]["code"] == "invalid_api_key"
    upstream.calls[0].disconnected.wait()
    gateway.run(gateway.settled())
    (row,) = gateway.rows()
    assert (row.outcome, row.error_code, row.is_estimated) == ("cut", "invalid_api_key", True)
    assert row.total_tokens > 0


def test_a_stream_of_another_key_of_the_account_goes_on(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, issued: keys.Issued, upkeep: Upkeep
) -> None:
    other = gateway.key(issued.key.account_id, "other")
    script = upstream.script(text="one two three four", held=True)
    script.release(3)
    with client.stream("POST", "/chat/completions", json=STREAMED) as answer:
        lines = answer.iter_lines()
        next(lines)
        gateway.database.run_now(keys.revoke_by_id, other.key.public_id, actor="test", now=gateway.now())
        gateway.changed(issued.key.account_id)
        gateway.run(upkeep.end_barred())
        script.release_all()
        assert "data: [DONE]" in lines
    (row,) = gateway.rows()
    assert row.outcome == "ok"


def test_a_plain_answer_of_a_revoked_key_is_finished(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, issued: keys.Issued, upkeep: Upkeep
) -> None:
    script = upstream.script(text="one", headers_held=True)
    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(client.post, "/chat/completions", json=STREAMED | {"stream": False})
        upstream.wait_for_calls(1)
        gateway.database.run_now(keys.revoke_by_id, issued.key.public_id, actor="test", now=gateway.now())
        gateway.changed(issued.key.account_id)
        gateway.run(upkeep.end_barred())
        script.release_headers()
        assert asking.result().status_code == 200


def test_P_L3_the_reservation_of_a_long_stream_is_renewed_while_it_runs(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, issued: keys.Issued, upkeep: Upkeep
) -> None:
    gateway.limit(issued, "monthly_tokens", 1_000)
    script = upstream.script(text="one two three four", held=True)
    script.release(3)
    with client.stream("POST", "/chat/completions", json=STREAMED) as answer:
        lines = answer.iter_lines()
        next(lines)
        for _ in range(4):
            gateway.clock.advance(LEASE_TTL_S - 1)
            gateway.run(upkeep.renew())
        assert client.get("/models").headers["x-ratelimit-remaining-tokens"] == "0"
        script.release_all()
        assert "data: [DONE]" in lines


def test_what_a_stream_has_used_is_noted_while_it_runs(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, upkeep: Upkeep
) -> None:
    script = upstream.script(text="one two three four five six seven eight", held=True)
    script.release(6)
    with client.stream("POST", "/chat/completions", json=STREAMED) as answer:
        lines = answer.iter_lines()
        seen = 0
        while seen < 4:
            seen += next(lines).startswith("data: ")
        gateway.run(upkeep.renew())
        gateway.run(gateway.ledger.drained())
        (row,) = gateway.rows()
        assert (row.state, row.is_estimated) == ("open", True)
        assert row.output_tokens > 0
        assert row.cost_nusd > 0
        script.release_all()
        assert "data: [DONE]" in lines
    gateway.run(gateway.settled())
    (row,) = gateway.rows()
    assert (row.state, row.is_estimated, row.output_tokens) == ("final", False, 7)

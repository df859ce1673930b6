"""How a request ends in the ledger, in its headers and in the counters."""

import httpx
import pytest
from fakes.provider import FakeProvider
from gateways import Gateway

from models import keys
from models.ledger import Usage

ASKED = {"model": "gpt-5", "messages": [{"role": "user", "content": "Say hello"}]}


def test_a_plain_answer_says_what_is_left_after_it(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, issued: keys.Issued
) -> None:
    gateway.limit(issued, "monthly_tokens", 1_000)
    upstream.script(text="Hello", usage=Usage(input_tokens=30, output_tokens=12))
    answer = client.post("/chat/completions", json=ASKED)
    assert answer.headers["x-ratelimit-remaining-tokens"] == "958"
    shown = client.get("/models").headers["x-ratelimit-remaining-tokens"]
    assert shown == "958"


def test_an_answer_that_failed_before_its_first_byte_leaves_everything(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, issued: keys.Issued
) -> None:
    gateway.limit(issued, "monthly_tokens", 1_000)
    upstream.script(status=500, body={"error": {"message": "x"}})
    answer = client.post("/chat/completions", json=ASKED)
    assert answer.status_code == 502
    assert answer.headers["x-ratelimit-remaining-tokens"] == "1000"


def test_an_answer_that_the_cap_cut_says_so(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, issued: keys.Issued
) -> None:
    gateway.limit(issued, "monthly_tokens", 100)
    upstream.script(text="Hello", stop="length", usage=Usage(input_tokens=10, output_tokens=12))
    answer = client.post("/chat/completions", json=ASKED | {"max_completion_tokens": 5_000})
    assert answer.json()["choices"][0]["finish_reason"] == "length"
    assert answer.headers["x-starscoo-bound"] == "monthly_tokens"
    assert upstream.calls[0].json["max_completion_tokens"] < 100
    (row,) = gateway.rows()
    assert (row.stop, row.bound_by) == ("length", "monthly_tokens")


def test_an_answer_that_the_models_default_bound_cut_says_so(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, issued: keys.Issued
) -> None:
    gateway.limit(issued, "monthly_tokens", 10_000_000)
    upstream.script(text="Hello", stop="length", usage=Usage(input_tokens=10, output_tokens=12))
    answer = client.post("/chat/completions", json=ASKED)
    assert answer.headers["x-starscoo-bound"] == "model"
    assert upstream.calls[0].json["max_completion_tokens"] == 32_768


def test_an_answer_that_the_clients_own_bound_cut_names_nobody(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, issued: keys.Issued
) -> None:
    gateway.limit(issued, "monthly_tokens", 10_000_000)
    upstream.script(text="Hello", stop="length", usage=Usage(input_tokens=10, output_tokens=12))
    answer = client.post("/chat/completions", json=ASKED | {"max_completion_tokens": 12})
    assert "x-starscoo-bound" not in answer.headers
    (row,) = gateway.rows()
    assert (row.stop, row.bound_by) == ("length", None)


def test_a_key_without_a_cap_is_passed_through_unbounded(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    upstream.script(text="Hello", stop="length", usage=Usage(input_tokens=10, output_tokens=12))
    answer = client.post("/chat/completions", json=ASKED)
    assert "max_completion_tokens" not in upstream.calls[0].json
    assert "x-starscoo-bound" not in answer.headers


def test_a_stream_that_the_cap_cut_says_so_in_the_request_log(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, issued: keys.Issued
) -> None:
    gateway.limit(issued, "monthly_tokens", 100)
    upstream.script(text="Hello", stop="length", usage=Usage(input_tokens=10, output_tokens=12))
    assert "[DONE]" in client.post("/chat/completions", json=ASKED | {"stream": True}).text
    (row,) = gateway.rows()
    assert (row.stop, row.bound_by) == ("length", "monthly_tokens")


@pytest.mark.parametrize("is_stream", [False, True])
def test_P_L2_an_upstream_that_ignores_the_bound_is_settled_as_it_reports_and_noticed(
    is_stream: bool, client: httpx.Client, gateway: Gateway, upstream: FakeProvider, issued: keys.Issued
) -> None:
    gateway.limit(issued, "monthly_tokens", 100)
    upstream.script(text="Hello", usage=Usage(input_tokens=10, output_tokens=500))
    assert client.post("/chat/completions", json=ASKED | {"stream": is_stream}).status_code == 200
    (row,) = gateway.rows()
    assert (row.total_tokens, row.is_estimated) == (510, False)
    (notice,) = gateway.notices.current()
    assert "500 tokens" in notice.text
    refused = client.post("/chat/completions", json=ASKED)
    assert (refused.status_code, refused.headers["x-should-retry"]) == (429, "false")


def test_an_upstream_that_keeps_the_bound_is_not_noticed(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, issued: keys.Issued
) -> None:
    gateway.limit(issued, "monthly_tokens", 100)
    upstream.script(text="Hello", usage=Usage(input_tokens=10, output_tokens=20))
    client.post("/chat/completions", json=ASKED)
    assert gateway.notices.current() == []


def test_P_A5_a_request_counts_in_the_hour_it_was_admitted(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    admitted = gateway.now() // 3600
    script = upstream.script(text="one two", held=True)
    script.release(2)
    with client.stream("POST", "/chat/completions", json=ASKED | {"stream": True}) as answer:
        lines = answer.iter_lines()
        next(lines)
        gateway.clock.advance(3 * 3600)
        script.release_all()
        assert "data: [DONE]" in lines
    (row,) = gateway.rows()
    assert (row.hour, row.state) == (admitted, "final")

"""When a request is tried once more, where, and how often in all; and what a dead provider costs."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from faults import answers, houses, plays
from faults.server import FaultServer, Play
from gateways import Gateway

from api.breaker import FAILURES, REST_SECONDS
from api.second_try import FREE, SHARE
from models.catalog import Price

DEAR = Price(input_nusd=10**10, cache_read_nusd=10**10, cache_write_nusd=10**10, output_nusd=10**10)
UNVERIFIED = (
    b'{"error":{"message":"Your organization must be verified to generate reasoning summaries.","code":null,'
    b'"type":"invalid_request_error","param":"reasoning.summary"}}'
)
KINDS_OF_CALL = [(wire, stream) for wire in houses.WIRES for stream in (True, False)]


@pytest.fixture
def first() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def second() -> Iterator[FaultServer]:
    with FaultServer() as server:
        server.play = plays.well
        yield server


@pytest.fixture
def gateway(tmp_path: Path, first: FaultServer, second: FaultServer) -> Iterator[Gateway]:
    """Models with one target, and `-spare` ones with a second one of the other vendor, at another price."""
    models = [houses.model(wire, houses.target(wire)) for wire in houses.WIRES]
    for wire in houses.WIRES:
        other = "messages" if wire != "messages" else "chat"
        spare = houses.target(other, "spare", DEAR)
        models.append(houses.model(f"{wire}-spare", houses.target(wire), spare))
    places = houses.access(faulty=houses.addresses(first), spare=houses.addresses(second))
    with houses.gateway(tmp_path, places, models, retry_share=SHARE, failures=FAILURES) as running:
        yield running


@pytest.fixture
def client(gateway: Gateway) -> Iterator[httpx.Client]:
    with houses.customer(gateway) as client:
        yield client


def ask(client: httpx.Client, name: str, *, stream: bool = False, **more: object) -> httpx.Response:
    return client.post("/chat/completions", json=houses.asked(name, stream=stream, **more))


def in_turn(*turns: Play) -> Play:
    """One play after the other, the last for ever."""
    left = list(turns)

    async def play(call: object) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(call)  # type: ignore[arg-type]

    return play


@pytest.mark.parametrize(
    "failure",
    [
        plays.reset_before_headers,
        plays.closed_before_headers,
        plays.refused(500),
        plays.refused(502),
        plays.no_http,
    ],
)
@pytest.mark.parametrize(("wire", "stream"), KINDS_OF_CALL)
def test_P_U2_a_failure_before_the_first_byte_is_tried_once_more(
    wire: str, stream: bool, failure: Play, client: httpx.Client, gateway: Gateway, first: FaultServer
) -> None:
    first.play = in_turn(failure, plays.well)
    answer = ask(client, wire, stream=stream)
    assert answer.status_code == 200, answer.text
    assert answers.WORDS[-1] in answer.text
    assert len(first.calls) == 2
    first.play = failure
    assert ask(client, wire, stream=stream).status_code == 502
    assert len(first.calls) == 4
    gateway.run(gateway.idle())
    assert sorted(row.outcome for row in gateway.rows()) == ["error", "ok"]


@pytest.mark.parametrize(
    "failure",
    [
        plays.reset_in_the_middle,
        plays.ended_without_end_event,
        plays.stalled,
        plays.truncated_json,
        plays.error_event(after_words=True),
    ],
)
@pytest.mark.parametrize(("wire", "stream"), KINDS_OF_CALL)
def test_P_U2_an_answer_that_had_begun_is_never_asked_for_again(
    wire: str,
    stream: bool,
    failure: Play,
    client: httpx.Client,
    first: FaultServer,
    second: FaultServer,
) -> None:
    first.play = failure
    for name in (wire, f"{wire}-spare"):
        ask(client, name, stream=stream)
    assert (len(first.calls), len(second.calls)) == (2, 0)


@pytest.mark.parametrize(
    "failure",
    [
        plays.refused(400),
        plays.refused(401),
        plays.refused(404),
        plays.refused(413),
        plays.refused(500, X_Should_Retry="false"),
    ],
)
@pytest.mark.parametrize("wire", houses.WIRES)
def test_P_U2_what_no_other_try_can_mend_is_not_tried_again(
    wire: str, failure: Play, client: httpx.Client, first: FaultServer, second: FaultServer
) -> None:
    first.play = failure
    assert ask(client, f"{wire}-spare").status_code >= 400
    assert (len(first.calls), len(second.calls)) == (1, 0)


@pytest.mark.parametrize("code", [429, 503, 529, 504])
def test_P_U2_a_provider_that_asks_for_patience_is_not_asked_again_at_once(
    code: int, client: httpx.Client, first: FaultServer, second: FaultServer
) -> None:
    first.play = plays.refused(code, Retry_After="7")
    assert ask(client, "chat").headers["retry-after"] == "7"
    assert len(first.calls) == 1
    assert ask(client, "chat-spare").status_code == 200
    assert (len(first.calls), len(second.calls)) == (2, 1)


@pytest.mark.parametrize(("wire", "stream"), KINDS_OF_CALL)
def test_P_U2_another_target_answers_at_its_own_price_whatever_its_vendor(
    wire: str, stream: bool, client: httpx.Client, gateway: Gateway, first: FaultServer, second: FaultServer
) -> None:
    first.die()
    answer = ask(client, f"{wire}-spare", stream=stream)
    assert answer.status_code == 200, answer.text
    assert answers.WORDS[-1] in answer.text
    assert len(second.calls) == 1
    gateway.run(gateway.idle())
    (row,) = gateway.rows()
    assert (row.state, row.outcome, row.total_tokens) == (
        "final",
        "ok",
        answers.IN_TOKENS + answers.OUT_TOKENS,
    )
    assert row.cost_nusd == row.total_tokens * DEAR.input_nusd // 10**6
    assert houses.reserved_tokens(gateway, row.account_id, row.key_id) == 0


def test_an_error_that_is_the_first_event_is_tried_at_the_other_target(
    client: httpx.Client, first: FaultServer, second: FaultServer
) -> None:
    first.play = plays.error_event(after_words=False, kind="overloaded_error")
    answer = ask(client, "messages-spare", stream=True)
    assert answer.status_code == 200
    assert answer.text.endswith("data: [DONE]\n\n")
    assert (len(first.calls), len(second.calls)) == (1, 1)


def test_a_target_that_cannot_express_the_request_is_passed_over(
    client: httpx.Client, first: FaultServer, second: FaultServer
) -> None:
    first.play = plays.refused(503)
    answer = ask(client, "chat-spare", logit_bias={"50256": -100})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upstream_overloaded")
    assert second.calls == []


@pytest.mark.parametrize("failure", [plays.refused(500), plays.reset_before_headers])
def test_P_U2_a_summary_that_was_left_out_was_the_second_try(
    failure: Play, client: httpx.Client, first: FaultServer
) -> None:
    first.play = in_turn(plays.status(400, UNVERIFIED, Content_Type="application/json"), failure, plays.well)
    assert ask(client, "responses", reasoning_effort="low").status_code == 502
    assert len(first.calls) == 2
    assert ask(client, "responses", reasoning_effort="low").status_code == 200


@pytest.mark.parametrize("requests", [20, 120])
def test_P_U2_all_second_tries_together_are_a_tenth_of_the_traffic(
    requests: int, client: httpx.Client, first: FaultServer
) -> None:
    first.play = plays.refused(500)  # of which no breaker opens
    for _ in range(requests):
        assert ask(client, "chat").status_code == 502
    assert len(first.calls) - requests == max(FREE, requests // 10)


@pytest.mark.parametrize("wire", houses.WIRES)
def test_P_U3_a_dead_provider_is_not_asked_and_is_asked_again_when_it_is_back(
    wire: str, client: httpx.Client, gateway: Gateway, first: FaultServer
) -> None:
    first.play = plays.refused(502)
    while not gateway.notices:
        assert ask(client, wire).status_code == 502
    asked, connections = len(first.calls), first.connections
    assert asked >= FAILURES
    for _ in range(3):
        answer = ask(client, wire)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
        assert answer.headers["retry-after"] == "2"
        assert answer.headers["x-should-retry"] == "true"
    assert (len(first.calls), first.connections) == (asked, connections)
    (notice,) = gateway.notices.current()
    assert "does not answer" in notice.text
    gateway.clock.advance(REST_SECONDS)
    assert ask(client, wire).status_code == 502  # one is let through, and no more
    assert ask(client, wire).status_code == 502
    assert len(first.calls) == asked + 1
    first.play = plays.well
    gateway.clock.advance(REST_SECONDS)
    assert REST_SECONDS <= 5
    assert [ask(client, wire).status_code for _ in range(3)] == [200] * 3
    assert not gateway.notices
    gateway.run(gateway.idle())
    assert {row.state for row in gateway.rows()} == {"final"}


def test_P_U3_a_dead_provider_is_passed_over_without_a_second_try(
    client: httpx.Client, gateway: Gateway, first: FaultServer, second: FaultServer
) -> None:
    first.die()
    while not gateway.notices:
        ask(client, "chat-spare")
    gateway.pipeline.parts.second_tries.firsts = -(10**9)  # nothing is left to spend
    before = len(second.calls)
    assert [ask(client, "chat-spare", stream=stream).status_code for stream in (True, False)] == [200, 200]
    assert len(second.calls) == before + 2
    first.rise()
    first.play = plays.well
    gateway.clock.advance(REST_SECONDS)
    assert ask(client, "chat-spare").status_code == 200
    assert (len(first.calls), len(second.calls)) == (1, before + 2)


def test_one_customers_requests_that_a_provider_fails_at_do_not_shut_out_the_others(
    client: httpx.Client, gateway: Gateway, first: FaultServer
) -> None:
    for failure in (plays.refused(500), plays.refused(400), plays.refused(404), plays.refused(429)):
        first.play = failure
        for _ in range(FAILURES + 1):
            ask(client, "chat")
    first.play = plays.well
    assert ask(client, "chat").status_code == 200
    assert not gateway.pipeline.parts.breakers.troubled


def test_P_U3_a_success_in_between_begins_the_count_anew(
    client: httpx.Client, gateway: Gateway, first: FaultServer
) -> None:
    for _ in range(3):
        first.play = in_turn(*[plays.refused(503)] * (FAILURES - 1), plays.well)
        codes = [ask(client, "chat").status_code for _ in range(FAILURES)]
        assert codes == [503] * (FAILURES - 1) + [200]
    assert not gateway.notices

"""Every way in which an upstream breaks, streamed and plain, over every wire: what the client gets, and what is left
behind. `gathered` is a plain answer that the gateway streams from upstream."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from _pytest.mark import ParameterSet
from faults import answers, houses, plays
from faults.server import FaultServer, Play
from gateways import Gateway

from api.errors import KINDS, Kind

KINDS_OF_CALL = [(wire, stream) for wire in houses.WIRES for stream in (True, False)] + [("gathered", False)]


@dataclass(frozen=True)
class Told:
    """What a client must be told: as a status, or (`late`) as an event after the first words. None: all is well."""

    kind: Kind | None
    late: bool = False
    wait: str | None = None


WELL = Told(None)
ERROR, TIMEOUT, CUT = Told("upstream_error"), Told("upstream_timeout"), Told("upstream_disconnected")
LATE_ERROR, LATE_TIMEOUT, LATE_CUT = (
    Told(told.kind, late=True) for told in (ERROR, TIMEOUT, CUT) if told.kind
)
UNAVAILABLE = Told("upstream_unavailable")

Row = tuple[Play, Told, Told]
"""The play, what a streaming client is told, what a plain one is told."""
FAULTS: dict[str, Row] = {
    "silent": (plays.silent, TIMEOUT, TIMEOUT),
    "slow headers": (plays.slow_headers, TIMEOUT, TIMEOUT),
    "reset before headers": (plays.reset_before_headers, ERROR, ERROR),
    "closed before headers": (plays.closed_before_headers, ERROR, ERROR),
    "closed within headers": (plays.closed_within_headers, ERROR, ERROR),
    "no http": (plays.no_http, ERROR, ERROR),
    "10^5 headers": (plays.many_headers, ERROR, ERROR),
    "a header of 8 MB": (plays.long_header, ERROR, ERROR),
    "a status line of 8 MB": (plays.long_status_line, ERROR, ERROR),
    "101": (plays.switching_protocols, ERROR, ERROR),
    "103 first": (plays.early_hints, WELL, WELL),
    "103 and silence": (plays.hints_and_silence, TIMEOUT, TIMEOUT),
    "103 for ever": (plays.hints_for_ever, TIMEOUT, TIMEOUT),
    "204": (plays.status(204), ERROR, ERROR),
    "301": (plays.status(301, Location="/v1/elsewhere"), ERROR, ERROR),
    "307": (plays.status(307, Location="/v1/elsewhere"), ERROR, ERROR),
    "page with 200": (plays.page, ERROR, ERROR),
    "page that says it is right": (plays.page_that_says_it_is_right, CUT, ERROR),
    "empty": (plays.empty, CUT, ERROR),
    "wrong content type": (plays.wrong_type, ERROR, WELL),
    "gzip bomb": (plays.encoded, ERROR, ERROR),
    "truncated json": (plays.truncated_json, LATE_ERROR, ERROR),
    "raw NUL": (plays.broken_text(b"de\0ar "), LATE_ERROR, ERROR),
    "escaped NUL": (plays.broken_text(b"de\\u0000ar "), WELL, WELL),
    "bad UTF-8": (plays.broken_text(b"de\xff\xfear "), LATE_ERROR, ERROR),
    "half a character": (plays.broken_text(b"de\xc3 "), LATE_ERROR, ERROR),
    "lone surrogate": (plays.broken_text(b"de\\ud800ar "), LATE_ERROR, ERROR),
    "odd shape": (plays.odd_shape, LATE_ERROR, ERROR),
    "malformed events": (plays.malformed_events, LATE_ERROR, ERROR),
    "100 MB in one chunk": (plays.huge_chunk, ERROR, ERROR),
    "small events for ever": (plays.endless_small_events, ERROR, ERROR),
    "dribble": (plays.dribble, WELL, WELL),
    "stalled after headers": (plays.stalled_after_headers, TIMEOUT, TIMEOUT),
    "stalled": (plays.stalled, LATE_TIMEOUT, TIMEOUT),
    "reset in the middle": (plays.reset_in_the_middle, LATE_CUT, CUT),
    "closed in the middle": (plays.closed_in_the_middle, LATE_CUT, CUT),
    "no end event": (plays.ended_without_end_event, LATE_CUT, ERROR),
    "bad chunk size": (plays.bad_chunk_size, LATE_CUT, CUT),
    "left open after the end": (plays.left_open, WELL, TIMEOUT),
    "talks on after the end": (plays.talks_on, WELL, WELL),
    "error event first": (plays.error_event(after_words=False), ERROR, ERROR),
    "error event in the middle": (plays.error_event(after_words=True), LATE_ERROR, ERROR),
    "unknown events": (plays.unknown_events, WELL, WELL),
    "500 of 100 MB": (plays.huge_refusal(500), ERROR, ERROR),
}
WAITING: Told = Told("upstream_rate_limited", wait="7")
STATUSES: dict[int, tuple[Told, Told]] = {
    # without and with Retry-After: 7
    400: (Told("invalid_request"), Told("invalid_request")),
    401: (UNAVAILABLE, UNAVAILABLE),
    402: (UNAVAILABLE, UNAVAILABLE),
    403: (UNAVAILABLE, UNAVAILABLE),
    404: (UNAVAILABLE, UNAVAILABLE),
    408: (TIMEOUT, Told("upstream_timeout", wait="7")),
    413: (Told("request_too_large"), Told("request_too_large")),
    422: (Told("invalid_request"), Told("invalid_request")),
    429: (Told("upstream_rate_limited"), WAITING),
    500: (ERROR, Told("upstream_error", wait="7")),
    502: (ERROR, Told("upstream_error", wait="7")),
    503: (Told("upstream_overloaded", wait="5"), Told("upstream_overloaded", wait="7")),
    504: (TIMEOUT, Told("upstream_timeout", wait="7")),
    520: (ERROR, Told("upstream_error", wait="7")),
    524: (ERROR, Told("upstream_error", wait="7")),
    529: (Told("upstream_overloaded", wait="5"), Told("upstream_overloaded", wait="7")),
}


def _cells() -> Iterator[ParameterSet]:
    for name, (play, streamed, plain) in FAULTS.items():
        for way, stream in KINDS_OF_CALL:
            told = streamed if stream else plain
            if way == "gathered":  # nothing has gone to the client, however late the stream broke
                told = Told(streamed.kind)
            yield _cell(name, way, stream, play, told)
    for code, pair in STATUSES.items():
        for wait, told in zip((None, "7"), pair, strict=True):
            play = plays.refused(code, **({"Retry_After": wait} if wait else {}))
            for way, stream in KINDS_OF_CALL:
                # This vendor names a time on every limit but those of what may be spent.
                is_spent = (code, wait) == (429, None) and way in ("messages", "gathered")
                name = f"{code} with Retry-After" if wait else str(code)
                yield _cell(name, way, stream, play, UNAVAILABLE if is_spent else told)


def _cell(name: str, way: str, stream: bool, play: Play, told: Told) -> ParameterSet:
    return pytest.param(way, stream, play, told, id=f"{name}-{way}-{'stream' if stream else 'plain'}")


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, server: FaultServer) -> Iterator[Gateway]:
    models = [houses.model(wire, houses.target(wire)) for wire in houses.WIRES]
    with houses.nobody() as nobody, houses.black_hole() as black_hole:
        for wire in houses.WIRES:
            models.append(houses.model(f"{wire}-refused", houses.target(wire, "refused")))
            models.append(houses.model(f"{wire}-hole", houses.target(wire, "hole")))
        places = houses.access(faulty=houses.addresses(server), refused=nobody, hole=black_hole)
        with houses.gateway(tmp_path_factory.mktemp("gateway"), places, models) as running:
            yield running


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Iterator[httpx.Client]:
    with houses.customer(gateway) as client:
        yield client


@pytest.mark.parametrize(("way", "stream", "play", "told"), list(_cells()))
def test_P_U1_whatever_the_upstream_does_the_client_is_told_and_nothing_stays_behind(
    way: str,
    stream: bool,
    play: Play,
    told: Told,
    client: httpx.Client,
    gateway: Gateway,
    server: FaultServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.play = play
    before = len(server.calls)
    model = "messages" if way == "gathered" else way
    bound = 50_000 if way == "gathered" else 50
    answer = client.post(
        "/chat/completions", json=houses.asked(model, stream=stream, max_completion_tokens=bound)
    )
    assert len(server.calls) - before == 1
    assert server.calls[-1].is_stream == (stream or way == "gathered")
    _check_answer(answer, told, stream=stream)
    _check_nothing_stays(answer, told, gateway)
    server.settled()
    assert server.broken == []
    assert houses.KEY not in caplog.text
    assert answers.WORDS[0] not in caplog.text


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("wire", houses.WIRES)
@pytest.mark.parametrize(("place", "told"), [("refused", ERROR), ("hole", TIMEOUT)])
def test_P_U1_an_upstream_that_cannot_be_reached_is_told_and_nothing_stays_behind(
    place: str, told: Told, wire: str, stream: bool, client: httpx.Client, gateway: Gateway
) -> None:
    answer = client.post("/chat/completions", json=houses.asked(f"{wire}-{place}", stream=stream))
    _check_answer(answer, told, stream=stream)
    _check_nothing_stays(answer, told, gateway)


def _check_answer(answer: httpx.Response, told: Told, *, stream: bool) -> None:
    whole = f"{answer.headers} {answer.text}".lower()
    for secret in (*plays.CANARY.lower().split(), houses.KEY, "cloudflare", "req_up", "canary"):
        assert secret not in whole
    assert not {"set-cookie", "openai-organization", "location"} & set(answer.headers)
    assert answer.headers["x-request-id"].startswith("req_")
    if told.late:
        return _check_late(answer, told)
    if told.kind is None:
        assert answer.status_code == 200, answer.text
        return _check_well(answer, stream=stream)
    status, type_, _ = KINDS[told.kind]
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (status, told.kind, type_)
    assert set(error) == {"message", "type", "param", "code"}
    assert answer.headers.get("retry-after") == told.wait
    return None


def _check_late(answer: httpx.Response, told: Told) -> None:
    """Words, then one error event, and no end."""
    assert answer.status_code == 200, answer.text
    chunks = [json.loads(line) for line in _data(answer)]
    assert [("error" in chunk) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1]["error"]["code"] == told.kind
    said = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks[:-1])
    assert said
    assert answers.SAID.startswith(said)
    assert {chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]} == {None}


def _check_well(answer: httpx.Response, *, stream: bool) -> None:
    if not stream:
        said = answer.json()["choices"][0]["message"]["content"]
        assert said.replace("\0", "") == answers.SAID
        return
    *lines, last = _data(answer)
    assert last == "[DONE]"
    choices = [choice for line in lines for choice in json.loads(line)["choices"]]
    said = "".join(choice["delta"].get("content") or "" for choice in choices)
    assert said.replace("\0", "") == answers.SAID


def _data(answer: httpx.Response) -> list[str]:
    """What stands in the events; everything between them must be comments or fields of an event."""
    fields = ("data: ", ":", "event: ", "id: ", "retry: ")
    assert all(line.startswith(fields) for line in answer.text.splitlines() if line), answer.text
    return [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]


def _check_nothing_stays(answer: httpx.Response, told: Told, gateway: Gateway) -> None:
    gateway.run(gateway.idle())
    assert gateway.transport.in_use == 0
    rows = gateway.rows()
    assert {row.state for row in rows} == {"final"}
    (row,) = (row for row in rows if row.id == answer.headers["x-request-id"])
    assert houses.reserved_tokens(gateway, row.account_id, row.key_id) == 0
    if told.kind is None:
        assert (row.outcome, row.is_estimated) == ("ok", False)
        assert row.total_tokens == answers.IN_TOKENS + answers.OUT_TOKENS
    elif told.late:
        assert (row.outcome, row.error_code, row.is_estimated) == ("cut", told.kind, True)
    else:
        assert row.error_code == told.kind

"""What tests can make the fake provider do, and what they can see of it."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from fakes import provider
from fakes.clock import Clock
from fakes.provider import FakeProvider
from fakes.requests import CHAT, HEADERS, MESSAGES, PATHS, RESPONSES, body

from api import types
from models.ledger import Usage


@pytest.fixture(scope="module")
def started() -> Iterator[FakeProvider]:
    with provider.start() as fake:
        yield fake


@pytest.fixture
def fake(started: FakeProvider) -> FakeProvider:
    started.reset()
    return started


@pytest.fixture(scope="module")
def http(started: FakeProvider) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=started.anthropic_base_url, headers=HEADERS, trust_env=False) as client:
        yield client


def test_a_key_from_the_future_passes_when_a_test_says_so(fake: FakeProvider, http: httpx.Client) -> None:
    fake.tolerate("dreams")
    assert http.post(CHAT, json=body(CHAT, dreams=True)).status_code == 200
    assert fake.calls[0].json["dreams"] is True
    assert fake.violations == []


def test_calls_are_kept_as_they_came(fake: FakeProvider, http: httpx.Client) -> None:
    http.post(f"{MESSAGES}?beta=true", json=body(MESSAGES))
    (call,) = fake.calls
    assert (call.method, call.path, call.query) == ("POST", MESSAGES, "beta=true")
    assert call.headers["authorization"] == "Bearer any"
    assert call.json == body(MESSAGES)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_scripted_reply_is_spoken_in_the_wire_that_was_asked(
    fake: FakeProvider, http: httpx.Client, path: str, stream: bool
) -> None:
    usage = Usage(
        input_tokens=3, cache_read_tokens=40, cache_write_tokens=5, output_tokens=7, reasoning_tokens=2
    )
    fake.script(text="Hello there", calls=[("now", '{"zone":"UTC"}')], usage=usage)
    answer = http.post(path, json=body(path, stream=stream)).text
    assert "now" in answer
    assert "there" in answer
    figures = {
        CHAT: [],
        RESPONSES: ['"input_tokens": 48', '"total_tokens": 55'],
        MESSAGES: ['"input_tokens": 3'],
    }
    compact = answer.replace(": ", ":")
    assert all(figure.replace(": ", ":") in compact for figure in figures[path])


def test_a_script_without_usage_reports_none(fake: FakeProvider, http: httpx.Client) -> None:
    for path in (CHAT, MESSAGES):
        fake.script(text="Hello", usage=None)
        assert "usage" not in http.post(path, json=body(path)).json()
        fake.script(text="Hello", usage=None)
        assert "usage" not in http.post(path, json=body(path, stream=True)).text


def test_a_scripted_refusal_is_told_as_the_vendor_tells_it(fake: FakeProvider, http: httpx.Client) -> None:
    reply = types.Reply(parts=(types.Refusal(text="No."),), stop="content_filter", usage=None)
    fake.script(reply=reply)
    assert http.post(CHAT, json=body(CHAT)).json()["choices"][0]["message"]["refusal"] == "No."
    fake.script(reply=reply)
    assert http.post(MESSAGES, json=body(MESSAGES)).json()["stop_details"]["explanation"] == "No."
    fake.script(reply=reply)
    streamed = http.post(RESPONSES, json=body(RESPONSES, stream=True)).text
    assert "response.refusal.delta" in streamed
    assert "response.incomplete" in streamed


def test_an_error_is_sent_as_scripted(fake: FakeProvider, http: httpx.Client) -> None:
    fake.script(status=429, body={"error": {"message": "slow down"}}, headers={"retry-after": "7"})
    answer = http.post(CHAT, json=body(CHAT))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json() == {"error": {"message": "slow down"}}
    fake.script(status=502, body=b"<html>")
    assert http.post(CHAT, json=body(CHAT)).text == "<html>"


def test_raw_bytes_are_sent_as_scripted(fake: FakeProvider, http: httpx.Client) -> None:
    fake.script(raw=[b"data: a", b"b\n\n"])
    assert http.post(CHAT, json=body(CHAT, stream=True)).content == b"data: ab\n\n"


def test_a_held_stream_gives_one_step_for_each_release(fake: FakeProvider, http: httpx.Client) -> None:
    script = fake.script(text="one two", held=True)
    with http.stream("POST", CHAT, json=body(CHAT, stream=True)) as answer:
        steps = answer.iter_raw()
        for expected in (b'"role"', b'"one"', b'" two"'):
            script.release()
            assert expected in next(steps)
        script.release_all()
        assert b"[DONE]" in b"".join(steps)
    script.call.finished.wait()
    assert not script.call.disconnected.is_set


def test_a_client_that_hangs_up_is_noticed(fake: FakeProvider, http: httpx.Client) -> None:
    script = fake.script(text="one two", held=True)
    with http.stream("POST", MESSAGES, json=body(MESSAGES, stream=True)) as answer:
        script.release()
        next(answer.iter_raw())
    script.call.disconnected.wait()
    assert not script.call.finished.is_set


def test_headers_can_be_held_back_until_the_client_leaves(fake: FakeProvider) -> None:
    async def leave_early() -> None:
        fake.script(text="never", headers_held=True)
        async with httpx.AsyncClient(
            base_url=fake.openai_base_url, headers=HEADERS, trust_env=False
        ) as client:
            asking = asyncio.create_task(client.post("/chat/completions", json=body(CHAT)))
            call = await fake.called()
            asking.cancel()
            await asyncio.wait([asking])
            await call.disconnected.arrived()

    asyncio.run(leave_early())


def test_held_headers_come_when_released(fake: FakeProvider) -> None:
    async def wait_for_them() -> httpx.Response:
        script = fake.script(text="late", headers_held=True)
        async with httpx.AsyncClient(
            base_url=fake.openai_base_url, headers=HEADERS, trust_env=False
        ) as client:
            asking = asyncio.create_task(client.post("/chat/completions", json=body(CHAT)))
            await fake.called()
            assert not asking.done()
            script.release_headers()
            return await asking

    assert "late" in asyncio.run(wait_for_them()).text


@pytest.mark.parametrize("stream", [False, True])
def test_a_cut_answer_breaks_the_connection(fake: FakeProvider, http: httpx.Client, stream: bool) -> None:
    fake.script(text="one two three", cut_after=2)
    with pytest.raises(httpx.RemoteProtocolError):
        http.post(CHAT, json=body(CHAT, stream=stream))


@pytest.mark.parametrize("path", PATHS)
def test_a_failure_inside_a_stream_ends_it_with_the_vendors_event(
    fake: FakeProvider, http: httpx.Client, path: str
) -> None:
    fake.script(text="one two three", cut_after=3, failure=("overloaded_error", "Overloaded"))
    answer = http.post(path, json=body(path, stream=True))
    assert answer.status_code == 200
    *_, last = answer.text.strip().split("\n\n")
    assert "overloaded_error" in last
    assert "three" not in answer.text


def test_the_clock_moves_only_when_told() -> None:
    clock = Clock(100)
    assert clock() == 100
    clock.advance(2.5)
    assert clock() == 102.5

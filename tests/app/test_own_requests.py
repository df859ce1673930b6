"""Requests that a page sends as a key of its visitor: the gateway treats them as that key's own."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import gateways
import pytest
from fakes import provider
from gateways import Gateway
from sqlmodel import Session

from api.providers import Access
from app.own_requests import Began, Ended, Happening, OwnRequests, Piece, Refused
from models import epochs, key_settings, keys, outcomes, rotation
from models.accounts import Account
from models.keys import ApiKey

ASKED = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Say hello"}]}


@pytest.fixture
def upstream() -> Iterator[provider.FakeProvider]:
    with provider.start() as started:
        yield started


@pytest.fixture
def gateway(tmp_path: Path, upstream: provider.FakeProvider) -> Iterator[Gateway]:
    access = {
        "openai": Access(upstream.openai_base_url, "upstream-key-1"),
        "anthropic": Access(upstream.anthropic_base_url, "upstream-key-2"),
    }
    with gateways.running_gateway(tmp_path, access) as running:
        yield running


@pytest.fixture
def issued(gateway: Gateway) -> keys.Issued:
    return gateway.key(gateway.account(plan="starter"))


def suspend(session: Session, account_id: int, now: int) -> None:
    account = session.get_one(Account, account_id)
    account.suspended_at = now
    session.add(account)
    epochs.bump(session, account_id, now=now)


def through(gateway: Gateway) -> OwnRequests:
    own = OwnRequests(gateway.passes)
    own.base_url = gateway.base_url
    return own


def ask(gateway: Gateway, key: ApiKey, body: Mapping[str, Any] = ASKED) -> list[Happening]:
    own = through(gateway)

    async def whole() -> list[Happening]:
        return [happening async for happening in own.stream(key, body)]

    return asyncio.run(whole())


def test_an_answer_comes_in_pieces_and_leaves_the_row_of_the_chosen_key(
    gateway: Gateway, issued: keys.Issued, upstream: provider.FakeProvider
) -> None:
    upstream.script(text="Hello to all of you")
    happened = ask(gateway, issued.key)
    gateway.run(gateway.settled())
    (row,) = gateway.rows()
    assert happened[0] == Began(row.id)
    assert "".join(one.text for one in happened if isinstance(one, Piece)) == "Hello to all of you"
    assert happened[-1] == Ended("stop")
    assert (row.key_id, row.account_id, row.outcome) == (issued.key.id, issued.key.account_id, "ok")
    found = gateway.database.read_now(outcomes.of, row.account_id, row.id)
    assert found is not None
    assert found.total_tokens == row.total_tokens


def test_charlie_reads_no_outcome_of_somebody_else(gateway: Gateway, issued: keys.Issued) -> None:
    ask(gateway, issued.key)
    gateway.run(gateway.settled())
    (row,) = gateway.rows()
    charlie = gateway.account("charlie@example.com")
    assert gateway.database.read_now(outcomes.of, charlie, row.id) is None
    assert gateway.database.read_now(outcomes.of, charlie, "req_unknown") is None


def test_the_limit_of_the_key_refuses_with_the_gateways_own_words(
    gateway: Gateway, issued: keys.Issued
) -> None:
    gateway.limit(issued, "hourly_requests", 1)
    ask(gateway, issued.key)
    (refused,) = ask(gateway, issued.key)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert "The limit of this key is 1 requests per clock hour" in refused.message
    assert refused.request_id.startswith("req_")


@pytest.mark.parametrize("end", ["revoked", "suspended"])
def test_a_pass_ends_with_its_key(gateway: Gateway, issued: keys.Issued, end: str) -> None:
    key = issued.key
    ask(gateway, key)
    if end == "revoked":
        gateway.database.run_now(keys.revoke, key.account_id, key.public_id, actor="test", now=gateway.now())
    else:
        gateway.database.run_now(suspend, key.account_id, gateway.now())
    gateway.changed(key.account_id)
    (refused,) = ask(gateway, key)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.code) == (
        (401, "invalid_api_key") if end == "revoked" else (403, "account_suspended")
    )


def test_a_pass_is_no_use_of_a_rotated_keys_new_secret(gateway: Gateway, issued: keys.Issued) -> None:
    key = issued.key
    rotated = gateway.database.run_now(
        rotation.rotate, key.account_id, key.public_id, rotation.OVERLAPS[-1], actor="test", now=gateway.now()
    )
    gateway.changed(key.account_id)
    assert isinstance(ask(gateway, rotated.key)[-1], Ended)
    assert gateway.pipeline.authenticator.uses.take() == {}


@pytest.mark.parametrize("end", ["paused", "expired"])
def test_a_key_that_rests_or_has_ended_rests_for_its_passes_too(
    gateway: Gateway, issued: keys.Issued, end: str
) -> None:
    key = issued.key
    operation = key_settings.pause if end == "paused" else key_settings.set_expiry
    more = {} if end == "paused" else {"expires_at": gateway.now() + 3_600}
    gateway.database.run_now(
        operation, key.account_id, key.public_id, **more, actor="test", now=gateway.now()
    )
    gateway.changed(key.account_id)
    gateway.clock.advance(7_200)
    (refused,) = ask(gateway, key)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.code) == (
        (403, "key_paused") if end == "paused" else (401, "invalid_api_key")
    )


def test_who_stops_reading_is_metered_as_a_client_that_left(
    gateway: Gateway, issued: keys.Issued, upstream: provider.FakeProvider
) -> None:
    script = upstream.script(text="one two three four five six", held=True)
    own = through(gateway)

    async def story() -> None:
        async with aclosing(own.stream(issued.key, ASKED)) as happenings:
            async for happening in happenings:
                if isinstance(happening, Began):
                    script.release(3)
                if isinstance(happening, Piece):
                    break

    script.release(3)
    asyncio.run(story())
    upstream.wait_for_calls(1).disconnected.wait()
    gateway.run(gateway.settled())
    (row,) = gateway.rows()
    assert (row.outcome, row.is_estimated) == ("client_abort", True)


def test_no_log_at_any_level_holds_a_pass(
    gateway: Gateway, issued: keys.Issued, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        ask(gateway, issued.key)
        ask(gateway, issued.key, {"model": "nothing of the kind"})
    assert caplog.records
    assert "pass-starscoo" not in caplog.text
    assert "Bearer" not in caplog.text


def test_no_pass_outlives_its_request(gateway: Gateway, issued: keys.Issued) -> None:
    ask(gateway, issued.key)
    assert vars(gateway.passes)["_living"] == {}

"""Requests for more: asked once, decided once, and granted in the very transaction that sets the limit."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from models import asks, audit, epochs, limits
from models.accounts import Account
from models.asks import Ask, AskRefused, NoSuchAsk
from models.database import Database
from models.limits import BadValue, Change

NOW = 1_795_000_000
WHY = "Our shop opens in three countries"
ANSWER = "Their shop launches next week"


def ask(database: Database, owner: Account, wanted: int = 5000, **options: Any) -> Ask:
    choices: dict[str, Any] = {"why": WHY, "actor": owner.email, "now": NOW} | options
    name = choices.pop("name", "hourly_requests")
    return database.run_now(asks.ask, owner.id, name, wanted, **choices)


def grant(database: Database, asked: Ask, value: int, **options: Any) -> Change:
    choices: dict[str, Any] = {
        "until": None,
        "reason": ANSWER,
        "actor": "boss",
        "address": "192.0.2.1",
        "now": NOW + 60,
    } | options
    return database.run_now(asks.grant, asked.account_id, asked.id, value, **choices)


def decline(database: Database, account_id: int, ask_id: int, reason: str = ANSWER) -> None:
    database.run_now(
        asks.decline, account_id, ask_id, reason=reason, actor="boss", address="192.0.2.1", now=NOW + 60
    )


def hourly(database: Database, owner: Account, now: int = NOW) -> int | None:
    return database.read_now(limits.effective, owner.id, None, now=now).account_requests


def test_what_is_granted_binds_and_both_leave_their_trace(database: Database, alice: Account) -> None:
    asked = ask(database, alice)
    before = database.read_now(epochs.current, alice.id)
    assert grant(database, asked, 4000, until=NOW + 3600) == Change(1000, 4000)
    assert hourly(database, alice, NOW + 60) == 4000
    assert hourly(database, alice, NOW + 3600) == 1000
    assert database.read_now(epochs.current, alice.id) > before

    [kept] = database.read_now(asks.of_account, alice.id, 10)
    assert (kept.state, kept.granted, kept.until, kept.answer) == ("granted", 4000, NOW + 3600, ANSWER)
    assert (kept.decided_by, kept.decided_at) == ("boss", NOW + 60)
    lines = database.read_now(audit.last, account_id=alice.id, limit=3)
    assert [(line.act, line.old, line.new) for line in lines] == [
        ("ask.grant", "5000", "4000"),
        ("limit.hourly_requests", "1000", "4000"),
        ("ask.create", "1000", "5000"),
    ]
    assert {line.address for line in lines[:2]} == {"192.0.2.1"}


def test_what_is_declined_changes_no_limit_and_says_why(database: Database, alice: Account) -> None:
    asked = ask(database, alice)
    decline(database, alice.id, asked.id)
    [kept] = database.read_now(asks.of_account, alice.id, 10)
    assert (kept.state, kept.answer, hourly(database, alice)) == ("declined", ANSWER, 1000)
    ask(database, alice, 2000, now=NOW + 120)


def test_of_two_who_decide_the_second_is_told(database: Database, alice: Account) -> None:
    asked = ask(database, alice)
    grant(database, asked, 5000)
    with pytest.raises(NoSuchAsk):
        decline(database, alice.id, asked.id)
    with pytest.raises(NoSuchAsk):
        grant(database, asked, 9000)
    with pytest.raises(NoSuchAsk):
        database.run_now(asks.withdraw, alice.id, asked.id, actor=alice.email, now=NOW)
    assert hourly(database, alice, NOW + 60) == 5000


def test_of_many_who_decide_or_ask_at_once_one_does(database: Database, alice: Account) -> None:
    asked = ask(database, alice)

    def decide(number: int) -> bool:
        try:
            if number % 2:
                decline(database, alice.id, asked.id)
            else:
                grant(database, asked, 2000 + number)
        except NoSuchAsk:
            return False
        return True

    def ask_again(number: int) -> bool:
        try:
            ask(database, alice, 9000 + number)
        except AskRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(decide, range(8))).count(True) == 1
        assert list(threads.map(ask_again, range(8))).count(True) == 1
    lines = database.read_now(audit.last, account_id=alice.id, limit=50)
    assert sum(line.act in ("ask.grant", "ask.decline") for line in lines) == 1


def test_one_waits_per_limit(database: Database, alice: Account) -> None:
    asked = ask(database, alice)
    with pytest.raises(AskRefused, match="already"):
        ask(database, alice, 9000)
    ask(database, alice, 9_000_000, name="monthly_tokens")
    database.run_now(asks.withdraw, alice.id, asked.id, actor=alice.email, now=NOW)
    ask(database, alice, 9000)


@pytest.mark.parametrize("wanted", [0, 999, 1000, 10**15 + 1])
def test_only_more_than_there_is_can_be_asked_for(database: Database, alice: Account, wanted: int) -> None:
    with pytest.raises(AskRefused, match=r"more than the 1,000 requests per hour"):
        ask(database, alice, wanted)


def test_a_reason_is_needed_on_both_sides(database: Database, alice: Account) -> None:
    with pytest.raises(AskRefused, match="10 characters"):
        ask(database, alice, why="  more ")
    asked = ask(database, alice)
    with pytest.raises(BadValue, match="10 characters"):
        grant(database, asked, 5000, reason="fine")
    with pytest.raises(BadValue, match="10 characters"):
        decline(database, alice.id, asked.id, reason="no")
    assert [one.state for one in database.read_now(asks.of_account, alice.id, 10)] == ["asked"]


def test_less_than_there_is_cannot_be_granted(database: Database, alice: Account) -> None:
    asked = ask(database, alice)
    with pytest.raises(AskRefused, match="has 1,000 already"):
        grant(database, asked, 1000)


def test_without_a_limit_there_is_nothing_to_ask_for(database: Database, alice: Account) -> None:
    database.run_now(
        limits.set_account_limit, alice.id, "hourly_requests", None, actor="boss", reason=ANSWER, now=NOW
    )
    with pytest.raises(AskRefused, match="no limit"):
        ask(database, alice)


def test_staff_sees_what_waits_longest_first_with_what_holds_now(
    database: Database, alice: Account, charlie: Account
) -> None:
    first, second = ask(database, alice), ask(database, charlie, 2000)
    third = ask(database, alice, 9_000_000, name="monthly_tokens")
    found = database.read_now(asks.listing, "waiting", now=NOW)
    assert [(line.ask.id, line.email, line.current) for line in found] == [
        (first.id, alice.email, 1000),
        (second.id, charlie.email, 1000),
        (third.id, alice.email, 5_000_000),
    ]
    assert database.read_now(asks.count_waiting) == 3
    grant(database, first, 5000)
    decline(database, charlie.id, second.id)
    decided = database.read_now(asks.listing, "decided", now=NOW + 60)
    assert [line.ask.id for line in decided] == [second.id, first.id]
    rest = database.read_now(asks.listing, "decided", now=NOW + 60, before_id=second.id)
    assert [(line.ask.id, line.current) for line in rest] == [(first.id, 5000)]
    assert [line.ask.id for line in database.read_now(asks.listing, "waiting", now=NOW)] == [third.id]


def test_charlie_sees_and_withdraws_nothing_of_others(
    database: Database, alice: Account, charlie: Account
) -> None:
    asked = ask(database, alice)
    assert database.read_now(asks.of_account, charlie.id, 10) == []
    said = []
    for ask_id in (asked.id, asked.id + 77):
        with pytest.raises(NoSuchAsk) as refused:
            database.run_now(asks.withdraw, charlie.id, ask_id, actor=charlie.email, now=NOW)
        said.append(str(refused.value))
    assert said[0] == said[1]
    assert database.read_now(asks.count_waiting) == 1

from dataclasses import replace
from typing import Any

import pytest

from models import audit, keys, limits
from models.accounts import Account, NoSuchAccount
from models.database import Database, Refused
from models.keys import ApiKey, NoSuchKey
from models.limits import AboveAccount, BadValue, Change, Conflict, Ladder, Rung, SetByStaff
from models.live import Limit, Limits

NOW = 1_795_000_000
STARTER = Limits(1000, 1000, 5_000_000, 5_000_000, key_concurrent=100)
WHY = "asked for by mail"


@pytest.fixture
def key(database: Database, alice: Account) -> ApiKey:
    return database.run_now(keys.issue, alice.id, "My key", actor="alice@example.com", now=NOW).key


def set_key(database: Database, key: ApiKey, value: int | None, **options: Any) -> Change:
    choices: dict[str, Any] = {"actor": "alice@example.com", "now": NOW} | options
    return database.run_now(
        limits.set_key_limit, key.account_id, key.public_id, "hourly_requests", value, **choices
    )


def set_account(database: Database, account: Account, value: int | None, **options: Any) -> Change:
    choices: dict[str, Any] = {"actor": "root", "reason": WHY, "now": NOW} | options
    return database.run_now(limits.set_account_limit, account.id, "hourly_requests", value, **choices)


def effective(database: Database, key: ApiKey, now: int = NOW) -> Limits:
    return database.read_now(limits.effective, key.account_id, key.id, now=now)


def ladder(database: Database, key: ApiKey, now: int = NOW) -> Ladder:
    return database.read_now(limits.ladder, key.account_id, key.id, "hourly_requests", now=now)


def test_a_plan_binds_where_nothing_is_set(database: Database, key: ApiKey) -> None:
    assert effective(database, key) == STARTER
    assert not ladder(database, key).rungs[2].is_set
    assert (ladder(database, key).value, ladder(database, key).origin) == (1000, "plan Starter")


def test_an_account_alone_has_its_values_on_both_layers(database: Database, key: ApiKey) -> None:
    set_key(database, key, 5)
    assert database.read_now(limits.effective, key.account_id, None, now=NOW) == STARTER
    steps = database.read_now(limits.ladder, key.account_id, None, "hourly_requests", now=NOW)
    assert [rung.layer for rung in steps.rungs] == ["plan", "account"]


def test_a_customer_lowers_a_key_and_goes_back(database: Database, key: ApiKey) -> None:
    assert set_key(database, key, 5) == Change(1000, 5)
    assert effective(database, key) == replace(STARTER, key_requests=5)
    assert (ladder(database, key).value, ladder(database, key).origin) == (5, "set on this key")
    assert set_key(database, key, None) == Change(5, 1000)
    assert effective(database, key) == STARTER


def test_a_limit_may_be_zero_and_as_high_as_the_account(database: Database, key: ApiKey) -> None:
    assert set_key(database, key, 0).new == 0
    assert set_key(database, key, 1000).new == 1000


@pytest.mark.parametrize("is_staff", [False, True])
def test_nobody_sets_a_key_above_its_account(database: Database, key: ApiKey, is_staff: bool) -> None:
    with pytest.raises(AboveAccount, match="Raise the account first"):
        set_key(database, key, 1001, is_staff=is_staff)


def test_an_unlimited_account_bounds_no_key(database: Database, alice: Account, key: ApiKey) -> None:
    assert set_account(database, alice, None) == Change(1000, None)
    assert effective(database, key) == replace(STARTER, key_requests=None, account_requests=None)
    assert (ladder(database, key).value, ladder(database, key).origin) == (None, "set by staff")
    assert set_key(database, key, 10**9) == Change(None, 10**9)


@pytest.mark.parametrize("value", [-1, 10**15 + 1])
def test_a_value_out_of_range_is_refused(database: Database, key: ApiKey, value: int) -> None:
    with pytest.raises(BadValue, match="0 or more"):
        set_key(database, key, value)


def test_an_end_in_the_past_is_refused(database: Database, alice: Account, key: ApiKey) -> None:
    with pytest.raises(BadValue, match="in the past"):
        set_key(database, key, 5, until=NOW)
    with pytest.raises(BadValue, match="in the past"):
        set_account(database, alice, 5, until=NOW)


def test_an_unknown_limit_is_refused(database: Database, key: ApiKey) -> None:
    wrong: Any = "daily_laughs"
    with pytest.raises(BadValue, match="daily_laughs"):
        database.run_now(limits.set_key_limit, key.account_id, key.public_id, wrong, 5, actor="a", now=NOW)


def test_what_staff_set_on_a_key_can_be_lowered_not_raised_or_removed(
    database: Database, key: ApiKey
) -> None:
    set_key(database, key, 100, actor="root", is_staff=True, reason=WHY)
    for value in (101, None):
        with pytest.raises(SetByStaff, match="lower it, not raise"):
            set_key(database, key, value)
    assert set_key(database, key, 50) == Change(100, 50)
    with pytest.raises(SetByStaff):
        set_key(database, key, 101)
    assert set_key(database, key, 80) == Change(50, 80)
    assert set_key(database, key, None) == Change(80, 100)
    assert ladder(database, key).origin == "set by staff"


def test_staff_changes_and_removes_whatever_is_set_on_a_key(database: Database, key: ApiKey) -> None:
    set_key(database, key, 100, is_staff=True)
    set_key(database, key, 50)
    assert set_key(database, key, 200, is_staff=True) == Change(50, 200)
    assert set_key(database, key, None, is_staff=True) == Change(200, 1000)


def test_what_staff_set_ends_by_itself(database: Database, key: ApiKey) -> None:
    set_key(database, key, 100, is_staff=True, until=NOW + 60)
    assert effective(database, key, NOW + 59) == replace(STARTER, key_requests=100, valid_until=NOW + 60)
    assert effective(database, key, NOW + 60) == STARTER
    assert set_key(database, key, 500, now=NOW + 60) == Change(1000, 500)


def test_the_first_override_to_end_bounds_how_long_limits_are_valid(
    database: Database, alice: Account, key: ApiKey
) -> None:
    set_account(database, alice, 2000, until=NOW + 90)
    set_key(database, key, 100, until=NOW + 60)
    assert effective(database, key).valid_until == NOW + 60
    assert effective(database, key, NOW + 60).valid_until == NOW + 90
    assert effective(database, key, NOW + 90) == STARTER


def test_an_account_lowered_under_its_key_binds_it(database: Database, alice: Account, key: ApiKey) -> None:
    set_key(database, key, 500)
    assert set_account(database, alice, 200) == Change(1000, 200)
    assert effective(database, key) == replace(STARTER, key_requests=500, account_requests=200)
    assert (ladder(database, key).value, ladder(database, key).origin) == (200, "set by staff")


def test_a_ladder_names_author_reason_and_end(database: Database, alice: Account, key: ApiKey) -> None:
    set_account(database, alice, 2000, reason=" because  of\nthe launch ", until=NOW + 90)
    assert ladder(database, key).rungs == [
        Rung("plan", 1000, "plan Starter", "", "", None, True),
        Rung("account", 2000, "set by staff", "root", "because of the launch", NOW + 90, True),
        Rung("key", 2000, "the account's value", "", "", None, False),
    ]


@pytest.mark.parametrize("reason", ["", "too short", "  a b c d  ", "\0" * 20])
def test_staff_gives_a_reason(database: Database, alice: Account, reason: str) -> None:
    with pytest.raises(BadValue, match="10 characters"):
        set_account(database, alice, 5, reason=reason)


def test_an_accounts_limit_is_removed_to_the_plans(database: Database, alice: Account) -> None:
    set_account(database, alice, 5)
    change = database.run_now(
        limits.remove_account_limit, alice.id, "hourly_requests", actor="root", reason=WHY, now=NOW
    )
    assert change == Change(5, 1000)


def test_an_unknown_account_has_no_limits(database: Database, alice: Account) -> None:
    with pytest.raises(NoSuchAccount):
        database.read_now(limits.effective, alice.id + 77, None, now=NOW)
    with pytest.raises(NoSuchAccount):
        database.run_now(
            limits.set_account_limit, 77, "hourly_requests", 5, actor="root", reason=WHY, now=NOW
        )


def test_a_change_in_between_is_shown_not_overwritten(database: Database, key: ApiKey) -> None:
    assert set_key(database, key, 500, expected=None).new == 500
    with pytest.raises(Conflict, match="it is now 500"):
        set_key(database, key, 400, expected=None)
    assert set_key(database, key, 400, expected=500).new == 400
    set_key(database, key, None)
    with pytest.raises(Conflict, match="not set"):
        set_key(database, key, 300, expected=400)


def test_changes_leave_history_and_audit(database: Database, alice: Account, key: ApiKey) -> None:
    set_key(database, key, 5)
    set_key(database, key, 6, now=NOW + 1)
    set_account(database, alice, None, address="192.0.2.1", now=NOW + 2)
    history = database.read_now(limits.history, alice.id, 10)
    assert [(row.value, row.key_id, row.ended_at) for row in history] == [
        (None, None, None),
        (6, key.id, None),
        (5, key.id, NOW + 1),
    ]
    rows = database.read_now(audit.last, account_id=alice.id, limit=3)
    assert [(row.act, row.subject, row.old, row.new) for row in rows] == [
        ("limit.hourly_requests", "account", "1000", "no limit"),
        ("limit.hourly_requests", key.public_id, "5", "6"),
        ("limit.hourly_requests", key.public_id, "1000", "5"),
    ]
    assert (rows[0].actor, rows[0].reason, rows[0].address) == ("root", WHY, "192.0.2.1")


def test_the_two_limits_do_not_touch_each_other(database: Database, key: ApiKey) -> None:
    set_key(database, key, 5)
    database.run_now(
        limits.set_key_limit, key.account_id, key.public_id, "monthly_tokens", 70, actor="a", now=NOW
    )
    assert effective(database, key) == replace(STARTER, key_requests=5, key_tokens=70)


def test_plans_follow_the_settings(database: Database, alice: Account, key: ApiKey) -> None:
    database.run_now(limits.ensure_plans, starter_requests=7, starter_tokens=8)
    database.run_now(limits.ensure_plans, starter_requests=7, starter_tokens=8)
    assert effective(database, key) == Limits(7, 7, 8, 8, key_concurrent=100)


@pytest.mark.parametrize("unknown", ["AAAAAAAAAAAA", "a\0b"])
def test_charlie_cannot_tell_a_foreign_key_from_an_unknown_one(
    database: Database, charlie: Account, key: ApiKey, unknown: str
) -> None:
    said = []
    for public_id in (key.public_id, unknown):
        with pytest.raises(NoSuchKey) as refused:
            database.run_now(
                limits.set_key_limit, charlie.id, public_id, "hourly_requests", 0, actor="c", now=NOW
            )
        said.append(str(refused.value))
    assert said[0] == said[1]
    assert isinstance(refused.value, Refused)
    assert effective(database, key) == STARTER


def test_charlie_sees_nothing_of_a_foreign_key(database: Database, charlie: Account, key: ApiKey) -> None:
    set_key(database, key, 5)
    foreign, unknown = (
        database.read_now(limits.ladder, charlie.id, key_id, "hourly_requests", now=NOW)
        for key_id in (key.id, key.id + 77)
    )
    assert foreign == unknown
    assert database.read_now(limits.effective, charlie.id, key.id, now=NOW) == STARTER
    assert database.read_now(limits.history, charlie.id, 10) == []


def test_both_limits_of_a_key_are_saved_at_once_or_not_at_all(database: Database, key: ApiKey) -> None:
    def save(wanted: dict[Limit, int | None], expected: dict[Limit, int | None]) -> dict[Limit, Change]:
        return database.run_now(
            limits.set_key_limits,
            key.account_id,
            key.public_id,
            wanted,
            expected=expected,
            actor="alice@example.com",
            now=NOW,
        )

    unset: dict[Limit, int | None] = {"hourly_requests": None, "monthly_tokens": None}
    with pytest.raises(AboveAccount) as refused:
        save({"hourly_requests": 5, "monthly_tokens": 6_000_000}, unset)
    assert refused.value.limit_name == "monthly_tokens"
    assert effective(database, key) == STARTER
    both: dict[Limit, int | None] = {"hourly_requests": 5, "monthly_tokens": 700}
    assert save(both, unset) == {
        "hourly_requests": Change(1000, 5),
        "monthly_tokens": Change(5_000_000, 700),
    }
    assert save(both, both) == {}
    with pytest.raises(Conflict) as conflict:
        save({"hourly_requests": 7, "monthly_tokens": 700}, {"hourly_requests": 6, "monthly_tokens": 700})
    assert conflict.value.limit_name == "hourly_requests"
    assert save({"hourly_requests": None, "monthly_tokens": 700}, both) == {
        "hourly_requests": Change(5, 1000)
    }


def test_staff_does_not_overwrite_what_other_staff_has_set_meanwhile(
    database: Database, alice: Account
) -> None:
    set_account(database, alice, 2000, expected_id=None)
    shown = database.read_now(limits.ladder, alice.id, None, "hourly_requests", now=NOW).rungs[-1].override_id
    set_account(database, alice, 3000, expected_id=shown)
    with pytest.raises(Conflict, match="it is now 3,000"):
        set_account(database, alice, 4000, expected_id=shown)
    with pytest.raises(Conflict):
        database.run_now(
            limits.remove_account_limit,
            alice.id,
            "hourly_requests",
            actor="root",
            reason=WHY,
            expected_id=None,
            now=NOW,
        )

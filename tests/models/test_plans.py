"""Plan defaults: who inherits them, and that an edit outlives a restart."""

from typing import Any

import pytest

from models import audit, epochs, limits, plans
from models.accounts import Account
from models.database import Database
from models.limits import BadValue, Change
from models.plans import NoSuchPlan, PlanChanged, PlanLine

NOW = 1_795_000_000
STARTER: plans.Values = {"hourly_requests": 1000, "monthly_tokens": 5_000_000, "concurrent_requests": 100}


def edit(database: Database, plan: str = "starter", **options: Any) -> dict[Any, Change]:
    choices: dict[str, Any] = {"expected": STARTER, "actor": "boss", "address": "192.0.2.1", "now": NOW}
    wanted = {**STARTER, **options.pop("wanted", {"hourly_requests": 2000})}
    return database.run_now(plans.edit, plan, wanted, **(choices | options))


def line(database: Database, name: str = "starter") -> PlanLine:
    found = {one.plan.name: one for one in database.read_now(plans.listing, now=NOW)}
    return found[name]


def restart(database: Database) -> None:
    database.run_now(limits.ensure_plans, starter_requests=7, starter_tokens=8, starter_concurrent=9)


def test_an_edit_binds_all_who_inherit_and_leaves_its_trace(database: Database, alice: Account) -> None:
    before = database.read_now(epochs.current, alice.id)
    assert edit(database) == {"hourly_requests": Change(1000, 2000)}
    assert database.read_now(limits.effective, alice.id, None, now=NOW).account_requests == 2000
    assert database.read_now(epochs.current, alice.id) > before
    [row] = database.read_now(audit.last, limit=1)
    assert (row.act, row.subject, row.old, row.new) == ("plan.hourly_requests", "starter", "1000", "2000")
    assert (row.actor, row.address, row.account_id) == ("boss", "192.0.2.1", None)


def test_what_staff_edited_outlives_a_restart_until_it_follows_the_settings_again(database: Database) -> None:
    edit(database)
    restart(database)
    plan = line(database).plan
    assert (plans.values_of(plan), plan.edited_by) == ({**STARTER, "hourly_requests": 2000}, "boss")
    database.run_now(plans.follow_settings, "starter", actor="boss", address="", now=NOW)
    assert plans.values_of(line(database).plan)["hourly_requests"] == 2000
    restart(database)
    assert plans.values_of(line(database).plan) == {
        "hourly_requests": 7,
        "monthly_tokens": 8,
        "concurrent_requests": 9,
    }


def test_it_is_told_how_many_inherit_each_value(database: Database, alice: Account, charlie: Account) -> None:
    database.run_now(
        limits.set_account_limit,
        alice.id,
        "hourly_requests",
        5,
        actor="boss",
        reason="asked for by mail",
        until=NOW + 60,
        now=NOW,
    )
    found = line(database)
    assert found.accounts == 2
    assert found.inherit == {"hourly_requests": 1, "monthly_tokens": 2, "concurrent_requests": 2}
    later = {one.plan.name: one for one in database.read_now(plans.listing, now=NOW + 60)}
    assert later["starter"].inherit["hourly_requests"] == 2
    assert (later["unlimited"].accounts, later["unlimited"].inherit["monthly_tokens"]) == (0, 0)


def test_a_change_in_between_is_shown_not_overwritten(database: Database) -> None:
    edit(database)
    with pytest.raises(PlanChanged):
        edit(database, wanted={"monthly_tokens": 1})
    assert plans.values_of(line(database).plan) == {**STARTER, "hourly_requests": 2000}


def test_a_plan_may_be_without_a_limit_but_runs_one_request_at_least(database: Database) -> None:
    assert edit(database, wanted={"monthly_tokens": None})["monthly_tokens"].new is None
    for wrong in ({"concurrent_requests": 0}, {"hourly_requests": -1}, {"monthly_tokens": 10**15 + 1}):
        with pytest.raises(BadValue, match="whole number"):
            edit(database, wanted=wrong, expected={**STARTER, "monthly_tokens": None})


@pytest.mark.parametrize("name", ["unlimited", "gold"])
def test_only_plans_whose_name_promises_nothing_can_be_edited(database: Database, name: str) -> None:
    with pytest.raises(NoSuchPlan):
        edit(database, name)
    with pytest.raises(NoSuchPlan):
        database.run_now(plans.follow_settings, name, actor="boss", address="", now=NOW)


def test_saving_what_is_there_changes_nothing(database: Database) -> None:
    assert edit(database, wanted={}) == {}
    assert line(database).plan.edited_at is None
    assert database.read_now(audit.last, limit=1) == []

from collections import Counter

import pytest

from api.pricing import cost
from app import demo_history
from models import catalog
from models.windows import DAY, HOUR, month_of

MONDAY = 20_773 * DAY


def customer(*, hourly_requests: int = 1_000, monthly_tokens: int = 5_000_000) -> demo_history.Customer:
    models = list(catalog.load(catalog.default_path()).models.values())
    return demo_history.Customer(
        account_id=1,
        chat_key=2,
        report_key=3,
        models=models,
        hourly_requests=hourly_requests,
        monthly_tokens=monthly_tokens,
        cost=cost,
    )


def whole(start: int, **limits: int) -> demo_history.Day:
    return demo_history.day(customer(**limits), start, until=start + 2 * DAY)


def test_a_day_is_the_same_whenever_it_is_told() -> None:
    assert whole(MONDAY) == whole(MONDAY)
    assert whole(MONDAY) != whole(MONDAY + DAY)


def test_ids_never_repeat() -> None:
    ids = [row.id for start in demo_history.days(MONDAY, 30) for row in whole(start).finals]
    assert len(ids) == len(set(ids))


def test_today_ends_now() -> None:
    noon = MONDAY + 12 * HOUR
    today = demo_history.day(customer(), MONDAY, until=noon)
    assert today.finals
    assert all(row.admitted_ms + row.total_ms < noon * 1000 for row in today.finals)
    assert set(today.finals) < set(whole(MONDAY).finals)


def test_every_chart_has_something_to_show() -> None:
    rows = [row for start in demo_history.days(MONDAY, 30) for row in whole(start).finals]
    told = [line for start in demo_history.days(MONDAY, 30) for line in whole(start).refused]
    assert {row.model for row in rows} == {model.id for model in customer().models}
    assert {row.outcome for row in rows} == {"ok", "error", "cut", "client_abort"}
    assert {row.key_id for row in rows} == {2, 3}
    assert {line.code for line in told} == {"rate_limited", "model_not_found"}
    assert all(row.cost_nusd > 0 for row in rows if row.usage.total_tokens)
    busy = Counter(row.admitted_ms // 1000 // DAY for row in rows)
    assert len(busy) == 31


@pytest.mark.parametrize(("hourly", "monthly"), [(1_000, 5_000_000), (10, 100_000), (1, 1_000), (0, 0)])
def test_both_limits_keep_room(hourly: int, monthly: int) -> None:
    rows = [
        row
        for start in demo_history.days(MONDAY, 62)
        for row in whole(start, hourly_requests=hourly, monthly_tokens=monthly).finals
    ]
    hours = Counter(row.admitted_ms // 1000 // HOUR for row in rows)
    months: Counter[int] = Counter()
    for row in rows:
        months[month_of(row.admitted_ms // 1000)] += row.usage.total_tokens
    assert max(hours.values(), default=0) <= hourly / 2
    assert max(months.values(), default=0) <= monthly * 0.6


def test_the_refused_reports_really_came_after_the_last_one_allowed() -> None:
    monday = whole(MONDAY)
    refused = [line for line in monday.refused if line.code == "rate_limited"]
    assert refused
    for line in refused:
        hour = [
            row for row in monday.finals if row.key_id == line.key_id and row.admitted_ms < line.at * 1000
        ]
        assert len(hour) == line.count == line.value

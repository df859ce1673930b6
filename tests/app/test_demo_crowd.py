"""The demo's busy customers: many requests, the same ones each time, with sums that agree."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from api.pricing import cost
from app import demo, demo_crowd
from app.demo_crowd import Crowd, Member
from models import accounts, catalog, keys, limits, passwords
from models.database import Database
from models.windows import DAY, HOUR

MONDAY = 20_773 * DAY
NOW = MONDAY + 40 * HOUR


def crowd(account_id: int = 1, key_ids: tuple[int, ...] = (1, 2, 3, 4, 5, 6), per_day: int = 300) -> Crowd:
    models = list(catalog.load(catalog.default_path()).models.values())
    return Crowd("bob", account_id, key_ids, models, per_day, cost)


def test_a_day_is_the_same_whenever_it_is_told_and_has_the_size_it_says() -> None:
    told = demo_crowd.day(crowd(), MONDAY, until=MONDAY + 2 * DAY)
    assert told == demo_crowd.day(crowd(), MONDAY, until=MONDAY + 2 * DAY)
    past, streams = told
    assert len(past.finals) == demo_crowd.size(crowd(), MONDAY)
    assert len({row.id for row in past.finals}) == len(past.finals)
    assert {row.id for row in streams} < {row.id for row in past.finals}


def test_today_ends_now() -> None:
    past, _ = demo_crowd.day(crowd(), MONDAY, until=MONDAY + 10 * HOUR)
    assert past.finals
    assert all(row.admitted_ms + row.total_ms < (MONDAY + 10 * HOUR) * 1000 for row in past.finals)


def test_a_whole_demo_has_three_customers_twelve_keys_and_two_hundred_thousand_requests() -> None:
    key_names = [name for member in demo_crowd.MEMBERS for name in member.key_names]
    assert len(demo_crowd.MEMBERS) + 1 == 3
    assert len(key_names) + len((demo.OWN, demo.CHAT, demo.REPORT)) == 12
    requests = 0
    for member in demo_crowd.MEMBERS:
        one = crowd(per_day=member.per_day)
        requests += sum(demo_crowd.size(one, MONDAY - back * DAY) for back in range(demo_crowd.DAYS))
    assert requests > 200_000


def test_every_state_can_be_seen() -> None:
    days = [demo_crowd.day(crowd(), MONDAY + place * DAY, until=MONDAY + 99 * DAY) for place in range(14)]
    rows = [row for past, _ in days for row in past.finals]
    told = [line for past, _ in days for line in past.refused]
    assert {row.outcome for row in rows} == {"ok", "error", "cut", "client_abort"}
    assert {row.model for row in rows} == {model.id for model in crowd().models}
    assert {row.key_id for row in rows} == {1, 2, 3, 4, 5, 6}
    assert any(row.total_ms >= 10_000 for row in rows)
    assert {line.limit_name for line in told} >= {"hourly_requests", "concurrent_requests"}


@pytest.fixture
def database(tmp_path: Path) -> Database:
    opened = Database(f"sqlite:///{tmp_path / 'demo.db'}", durability="normal")
    opened.migrate()
    opened.run_now(limits.ensure_plans, starter_requests=1_000, starter_tokens=5_000_000)
    return opened


def sums(session: Session, table: str) -> tuple[int, ...]:
    columns = "count(*)" if table == "requests" else "sum(requests)"
    query = text(f"SELECT {columns}, sum(total_tokens), sum(cost_nusd) FROM {table}")
    return tuple(session.connection().execute(query).one())


def test_sums_equal_the_rows_and_a_second_start_adds_only_what_is_missing(database: Database) -> None:
    member = Member("bob@example.com", ("one", "two"), 120, hourly_requests=5_000, key_limit=50)
    account_id, key_ids = demo_crowd.join(database, member, "correct horse battery", now=NOW)
    bob = crowd(account_id, tuple(key_ids), member.per_day)
    assert demo_crowd.missing(database, bob, now=NOW, days=3) == [
        MONDAY + DAY,
        MONDAY,
        MONDAY - DAY,
        MONDAY - 2 * DAY,
    ]
    for start in demo_crowd.missing(database, bob, now=NOW, days=3):
        demo_crowd.write(database, bob, start, until=NOW)
    rows = database.read_now(sums, "requests")
    assert rows == database.read_now(sums, "usage_hours") == database.read_now(sums, "usage_months")
    assert demo_crowd.missing(database, bob, now=NOW, days=3) == [MONDAY + DAY]
    demo_crowd.write(database, bob, MONDAY, until=NOW)
    assert database.read_now(sums, "requests") == rows
    later = NOW + 2 * DAY
    assert demo_crowd.missing(database, bob, now=later, days=3) == [
        MONDAY + 3 * DAY,
        MONDAY + 2 * DAY,
        MONDAY + DAY,
    ]
    database.close()


def test_joining_twice_makes_one_customer(database: Database) -> None:
    member = Member("bob@example.com", ("one", "two"), 120, hourly_requests=5_000, key_limit=50)
    joined = demo_crowd.join(database, member, "correct horse battery", now=NOW)
    assert demo_crowd.join(database, member, "correct horse battery", now=NOW) == joined
    account = database.read_now(accounts.find_by_email, member.email)
    assert account is not None
    assert passwords.verify("correct horse battery", account.password_hash)
    assert len(database.read_now(keys.listing, account.id, now=NOW)) == 2
    bound = database.read_now(limits.effective, account.id, joined[1][-1], now=NOW)
    assert (bound.account_requests, bound.key_requests) == (5_000, 50)
    database.close()

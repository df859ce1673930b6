"""The log equals the rows and refusals, put in order of time, page by page from both ends."""

from collections import Counter
from dataclasses import replace

import pytest
import traffic
from traffic import Traffic

from models import limits, request_log
from models.accounts import Account
from models.database import Database
from models.ledger import SLOW_MS
from models.request_log import Cursor, Query
from models.usage_filters import REFUSED, RUNNING, Filters

NOW = 1_795_000_000
DAYS = 3
Place = tuple[int, str, str, int, str, int]


@pytest.fixture
def mine(database: Database, alice: Account) -> Traffic:
    return traffic.write(database, alice, now=NOW, days=DAYS)


def everything(mine: Traffic) -> list[Place]:
    """Time, id, status, key, model, how long it took."""
    found = [
        (row.admitted_ms, row.id, row.outcome, row.key_id, row.model, row.total_ms) for row in mine.finals
    ]
    found += [(row.admitted_ms, row.id, RUNNING, row.key_id, row.model, 0) for row in mine.opens]
    found += [(line.at * 1000, line.request_id, REFUSED, line.key_id, line.model, 0) for line in mine.refused]
    return sorted(found, reverse=True)


def asked(places: list[Place], query: Query) -> list[Place]:
    filters = query.filters
    views = {
        "all": lambda place: True,
        "errors": lambda place: place[2] in ("error", "cut", "interrupted"),
        "refused": lambda place: place[2] == REFUSED,
        "slow": lambda place: place[5] >= SLOW_MS,
    }
    return [
        place
        for place in places
        if views[query.view](place)
        and (query.since is None or place[0] >= query.since * 1000)
        and (query.until is None or place[0] < query.until * 1000)
        and (not filters.models or place[4] in filters.models)
        and (not filters.key_ids or place[3] in filters.key_ids)
        and (not filters.statuses or place[2] in filters.statuses)
    ]


def queries(mine: Traffic) -> list[Query]:
    plain = [Query(view) for view in ("all", "errors", "refused", "slow")]
    filtered = [
        Query(filters=Filters(models=("gpt-5",), key_ids=(mine.keys[0].id,))),
        Query(filters=Filters(statuses=(REFUSED, "cut"))),
        Query(filters=Filters(statuses=(RUNNING,))),
        Query("errors", Filters(statuses=("error",))),
    ]
    bounded = [replace(query, since=NOW - 90_000, until=NOW - 7_000) for query in (*plain, *filtered)]
    return [*plain, *filtered, *bounded]


def walk(database: Database, account_id: int, query: Query, *, size: int = 17) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    before: Cursor | None = None
    while True:
        page = database.read_now(request_log.page, account_id, query, before=before, size=size)
        assert page.newer is (before is not None)
        found += [(entry.at_ms, entry.id) for entry in page.entries]
        if not page.older:
            return found
        before = page.entries[-1].cursor


def test_pages_follow_one_another_without_a_gap_or_a_double(database: Database, mine: Traffic) -> None:
    for query in queries(mine):
        expected = [place[:2] for place in asked(everything(mine), query)]
        assert walk(database, mine.keys[0].account_id, query) == expected
        assert expected


def test_newer_pages_are_those_one_came_from(database: Database, mine: Traffic) -> None:
    account_id, query = mine.keys[0].account_id, Query()
    first = database.read_now(request_log.page, account_id, query, size=20)
    second = database.read_now(request_log.page, account_id, query, before=first.entries[-1].cursor, size=20)
    back = database.read_now(request_log.page, account_id, query, after=second.entries[0].cursor, size=20)
    assert [entry.id for entry in back.entries] == [entry.id for entry in first.entries]
    assert (back.older, back.newer) == (True, False)


def test_entries_follow_from_the_oldest_on(database: Database, mine: Traffic) -> None:
    account_id = mine.keys[0].account_id
    found: list[str] = []
    after: Cursor | None = None
    while part := database.read_now(request_log.entries_after, account_id, Query(), after=after, size=33):
        found += [entry.id for entry in part]
        after = part[-1].cursor
    assert found == [place[1] for place in reversed(everything(mine))]


def test_value_counts_tell_what_a_further_filter_would_show(database: Database, mine: Traffic) -> None:
    for query in queries(mine):
        # In whole hours, but for a stretch of a day at most: both of these are exact.
        filters = query.filters
        found = database.read_now(request_log.counts, mine.keys[0].account_id, query, now=NOW)
        for kind, place, counted in (
            ("models", 4, found.models),
            ("key_ids", 3, found.keys),
            ("statuses", 2, found.statuses),
        ):
            others = replace(query, filters=replace(filters, **{kind: ()}))  # type: ignore[arg-type]
            expected = Counter(one[place] for one in asked(everything(mine), others))
            assert {value: count for value, count in counted.items() if count} == expected, (query, kind)


def test_a_request_is_found_with_its_place_in_the_hour(database: Database, mine: Traffic) -> None:
    row = max(mine.finals, key=lambda one: one.admitted_ms)
    found = database.read_now(request_log.find, row.account_id, row.id, now=NOW)
    assert found is not None
    assert found.entry.row is not None
    assert found.key is not None
    assert (found.entry.row.outcome, found.key.id) == (row.outcome, row.key_id)
    together = [*mine.finals, *mine.opens]
    assert found.hour_place == sum(
        one.hour == row.hour and one.admitted_ms <= row.admitted_ms for one in together
    )


def test_a_refusal_is_found_with_the_limit_as_it_stands_now(
    database: Database, alice: Account, mine: Traffic
) -> None:
    key = mine.keys[0]
    database.run_now(
        limits.set_key_limit, alice.id, key.public_id, "hourly_requests", 7, actor="alice", now=NOW
    )
    of_key = next(line for line in mine.refused if line.key_id == key.id and line.layer == "key")
    of_account = next(line for line in mine.refused if line.layer == "account")
    for line, value, origin in ((of_key, 7, "set on this key"), (of_account, 1000, "plan Starter")):
        found = database.read_now(request_log.find, alice.id, line.request_id, now=NOW)
        assert found is not None
        assert found.entry.refusal is not None
        assert found.entry.refusal.code == "rate_limited"
        assert found.ladder is not None
        assert (found.ladder.value, found.ladder.origin) == (value, origin)
        assert found.setter is None  # what is set now was not when it was refused


def test_charlie_finds_nothing_of_others(database: Database, charlie: Account, mine: Traffic) -> None:
    for query in queries(mine):
        assert database.read_now(request_log.page, charlie.id, query).entries == []
        counted = database.read_now(request_log.counts, charlie.id, query, now=NOW)
        assert counted == request_log.Counts({}, {}, {})
    for request_id in (mine.finals[0].id, mine.refused[0].request_id, "req_never"):
        assert database.read_now(request_log.find, charlie.id, request_id, now=NOW) is None
    assert database.read_now(request_log.keys_of, charlie.id) == []
    assert database.read_now(request_log.entries_after, charlie.id, Query(), after=None, size=9) == []

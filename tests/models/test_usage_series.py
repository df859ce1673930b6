"""Series equal what one counts by hand over the rows, whatever the bucket, group, filter and zone."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from math import ceil
from zoneinfo import ZoneInfo

import pytest
import traffic
from traffic import Traffic

from models import usage_series
from models.accounts import Account
from models.database import Database
from models.ledger import FinalRow
from models.usage_filters import ENDS, REFUSED, Bucket, Filters, Group, Span
from models.usage_series import Line

NOW = 1_792_958_400  # 25 October 2026, 20:00 UTC: Berlin's clocks went back that morning
DAYS = 3


@pytest.fixture
def mine(database: Database, alice: Account) -> Traffic:
    return traffic.write(database, alice, now=NOW, days=DAYS)


def span(bucket: Bucket, zone: str = "UTC") -> Span:
    since = NOW - (86_340 if bucket == "minute" else DAYS * 86_400)
    return Span(since, NOW + 60 if bucket == "minute" else NOW + 3600, bucket, zone)


def bucket_of(at_ms: int, wanted: Span) -> int:
    if wanted.bucket == "minute":
        return at_ms // 60_000 * 60
    hour = at_ms // 3_600_000 * 3600
    if wanted.bucket == "hour":
        return hour
    zone = ZoneInfo(wanted.zone)
    day = datetime.fromtimestamp(hour, zone).date()
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def within(rows: Iterable[FinalRow], wanted: Span, filters: Filters) -> list[FinalRow]:
    return [
        row
        for row in rows
        if wanted.since * 1000 <= row.admitted_ms < wanted.until * 1000
        and (not filters.models or row.model in filters.models)
        and (not filters.key_ids or row.key_id in filters.key_ids)
        and (not filters.statuses or row.outcome in filters.statuses)
    ]


NAMES: dict[Group, Callable[[FinalRow], str]] = {
    "model": lambda row: row.model,
    "key": lambda row: str(row.key_id),
    "status": lambda row: row.outcome,
}


def by_hand(rows: Iterable[FinalRow], wanted: Span, by: Group) -> list[Line]:
    found: defaultdict[tuple[int, str], list[int]] = defaultdict(lambda: [0] * 6)
    for row in rows:
        used, sums = row.usage, found[bucket_of(row.admitted_ms, wanted), NAMES[by](row)]
        is_error = row.outcome in ("error", "cut", "interrupted")
        figures = (1, is_error, used.prompt_tokens, used.output_tokens, used.total_tokens, row.cost_nusd)
        for place, figure in enumerate(figures):
            sums[place] += figure
    return [Line(*place, *sums) for place, sums in sorted(found.items())]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("bucket", ["minute", "hour", "day"])
def test_sums_equal_the_rows(database: Database, mine: Traffic, bucket: Bucket, zone: str) -> None:
    account_id, wanted = mine.keys[0].account_id, span(bucket, zone)
    for by in ("model", "key", "status"):
        for filters in (
            Filters(),
            Filters(models=("gpt-5",)),
            Filters(key_ids=(mine.keys[1].id,), statuses=("ok", "cut")),
        ):
            found = database.read_now(usage_series.read, account_id, wanted, by=by, filters=filters)
            assert found == by_hand(within(mine.finals, wanted, filters), wanted, by)
            assert found or filters.statuses


@pytest.mark.parametrize("bucket", ["minute", "hour", "day"])
def test_refused_requests_count_where_they_are_asked_for(
    database: Database, mine: Traffic, bucket: Bucket
) -> None:
    account_id, wanted = mine.keys[0].account_id, span(bucket, "Europe/Berlin")
    told = [line for line in mine.refused if wanted.since <= line.at < wanted.until]
    everything = Filters(statuses=(*ENDS, REFUSED))
    for by in ("model", "key", "status"):
        found = database.read_now(usage_series.read, account_id, wanted, by=by, filters=everything)
        admitted = database.read_now(usage_series.read, account_id, wanted, by=by, filters=Filters())
        more = sum(line.requests for line in found) - sum(line.requests for line in admitted)
        assert more == sum(1 + line.skipped for line in told)
        assert sum(line.total_tokens for line in found) == sum(line.total_tokens for line in admitted)
    alone = Filters(statuses=(REFUSED,), key_ids=(mine.keys[0].id,))
    found = database.read_now(usage_series.read, account_id, wanted, by="status", filters=alone)
    assert {line.name for line in found} == {REFUSED}
    assert sum(line.requests for line in found) == sum(
        1 + line.skipped for line in told if line.key_id == mine.keys[0].id
    )
    places = {(line.at, line.name) for line in found}
    assert len(places) == len(found)


@pytest.mark.parametrize("bucket", ["minute", "hour", "day"])
def test_percentiles_are_within_a_tenth_of_the_true_ones(
    database: Database, mine: Traffic, bucket: Bucket
) -> None:
    account_id, wanted = mine.keys[0].account_id, span(bucket, "Europe/Berlin")
    for timed in ("total", "first_token"):
        found = database.read_now(
            usage_series.times, account_id, wanted, timed, by="model", filters=Filters()
        )
        true: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
        for row in within(mine.finals, wanted, Filters()):
            ms = row.total_ms if timed == "total" else row.first_token_ms
            if ms is not None:
                true[bucket_of(row.admitted_ms, wanted), row.model].append(ms)
        assert found.keys() == true.keys()
        for place, ms in true.items():
            ordered = sorted(ms)
            assert sum(found[place].values()) == len(ms)
            for share, shown in zip((0.5, 0.95), usage_series.percentiles(found[place]), strict=True):
                exact = ordered[ceil(share * len(ordered)) - 1]
                assert shown == pytest.approx(exact, rel=0.1)


def test_minutes_over_more_than_a_day_are_refused(database: Database, alice: Account) -> None:
    long = Span(NOW - 2 * 86_400, NOW, "minute")
    with pytest.raises(ValueError, match="a day at most"):
        database.read_now(usage_series.read, alice.id, long, by="model", filters=Filters())


def test_the_last_hour_with_a_request_is_known(database: Database, alice: Account, mine: Traffic) -> None:
    newest = max(row.hour for row in mine.finals)
    assert database.read_now(usage_series.last_hour, alice.id, filters=Filters()) == newest * 3600
    failed = max(row.hour for row in mine.finals if row.outcome == "error")
    only = Filters(statuses=("error",))
    assert database.read_now(usage_series.last_hour, alice.id, filters=only) == failed * 3600
    nothing = Filters(models=("unheard-of",))
    assert database.read_now(usage_series.last_hour, alice.id, filters=nothing) is None


def test_charlie_sees_no_use_of_others(database: Database, charlie: Account, mine: Traffic) -> None:
    for key_ids in ((), (mine.keys[0].id,), (10**6,)):
        filters = Filters(key_ids=key_ids, statuses=(*ENDS, REFUSED))
        for bucket in ("minute", "hour", "day"):
            wanted = span(bucket)
            assert database.read_now(usage_series.read, charlie.id, wanted, by="key", filters=filters) == []
            timed = database.read_now(
                usage_series.times, charlie.id, wanted, "total", by="key", filters=filters
            )
            assert timed == {}
        assert database.read_now(usage_series.last_hour, charlie.id, filters=filters) is None

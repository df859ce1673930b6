"""The log of single requests: those that ran and those that were refused, in one order of time, page by page.

A page is found by a cursor, the time and id of the entry it goes on from, so that it costs the same on every page and
nothing moves while requests arrive. Errors and slow requests are few among many: each has an index of its own, which
a condition uses that is written word for word as the index has it.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Executable, String, collate, func, literal_column, or_
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from models import limits, refusal_origins, windows
from models.keys import ApiKey
from models.ledger import FAILED_ROWS, SLOW_ROWS, RequestRow, UsageHour
from models.limits import Ladder
from models.live import Limit
from models.overrides import Override
from models.refusals import RefusalRow
from models.usage_filters import FAILED, LONGEST_IN_MINUTES_S, NO_FILTERS, REFUSED, RUNNING, Filters

PAGE: Final = 50
View = Literal["all", "errors", "refused", "slow"]


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of an entry: Unix ms, then the request's id."""

    at_ms: int
    id: str


@dataclass(frozen=True, slots=True)
class Query:
    """Times are Unix seconds, `since` included, `until` not; None is no bound."""

    view: View = "all"
    filters: Filters = NO_FILTERS
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One of the two is set: `row` of a request that was admitted, `refusal` of one that was not."""

    at_ms: int
    id: str
    row: RequestRow | None = None
    refusal: RefusalRow | None = None

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.at_ms, self.id)


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first. `older` and `newer`: there is more on that side."""

    entries: list[Entry]
    older: bool
    newer: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many entries a value has while the other filters stay as they are."""

    models: dict[str, int]
    keys: dict[int, int]
    statuses: dict[str, int]


@dataclass(frozen=True, slots=True)
class Details:
    """`key` None: a key that is gone altogether. `hour_place`: its number among the account's admitted requests of its
    hour. `ladder` is of the limit that refused, as it stands now; `setter` the override that had set it then, None
    where that was the plan."""

    entry: Entry
    key: ApiKey | None
    hour_place: int | None = None
    ladder: Ladder | None = None
    setter: Override | None = None


def page(
    session: Session,
    account_id: int,
    query: Query,
    *,
    before: Cursor | None = None,
    after: Cursor | None = None,
    size: int = PAGE,
) -> Page:
    """The newest entries, those `before` a place, or those `after` it."""
    is_up = after is not None
    found = _merged(session, account_id, query, before=before, after=after, size=size + 1)
    is_more, entries = len(found) > size, found[:size]
    if is_up:
        return Page(entries[::-1], older=True, newer=is_more)
    return Page(entries, older=is_more, newer=before is not None)


def entries_after(
    session: Session, account_id: int, query: Query, *, after: Cursor | None, size: int
) -> list[Entry]:
    """Oldest first, from the beginning or after a place: how a file is written piece by piece."""
    return _merged(session, account_id, query, before=None, after=after or Cursor(0, ""), size=size)


def counts(session: Session, account_id: int, query: Query, *, now: int) -> Counts:
    """Over the query's stretch in whole hours; to the second where it is a part of one day."""
    groups: dict[tuple[str, int, str], int] = {}
    connection = session.connection()
    for part in _countings(account_id, query, now):
        for model, key_id, status, count in connection.execute(part):
            place = (str(model), int(key_id), str(status))
            groups[place] = groups.get(place, 0) + int(count)
    filters = query.filters
    models: dict[str, int] = {}
    keys: dict[int, int] = {}
    statuses: dict[str, int] = {}
    for (model, key_id, status), count in groups.items():
        is_model = not filters.models or model in filters.models
        is_key = not filters.key_ids or key_id in filters.key_ids
        is_status = filters.admits(status)
        if is_key and is_status:
            models[model] = models.get(model, 0) + count
        if is_model and is_status:
            keys[key_id] = keys.get(key_id, 0) + count
        if is_model and is_key:
            statuses[status] = statuses.get(status, 0) + count
    return Counts(models, keys, statuses)


def find(session: Session, account_id: int, request_id: str, *, now: int) -> Details | None:
    """None for an id that never was and for a request of somebody else alike."""
    row = session.exec(
        select(RequestRow).where(RequestRow.id == request_id, RequestRow.account_id == account_id)
    ).first()
    if row is not None:
        key = _key(session, account_id, row.key_id)
        return Details(Entry(row.admitted_ms, row.id, row=row), key, _hour_place(session, row))
    refusal = session.exec(
        select(RefusalRow).where(RefusalRow.account_id == account_id, RefusalRow.request_id == request_id)
    ).first()
    if refusal is None:
        return None
    key = _key(session, account_id, refusal.key_id)
    entry = Entry(refusal.at * 1000, refusal.request_id, refusal=refusal)
    ladder = _ladder(session, account_id, refusal, key, now)
    setter = refusal_origins.setters(session, account_id, [refusal]).get(request_id)
    return Details(entry, key, ladder=ladder, setter=setter)


def keys_of(session: Session, account_id: int) -> list[ApiKey]:
    """All keys the account ever had, newest first, for names and filters."""
    query = select(ApiKey).where(ApiKey.account_id == account_id).order_by(col(ApiKey.id).desc())
    return list(session.exec(query).all())


def _merged(
    session: Session,
    account_id: int,
    query: Query,
    *,
    before: Cursor | None,
    after: Cursor | None,
    size: int,
) -> list[Entry]:
    """Newest first; oldest first `after` a place."""
    is_up = after is not None
    statuses, view = query.filters.statuses, query.view
    of_rows: list[Entry] = []
    of_refusals: list[Entry] = []
    if view != "refused" and (not statuses or any(status != REFUSED for status in statuses)):
        id_column = _in_bytes(session, RequestRow.id)
        wanted = select(RequestRow).where(*_row_conditions(account_id, query))
        wanted = _cut(wanted, col(RequestRow.admitted_ms), id_column, before, after).limit(size)
        of_rows = [Entry(row.admitted_ms, row.id, row=row) for row in session.exec(wanted).all()]
    if view in ("all", "refused") and query.filters.admits(REFUSED):
        id_column = _in_bytes(session, RefusalRow.request_id)
        told = select(RefusalRow).where(*_refusal_conditions(account_id, query))
        told = _cut(told, col(RefusalRow.at), id_column, before, after, unit_ms=1000).limit(size)
        of_refusals = [
            Entry(refusal.at * 1000, refusal.request_id, refusal=refusal)
            for refusal in session.exec(told).all()
        ]
    merged = heapq.merge(of_rows, of_refusals, key=attrgetter("at_ms", "id"), reverse=not is_up)
    return list(merged)[:size]


def _row_conditions(account_id: int, query: Query) -> list[ColumnElement[bool]]:
    admitted, filters = col(RequestRow.admitted_ms), query.filters
    parts: list[ColumnElement[bool]] = [col(RequestRow.account_id) == account_id]
    if query.since is not None:
        parts.append(admitted >= query.since * 1000)
    if query.until is not None:
        parts.append(admitted < query.until * 1000)
    if query.view == "errors":
        parts.append(literal_column(FAILED_ROWS))
    if query.view == "slow":
        parts.append(literal_column(SLOW_ROWS))
    parts += filters.of_columns(col(RequestRow.model), col(RequestRow.key_id))
    if filters.statuses:
        ended = col(RequestRow.outcome).in_(filters.ends)
        is_running = col(RequestRow.state) == "open"
        parts.append(or_(ended, is_running) if RUNNING in filters.statuses else ended)
    return parts


def _refusal_conditions(account_id: int, query: Query) -> list[ColumnElement[bool]]:
    parts: list[ColumnElement[bool]] = [col(RefusalRow.account_id) == account_id]
    if query.since is not None:
        parts.append(col(RefusalRow.at) >= query.since)
    if query.until is not None:
        parts.append(col(RefusalRow.at) < query.until)
    return parts + query.filters.of_columns(col(RefusalRow.model), col(RefusalRow.key_id))


def _cut(
    wanted: Any, at: Any, id_column: Any, before: Cursor | None, after: Cursor | None, *, unit_ms: int = 1
) -> Any:
    """In order, from the cursor on. The bound on the time alone is what an index is entered by."""
    if after is not None:
        wanted = wanted.where(
            at >= -(-after.at_ms // unit_ms), or_(at * unit_ms > after.at_ms, id_column > after.id)
        )
        return wanted.order_by(at, id_column)
    if before is not None:
        wanted = wanted.where(
            at <= before.at_ms // unit_ms, or_(at * unit_ms < before.at_ms, id_column < before.id)
        )
    return wanted.order_by(at.desc(), id_column.desc())


def _in_bytes(session: Session, column: Any) -> Any:
    """Compared as Python compares, whatever the database's collation."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    return col(column) if is_sqlite else collate(col(column), "C")


def _countings(account_id: int, query: Query, now: int) -> Sequence[Executable]:
    """Model, key, status and count, of each kind of entry. Only what the view shows is counted."""
    parts: list[Executable] = []
    if query.view in ("all", "refused"):
        parts.append(_counted_refusals(account_id, query))
    if query.view == "refused":
        return parts
    since, until = query.since, now if query.until is None else query.until
    is_exact = since is not None and until - since <= LONGEST_IN_MINUTES_S and _is_cut(query)
    if query.view == "slow" or is_exact:
        parts.append(_counted_rows(account_id, query))
    else:
        parts.append(_counted_hours(account_id, query))
    if query.view == "all" and not is_exact:
        parts.append(_counted_running(account_id, query))
    return parts


def _is_cut(query: Query) -> bool:
    """Whether the stretch begins or ends within an hour."""
    return any(at is not None and at % windows.HOUR for at in (query.since, query.until))


def _counted_hours(account_id: int, query: Query) -> Executable:
    columns = (col(UsageHour.model), col(UsageHour.key_id), col(UsageHour.outcome))
    counted = select_columns(*columns, func.sum(UsageHour.requests)).where(
        col(UsageHour.account_id) == account_id
    )
    if query.since is not None:
        counted = counted.where(col(UsageHour.hour) >= windows.hour_of(query.since))
    if query.until is not None:
        counted = counted.where(col(UsageHour.hour) < windows.hour_of(query.until + windows.HOUR - 1))
    if query.view == "errors":
        counted = counted.where(col(UsageHour.outcome).in_(FAILED))
    return counted.group_by(*columns)


def _counted_rows(account_id: int, query: Query) -> Executable:
    status = func.coalesce(col(RequestRow.outcome), literal_column(f"'{RUNNING}'"))
    columns = (col(RequestRow.model), col(RequestRow.key_id), status)
    unfiltered = Query(query.view, NO_FILTERS, query.since, query.until)
    counted = select_columns(*columns, func.count()).where(*_row_conditions(account_id, unfiltered))
    return counted.group_by(*columns)


def _counted_running(account_id: int, query: Query) -> Executable:
    """Found among the open rows: a time that is reckoned with leads no database to the index of all rows."""
    columns, admitted = (col(RequestRow.model), col(RequestRow.key_id)), col(RequestRow.admitted_ms) + 0
    conditions = [col(RequestRow.state) == literal_column("'open'"), col(RequestRow.account_id) == account_id]
    if query.since is not None:
        conditions.append(admitted >= query.since * 1000)
    if query.until is not None:
        conditions.append(admitted < query.until * 1000)
    counted = select_columns(*columns, literal_column(f"'{RUNNING}'", String), func.count()).where(
        *conditions
    )
    return counted.group_by(*columns)


def _counted_refusals(account_id: int, query: Query) -> Executable:
    columns = (col(RefusalRow.model), col(RefusalRow.key_id))
    unfiltered = Query("all", NO_FILTERS, query.since, query.until)
    return (
        select_columns(*columns, literal_column(f"'{REFUSED}'"), func.count())
        .where(*_refusal_conditions(account_id, unfiltered))
        .group_by(*columns)
    )


def _key(session: Session, account_id: int, key_id: int) -> ApiKey | None:
    return session.exec(select(ApiKey).where(ApiKey.id == key_id, ApiKey.account_id == account_id)).first()


def _hour_place(session: Session, row: RequestRow) -> int:
    begin_ms = row.admitted_ms - row.admitted_ms % (windows.HOUR * 1000)
    query = select_columns(func.count()).where(
        col(RequestRow.account_id) == row.account_id,
        col(RequestRow.admitted_ms) >= begin_ms,
        col(RequestRow.admitted_ms) <= row.admitted_ms,
    )
    return int(session.connection().execute(query).scalar_one())


def _ladder(
    session: Session, account_id: int, refusal: RefusalRow, key: ApiKey | None, now: int
) -> Ladder | None:
    """Of the account where its layer refused, or where the key has no value of its own."""
    name: dict[str | None, Limit] = {limit: limit for limit in limits.KEY_LIMITS}
    name["concurrent_requests"] = "concurrent_requests"
    limit = name.get(refusal.limit_name)
    if limit is None:
        return None
    of_key = refusal.layer == "key" and key is not None and limit in limits.KEY_LIMITS
    return limits.ladder(session, account_id, key.id if of_key and key else None, limit, now=now)

"""What the tables say, and every way in which they could contradict each other or what both sides of a request saw."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, literal
from sqlmodel import Session, select

from models import windows
from models.database import Database
from models.ledger import RequestRow, UsageHour, UsageMonth
from proofs.load import Seen
from proofs.orders import BYTES_PER_TOKEN
from proofs.upstream import TEXT, Call


@dataclass(frozen=True, slots=True)
class Books:
    rows: list[RequestRow]
    hours: list[UsageHour]
    months: list[UsageMonth]

    @property
    def open(self) -> list[RequestRow]:
        return [row for row in self.rows if row.state != "final"]


def read(database: Database, accounts: Collection[int] | None = None) -> Books:
    """Of these accounts, or of all."""
    return database.read_now(_read, accounts)


def _read(session: Session, accounts: Collection[int] | None) -> Books:
    def of(account: Any) -> ColumnElement[bool]:
        return literal(True) if accounts is None else account.in_(accounts)

    rows = session.exec(select(RequestRow).where(of(RequestRow.account_id))).all()
    hours = session.exec(select(UsageHour).where(of(UsageHour.account_id))).all()
    months = session.exec(select(UsageMonth).where(of(UsageMonth.account_id))).all()
    session.expunge_all()
    return Books(list(rows), list(hours), list(months))


def open_rows(database: Database) -> int:
    def count(session: Session) -> int:
        return len(session.exec(select(RequestRow.id).where(RequestRow.state == "open")).all())

    return database.read_now(count)


def contradictions(books: Books) -> list[str]:
    """Between the rows and their sums: hours by account, hour, key, model and outcome, months by account and key."""
    hours: Counter[tuple[object, ...]] = Counter()
    months: Counter[tuple[object, ...]] = Counter()
    found = [f"row {row.id} is {row.state}" for row in books.open]
    for row in books.rows:
        if row.state != "final":
            continue
        prompt = row.input_tokens + row.cache_read_tokens + row.cache_write_tokens
        if row.total_tokens != prompt + row.output_tokens:
            found.append(f"row {row.id}: its total is not its parts")
        group = (row.account_id, row.hour, row.key_id, row.model, row.outcome)
        month = (row.account_id, windows.month_of(row.hour * windows.HOUR), row.key_id)
        figures = {"requests": 1, "prompt": prompt, "output": row.output_tokens, "cost": row.cost_nusd}
        for name, figure in (figures | {"total": row.total_tokens}).items():
            hours[(*group, name)] += figure
        for name in ("requests", "cost"):
            months[(*month, name)] += figures[name]
        months[(*month, "total")] += row.total_tokens
    for hour in books.hours:
        group = (hour.account_id, hour.hour, hour.key_id, hour.model, hour.outcome)
        hours[(*group, "requests")] -= hour.requests
        hours[(*group, "prompt")] -= hour.prompt_tokens
        hours[(*group, "output")] -= hour.completion_tokens
        hours[(*group, "cost")] -= hour.cost_nusd
        hours[(*group, "total")] -= hour.total_tokens
    for sums in books.months:
        month = (sums.account_id, sums.month, sums.key_id)
        months[(*month, "requests")] -= sums.requests
        months[(*month, "total")] -= sums.total_tokens
        months[(*month, "cost")] -= sums.cost_nusd
    found += [f"hour {where} is off by {by}" for where, by in hours.items() if by]
    return found + [f"month {where} is off by {by}" for where, by in months.items() if by]


Name = tuple[int, int]


@dataclass(slots=True)
class Joined:
    """The three logs side by side. `unrecorded` reached the upstream, and the process died before their open row was
    committed: their customers had seen nothing."""

    complete: int = 0
    cut: int = 0
    refused: int = 0
    interrupted: int = 0
    unrecorded: int = 0
    shown_tokens: int = 0
    differences: list[str] = field(default_factory=list)
    rows_of: dict[Name, RequestRow] = field(default_factory=dict)
    sent_bytes: dict[Name, int] = field(default_factory=dict)

    def found(self, one: Seen, row: RequestRow) -> None:
        if one.order.name in self.rows_of:
            self.differences.append(f"{one.order.name} stands twice")
        self.rows_of[one.order.name] = row
        self.interrupted += row.outcome == "interrupted"
        self.differences += faults_of(one, row, self.sent_bytes.get(one.order.name, 0))

    def counts(self) -> dict[str, int]:
        return {
            "complete": self.complete,
            "cut": self.cut,
            "refused": self.refused,
            "rows": len(self.rows_of),
            "interrupted": self.interrupted,
            "unrecorded": self.unrecorded,
            "tokens_shown": self.shown_tokens,
        }


def join(
    seen: Sequence[Seen], calls: Iterable[Call], rows: Sequence[RequestRow], keys: dict[int, int]
) -> Joined:
    """`keys` are the ids of the customers' keys. Every answer in full stands once with its tokens, every row belongs
    to one request, and every call has its row, but for the last one of a customer whose process died with the open
    row unwritten."""
    reached = {call.name: call.sent_bytes for call in calls}
    joined = Joined(sent_bytes=reached)
    by_id = {row.id: row for row in rows}
    for one in seen:
        _join_seen(one, by_id.get(one.request_id or ""), keys, joined)
    claimed = {row.id for row in joined.rows_of.values()}
    _join_unseen(seen, [row for row in rows if row.id not in claimed], keys, joined)
    last_with_row: dict[int, int] = defaultdict(int)
    for customer, number in joined.rows_of:
        last_with_row[customer] = max(last_with_row[customer], number)
    broken = {one.order.name for one in seen if one.is_broken or one.has_left}
    for name in sorted(reached.keys() - joined.rows_of.keys()):
        joined.unrecorded += 1
        if name not in broken or last_with_row[name[0]] > name[1]:
            joined.differences.append(f"{name} reached the upstream and has no row")
    return joined


def _join_seen(one: Seen, row: RequestRow | None, keys: dict[int, int], joined: Joined) -> None:
    """By the request's id, where the customer has seen it."""
    name = one.order.name
    if one.is_complete:
        joined.complete += 1
        joined.shown_tokens += one.tokens[2] if one.tokens else 0
        if row is None:
            joined.differences.append(f"{name} was answered and is not in the ledger")
    elif row is None and one.code is not None and not one.has_output:
        joined.refused += 1
        if one.status is not None and one.status >= 500 and one.code != "service_unavailable":
            joined.differences.append(f"{name} was told {one.code} and is not in the ledger")
    else:
        joined.cut += 1
        if one.has_output and row is None:
            joined.differences.append(f"{name} was begun and is not in the ledger")
    if row is not None:
        if row.key_id != keys[one.order.customer]:
            joined.differences.append(f"{name} stands under another key")
        joined.found(one, row)


def _join_unseen(
    seen: Sequence[Seen], rows: Sequence[RequestRow], keys: dict[int, int], joined: Joined
) -> None:
    """The rows of requests whose customers never saw an id: found by their key and the tokens of their prompt. Those
    that failed have none, and belong to any other of that key."""
    lost: dict[tuple[int, int], Seen] = {}
    for one in seen:
        if one.order.name not in joined.rows_of and one.request_id is None:
            lost[keys[one.order.customer], one.order.prompt_estimate] = one
    by_prompt = sorted(rows, key=lambda row: -prompt_of(row))
    for row in by_prompt:
        found = lost.pop((row.key_id, prompt_of(row)), None)
        if found is None and prompt_of(row) == 0:
            found = next((lost.pop(place) for place in list(lost) if place[0] == row.key_id), None)
        if found is None:
            joined.differences.append(f"row {row.id} belongs to no request, or to one that has its row")
        else:
            joined.found(found, row)


def prompt_of(row: RequestRow) -> int:
    return row.input_tokens + row.cache_read_tokens + row.cache_write_tokens


def faults_of(one: Seen, row: RequestRow, sent_bytes: int) -> list[str]:
    """A row that does not say what its request has used."""
    order, name = one.order, one.order.name
    written = (prompt_of(row), row.output_tokens, row.total_tokens)
    if one.is_complete and (row.state, row.outcome) != ("final", "ok"):
        return [f"{name} was answered and is {row.state} {row.outcome}"]
    if one.is_complete and one.tokens not in (None, written):
        return [f"{name} was shown {one.tokens}, the ledger says {written}"]
    if row.outcome == "ok" and order.fault != "silent":
        used = (order.usage.prompt_tokens, order.usage.output_tokens)
        if order.bound is not None:  # a cap may have made it smaller; what was shown is compared above
            used = (used[0], min(used[1], written[1]))
        is_exact = written[:2] == used and not row.is_estimated
        return [] if is_exact else [f"{name} used {used}, the ledger says {written}"]
    if row.outcome == "error" and row.total_tokens:
        return [f"{name} failed and is metered at {row.total_tokens}"]
    if row.outcome in ("cut", "client_abort", "interrupted"):
        most = max(order.output, len(TEXT))
        if order.fault == "garbage":  # nobody can tell what it is, but for its size
            most = max(most, sent_bytes // BYTES_PER_TOKEN)
        prompts = (order.prompt_estimate, order.usage.prompt_tokens)
        if not row.is_estimated or prompt_of(row) not in prompts or row.output_tokens > most:
            return [f"{order} was {row.outcome} and is metered at {written}, estimated: {row.is_estimated}"]
    return []

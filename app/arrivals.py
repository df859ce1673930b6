"""What has just been settled or refused, told to open pages at most four times a second.

This process tells what its own ledger committed. What other processes did is looked up once a second, for the
accounts whose pages are open here, and only where there may be other processes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from nicegui import Event, ui

from models import elsewhere, refusals
from models.database import Database
from models.ledger import FinalRow, RequestRow
from models.refusals import RefusalRow

GATHER_SECONDS: Final = 0.25
KEEP: Final = 200
REMEMBERED: Final = 5_000
FIRST_LOOK_MS: Final = 2_000
"""How far back the first look at an account tells of what it finds."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that has just been settled, or refused: what an open page shows within half a second.

    `refusal` is the very sentence the client got; then tokens and times are 0.
    """

    account_id: int
    key_id: int
    model: str
    outcome: str
    total_tokens: int
    total_ms: int
    refusal: str = ""


class Arrivals:
    """Gathers arrivals and emits them in one event; nothing is kept while no page listens."""

    def __init__(self) -> None:
        self.event: Event[list[Arrival]] = Event()
        self.changes: Event[int] = Event()
        self._gathered: list[Arrival] = []
        self._timer: asyncio.TimerHandle | None = None
        self._places: dict[int, list[ui.element]] = {}
        self._told: dict[str, None] = {}
        self._looked: dict[int, int] = {}

    def follow(
        self, account_id: int, place: ui.element, told: Callable[[list[Arrival]], Awaitable[None]]
    ) -> None:
        """Calls `told` with each batch of this account's arrivals while `place` exists."""

        async def hear(arrived: list[Arrival]) -> None:
            if place.is_deleted:
                self.event.unsubscribe(hear)
                return
            mine = [arrival for arrival in arrived if arrival.account_id == account_id]
            if mine:
                with place:
                    await told(mine)

        self.event.subscribe(hear)
        self._places.setdefault(account_id, []).append(place)

    def follow_changes(self, account_id: int, place: ui.element, told: Callable[[], Awaitable[None]]) -> None:
        """Calls `told` when keys or limits of this account were changed by a page of this process, while `place`
        exists."""

        async def hear(changed_id: int) -> None:
            if place.is_deleted:
                self.changes.unsubscribe(hear)
            elif changed_id == account_id:
                with place:
                    await told()

        self.changes.subscribe(hear)

    def note(self, finals: Sequence[FinalRow], refused: Sequence[refusals.Line]) -> None:
        """Called in the loop after each commit of the ledger."""
        if not self.event.callbacks:
            return
        self._remember(line.request_id for line in refused)
        self._gather([_settled(row) for row in finals[:KEEP]] + [_refused(line) for line in refused[:KEEP]])

    async def look(self, database: Database, process: int, *, now_ms: int) -> None:
        """Tell what other processes did. An account that is looked at for the first time is told nothing old."""
        for account_id, places in list(self._places.items()):
            self._places[account_id] = [place for place in places if not place.is_deleted]
            if not self._places[account_id]:
                del self._places[account_id]
        if not self._places:
            return
        found = await database.read(elsewhere.lately, list(self._places), process, now_ms=now_ms)
        since_ms = {
            account_id: self._looked.get(account_id, now_ms - FIRST_LOOK_MS) for account_id in self._places
        }
        self._looked = since_ms
        fresh = [
            _settled_elsewhere(row)
            for row in found.settled
            if row.id not in self._told and row.admitted_ms >= since_ms[row.account_id]
        ]
        fresh += [
            _refused_elsewhere(row)
            for row in found.refused
            if row.request_id not in self._told and row.at * 1000 >= since_ms[row.account_id]
        ]
        self._remember([row.id for row in found.settled] + [row.request_id for row in found.refused])
        self._gather(fresh)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _gather(self, arrived: list[Arrival]) -> None:
        if not arrived:
            return
        self._gathered += arrived
        del self._gathered[:-KEEP]
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._emit)

    def _emit(self) -> None:
        self._timer = None
        gathered, self._gathered = self._gathered, []
        self.event.emit(gathered)

    def _remember(self, ids: Iterable[str]) -> None:
        self._told.update(dict.fromkeys(ids))
        while len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]


def _settled(row: FinalRow) -> Arrival:
    return Arrival(
        account_id=row.account_id,
        key_id=row.key_id,
        model=row.model,
        outcome=row.outcome,
        total_tokens=row.usage.total_tokens,
        total_ms=row.total_ms,
    )


def _refused(line: refusals.Line) -> Arrival:
    return Arrival(
        account_id=line.account_id,
        key_id=line.key_id,
        model=line.model,
        outcome="refused",
        total_tokens=0,
        total_ms=0,
        refusal=line.message,
    )


def _settled_elsewhere(row: RequestRow) -> Arrival:
    return Arrival(
        account_id=row.account_id,
        key_id=row.key_id,
        model=row.model,
        outcome=row.outcome or "",
        total_tokens=row.total_tokens,
        total_ms=row.total_ms or 0,
    )


def _refused_elsewhere(row: RefusalRow) -> Arrival:
    return Arrival(
        account_id=row.account_id,
        key_id=row.key_id,
        model=row.model,
        outcome="refused",
        total_tokens=0,
        total_ms=0,
        refusal=row.message,
    )

"""What has just been settled or refused, told to open pages at most four times a second."""

import asyncio
from collections.abc import Sequence

from nicegui import Event

from app.services import Arrival
from models import refusals
from models.ledger import FinalRow

GATHER_SECONDS = 0.25
KEEP = 200


class Arrivals:
    """Gathers what the ledger committed and emits it in one event; nothing is kept while no page listens."""

    def __init__(self, event: Event[list[Arrival]]) -> None:
        self._event = event
        self._gathered: list[Arrival] = []
        self._timer: asyncio.TimerHandle | None = None

    def note(self, finals: Sequence[FinalRow], refused: Sequence[refusals.Line]) -> None:
        """Called in the loop after each commit of the ledger."""
        if not self._event.callbacks:
            return
        self._gathered += [_settled(row) for row in finals[:KEEP]]
        self._gathered += [_refused(line) for line in refused[:KEEP]]
        del self._gathered[:-KEEP]
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._emit)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _emit(self) -> None:
        self._timer = None
        gathered, self._gathered = self._gathered, []
        self._event.emit(gathered)


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

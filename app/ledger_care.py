"""The care of the ledger while serving: it is checked once a day and whenever staff asks, and rows that are old
enough are thrown away.

A check works by the hour and rests four times as long as it works, so that requests do not notice it. Several
processes share the duty: whoever finds that the last check is a day old makes the next one.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from models import ledger_check, ledger_state, retention, windows
from models.database import Database
from models.ledger_state import LedgerCheck
from models.live import Live, LiveAway, agreement
from models.live.database import DatabaseLive

log = logging.getLogger("starscoo.ledger")

CHECK_EVERY_S: Final = windows.DAY
REST: Final = 4.0
BETWEEN_BATCHES_S: Final = 0.05
STOP_S: Final = 5.0


class Stopped(Exception):
    """The server ends, and with it the check that it made."""


class LedgerCare:
    """`progress` tells pieces done and all of them, while a check runs."""

    def __init__(
        self,
        database: Database,
        live: Live,
        clock: Callable[[], float],
        *,
        keep_days: int,
        rest: float = REST,
    ) -> None:
        self.keep_days = keep_days
        self.progress: tuple[int, int] | None = None
        self._database = database
        self._live = live
        self._clock = clock
        self._rest = rest
        self._checking: asyncio.Task[LedgerCheck] | None = None
        self._is_stopping = False

    @property
    def is_checking(self) -> bool:
        return self._checking is not None and not self._checking.done()

    async def check(self, *, by: str) -> LedgerCheck:
        """How it ended, when it has. One that runs already is waited for; whoever leaves does not end it."""
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._check(by), name="ledger check")
        return await asyncio.shield(self._checking)

    async def check_daily(self) -> None:
        last = await self._database.read(ledger_state.last_checks, 1)
        if not last or last[0].at <= int(self._clock()) - CHECK_EVERY_S:
            await self.check(by="daily check")

    async def throw_away(self) -> None:
        """What is older than is kept."""
        kept_from = int(self._clock()) - self.keep_days * windows.DAY
        await self._database.run(retention.forget_before, kept_from)
        gone = 1
        while gone:
            gone = await self._database.run(retention.throw_away, kept_from)
            await asyncio.sleep(BETWEEN_BATCHES_S)

    async def stop(self) -> None:
        """A check that runs ends with the piece in hand: its thread cannot be cancelled, and the process would wait for
        it."""
        self._is_stopping = True
        if self._checking is not None:
            await asyncio.wait({self._checking}, timeout=STOP_S)
            self._checking.cancel()
            await asyncio.gather(self._checking, return_exceptions=True)

    async def _check(self, by: str) -> LedgerCheck:
        at, began = int(self._clock()), time.monotonic()
        try:
            report = await asyncio.to_thread(
                ledger_check.check,
                self._database,
                now_ms=int(self._clock() * 1000),
                on_piece=self._note_progress,
                rest=self._rest,
            )
            await self._compare_counters(report)
            entry = report.entry(by=by, at=at, took_ms=round((time.monotonic() - began) * 1000))
            await self._database.run(ledger_state.record_check, entry)
        finally:
            self.progress = None
        if report.differences:
            log.error("The ledger does not agree with itself: %s", "; ".join(report.lines[:3]))
        return entry

    async def _compare_counters(self, report: ledger_check.Report) -> None:
        """Where the tables themselves are the counters there is nothing to compare."""
        if isinstance(self._live, DatabaseLive):
            return
        accounts = await asyncio.to_thread(agreement.accounts_in_use, self._database, self._live.now())
        try:
            report.agree(await agreement.compare(self._live, self._database, accounts))
        except LiveAway as error:
            log.warning("The counters could not be compared: %s", error)

    def _note_progress(self, done: int, whole: int) -> None:
        """Called in the check's thread after each piece."""
        if self._is_stopping:
            raise Stopped
        self.progress = (done, whole)

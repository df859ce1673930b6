"""The ledger's one writer.

Rows gathered while the last commit ran go into the next one: one thread, one transaction, one receipt for all
of them. A receipt is done when its row is committed, or holds the error. Final rows that could not be written
are kept and written with the next batch (writing is idempotent by request id), so a full disk loses nothing
that was metered; the client of such a request has been told that it failed. Refusals are written along,
waited for by nobody, at most ten a second per key; those beyond are counted in the next row.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from models import ledger, refusals
from models.database import Database
from models.ledger import FinalRow, Note, OpenRow

log = logging.getLogger("starscoo.ledger")

REFUSALS_PER_SECOND: Final = 10
UNSAVED_ROWS: Final = 100_000
RETRY_SECONDS: Final = 1.0
STOP_SECONDS: Final = 10


class Ledger:
    """`on_settled` is called in the loop with the finals and refusals of each commit, for open pages. `process` is
    the number under which this process's open rows stand; set it before the first of them."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float],
        *,
        on_settled: Callable[[Sequence[FinalRow], Sequence[refusals.Line]], None] | None = None,
    ) -> None:
        self.process = 0
        self._database = database
        self._clock = clock
        self._on_settled = on_settled
        self._opens: list[OpenRow] = []
        self._finals: list[FinalRow] = []
        self._refused: list[refusals.Line] = []
        self._notes: list[Note] = []
        self._unsaved: tuple[list[OpenRow], list[FinalRow]] = ([], [])
        self._receipt: asyncio.Future[None] | None = None
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._writer: asyncio.Task[None] | None = None
        self._refusal_counts: dict[int, tuple[int, int, int]] = {}

    async def start(self) -> None:
        self._idle.set()
        self._writer = asyncio.create_task(self._write_for_ever(), name="ledger writer")

    async def stop(self) -> None:
        """Writes what is there, then ends; a database that stays away is waited for as long as `STOP_SECONDS`."""
        if self._writer is not None:
            try:
                await asyncio.wait_for(self.drained(), STOP_SECONDS)
            except TimeoutError:
                log.critical("%d rows of the ledger are lost: the database stayed away", self.backlog)
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
            self._writer = None
        self._thread.shutdown()

    def open(self, row: OpenRow) -> asyncio.Future[None]:
        """The row that says: admitted. Its receipt is awaited before the first byte of the answer."""
        self._opens.append(row)
        return self._expect()

    def finish(self, row: FinalRow) -> asyncio.Future[None]:
        """The row that says: ended thus. Its receipt is awaited before the last byte of the answer."""
        self._finals.append(row)
        return self._expect()

    def refuse(self, line: refusals.Line) -> None:
        """Note a refusal; nobody waits for it."""
        second = int(self._clock())
        since, written, skipped = self._refusal_counts.get(line.key_id, (second, 0, 0))
        if since != second:
            since, written = second, 0
        if written >= REFUSALS_PER_SECOND:
            self._refusal_counts[line.key_id] = (since, written, skipped + 1)
            return
        if len(self._refusal_counts) > UNSAVED_ROWS:
            self._refusal_counts.clear()
        self._refusal_counts[line.key_id] = (since, written + 1, 0)
        self._refused.append(replace(line, skipped=skipped))
        self._expect()

    def note(self, notes: Sequence[Note]) -> None:
        """How far running requests have come; nobody waits for it."""
        if notes:
            self._notes += notes
            self._expect()

    async def drained(self) -> None:
        """Returns when nothing waits to be written."""
        await self._idle.wait()

    @property
    def backlog(self) -> int:
        """Rows that wait to be written."""
        return (
            len(self._opens)
            + len(self._finals)
            + len(self._refused)
            + len(self._unsaved[0])
            + len(self._unsaved[1])
        )

    @property
    def unsaved(self) -> set[str]:
        """The requests whose end waits to be written."""
        return {row.id for row in (*self._unsaved[1], *self._finals)}

    def _expect(self) -> asyncio.Future[None]:
        if self._receipt is None:
            self._receipt = asyncio.get_running_loop().create_future()
            self._idle.clear()
            self._wake.set()
        return self._receipt

    async def _write_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            receipt, self._receipt = self._receipt, None
            await self._write_batch(receipt)
            if self._receipt is None and not any(self._unsaved):
                self._idle.set()

    async def _write_batch(self, receipt: asyncio.Future[None] | None) -> None:
        opens, self._opens = [*self._unsaved[0], *self._opens], []
        finals, self._finals = [*self._unsaved[1], *self._finals], []
        refused, self._refused = self._refused, []
        notes, self._notes = self._notes, []
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._commit, opens, finals, refused, notes)
        except Exception as error:  # whatever the database raises, the rows stay and their clients are told
            log.error("The ledger could not be written: %s. %d final rows are kept.", error, len(finals))
            self._unsaved = (opens[-UNSAVED_ROWS:], finals[-UNSAVED_ROWS:])
            loop.call_later(RETRY_SECONDS, self._wake.set)
            if receipt is not None:
                receipt.set_exception(LedgerAway(str(error)))
                receipt.exception()  # a refusal's receipt has no reader; do not warn about it
            return
        self._unsaved = ([], [])
        if receipt is not None:
            receipt.set_result(None)
        if self._on_settled is not None and (finals or refused):
            self._on_settled(finals, refused)

    def _commit(
        self,
        opens: Sequence[OpenRow],
        finals: Sequence[FinalRow],
        refused: Sequence[refusals.Line],
        notes: Sequence[Note],
    ) -> None:
        with self._database.write_batch() as connection:
            ledger.write(connection, opens, finals, refused, notes=notes)


class LedgerAway(Exception):
    """A row could not be committed; its request must not look finished."""

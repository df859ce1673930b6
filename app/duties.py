"""What a serving process does beside answering, each in a loop of its own: it hears of changes that others made,
says that it lives, settles what dead processes left open, and cares for the ledger.

None of them ends because its work failed once: the next round comes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from api.metering import Ledger
from api.pipeline import Pipeline
from api.upkeep import Upkeep
from app.arrivals import Arrivals
from app.ledger_care import LedgerCare
from models import epochs, processes, rotation
from models.database import AlreadyServing, Database, Serving
from models.live import Live

log = logging.getLogger("starscoo")

WATCH_SECONDS: Final = 0.25
WATCH_OVERLAP_MS: Final = 120_000
"""A change is stamped before it waits for the writer lock, and by the clock of another machine."""
LOOK_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 5.0
CARE_SECONDS: Final = 600.0
CARE_AFTER_SECONDS: Final = 60.0
"""A server that has just started has better things to do."""
USES_SECONDS: Final = 1.0
ALERTS_SECONDS: Final = 60.0


@dataclass(slots=True)
class Duties:
    """`serving` is the lock that `prepare` took; `tell_alerts` mails of limits that are nearly used up, where there is
    mail."""

    database: Database
    live: Live
    ledger: Ledger
    pipeline: Pipeline
    arrivals: Arrivals
    clock: Callable[[], float]
    limiter: str
    care: LedgerCare
    serving: Serving | None = None
    tell_alerts: Callable[[], Awaitable[None]] | None = None

    def register(self) -> int:
        """This process among those that serve; what the dead left open is settled. Returns how many rows. Raises
        `models.database.Refused`."""
        now_ms = self._now_ms()
        process = self.database.run_now(processes.register, self.limiter, now_ms=now_ms)
        self.ledger.process = process
        is_alone = self.serving is not None and self.serving.is_alone
        if is_alone:
            return self.database.run_now(processes.sweep_others, process)
        return self.database.run_now(processes.sweep_dead, process, now_ms=now_ms)

    async def leave(self) -> None:
        """The last word of this process. Rows that it could not write are left to be swept by others."""
        if self.ledger.process and not self.ledger.backlog:
            try:
                await self.note_uses()
                await self.database.run(processes.leave, self.ledger.process)
            except SQLAlchemyError as error:
                log.error("This process could not sign off: %s", error)

    def start(self) -> list[asyncio.Task[None]]:
        """To be cancelled at the end."""
        upkeep = Upkeep(self.pipeline.parts, self.database)
        tasks = [
            asyncio.create_task(_for_ever(self.hear, WATCH_SECONDS), name="watch on changes"),
            asyncio.create_task(_for_ever(self.beat, HEARTBEAT_SECONDS), name="heartbeat"),
            asyncio.create_task(_for_ever(self.look, LOOK_SECONDS), name="look at other processes"),
            asyncio.create_task(_for_ever(self.note_uses, USES_SECONDS), name="uses of rotated keys"),
            asyncio.create_task(upkeep.run(), name="care of running requests"),
            asyncio.create_task(
                _for_ever(self.care.check_daily, CARE_SECONDS, after_seconds=CARE_AFTER_SECONDS),
                name="daily check of the ledger",
            ),
            asyncio.create_task(
                _for_ever(self.care.throw_away, CARE_SECONDS, after_seconds=CARE_AFTER_SECONDS),
                name="old rows",
            ),
        ]
        if self.tell_alerts is not None:
            alerts = _for_ever(self.tell_alerts, ALERTS_SECONDS)
            tasks.append(asyncio.create_task(alerts, name="mails of alert levels"))
        return tasks

    async def hear(self) -> None:
        """Changes that other processes made bind here within a second."""
        since_ms = int(self.clock() * 1000) - WATCH_OVERLAP_MS
        for account_id, epoch in await self.database.read(epochs.changed_since, since_ms):
            self.live.bump(account_id, epoch)

    async def look(self) -> None:
        """Open pages here follow what other processes settle."""
        if self.serving is not None and not self.serving.is_alone:
            await self.arrivals.look(self.database, self.ledger.process, now_ms=self._now_ms())

    async def note_uses(self) -> None:
        """Write when the secrets of keys that are being rotated were last used."""
        uses = self.pipeline.authenticator.uses.take()
        if uses:
            await self.database.run(rotation.note_uses, uses)

    async def beat(self) -> None:
        """Say that this process lives, and settle what dead ones and lost requests left open."""
        if self.serving is not None:
            try:
                await asyncio.to_thread(self.serving.keep)
            except AlreadyServing as error:
                log.critical("This process takes no new work: %s", error)
                self.pipeline.is_draining = True
                return
        process, now_ms = self.ledger.process, self._now_ms()
        await self.database.run(processes.renew, process, self.limiter, now_ms=now_ms)
        swept = await self.database.run(processes.sweep_dead, process, now_ms=now_ms)
        known = {one.call.work.id for one in self.pipeline.parts.running.values()} | self.ledger.unsaved
        lost = await self.database.run(processes.sweep_lost, process, known, now_ms=now_ms)
        if swept or lost:
            log.warning("%d requests were cut; they are settled as interrupted", swept + lost)

    def _now_ms(self) -> int:
        return int(self.clock() * 1000)


async def _for_ever(
    duty: Callable[[], Awaitable[None]], every_seconds: float, *, after_seconds: float = 0
) -> None:
    await asyncio.sleep(after_seconds)
    while True:
        try:
            await duty()
        except SQLAlchemyError as error:
            log.error("%s could not be done: the database does not answer: %s", duty.__name__, error)
        except Exception:  # the next round comes, whatever went wrong in this one
            log.exception("%s could not be done", duty.__name__)
        await asyncio.sleep(every_seconds)

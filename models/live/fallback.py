"""The counters in Redis, and in the database while Redis is away: for all processes at the same moment.

A process that gets no answer from Redis counts in the database from that call on, and says so there
(`limiter_state`); the others hear of it within `WATCH_S`. While anybody's calls fail the change back is put off.
Each outage begins a new generation of counters in Redis, all of them cold: so nothing is owed to Redis, and nothing
that it did unseen counts. What both stores have in common are the rows of the ledger.

What an outage can cost is what is being written when it begins or ends: a request that one process is granted by
Redis while another, which has lost Redis a moment before, is granted one by the database.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from models import limiter_state, processes
from models.database import Database
from models.errors import Refused
from models.limiter_state import State
from models.live import Claim, Lease, Limits, LiveAway, Refusal, Stale, Standing
from models.live.database import DatabaseLive
from models.live.redis import RedisLive

log = logging.getLogger("starscoo.limits")

WATCH_S: Final = 0.25
FRESH_S: Final = 1.5
"""How long what was heard counts: shorter than any outage (`limiter_state.AWAY_MS`), so that a process which was
starved or stopped through one asks before it goes on with counters that the others have left."""


class FallbackLive:
    """Implements `models.live.Live`; for one event loop. `clock` is asked where the database has no time of its own."""

    def __init__(
        self,
        redis: RedisLive,
        tables: DatabaseLive,
        database: Database,
        clock: Callable[[], float],
        *,
        fresh_s: float = FRESH_S,
    ) -> None:
        self._redis = redis
        self._tables = tables
        self._database = database
        self._clock = clock
        self._fresh_s = fresh_s
        self._asked_at = -float("inf")
        self._asking = asyncio.Lock()
        self._is_failing = False
        self._is_counting_here = False
        self._redis_from = float("inf")
        self._failed = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    def prepare(self, process_id: int) -> None:
        """Before anything is served: the first process begins a new generation, whatever an earlier one left."""
        self._asked_at = time.monotonic()
        self._heard(self._database.run_now(_begin, process_id, now_ms=self._now_ms()))

    async def start(self) -> None:
        """Once Redis has answered or has not."""
        await self._look(is_first=True)
        self._watch = asyncio.create_task(self._watch_for_ever(), name="watch on Redis")

    async def stop(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self._tables.stop()
        await self._redis.stop()

    @property
    def uses_redis(self) -> bool:
        return not self._is_failing and time.monotonic() >= self._redis_from

    async def reserve(self, claim: Claim, *, request_id: str, epoch: int) -> Lease | Refusal | Stale:
        if self.uses_redis and time.monotonic() - self._asked_at > self._fresh_s:
            await self._ask_again()
        if self.uses_redis:
            try:
                return await self._redis.reserve(claim, request_id=request_id, epoch=epoch)
            except LiveAway as error:
                self._note(error)
        return await self._tables.reserve(claim, request_id=request_id, epoch=epoch)

    async def settle(self, lease: Lease, total_tokens: int) -> None:
        """Redis is told of all, also of what the database granted."""
        if self.uses_redis:
            try:
                await self._redis.settle(lease, total_tokens)
            except LiveAway as error:
                self._note(error)

    async def release(self, lease: Lease) -> None:
        if lease.is_recorded:
            await self._tables.release(lease)
        if self.uses_redis:
            try:
                await self._redis.release(lease)
            except LiveAway as error:
                self._note(error)

    async def renew(self, leases: Collection[Lease]) -> None:
        if self.uses_redis:
            try:
                await self._redis.renew(leases)
            except LiveAway as error:
                self._note(error)

    async def standing(
        self, account_id: int, key_id: int | None, limits: Limits
    ) -> tuple[Standing, Standing]:
        if self.uses_redis:
            try:
                return await self._redis.standing(account_id, key_id, limits)
            except LiveAway as error:
                self._note(error)
        return await self._tables.standing(account_id, key_id, limits)

    def now(self) -> int:
        return self._redis.now() if self.uses_redis else self._tables.now()

    def bump(self, account_id: int, epoch: int) -> None:
        self._redis.bump(account_id, epoch)
        self._tables.bump(account_id, epoch)

    def epoch(self, account_id: int) -> int:
        return max(self._redis.epoch(account_id), self._tables.epoch(account_id))

    def _note(self, error: LiveAway) -> None:
        """From now on the database counts; the others are told as soon as it can be written."""
        if not self._is_failing:
            self._is_failing = True
            log.warning("%s", error)
            self._failed.set()

    async def _ask_again(self) -> None:
        """One look at the tables for all who wait for it. Who gets no answer there in time has lost Redis too."""
        began = time.monotonic()
        async with self._asking:
            if self._asked_at < began:
                await self._look()
        if self._asked_at < began:
            self._note(LiveAway("Whether Redis is in use could not be read"))

    async def _watch_for_ever(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._failed.wait(), WATCH_S)
            except TimeoutError:
                pass
            self._failed.clear()
            try:
                await self._look()
            except Exception:  # the watch goes on, whatever went wrong
                log.exception("Redis could not be watched")

    async def _look(self, *, is_first: bool = False) -> None:
        asked_at = time.monotonic()
        try:
            state = await self._database.read(limiter_state.read, now_ms=self._now_ms())
            if self._is_failing or state.away_ms or is_first:
                await self._try(state)
            else:
                self._heard(state)
            self._asked_at = asked_at
        except (SQLAlchemyError, Refused) as error:
            log.error("Whether Redis is in use could not be read: %s", error)

    async def _try(self, state: State) -> None:
        """While Redis is away: whoever still gets no answer puts off the change back, a failure seen is told."""
        was_failing = self._is_failing
        try:
            await self._redis.ping()
        except LiveAway:
            was_failing = True
        if was_failing:
            state = await self._database.run(limiter_state.mark_away, now_ms=self._now_ms())
        self._heard(state)
        self._is_failing = False

    def _heard(self, state: State) -> None:
        self._redis.generation = state.generation
        self._redis_from = time.monotonic() + state.away_ms / 1000
        is_away = state.away_ms > 0
        if is_away != self._is_counting_here:
            self._is_counting_here = is_away
            if is_away:
                log.error("Redis does not answer; the limits are counted in the database until it does")
            else:
                log.warning("Redis answers again; the limits are counted there")

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _begin(session: Session, process_id: int, *, now_ms: int) -> State:
    if all(process.id == process_id for process in processes.serving(session)):
        limiter_state.begin_generation(session, now_ms=now_ms)
    return limiter_state.read(session, now_ms=now_ms)

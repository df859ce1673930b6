"""The counters in Redis 7 or Valkey, for several processes: one script call per claim, so no two ever interleave.

The server's time cuts the windows. A counter that is missing is cold, be it for a new hour or because Redis lost
it: it is filled from the tables (`fill_from`), and running requests get their reservations back from their open
rows. What a loss can cost is the requests whose open row is being written at that moment. A Redis that restarts
with an older state (an append-only file may lack its last second) is not noticed before the next start, so run it
without persistence. It needs a database number of its own: keys are `starscoo:{account}:...`.

Redis is away when it has not answered within `ANSWER_S`; then `reserve` raises `LiveAway`, `standing` tells what
the tables know, and what ends a lease is owed and paid when Redis answers again. A claim whose answer did not come
may have been applied: it is given up the same way. While Redis is away most calls fail at once.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from redis import Redis as BlockingRedis
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry as BlockingRetry
from sqlalchemy.exc import SQLAlchemyError

from models import windows
from models.counts import Counts
from models.errors import Refused
from models.live import Claim, Counted, Lease, Limits, LiveAway, Refusal, Stale, Standing, layers, places
from models.live.layers import KEEP_EXPIRED_S, LEASE_TTL_S
from models.live.places import Place, place_at

log = logging.getLogger("starscoo.limits")

ANSWER_S: Final = 0.1
PAUSE_S: Final = 0.25
"""How long Redis is left alone after it did not answer."""
CONNECTIONS: Final = 16
"""One server and one loop keep no more of them busy; each costs a millisecond to open."""
MOST_OWED: Final = 100_000
_START_S: Final = 3
_STOP_S: Final = 2
_ROUNDS: Final = 4
"""A claim is asked anew when it was cold or the window turned; both at once, and one to spare."""
_MOST_WAITS: Final = 10
_BUSY: Final = 1.1
_PATIENCE_S: Final = 600

FillFrom = Callable[[int, int | None, int], Awaitable[Counts]]
"""What the tables know of an account and one of its keys (or none) at a time: `models.counts.counted_of`."""

Argument = str | int


class RedisUnusable(Refused):
    """The Redis that is configured cannot be used."""


class _Unanswered(LiveAway):
    """The call was made, and may have been applied."""


@dataclass(frozen=True, slots=True)
class _Debt:
    """The end of a lease that Redis has to be told. `verb`: settle, release or give_up."""

    verb: str
    account_id: int
    key_id: int
    hour: int
    month: int
    tokens: int


class RedisLive:
    """Implements `models.live.Live`; for one event loop.

    With a `clock`, which tests move by hand, its time is given to the scripts in place of the server's.
    """

    def __init__(
        self,
        url: str,
        *,
        fill_from: FillFrom,
        clock: Callable[[], float] | None = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._url = url
        self._fill_from = fill_from
        self._scripts = _Scripts(url, clock, answer_s)
        self._epochs = layers.Epochs()
        self._told: dict[layers.Owner, tuple[int, Counted]] = {}
        self._telling = asyncio.Lock()
        self._filling: dict[tuple[int, int | None], asyncio.Task[None]] = {}
        self._owed: dict[str, _Debt] = {}
        self._payer: asyncio.Task[None] | None = None

    def prepare(self) -> None:
        """Check that Redis can be used, and forget what an earlier process left: its requests have ended, and
        all it counted is in the tables. For a process that serves alone. Raises `RedisUnusable`."""
        try:
            with BlockingRedis.from_url(
                self._url,
                socket_timeout=_START_S,
                socket_connect_timeout=_START_S,
                retry=BlockingRetry(NoBackoff(), 0),
            ) as redis:
                redis.ping()
                for name in redis.scan_iter(match="starscoo:{*", count=1000):
                    redis.unlink(name)
        except (RedisError, OSError) as error:
            raise RedisUnusable(
                f"The Redis at {_shown(self._url)} cannot be used: {error} "
                "Start it, set STARSCOO_REDIS_URL to another one, or unset it to count in memory."
            ) from error

    async def drained(self) -> None:
        """Returns when Redis is owed nothing."""
        if self._payer is not None:
            await asyncio.shield(self._payer)

    async def stop(self) -> None:
        """Waits a moment for what is owed, and closes the connections."""
        if self._payer is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._payer, _STOP_S)
        if self._owed:
            log.error("Redis stayed away: %d reservations end by themselves", len(self._owed))
        await self._scripts.close()

    async def reserve(self, claim: Claim, *, request_id: str, epoch: int) -> Lease | Refusal | Stale:
        """As the contract says. A request that holds a lease already is given the same one, with the counters of
        now. After `LiveAway` the claim is given up: another one needs another request id."""
        if stale := self._epochs.stale(claim, epoch, self.now()):
            return stale
        bounds = layers.bounds(claim.account_id, claim.key_id, claim.limits)
        arguments: list[Argument] = [request_id, claim.key_id, claim.prompt_tokens]
        arguments += [max(1, claim.output_tokens), LEASE_TTL_S]
        for bound in bounds:
            arguments += ["" if limit is None else limit for limit in (bound.requests, bound.tokens)]
        try:
            status, now, figures = await self._ask("reserve", claim.account_id, claim.key_id, arguments)
        except (_Unanswered, asyncio.CancelledError):
            self._owe(request_id, _Debt("give_up", claim.account_id, claim.key_id, 0, 0, 0))
            raise
        if status == "refused":
            refusal = layers.refusal(claim, bounds, places.counted(bounds, figures, now))
            assert refusal is not None, "the script and its reader disagree"
            return refusal
        if status != "lease":
            raise LiveAway("this claim was given up before")
        hour, month, reserved, granted, *counts = figures
        requests, tokens = layers.standings(bounds, places.counted(bounds, counts, now))
        return Lease(
            id=request_id,
            account_id=claim.account_id,
            key_id=claim.key_id,
            hour=hour,
            month=month,
            reserved_tokens=reserved,
            output_tokens=granted if claim.limits.caps_tokens else None,
            requests=requests,
            tokens=tokens,
        )

    async def settle(self, lease: Lease, total_tokens: int) -> None:
        """Never raises: while Redis is away it is owed. A lease that ended by itself is still settled, within a
        day; its tokens were used."""
        await self._end(lease, "settle", total_tokens)

    async def release(self, lease: Lease) -> None:
        """Never raises, as `settle`."""
        await self._end(lease, "release", 0)

    async def renew(self, leases: Collection[Lease]) -> None:
        """See the contract."""

    async def standing(
        self, account_id: int, key_id: int | None, limits: Limits
    ) -> tuple[Standing, Standing]:
        """While Redis is away, as the tables have it. Raises `LiveAway` when they are away too."""
        bounds = layers.bounds(account_id, key_id, limits)
        try:
            _, now, figures = await self._ask("standing", account_id, key_id, [])
        except LiveAway:
            now = self.now()
            figures = places.figures_of(await self._read(account_id, key_id, now))
        return layers.standings(bounds, places.counted(bounds, figures, now))

    def now(self) -> int:
        """Estimated from the server's last answer and the time since; until the first, this machine's time."""
        return int(self._scripts.now())

    def bump(self, account_id: int, epoch: int) -> None:
        self._epochs.bump(account_id, epoch)

    def epoch(self, account_id: int) -> int:
        return self._epochs.of(account_id)

    def fill(self, counted: Iterable[Counted]) -> None:
        """Redis is told at the owner's next claim within this hour; later, its cold counter is read anew. Only
        for a process that serves alone: it overwrites what others counted since. Not needed at start."""
        hour = windows.hour_of(self.now())
        self._told = {owner: told for owner, told in self._told.items() if told[0] == hour}
        for known in counted:
            self._told[(known.layer, known.owner_id)] = (hour, known)

    async def _ask(
        self, name: str, account_id: int, key_id: int | None, arguments: Sequence[Argument]
    ) -> tuple[str, int, list[int]]:
        """The script's answer: what, when, and figures. Cold counters are filled on the way."""
        for _ in range(_ROUNDS):
            now = self.now()
            place = place_at(account_id, key_id, now)
            await self._pass_on(place, now)
            window = [place.hour, place.month, windows.month_start(now), windows.month_end(now)]
            answer = await self._scripts.run(name, place, [*window, KEEP_EXPIRED_S, *arguments])
            status, now_ms, *figures = answer
            if status == "cold":
                await self._fill_once(account_id, key_id)
            elif status != "turned":
                return status, now_ms // 1000, figures
        raise LiveAway("Redis does not keep what it is told")

    async def _fill_once(self, account_id: int, key_id: int | None) -> None:
        """One look at the tables for all who wait for it."""
        filling = self._filling.get((account_id, key_id))
        if filling is None:
            filling = asyncio.create_task(self._fill_cold(account_id, key_id))
            self._filling[(account_id, key_id)] = filling
            filling.add_done_callback(lambda _: self._filling.pop((account_id, key_id)))
        await asyncio.shield(filling)

    async def _fill_cold(self, account_id: int, key_id: int | None) -> None:
        now = self.now()
        place = place_at(account_id, key_id, now)
        known = await self._read(account_id, key_id, now)
        head: list[Argument] = ["cold", place.month, windows.month_end(now), len(place.layers)]
        await self._scripts.run("fill", place, [*head, *places.filling(known)])

    async def _pass_on(self, place: Place, now: int) -> None:
        """What `fill` was told of these owners; nobody claims before it has arrived."""
        if not any(owner in self._told for owner, _, _ in place.layers):
            return
        async with self._telling:
            for owner, key, names in place.layers:
                hour, known = self._told.get(owner, (0, None))
                if known is not None and hour == place.hour:
                    head: list[Argument] = ["all", place.month, windows.month_end(now), 1]
                    told = [*head, key, known.requests, known.tokens]
                    await self._scripts.run("fill", place, told, names=names)
                self._told.pop(owner, None)

    async def _read(self, account_id: int, key_id: int | None, now: int) -> Counts:
        try:
            return await self._fill_from(account_id, key_id, now)
        except SQLAlchemyError as error:
            raise LiveAway(f"the tables cannot be read: {error}") from error

    async def _end(self, lease: Lease, verb: str, tokens: int) -> None:
        debt = _Debt(verb, lease.account_id, lease.key_id, lease.hour, lease.month, tokens)
        try:
            await self._tell(lease.id, debt)
        except LiveAway:
            self._owe(lease.id, debt)
        except asyncio.CancelledError:
            self._owe(lease.id, debt)
            raise

    async def _tell(self, request_id: str, debt: _Debt) -> None:
        place = Place(debt.account_id, None, debt.hour, debt.month)
        what: list[Argument] = [debt.verb, request_id, debt.key_id, debt.hour, debt.month, debt.tokens]
        await self._scripts.run("settle", place, [*what, _PATIENCE_S])

    def _owe(self, request_id: str, debt: _Debt) -> None:
        if len(self._owed) >= MOST_OWED:
            log.error("Too much is owed to Redis: a reservation is left to end by itself")
            return
        self._owed[request_id] = debt
        if self._payer is None or self._payer.done():
            self._payer = asyncio.create_task(self._pay_until_done(), name="what Redis is owed")

    async def _pay_until_done(self) -> None:
        while self._owed:
            await asyncio.sleep(PAUSE_S)
            with suppress(LiveAway):
                await self._pay()

    async def _pay(self) -> None:
        for request_id, debt in list(self._owed.items()):
            await self._tell(request_id, debt)
            self._owed.pop(request_id, None)


class _Scripts:
    """Calls the scripts, and knows whether and at what time the server answers."""

    def __init__(self, url: str, clock: Callable[[], float] | None, answer_s: float) -> None:
        self._clock = clock
        self._answer_s = answer_s
        self._ahead_s = time.time() - time.monotonic()
        self._is_away = False
        self._left_alone_until = 0.0
        self._answered_at = 0.0
        self._turns = asyncio.Semaphore(CONNECTIONS)
        # The pool raises when it is empty, so turns are taken before; a cancelled call gives back a little later.
        pool = ConnectionPool.from_url(
            url,
            max_connections=4 * CONNECTIONS,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,  # with protocol 2, nothing is asked before the first call
        )
        self._redis = Redis.from_pool(pool)
        self._scripts = {
            name: self._redis.register_script(_text("counters") + _text(name))
            for name in ("reserve", "standing", "settle", "fill")
        }

    def now(self) -> float:
        return time.monotonic() + self._ahead_s if self._clock is None else self._clock()

    async def run(
        self, name: str, place: Place, arguments: Sequence[Argument], *, names: list[str] | None = None
    ) -> list[Any]:
        """One call. Raises `LiveAway` without a call while Redis is left alone, `_Unanswered` when no answer
        came. A connection that turns out to be broken is replaced and the call made once more: none of them does
        anything twice."""
        now_ms = 0 if self._clock is None else int(self._clock() * 1000)
        async with self._turns:
            if time.monotonic() < self._left_alone_until:
                raise LiveAway("Redis did not answer just now")
            call = partial(
                self._scripts[name],
                keys=place.names if names is None else names,
                args=[place.prefix, now_ms, *arguments],
            )
            try:
                try:
                    answer = await self._answered(call())
                except RedisConnectionError:
                    await self._redis.connection_pool.disconnect(inuse_connections=False)
                    answer = await self._answered(call())
            except (RedisError, OSError) as error:
                self._note_away(error)
                raise _Unanswered(f"Redis does not answer: {error}") from error
        self._note_answer(int(answer[1]))
        return answer

    async def close(self) -> None:
        await self._redis.aclose()

    async def _answered(self, call: Coroutine[Any, Any, Any]) -> list[Any]:
        """Silence on all connections is what tells a server that is away from a busy one, and waking late what
        tells a busy machine."""
        task = asyncio.create_task(call)
        try:
            for _ in range(_MOST_WAITS):
                began = time.monotonic()
                await asyncio.wait({task}, timeout=self._answer_s)
                was_busy = time.monotonic() - began > _BUSY * self._answer_s
                if task.done() or not (was_busy or self._answered_at > began):
                    break
            if not task.done():
                raise TimeoutError(f"nothing came within {self._answer_s} s")
            answer: list[Any] = task.result()
            return answer
        finally:
            task.cancel()

    def _note_away(self, error: Exception) -> None:
        self._left_alone_until = time.monotonic() + PAUSE_S
        if not self._is_away:
            self._is_away = True
            log.error("Redis does not answer (%s); new requests are refused until it does", error)

    def _note_answer(self, now_ms: int) -> None:
        self._left_alone_until = 0.0
        self._answered_at = time.monotonic()
        self._ahead_s = now_ms / 1000 - self._answered_at
        if self._is_away:
            self._is_away = False
            log.warning("Redis answers again")


def _text(name: str) -> str:
    return Path(__file__).with_name(f"{name}.lua").read_text(encoding="utf-8")


def _shown(url: str) -> str:
    """Without what may be a password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()

"""The counters of several processes, in Redis 7 or Valkey: one script call per claim, so no two ever interleave.

The server's time cuts the windows. A counter that is missing is cold, be it for a new hour or because Redis lost
it: it is filled from the tables (`fill_from`), and running requests get their reservations back from their open
rows. What a loss can cost is the requests whose open row is being written at that moment. A Redis that restarts
with an older state (an append-only file may lack its last second) is not noticed before the next start, so run it
without persistence, and with an own database number: all keys begin with `starscoo:` and the account's id.

Redis is away when it has not answered within `ANSWER_S`; then `reserve` raises `LiveAway`, `standing` tells what
the tables know, and what ends a lease is owed and paid when Redis answers again. A claim whose answer did not come
may have been applied: it is given up the same way. While Redis is away most calls fail at once.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from redis import Redis as BlockingRedis
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from models import windows
from models.counts import Counts
from models.errors import Refused
from models.live import Claim, Counted, Lease, Limits, LiveAway, Refusal, Stale, Standing, layers
from models.live.layers import KEEP_EXPIRED_S, LEASE_TTL_S, Bound, Count, Windows

log = logging.getLogger("starscoo.limits")

ANSWER_S: Final = 0.1
PAUSE_S: Final = 0.25
"""How long Redis is left alone after it did not answer."""
CONNECTIONS: Final = 64
MOST_OWED: Final = 100_000
_START_S: Final = 3
_ROUNDS: Final = 4
"""A claim is asked anew when it was cold or the window turned; both at once, and one to spare."""
_PATIENCE_S: Final = 600

FillFrom = Callable[[int, int | None, int], Awaitable[Counts]]
"""What the tables know of an account and one of its keys (or none) at a time: `models.counts.counted_of`."""


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


@dataclass(frozen=True, slots=True)
class _Told:
    """What `fill` was told of one owner, and in which windows."""

    hour: int
    month: int
    counted: Counted


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an account's counters of one hour and month are, for itself and, where given, one key."""

    account_id: int
    key_id: int | None
    hour: int
    month: int

    @property
    def prefix(self) -> str:
        return f"starscoo:{{{self.account_id}}}:"

    @property
    def keys(self) -> list[str]:
        owners = ["account"] if self.key_id is None else ["account", f"key:{self.key_id}"]
        counters = (
            f"{owner}:{window}" for owner in owners for window in (f"hour:{self.hour}", f"month:{self.month}")
        )
        return [self.prefix + name for name in ("leases", "due", *counters)]


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
        self._clock = clock
        self._answer_s = answer_s
        self._ahead_s = time.time() - time.monotonic()
        self._epochs = layers.Epochs()
        self._told: dict[layers.Owner, _Told] = {}
        self._filling: dict[tuple[int, int | None], asyncio.Task[None]] = {}
        self._owed: dict[str, _Debt] = {}
        self._payer: asyncio.Task[None] | None = None
        self._is_away = False
        self._left_alone_until = 0.0
        self._turns = asyncio.Semaphore(CONNECTIONS)
        # The pool raises when it is empty, so turns are taken before; cancelled calls give back a little later.
        pool = ConnectionPool.from_url(
            url, max_connections=4 * CONNECTIONS, decode_responses=True, retry=Retry(NoBackoff(), 0)
        )
        self._redis = Redis.from_pool(pool)
        common = _text("counters")
        self._scripts = {
            name: self._redis.register_script(common + _text(name))
            for name in ("reserve", "standing", "settle", "fill")
        }

    def prepare(self) -> None:
        """Check that Redis can be used, and forget what an earlier process left: its requests have ended, and
        all it counted is in the tables. For a process that serves alone. Raises `RedisUnusable`."""
        options = {"socket_timeout": _START_S, "socket_connect_timeout": _START_S, "decode_responses": True}
        try:
            with BlockingRedis.from_url(self._url, **options) as redis:
                redis.ping()
                for name in redis.scan_iter(match="starscoo:{*", count=1000):
                    redis.unlink(name)
        except (RedisError, OSError) as error:
            raise RedisUnusable(
                f"The Redis at {_shown(self._url)} cannot be used: {error}. "
                "Start it, set STARSCOO_REDIS_URL to another one, or unset it to count in memory."
            ) from error

    async def stop(self) -> None:
        """Tells Redis what is still owed, once, and closes the connections."""
        if self._payer is not None:
            self._payer.cancel()
            await asyncio.gather(self._payer, return_exceptions=True)
        with suppress(LiveAway):
            await self._pay()
        if self._owed:
            log.error("Redis stayed away: %d reservations end by themselves", len(self._owed))
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    async def reserve(self, claim: Claim, *, request_id: str, epoch: int) -> Lease | Refusal | Stale:
        """As the contract says. A request that holds a lease already is given the same one, with the counters of
        now. After `LiveAway` the claim is given up: another one needs another request id."""
        if stale := self._epochs.stale(claim, epoch, self.now()):
            return stale
        bounds = layers.bounds(claim.account_id, claim.key_id, claim.limits)
        wanted = (request_id, claim.key_id, claim.prompt_tokens, max(1, claim.output_tokens), LEASE_TTL_S)
        limits = [limit for bound in bounds for limit in (bound.requests, bound.tokens)]
        arguments = [*wanted, *("" if limit is None else limit for limit in limits)]
        try:
            status, now, figures = await self._ask("reserve", claim.account_id, claim.key_id, arguments)
        except (_Unanswered, asyncio.CancelledError):
            self._owe(request_id, _Debt("give_up", claim.account_id, claim.key_id, 0, 0, 0))
            raise
        if status == "refused":
            refusal = layers.refusal(claim, bounds, _windows(bounds, figures, now))
            assert refusal is not None, "the script and its reader disagree"
            return refusal
        if status != "lease":
            raise LiveAway("this claim was given up before")
        hour, month, reserved, granted, *counts = figures
        requests, tokens = layers.standings(bounds, _windows(bounds, counts, now))
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

    async def standing(
        self, account_id: int, key_id: int | None, limits: Limits
    ) -> tuple[Standing, Standing]:
        """While Redis is away, as the tables have it. Raises `LiveAway` when they are away too."""
        bounds = layers.bounds(account_id, key_id, limits)
        try:
            _, now, counts = await self._ask("standing", account_id, key_id, [])
        except LiveAway:
            now = self.now()
            counts = _figures(await self._read(account_id, key_id, now), key_id)
        return layers.standings(bounds, _windows(bounds, counts, now))

    def now(self) -> int:
        """Estimated from the last answer of the server and the time since; until the first, this machine's."""
        return int(time.monotonic() + self._ahead_s if self._clock is None else self._clock())

    def bump(self, account_id: int, epoch: int) -> None:
        self._epochs.bump(account_id, epoch)

    def epoch(self, account_id: int) -> int:
        return self._epochs.of(account_id)

    def fill(self, counted: Iterable[Counted]) -> None:
        """Redis is told at the owner's next claim within this hour; later, its cold counter is read anew. Only
        for a process that serves alone: it overwrites what others counted since. Not needed at start."""
        now = self.now()
        hour, month = windows.hour_of(now), windows.month_of(now)
        self._told = {owner: told for owner, told in self._told.items() if told.hour == hour}
        for known in counted:
            self._told[(known.layer, known.owner_id)] = _Told(hour, month, known)

    async def _ask(
        self, name: str, account_id: int, key_id: int | None, arguments: Sequence[object]
    ) -> tuple[str, int, list[int]]:
        """The script's answer: what, when, and figures. Cold counters are filled on the way."""
        for _ in range(_ROUNDS):
            place = self._place(account_id, key_id)
            await self._pass_on(place)
            window = [place.hour, place.month, *_ends(self.now()), KEEP_EXPIRED_S]
            status, now_ms, *figures = await self._run(name, place, [*window, *arguments])
            if status == "cold":
                await self._fill_once(account_id, key_id)
            elif status != "turned":
                return str(status), int(now_ms) // 1000, figures
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
        place = self._place(account_id, key_id)
        known = await self._read(account_id, key_id, now)
        owners: list[object] = ["", known.account.requests, known.account.tokens]
        if known.key is not None:
            owners += [key_id, known.key.requests, known.key.tokens]
        for one in known.running:
            at = one.admitted_at
            lease = (windows.hour_of(at), windows.month_of(at), one.reserved_tokens, at + LEASE_TTL_S)
            owners += [one.id, one.key_id, *lease]
        count = 1 if known.key is None else 2
        await self._run("fill", place, ["cold", place.month, _ends(now)[1], count, *owners])

    async def _pass_on(self, place: _Place) -> None:
        """What `fill` was told of these owners."""
        if not self._told:
            return
        leading, counters = place.keys[:2], place.keys[2:]
        for number, (owner, key) in enumerate(_owners(place)):
            told = self._told.pop(owner, None)
            if told is not None and (told.hour, told.month) == (place.hour, place.month):
                figures = ["all", place.month, _ends(self.now())[1], 1]
                figures += [key, told.counted.requests, told.counted.tokens]
                keys = [*leading, *counters[2 * number : 2 * number + 2]]
                await self._run("fill", place, figures, keys=keys)

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
        place = _Place(debt.account_id, None, debt.hour, debt.month)
        what = [debt.verb, request_id, debt.key_id, debt.hour, debt.month, debt.tokens, _PATIENCE_S]
        await self._run("settle", place, what)

    def _owe(self, request_id: str, debt: _Debt) -> None:
        if len(self._owed) >= MOST_OWED:
            log.error("Too much is owed to Redis: a reservation is left to end by itself")
            return
        self._owed[request_id] = debt
        if self._payer is None or self._payer.done():
            self._payer = asyncio.create_task(self._pay_for_ever(), name="what Redis is owed")

    async def _pay_for_ever(self) -> None:
        while self._owed:
            with suppress(LiveAway):
                await self._pay()
            await asyncio.sleep(PAUSE_S)

    async def _pay(self) -> None:
        for request_id, debt in list(self._owed.items()):
            await self._tell(request_id, debt)
            del self._owed[request_id]

    async def _run(
        self, name: str, place: _Place, arguments: Sequence[object], *, keys: Sequence[str] | None = None
    ) -> list[Any]:
        """One call of a script. Raises `LiveAway` without a call while Redis is left alone, `_Unanswered` when
        no answer came; it is not tried again."""
        now_ms = 0 if self._clock is None else int(self._clock() * 1000)
        async with self._turns:
            if time.monotonic() < self._left_alone_until:
                raise LiveAway("Redis did not answer just now")
            call = self._scripts[name](
                keys=place.keys if keys is None else keys, args=[place.prefix, now_ms, *arguments]
            )
            try:
                answer: list[Any] = await self._answered(call)
            except (RedisError, OSError) as error:
                self._note_away(error)
                raise _Unanswered(f"Redis does not answer: {error}") from error
        self._note_answer(int(answer[1]))
        return answer

    async def _answered(self, call: Coroutine[Any, Any, Any]) -> Any:
        """When it was this process that was busy for so long, the server gets its time once more."""
        task = asyncio.create_task(call)
        try:
            for _ in range(2):
                began = time.monotonic()
                await asyncio.wait({task}, timeout=self._answer_s)
                if task.done() or time.monotonic() - began < 1.5 * self._answer_s:
                    break
            if not task.done():
                raise TimeoutError(f"not within {self._answer_s} s")
            return task.result()
        finally:
            task.cancel()

    def _note_away(self, error: Exception) -> None:
        self._left_alone_until = time.monotonic() + PAUSE_S
        if not self._is_away:
            self._is_away = True
            log.error("Redis does not answer (%s); new requests are refused until it does", error)

    def _note_answer(self, now_ms: int) -> None:
        self._left_alone_until = 0.0
        self._ahead_s = now_ms / 1000 - time.monotonic()
        if self._is_away:
            self._is_away = False
            log.warning("Redis answers again")

    def _place(self, account_id: int, key_id: int | None) -> _Place:
        now = self.now()
        return _Place(account_id, key_id, windows.hour_of(now), windows.month_of(now))


def _owners(place: _Place) -> list[tuple[layers.Owner, object]]:
    """With the key as the scripts name it."""
    account: tuple[layers.Owner, object] = (("account", place.account_id), "")
    return [account] if place.key_id is None else [account, (("key", place.key_id), place.key_id)]


def _ends(now: int) -> tuple[int, int]:
    return windows.month_start(now), windows.month_end(now)


def _windows(bounds: list[Bound], counts: Sequence[int], now: int) -> Windows:
    """From the scripts' three figures a layer: requests of the hour, settled and reserved tokens of the month."""
    hour = {bound.owner: Count(counts[3 * i]) for i, bound in enumerate(bounds)}
    month = {bound.owner: Count(*counts[3 * i + 1 : 3 * i + 3]) for i, bound in enumerate(bounds)}
    return Windows(hour.__getitem__, month.__getitem__, now)


def _figures(known: Counts, key_id: int | None) -> list[int]:
    """The same three figures a layer, from the tables."""
    figures = [known.account.requests, known.account.tokens]
    figures.append(sum(one.reserved_tokens for one in known.running))
    if known.key is not None:
        held = sum(one.reserved_tokens for one in known.running if one.key_id == key_id)
        figures += [known.key.requests, known.key.tokens, held]
    return figures


def _text(name: str) -> str:
    return Path(__file__).with_name(f"{name}.lua").read_text(encoding="utf-8")


def _shown(url: str) -> str:
    """Without what may be a password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()

"""The counters in Redis 7 or Valkey, for several processes: one script call per claim, so no two ever interleave.

The server's time cuts the windows. A counter that is missing is cold, be it for a new hour or because Redis lost
it: it is filled from the tables (`fill_from`), beside what Redis itself knows to be running. Leases that are due are
looked up there too (`states_of`). So Redis may lose everything at any time; it needs no persistence, but a database
number of its own: all names are `starscoo:{account}:<generation>:...`.

What is lost in the middle of being written is found at its settlement, which comes after the final row: a lease that
a warm account does not know makes its counters cold again.

`LiveAway` is all that a call says when no answer came. What it may have done all the same belongs to a generation
that `FallbackLive` then ends.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from models import windows
from models.counts import Counts
from models.live import Claim, Lease, Limits, LiveAway, Refusal, Stale, Standing, layers, places
from models.live.layers import LEASE_TTL_S
from models.live.places import Place, place_at
from models.live.scripts import ANSWER_S, Argument, Scripts

log = logging.getLogger("starscoo.limits")

LOOK_AGAIN_S: Final = 10
"""When a lease that is due is looked up again whose row is open: its process is swept first."""
_ROUNDS: Final = 32
"""A call is made anew when a counter was cold, the window turned, or the filling was overtaken: that is rare."""

Known = Callable[[int, int | None, Sequence[str], int], Awaitable[tuple[Counts, dict[str, int | None]]]]
"""What the tables know of an account and one of its keys (or none), and of requests by their ids, at a time, on one
consistent view: `counts.known_of`."""


class RedisLive:
    """For one event loop. `known` reads the tables: `counts.known_of`. `generation` is set before the first call, and
    whenever a new one begins. With a `clock`, which tests move by hand, its time is given to the scripts in place of
    the server's."""

    def __init__(
        self,
        url: str,
        *,
        known: Known,
        clock: Callable[[], float] | None = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        self.generation = 0
        self._known = known
        self._scripts = Scripts(url, clock, answer_s)
        self._epochs = layers.Epochs()
        self._filling: dict[tuple[int, int, int | None], asyncio.Task[None]] = {}
        self._looking: dict[int, asyncio.Task[None]] = {}

    async def stop(self) -> None:
        tasks = [*self._filling.values(), *self._looking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._scripts.close()

    async def ping(self) -> None:
        """Raises `LiveAway`."""
        await self._scripts.ping()

    async def reserve(self, claim: Claim, *, request_id: str, epoch: int) -> Lease | Refusal | Stale:
        """As the contract says. A request that holds a lease already is given the same one, with the counters of
        now. A refusal while leases are due is decided once more after they were looked up."""
        if stale := self._epochs.stale(claim, epoch, self.now()):
            return stale
        answer, due = await self._claim(claim, request_id)
        if due and isinstance(answer, Refusal):
            await self._look_up(claim.account_id)
            answer, _ = await self._claim(claim, request_id)
        elif due and claim.account_id not in self._looking:
            looking = asyncio.create_task(self._look_up_quietly(claim.account_id), name="leases due")
            self._looking[claim.account_id] = looking
            looking.add_done_callback(lambda _: self._looking.pop(claim.account_id, None))
        return answer

    async def settle(self, lease: Lease, total_tokens: int) -> None:
        """Raises `LiveAway`."""
        await self._end("settle", lease, total_tokens)

    async def release(self, lease: Lease) -> None:
        """Raises `LiveAway`."""
        await self._end("release", lease, 0)

    async def renew(self, leases: Collection[Lease]) -> None:
        """Raises `LiveAway`."""
        by_account: dict[int, list[str]] = {}
        for lease in leases:
            by_account.setdefault(lease.account_id, []).append(lease.id)
        for account_id, ids in by_account.items():
            await self._run("renew", self._place(account_id, None), [LEASE_TTL_S, *ids])

    async def standing(
        self, account_id: int, key_id: int | None, limits: Limits
    ) -> tuple[Standing, Standing]:
        """Raises `LiveAway`. Leases that are due are looked up first."""
        bounds = layers.bounds(account_id, key_id, limits)
        now, due, _, *figures = await self._ask("standing", account_id, key_id, [])
        if due:
            await self._look_up(account_id)
            now, _, _, *figures = await self._ask("standing", account_id, key_id, [])
        return layers.standings(bounds, places.counted(bounds, figures, now))

    def now(self) -> int:
        """Estimated from the server's last answer and the time since; until the first, this machine's time."""
        return int(self._scripts.now())

    def bump(self, account_id: int, epoch: int) -> None:
        self._epochs.bump(account_id, epoch)

    def epoch(self, account_id: int) -> int:
        return self._epochs.of(account_id)

    async def _claim(self, claim: Claim, request_id: str) -> tuple[Lease | Refusal, int]:
        """The answer, and how many leases of the account are due."""
        bounds = layers.bounds(claim.account_id, claim.key_id, claim.limits)
        at_once = claim.limits.key_concurrent
        arguments: list[Argument] = [request_id, claim.key_id, claim.prompt_tokens]
        arguments += [max(1, claim.output_tokens), LEASE_TTL_S, "" if at_once is None else at_once]
        for bound in bounds:
            arguments += ["" if limit is None else limit for limit in (bound.requests, bound.tokens)]
        now, due, running, *figures = await self._ask("reserve", claim.account_id, claim.key_id, arguments)
        if len(figures) == 3 * len(bounds):
            refusal = layers.refusal(claim, bounds, places.counted(bounds, figures, now, running))
            assert refusal is not None, "the script and its reader disagree"
            return refusal, due
        hour, reserved, *counts = figures
        standings = layers.standings(bounds, places.counted(bounds, counts, now))
        return layers.lease_of(claim, request_id, hour, reserved, standings), due

    async def _ask(
        self, name: str, account_id: int, key_id: int | None, arguments: Sequence[Argument]
    ) -> list[int]:
        """When, how many leases are due, how many run, and figures. Cold counters are filled on the way."""
        for _ in range(_ROUNDS):
            now = self.now()
            place = self._place(account_id, key_id)
            window = [place.hour, place.month, windows.month_start(now), windows.month_end(now)]
            status, now_ms, *figures = await self._run(name, place, [*window, *arguments])
            if status == "cold":
                await self._fill_once(account_id, key_id)
            elif status != "turned":
                return [now_ms // 1000, *figures]
        raise LiveAway("Redis does not keep what it is told")

    async def _fill_once(self, account_id: int, key_id: int | None) -> None:
        """One look at the tables for all who wait for it."""
        which = (self.generation, account_id, key_id)
        filling = self._filling.get(which)
        if filling is None:
            filling = asyncio.create_task(self._fill(account_id, key_id), name="filling counters")
            self._filling[which] = filling
            filling.add_done_callback(lambda _: self._filling.pop(which, None))
        await asyncio.shield(filling)

    async def _fill(self, account_id: int, key_id: int | None) -> None:
        """In three steps: what Redis knows to run, what the tables know, and what follows from both."""
        place = self._place(account_id, key_id)
        fresh = secrets.token_hex(8)
        _, _, version, *ids = await self._run("leases", place, [fresh, "" if key_id is None else key_id])
        now = self.now()
        counts, states = await self._look(account_id, key_id, ids, now)
        finals = [one for one in ids if states.get(one) is not None]
        head: list[Argument] = [version, place.hour, place.month, windows.month_end(now), LEASE_TTL_S]
        layers_told = places.layers_told(counts)
        told: list[Argument] = [*head, len(layers_told), len(finals)]
        for layer in layers_told:
            told += layer
        told += finals
        for one in counts.running:
            month = windows.month_of(one.hour * windows.HOUR)
            told += [one.id, one.key_id, one.hour, month, one.reserved_tokens]
        await self._run("fill", place, told)

    async def _look_up_quietly(self, account_id: int) -> None:
        try:
            await self._look_up(account_id)
        except LiveAway as error:
            log.warning("Reservations that are due could not be looked up: %s", error)

    async def _look_up(self, account_id: int) -> None:
        """What became of the requests whose leases nobody renews."""
        place = self._place(account_id, None)
        _, _, *found = await self._run("due", place, [])
        due = [tuple(found[start : start + 4]) for start in range(0, len(found), 4)]
        if not due:
            return
        _, states = await self._look(account_id, None, [one[0] for one in due], self.now())
        still_open: list[Argument] = []
        for request_id, key, hour, month in due:
            if request_id not in states:
                await self._run("settle", place, ["release", request_id, key, hour, month, 0])
            elif (tokens := states[request_id]) is not None:
                await self._run("settle", place, ["settle", request_id, key, hour, month, tokens])
            else:
                still_open.append(request_id)
        if still_open:
            await self._run("renew", place, [LOOK_AGAIN_S, *still_open])

    async def _look(
        self, account_id: int, key_id: int | None, ids: Sequence[str], now: int
    ) -> tuple[Counts, dict[str, int | None]]:
        try:
            return await self._known(account_id, key_id, ids, now)
        except SQLAlchemyError as error:
            raise LiveAway(f"the tables cannot be read: {error}") from error

    async def _end(self, verb: str, lease: Lease, tokens: int) -> None:
        what: list[Argument] = [verb, lease.id, lease.key_id, lease.hour, lease.month, tokens]
        await self._run("settle", self._place(lease.account_id, None), what)

    async def _run(self, name: str, place: Place, arguments: Sequence[Argument]) -> list[Any]:
        return await self._scripts.run(name, place.prefix, place.names, arguments)

    def _place(self, account_id: int, key_id: int | None) -> Place:
        return place_at(account_id, key_id, self.now(), generation=self.generation)

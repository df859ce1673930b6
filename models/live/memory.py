"""The counters of a single process: exact, because nothing here awaits, so no two claims ever interleave.

Filled from the tables at start (`fill`); an hour or month that is over is dropped, the one before the running one
is kept for leases that still run. Windows are cut by the given clock.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from models import windows
from models.live import Claim, Counted, Lease, Limits, Refusal, Stale, Standing, layers
from models.live.layers import KEEP_EXPIRED_S, LEASE_TTL_S, Count, Owner, Windows


@dataclass(slots=True)
class _Window:
    """One hour or month, by its number, with the counts of everybody in it."""

    number: int
    counts: dict[Owner, Count] = field(default_factory=dict)

    def of(self, owner: Owner) -> Count:
        return self.counts.setdefault(owner, Count())

    def peek(self, owner: Owner) -> Count:
        return self.counts.get(owner, _NONE)


_NONE: Final = Count()


class MemoryLive:
    """Implements `models.live.Live`; for one event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._hours: dict[int, _Window] = {}
        self._months: dict[int, _Window] = {}
        self._epochs = layers.Epochs()
        self._running: dict[str, tuple[Lease, int]] = {}
        self._at_once: dict[int, int] = {}
        self._expired: dict[str, tuple[Lease, int]] = {}

    async def reserve(self, claim: Claim, *, request_id: str, epoch: int) -> Lease | Refusal | Stale:
        """As the contract says. A claim whose limits have ended by themselves (`valid_until`) is stale too, and a
        request that holds a lease already is given the same one."""
        now = self.now()
        if known := self._running.get(request_id):
            return known[0]
        if stale := self._epochs.stale(claim, epoch, now):
            return stale
        self._expire(now)
        hour = self._window(self._hours, windows.hour_of(now))
        month = self._window(self._months, windows.month_of(now))
        running = self._at_once.get(claim.key_id, 0)
        answer = layers.decide(claim, request_id, Windows(hour.of, month.of, now, running))
        if isinstance(answer, Lease):
            self._running[request_id] = (answer, now + LEASE_TTL_S)
            self._at_once[claim.key_id] = running + 1
        return answer

    async def settle(self, lease: Lease, total_tokens: int) -> None:
        """A lease that ended by itself is still settled, within a day; its tokens were used."""
        month = self._give_back(lease)
        if month is not None:
            for owner in layers.owners(lease):
                month.of(owner).settled += total_tokens

    async def release(self, lease: Lease) -> None:
        if self._give_back(lease) is None:
            return
        hour = self._hours.get(lease.hour)
        if hour is not None:
            for owner in layers.owners(lease):
                count = hour.of(owner)
                count.settled = max(0, count.settled - 1)

    async def renew(self, leases: Collection[Lease]) -> None:
        ends = self.now() + LEASE_TTL_S
        for lease in leases:
            if self._running.pop(lease.id, None) is not None:
                self._running[lease.id] = (lease, ends)

    async def standing(
        self, account_id: int, key_id: int | None, limits: Limits
    ) -> tuple[Standing, Standing]:
        now = self.now()
        self._expire(now)
        hour = self._window(self._hours, windows.hour_of(now))
        month = self._window(self._months, windows.month_of(now))
        bounds = layers.bounds(account_id, key_id, limits)
        return layers.standings(bounds, Windows(hour.peek, month.peek, now))

    def now(self) -> int:
        return int(self._clock())

    def bump(self, account_id: int, epoch: int) -> None:
        self._epochs.bump(account_id, epoch)

    def epoch(self, account_id: int) -> int:
        return self._epochs.of(account_id)

    def fill(self, counted: Iterable[Counted]) -> None:
        """Set what the tables know of the running windows, at start."""
        now = self.now()
        hour = self._window(self._hours, windows.hour_of(now))
        month = self._window(self._months, windows.month_of(now))
        for known in counted:
            owner = (known.layer, known.owner_id)
            hour.of(owner).settled = known.requests
            month.of(owner).settled = known.tokens

    def _window(self, kept: dict[int, _Window], number: int) -> _Window:
        found = kept.get(number)
        if found is None:
            found = kept[number] = _Window(number)
            for old in [other for other in kept if other < number - 1]:
                del kept[old]
        return found

    def _give_back(self, lease: Lease) -> _Window | None:
        """The lease's month after its reservation is gone; None when it has been settled or released before, or
        its month is no longer kept."""
        month = self._months.get(lease.month)
        if self._running.pop(lease.id, None) is not None:
            self._unreserve(lease)
            return month
        return month if self._expired.pop(lease.id, None) is not None else None

    def _unreserve(self, lease: Lease) -> None:
        self._at_once[lease.key_id] -= 1
        if not self._at_once[lease.key_id]:
            del self._at_once[lease.key_id]
        month = self._months.get(lease.month)
        if month is not None:
            for owner in layers.owners(lease):
                month.of(owner).reserved -= lease.reserved_tokens

    def _expire(self, now: int) -> None:
        """Both are in order of time, so only what is due is looked at."""
        while self._running and (first := next(iter(self._running.values())))[1] <= now:
            lease = first[0]
            del self._running[lease.id]
            self._unreserve(lease)
            self._expired[lease.id] = (lease, now + KEEP_EXPIRED_S)
        while self._expired and (first := next(iter(self._expired.values())))[1] <= now:
            del self._expired[first[0].id]

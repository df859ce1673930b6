"""The counters of a single process: exact, because nothing here awaits, so no two claims ever interleave.

Filled from the tables at start (`fill`); an hour or month that is over is dropped, the one before the running one
is kept for leases that still run. Windows are cut by the given clock.

Where both layers have the same left, the account is named: a key can never be raised above it. Where neither
layer has a limit, the key's own counts are shown.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from models import windows
from models.live import Claim, Counted, Layer, Lease, Limit, Limits, Refusal, Stale, Standing

LEASE_TTL_S: Final = 3600
_KEEP_EXPIRED_S: Final = 24 * 3600

_Owner = tuple[Layer, int]


@dataclass(slots=True)
class _Count:
    settled: int = 0
    reserved: int = 0


@dataclass(slots=True)
class _Window:
    """One hour or month, by its number, with the counts of everybody in it."""

    number: int
    counts: dict[_Owner, _Count] = field(default_factory=dict)

    def of(self, owner: _Owner) -> _Count:
        return self.counts.setdefault(owner, _Count())

    def peek(self, owner: _Owner) -> _Count:
        return self.counts.get(owner, _NONE)


_NONE: Final = _Count()


class MemoryLive:
    """Implements `models.live.Live`; for one event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._hours: dict[int, _Window] = {}
        self._months: dict[int, _Window] = {}
        self._epochs: dict[int, int] = {}
        self._running: dict[str, tuple[Lease, int]] = {}
        self._expired: dict[str, tuple[Lease, int]] = {}

    async def reserve(self, claim: Claim, *, request_id: str, epoch: int) -> Lease | Refusal | Stale:
        """As the contract says. A claim whose limits have ended by themselves (`valid_until`) is stale too, and a
        request that holds a lease already is given the same one."""
        now = self.now()
        if known := self._running.get(request_id):
            return known[0]
        if stale := self._is_stale(claim, epoch, now):
            return stale
        self._expire(now)
        layers = _layers(claim.account_id, claim.key_id, claim.limits)
        hour = self._window(self._hours, windows.hour_of(now))
        month = self._window(self._months, windows.month_of(now))
        if refusal := self._refusal(claim, layers, hour, month, now):
            return refusal
        granted = _granted_output(claim, layers, month)
        reserved = claim.prompt_tokens + granted
        for owner, _, _ in layers:
            hour.of(owner).settled += 1
            month.of(owner).reserved += reserved
        requests, tokens = self._standings(layers, hour, month, now)
        lease = Lease(
            id=request_id,
            account_id=claim.account_id,
            key_id=claim.key_id,
            hour=hour.number,
            month=month.number,
            reserved_tokens=reserved,
            output_tokens=granted if claim.limits.caps_tokens else None,
            requests=requests,
            tokens=tokens,
        )
        self._running[request_id] = (lease, now + LEASE_TTL_S)
        return lease

    async def settle(self, lease: Lease, total_tokens: int) -> None:
        """A lease that ended by itself is still settled, within a day; its tokens were used."""
        month = self._give_back(lease)
        if month is not None:
            for owner in _owners(lease):
                month.of(owner).settled += total_tokens

    async def release(self, lease: Lease) -> None:
        if self._give_back(lease) is None:
            return
        hour = self._hours.get(lease.hour)
        if hour is not None:
            for owner in _owners(lease):
                count = hour.of(owner)
                count.settled = max(0, count.settled - 1)

    async def standing(
        self, account_id: int, key_id: int | None, limits: Limits
    ) -> tuple[Standing, Standing]:
        now = self.now()
        self._expire(now)
        hour = self._window(self._hours, windows.hour_of(now))
        month = self._window(self._months, windows.month_of(now))
        return self._standings(_layers(account_id, key_id, limits), hour, month, now)

    def now(self) -> int:
        return int(self._clock())

    def bump(self, account_id: int, epoch: int) -> None:
        if epoch > self.epoch(account_id):
            self._epochs[account_id] = epoch

    def epoch(self, account_id: int) -> int:
        return self._epochs.get(account_id, 0)

    def fill(self, counted: Iterable[Counted]) -> None:
        now = self.now()
        hour = self._window(self._hours, windows.hour_of(now))
        month = self._window(self._months, windows.month_of(now))
        for known in counted:
            owner = (known.layer, known.owner_id)
            hour.of(owner).settled = known.requests
            month.of(owner).settled = known.tokens

    def _is_stale(self, claim: Claim, epoch: int, now: int) -> Stale | None:
        """A principal newer than what was told here is believed: his change has not been heard of yet."""
        self.bump(claim.account_id, epoch)
        newest = self.epoch(claim.account_id)
        ends = claim.limits.valid_until
        return Stale(newest) if epoch < newest or (ends is not None and ends <= now) else None

    def _refusal(
        self, claim: Claim, layers: list["_Layer"], hour: _Window, month: _Window, now: int
    ) -> Refusal | None:
        requests, tokens = self._standings(layers, hour, month, now)
        if requests.left is not None and requests.left < 1:
            return Refusal(requests, False, requests, tokens)
        wanted = claim.prompt_tokens + 1
        if tokens.left is not None and tokens.left < wanted:
            is_held = all(
                limit is None or limit - month.peek(owner).settled >= wanted for owner, _, limit in layers
            )
            return Refusal(tokens, is_held, requests, tokens)
        return None

    def _standings(
        self, layers: list["_Layer"], hour: _Window, month: _Window, now: int
    ) -> tuple[Standing, Standing]:
        by_requests = [(owner, limit) for owner, limit, _ in layers]
        by_tokens = [(owner, limit) for owner, _, limit in layers]
        return (
            _standing("hourly_requests", by_requests, hour, windows.hour_end(now)),
            _standing("monthly_tokens", by_tokens, month, windows.month_end(now)),
        )

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
        month = self._months.get(lease.month)
        if month is not None:
            for owner in _owners(lease):
                month.of(owner).reserved -= lease.reserved_tokens

    def _expire(self, now: int) -> None:
        """Both are in order of time, so only what is due is looked at."""
        while self._running and (first := next(iter(self._running.values())))[1] <= now:
            lease = first[0]
            del self._running[lease.id]
            self._unreserve(lease)
            self._expired[lease.id] = (lease, now + _KEEP_EXPIRED_S)
        while self._expired and (first := next(iter(self._expired.values())))[1] <= now:
            del self._expired[first[0].id]


_Layer = tuple[_Owner, int | None, int | None]
"""Owner, limit of requests, limit of tokens."""


def _layers(account_id: int, key_id: int | None, limits: Limits) -> list[_Layer]:
    """The account comes first: where both have the same left, it is the one to name."""
    account: _Layer = (("account", account_id), limits.account_requests, limits.account_tokens)
    if key_id is None:
        return [account]
    return [account, (("key", key_id), limits.key_requests, limits.key_tokens)]


def _owners(lease: Lease) -> tuple[_Owner, _Owner]:
    return ("account", lease.account_id), ("key", lease.key_id)


def _granted_output(claim: Claim, layers: list[_Layer], month: _Window) -> int:
    """The wished bound on output, clamped to what every capped layer has left after the prompt."""
    granted = max(1, claim.output_tokens)
    for owner, _, limit in layers:
        if limit is not None:
            count = month.peek(owner)
            granted = min(granted, limit - count.settled - count.reserved - claim.prompt_tokens)
    return granted


def _standing(
    name: Limit, layers: list[tuple[_Owner, int | None]], window: _Window, resets_at: int
) -> Standing:
    shown: Standing | None = None
    for (layer, owner_id), limit in layers:
        count = window.peek((layer, owner_id))
        left = None if limit is None else max(0, limit - count.settled - count.reserved)
        if shown is None or _is_tighter(left, shown.left):
            shown = Standing(name, layer, limit, count.settled, count.reserved, left, resets_at)
    assert shown is not None
    return shown


def _is_tighter(left: int | None, than: int | None) -> bool:
    """Without any limit the lower layer, the key, is shown."""
    if left is None:
        return than is None
    return than is None or left < than

"""The arithmetic of the limits, for every store of counters: what a screen shows, a header carries and the check
decides is one function over the counts of a claim's layers.

Where both layers have the same left, the account is named: a key can never be raised above it. Where neither
layer has a limit, the key's own counts are shown.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from models import windows
from models.live import Claim, Layer, Lease, Limit, Limits, Refusal, Stale, Standing

LEASE_TTL_S: Final = 45
"""How long a reservation outlives the last word of its request: a process that dies must not hold it longer than a
minute."""
RENEW_S: Final = 15
KEEP_EXPIRED_S: Final = 24 * 3600
"""How long a lease that ended by itself may still be settled."""

Owner = tuple[Layer, int]


@dataclass(slots=True)
class Count:
    """Of one owner in one window."""

    settled: int = 0
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class Bound:
    """One layer of a claim with its limits; None is no limit."""

    owner: Owner
    requests: int | None
    tokens: int | None


Counts = Callable[[Owner], Count]


@dataclass(frozen=True, slots=True)
class Windows:
    """What is counted in the running hour and the running month, at `now`; and how many requests of the key run."""

    hour: Counts
    month: Counts
    now: int
    running: int = 0


class Epochs:
    """The newest epoch of each account that this process was told."""

    def __init__(self) -> None:
        self._newest: dict[int, int] = {}

    def bump(self, account_id: int, epoch: int) -> None:
        if epoch > self.of(account_id):
            self._newest[account_id] = epoch

    def of(self, account_id: int) -> int:
        return self._newest.get(account_id, 0)

    def stale(self, claim: Claim, epoch: int, now: int) -> Stale | None:
        """A principal newer than what was told here is believed: his change has not been heard of yet. One whose
        limits have ended by themselves (`valid_until`) is stale too."""
        self.bump(claim.account_id, epoch)
        newest = self.of(claim.account_id)
        ends = claim.limits.valid_until
        return Stale(newest) if epoch < newest or (ends is not None and ends <= now) else None


def bounds(account_id: int, key_id: int | None, limits: Limits) -> list[Bound]:
    """The account comes first: where both have the same left, it is the one to name."""
    account = Bound(("account", account_id), limits.account_requests, limits.account_tokens)
    if key_id is None:
        return [account]
    return [account, Bound(("key", key_id), limits.key_requests, limits.key_tokens)]


def owners(lease: Lease) -> tuple[Owner, Owner]:
    return ("account", lease.account_id), ("key", lease.key_id)


def decide(claim: Claim, request_id: str, counted: Windows, *, is_recorded: bool = False) -> Lease | Refusal:
    """The claim against what is counted. A lease is counted in: the counts of its owners have changed."""
    layers = bounds(claim.account_id, claim.key_id, claim.limits)
    if refused := refusal(claim, layers, counted):
        return refused
    granted = granted_output(claim, layers, counted)
    for layer in layers:
        counted.hour(layer.owner).settled += 1
        counted.month(layer.owner).reserved += claim.prompt_tokens + granted
    hour, reserved = windows.hour_of(counted.now), claim.prompt_tokens + granted
    return lease_of(claim, request_id, hour, reserved, standings(layers, counted), is_recorded=is_recorded)


def lease_of(
    claim: Claim,
    request_id: str,
    hour: int,
    reserved_tokens: int,
    standings: tuple[Standing, Standing],
    *,
    is_recorded: bool = False,
) -> Lease:
    return Lease(
        id=request_id,
        account_id=claim.account_id,
        key_id=claim.key_id,
        hour=hour,
        month=windows.month_of(hour * windows.HOUR),
        reserved_tokens=reserved_tokens,
        output_tokens=reserved_tokens - claim.prompt_tokens if claim.limits.caps_tokens else None,
        requests=standings[0],
        tokens=standings[1],
        is_recorded=is_recorded,
    )


def refusal(claim: Claim, layers: list[Bound], counted: Windows) -> Refusal | None:
    """None when the claim passes: one slot of the hour is left, the key runs fewer requests than it may at once,
    and there are tokens for its prompt and one more."""
    if passes(claim, layers, counted):
        return None
    requests, tokens = standings(layers, counted)
    if requests.left is not None and requests.left < 1:
        return Refusal(requests, False, requests, tokens)
    at_once = claim.limits.key_concurrent
    if at_once is not None and counted.running >= at_once:
        full = Standing("concurrent_requests", "key", at_once, 0, counted.running, 0, counted.now)
        return Refusal(full, True, requests, tokens)
    wanted = claim.prompt_tokens + 1
    if tokens.left is not None and tokens.left < wanted:
        is_held = all(
            layer.tokens is None or layer.tokens - counted.month(layer.owner).settled >= wanted
            for layer in layers
        )
        return Refusal(tokens, is_held, requests, tokens)
    return None


def passes(claim: Claim, layers: list[Bound], counted: Windows) -> bool:
    """What `refusal` decides, without the standings that only a refusal tells."""
    at_once = claim.limits.key_concurrent
    if at_once is not None and counted.running >= at_once:
        return False
    for layer in layers:
        if layer.requests is not None:
            hour = counted.hour(layer.owner)
            if layer.requests - hour.settled - hour.reserved < 1:
                return False
        if layer.tokens is not None:
            month = counted.month(layer.owner)
            if layer.tokens - month.settled - month.reserved < claim.prompt_tokens + 1:
                return False
    return True


def granted_output(claim: Claim, layers: list[Bound], counted: Windows) -> int:
    """The wished bound on output, clamped to what every capped layer has left after the prompt."""
    granted = max(1, claim.output_tokens)
    for layer in layers:
        if layer.tokens is not None:
            count = counted.month(layer.owner)
            granted = min(granted, layer.tokens - count.settled - count.reserved - claim.prompt_tokens)
    return granted


def after(lease: Lease, total_tokens: int) -> tuple[Standing, Standing]:
    """Both limits as they stand once the lease is settled at that, as far as this claim knows of others."""
    before = lease.tokens
    settled = before.settled + total_tokens
    reserved = max(0, before.reserved - lease.reserved_tokens)
    left = None if before.limit is None else max(0, before.limit - settled - reserved)
    return lease.requests, replace(before, settled=settled, reserved=reserved, left=left)


def standings(layers: list[Bound], counted: Windows) -> tuple[Standing, Standing]:
    """Requests and tokens, each on the layer with less left."""
    by_requests = [(layer.owner, layer.requests) for layer in layers]
    by_tokens = [(layer.owner, layer.tokens) for layer in layers]
    return (
        _standing("hourly_requests", by_requests, counted.hour, windows.hour_end(counted.now)),
        _standing("monthly_tokens", by_tokens, counted.month, windows.month_end(counted.now)),
    )


def _standing(
    name: Limit, layers: list[tuple[Owner, int | None]], counts: Counts, resets_at: int
) -> Standing:
    shown, tightest = layers[0], _left(layers[0], counts)
    for layer in layers[1:]:
        left = _left(layer, counts)
        if _is_tighter(left, tightest):
            shown, tightest = layer, left
    owner, limit = shown
    count = counts(owner)
    return Standing(name, owner[0], limit, count.settled, count.reserved, tightest, resets_at)


def _left(layer: tuple[Owner, int | None], counts: Counts) -> int | None:
    owner, limit = layer
    if limit is None:
        return None
    count = counts(owner)
    return max(0, limit - count.settled - count.reserved)


def _is_tighter(left: int | None, than: int | None) -> bool:
    """Without any limit the lower layer, the key, is shown."""
    if left is None:
        return than is None
    return than is None or left < than

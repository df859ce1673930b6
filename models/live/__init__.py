"""The counters that decide admission: the contract that memory, Redis and database backends fulfil.

Two limits, each on two layers: requests per UTC clock hour and tokens per UTC calendar month, for the key and
for its account; and one on the key alone: requests that run at once. A claim passes all of its counters at once
or none. Tokens are reserved as an upper estimate of
the prompt plus a bound on the output; the bound is clamped to what is left, so that a claim passes while its
prompt and one token of output fit. Settling replaces the reservation by what was used, after the final row is
committed. A lease lives for `layers.LEASE_TTL_S` after it was granted or last renewed; one that nobody renews is
looked up in the tables: its reservation ends, and what its row used is counted.

`settled` and `reserved` are kept apart: left = limit - settled - reserved. An hourly slot is settled at once.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Protocol

Limit = Literal["hourly_requests", "monthly_tokens", "concurrent_requests"]
Layer = Literal["key", "account"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What binds one key, per limit and layer; None is no limit. A key's value is its override, else the
    account's; both layers are counted apart. `valid_until` (Unix seconds) is when the first override in it ends, or
    what it was read for: the key, its secret."""

    key_requests: int | None
    account_requests: int | None
    key_tokens: int | None
    account_tokens: int | None
    valid_until: int | None = None
    key_concurrent: int | None = None

    @property
    def caps_tokens(self) -> bool:
        return self.key_tokens is not None or self.account_tokens is not None


@dataclass(frozen=True, slots=True)
class Claim:
    """What one request wants. `output_tokens` is its wished bound on output: the client's own, else the model's
    default; it only matters where a token cap applies. The last four are for the row that a store in the database
    writes along: the model asked for, when the request came (Unix ms), and what its prompt is estimated to cost."""

    account_id: int
    key_id: int
    limits: Limits
    prompt_tokens: int
    output_tokens: int
    model: str = ""
    is_stream: bool = False
    admitted_ms: int = 0
    prompt_cost_nusd: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """One limit as it stands: the layer with less left, which is what screens and headers show.

    `limit` None means no limit on either layer; `left` is then None too. `resets_at` is in Unix seconds.
    `left` = max(0, limit - settled - reserved).
    """

    name: Limit
    layer: Layer
    limit: int | None
    settled: int
    reserved: int
    left: int | None
    resets_at: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A granted claim. `output_tokens` is the granted bound, None where no token cap applies. `is_recorded`: its open
    row is committed already."""

    id: str
    account_id: int
    key_id: int
    hour: int
    month: int
    reserved_tokens: int
    output_tokens: int | None
    requests: Standing
    tokens: Standing
    is_recorded: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a claim did not pass. `is_held`: not used up, only held by running requests. `standing` is the limit
    that refused (with its layer), `requests` and `tokens` what headers show. Nothing was consumed."""

    standing: Standing
    is_held: bool
    requests: Standing
    tokens: Standing


@dataclass(frozen=True, slots=True)
class Stale:
    """The account changed after this principal was read; authenticate once more. Nothing was consumed."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What the tables know of one owner in the running windows, to fill a cold counter with."""

    layer: Layer
    owner_id: int
    requests: int
    tokens: int


class Live(Protocol):
    async def reserve(self, claim: Claim, *, request_id: str, epoch: int) -> Lease | Refusal | Stale:
        """All counters at once, or none. Raises `LiveAway` when the store cannot be asked."""

    async def settle(self, lease: Lease, total_tokens: int) -> None:
        """End the reservation and count what was used, in the month of admission; called once the final row is
        committed. A second call changes nothing. Never raises."""

    async def release(self, lease: Lease) -> None:
        """Undo a claim as though it had never been made, its hourly slot included: for a request that the gateway
        itself refuses after all. Without effect on a lease that is settled or released. Never raises."""

    async def renew(self, leases: Collection[Lease]) -> None:
        """These still run: said of every running lease each `layers.RENEW_S`. Never raises."""

    async def standing(
        self, account_id: int, key_id: int | None, limits: Limits
    ) -> tuple[Standing, Standing]:
        """Requests and tokens as they stand; for an account alone (`key_id` None) the account's layer."""

    def now(self) -> int:
        """The store's own time in Unix seconds, by which windows are cut."""

    def bump(self, account_id: int, epoch: int) -> None:
        """The account changed: principals read before are stale. An older epoch changes nothing."""

    def epoch(self, account_id: int) -> int:
        """The newest epoch known here; 0 when none was ever told."""


class LiveAway(Exception):
    """The store of counters does not answer; nothing was consumed as far as we know."""

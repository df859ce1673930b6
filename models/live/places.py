"""How an account's counters are named in a store outside, and read from what such a store or the tables tell.

A store tells three figures a layer, the account's first: requests of the hour, settled tokens and reserved tokens
of the month.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from models import windows
from models.counts import Counts
from models.live.layers import Bound, Count, Windows


@dataclass(frozen=True, slots=True)
class Place:
    """The counters of one hour and month: the account's and, where given, one key's."""

    account_id: int
    key_id: int | None
    hour: int
    month: int
    generation: int

    @property
    def prefix(self) -> str:
        """The braces put all that an account has into one slot of a cluster."""
        return f"starscoo:{{{self.account_id}}}:{self.generation}:"

    @property
    def names(self) -> list[str]:
        """Of leases and when they are due, then of the counters of hour and month of each layer."""
        owners = ["account"] if self.key_id is None else ["account", f"key:{self.key_id}"]
        counters = [f"{owner}:{window}" for owner in owners for window in self._windows]
        return [self.prefix + name for name in ("leases", "due", *counters)]

    @property
    def _windows(self) -> tuple[str, str]:
        return f"hour:{self.hour}", f"month:{self.month}"


def place_at(account_id: int, key_id: int | None, now: int, *, generation: int) -> Place:
    return Place(account_id, key_id, windows.hour_of(now), windows.month_of(now), generation)


def counted(bounds: list[Bound], figures: Sequence[int], now: int, running: int = 0) -> Windows:
    """The figures as the arithmetic of the limits wants them."""
    hour = {bound.owner: Count(figures[3 * i]) for i, bound in enumerate(bounds)}
    month = {bound.owner: Count(*figures[3 * i + 1 : 3 * i + 3]) for i, bound in enumerate(bounds)}
    return Windows(hour.__getitem__, month.__getitem__, now, running)


def layers_told(known: Counts) -> list[tuple[str | int, int, int]]:
    """What fill.lua is told of each layer: key (empty for the account), requests of the hour, tokens of the month."""
    told: list[tuple[str | int, int, int]] = [("", known.account.requests, known.account.tokens)]
    if known.key is not None:
        told.append((known.key.owner_id, known.key.requests, known.key.tokens))
    return told

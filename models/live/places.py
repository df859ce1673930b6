"""How an account's counters are named in a store outside, and read from what such a store or the tables tell.

A store tells three figures a layer, the account's first: requests of the hour, settled tokens and reserved tokens
of the month.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from models import windows
from models.counts import Counts
from models.live.layers import LEASE_TTL_S, Bound, Count, Owner, Windows


@dataclass(frozen=True, slots=True)
class Place:
    """The counters of one hour and month: the account's and, where given, one key's."""

    account_id: int
    key_id: int | None
    hour: int
    month: int

    @property
    def prefix(self) -> str:
        """The braces put all that an account has into one slot of a cluster."""
        return f"starscoo:{{{self.account_id}}}:"

    @property
    def names(self) -> list[str]:
        """Of leases and when they are due, then of the counters of hour and month of each layer."""
        owners = ["account"] if self.key_id is None else ["account", f"key:{self.key_id}"]
        counters = [f"{owner}:{window}" for owner in owners for window in self._windows]
        return [self.prefix + name for name in ("leases", "due", *counters)]

    @property
    def layers(self) -> list[tuple[Owner, str, list[str]]]:
        """Each owner, his key ('' for the account), and the names that concern him alone."""
        names = self.names
        found: list[tuple[Owner, str, list[str]]] = [(("account", self.account_id), "", names[:4])]
        if self.key_id is not None:
            found.append((("key", self.key_id), str(self.key_id), names[:2] + names[4:]))
        return found

    @property
    def _windows(self) -> tuple[str, str]:
        return f"hour:{self.hour}", f"month:{self.month}"


def place_at(account_id: int, key_id: int | None, now: int) -> Place:
    return Place(account_id, key_id, windows.hour_of(now), windows.month_of(now))


def counted(bounds: list[Bound], figures: Sequence[int], now: int) -> Windows:
    """The figures as the arithmetic of the limits wants them."""
    hour = {bound.owner: Count(figures[3 * i]) for i, bound in enumerate(bounds)}
    month = {bound.owner: Count(*figures[3 * i + 1 : 3 * i + 3]) for i, bound in enumerate(bounds)}
    return Windows(hour.__getitem__, month.__getitem__, now)


def figures_of(known: Counts) -> list[int]:
    """The same three figures a layer, from the tables."""
    figures = [known.account.requests, known.account.tokens]
    figures.append(sum(one.reserved_tokens for one in known.running))
    if known.key is not None:
        held = sum(one.reserved_tokens for one in known.running if one.key_id == known.key.owner_id)
        figures += [known.key.requests, known.key.tokens, held]
    return figures


def filling(known: Counts) -> list[str | int]:
    """What fill.lua is told: layers, then running requests."""
    told: list[str | int] = ["", known.account.requests, known.account.tokens]
    if known.key is not None:
        told += [known.key.owner_id, known.key.requests, known.key.tokens]
    for one in known.running:
        at = one.admitted_at
        told += [one.id, one.key_id, windows.hour_of(at), windows.month_of(at)]
        told += [one.reserved_tokens, at + LEASE_TTL_S]
    return told

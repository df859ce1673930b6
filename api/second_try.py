"""Whether a request that failed may be tried once more, and where.

Only before the client has seen a byte, once, and only what the table of errors calls worth it: a failure of the
connection or of the provider, at another target of the model where it has one, else at the same; a limit of the rate,
an overload or a time that ran out at another target alone, since the same one has just asked for patience. An answer
that had begun is never asked for again: it has been paid for.

All second tries together stay within a tenth of the traffic (and may be `FREE` in any case since the start, so that
the first request of a day can be saved): a provider in trouble must not get twice the load.
"""

from collections.abc import Sequence
from typing import Final

from api.breaker import Breakers, ShutError
from api.errors import GatewayError, Kind
from api.providers.base import UpstreamFailure
from api.types import Target

SHARE: Final = 0.1
FREE: Final = 5
MOST_SAVED: Final = 100.0
"""Quiet times do not save up for a storm."""
WITHIN_MS: Final = 15_000
"""Later a client has waited long enough, and a stream has begun by then."""

_SAME: Final[frozenset[Kind]] = frozenset({"upstream_error"})
_ELSEWHERE: Final[frozenset[Kind]] = _SAME | {
    "upstream_timeout",
    "upstream_overloaded",
    "upstream_rate_limited",
}


class SecondTries:
    """`firsts` counts all requests; the exchange adds its own. A `share` of 0 means never."""

    def __init__(self, breakers: Breakers, *, share: float = SHARE) -> None:
        self.firsts = 0
        self._breakers = breakers
        self._share = share
        self._left: float = FREE if share else 0
        # The free ones are a loan: nothing is earned until the traffic has paid for them.
        self._earned_until = int(FREE / share) if share else 0

    def take(
        self, failure: GatewayError | UpstreamFailure, first: Target, others: Sequence[Target]
    ) -> Target | None:
        """Where to go now, counted as done; None for nowhere."""
        if isinstance(failure, GatewayError) and not failure.is_retryable:
            return None
        target = next((other for other in others if not self._breakers.is_shut(other)), None)
        if target is None and not self._breakers.is_shut(first):
            target = first
        allowed = _SAME if target is first else _ELSEWHERE
        if target is None or failure.kind not in allowed:
            return None
        # One that was not asked at all has not been tried yet: nothing is tried twice.
        return target if isinstance(failure, ShutError) or self._pay() else None

    def _pay(self) -> bool:
        earned = max(0, self.firsts - self._earned_until) * self._share
        self._earned_until = max(self._earned_until, self.firsts)
        self._left = min(MOST_SAVED, self._left + earned)
        # A ten-thousandth less than one: tenths do not add up to one exactly.
        if self._left < 1 - 1e-4:
            return False
        self._left -= 1
        return True

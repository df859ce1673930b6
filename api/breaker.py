"""A circuit breaker per target: a provider that is down is not asked again for each request.

It opens after `FAILURES` in a row, each of them a sign that nobody is there: no connection, no answer, or one that
only an overloaded or dying service gives. A plain 500 is none of them: some requests cause it by themselves, and one
customer must not be able to shut out the others. While it is open, requests are told at once what the last failure
was; one in `REST_SECONDS` is let through to see whether the provider is back, whatever became of the one before (it
may hang for as long as a connection may take), and the first that is answered closes it.

Only targets in trouble are known here, so that a request to a healthy one costs a look into an empty dictionary.
"""

import logging
import math
from collections.abc import Callable
from typing import Final

from api.errors import GatewayError, Kind
from api.types import Target
from models.notices import Notices

log = logging.getLogger("starscoo.gateway")

FAILURES: Final = 5
REST_SECONDS: Final = 2.0
DEAD_STATUSES: Final = frozenset({502, 503, 504, 520, 521, 522, 523, 524, 529})


class ShutError(GatewayError):
    """The target was not asked."""


class Breaker:
    """Of one target in trouble."""

    def __init__(self) -> None:
        self.failures = 0
        self.next_try: float | None = None
        self.kind: Kind = "upstream_error"


class Breakers:
    """`clock` in seconds, from any beginning; `now` in Unix seconds, for notices."""

    def __init__(
        self,
        notices: Notices,
        *,
        clock: Callable[[], float],
        now: Callable[[], float],
        failures: int = FAILURES,
    ) -> None:
        self.troubled: dict[tuple[str, str], Breaker] = {}
        self._notices = notices
        self._clock = clock
        self._now = now
        self._failures = failures

    def check(self, target: Target) -> None:
        """Raises ShutError while the target is not to be asked. One that returns may ask it, once."""
        breaker = self.troubled.get(_key(target))
        if breaker is None or breaker.next_try is None:
            return
        rest = breaker.next_try - self._clock()
        if rest > 0:
            raise ShutError(breaker.kind, _SHUT, retry_after=math.ceil(rest))
        breaker.next_try = self._clock() + REST_SECONDS

    def is_shut(self, target: Target) -> bool:
        """Whether `check` would raise."""
        breaker = self.troubled.get(_key(target))
        return breaker is not None and breaker.next_try is not None and breaker.next_try > self._clock()

    def failed(self, target: Target, kind: Kind, reason: str) -> None:
        """Nobody was there; `reason` is for the operator."""
        breaker = self.troubled.setdefault(_key(target), Breaker())
        breaker.failures += 1
        breaker.kind = kind
        if breaker.next_try is None and breaker.failures >= self._failures:
            breaker.next_try = self._clock() + REST_SECONDS
            log.error("%s does not answer for %s: %s", target.provider, target.upstream_model, reason)
        if breaker.next_try is not None:
            text = (
                f"{target.provider} does not answer for {target.upstream_model}: {reason}. Requests are not sent "
                f"there; one in {REST_SECONDS:g} seconds tries whether it is back."
            )
            self._notices.note(_subject(target), text, now=int(self._now()))

    def answered(self, target: Target) -> None:
        """Somebody is there."""
        breaker = self.troubled.pop(_key(target), None)
        if breaker is not None and breaker.next_try is not None:
            log.warning("%s answers again for %s", target.provider, target.upstream_model)
            self._notices.clear(_subject(target))


def _key(target: Target) -> tuple[str, str]:
    return target.provider, target.upstream_model


def _subject(target: Target) -> str:
    return f"{target.provider}: {target.upstream_model}"


_SHUT: Final = (
    "The model's provider does not answer at the moment, so it was not asked. Try again in a few seconds."
)

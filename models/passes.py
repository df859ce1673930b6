"""Passes: for a minute, one stands for a key, whose secret nobody has, so that a page can send a request as that key.

A pass lives in this process's memory alone, is found by the digest of its 256 random bits, and carries the digest of
its key's secret: whoever shows it is judged exactly as if he had shown that secret, so what ends the key (revoked,
paused, its account suspended) ends its passes. It opens no request after its minute; one that runs by then goes on.
"""

import hashlib
import secrets
from collections.abc import Callable
from typing import Final

from models.keys import ApiKey

SECONDS: Final = 60
MOST: Final = 10_000
"""Living at once. Beyond it the oldest end: memory has a bound, whatever pages do."""
_PREFIX: Final = "pass-starscoo-"


class Passes:
    """Of one process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._living: dict[str, tuple[str, float]] = {}

    def mint(self, key: ApiKey) -> str:
        """The caller has read the key as its owner's (`keys.get`). The clear text exists in what is returned alone."""
        now = self._clock()
        while self._living and (len(self._living) >= MOST or next(iter(self._living.values()))[1] <= now):
            del self._living[next(iter(self._living))]
        secret = _PREFIX + secrets.token_urlsafe(32)
        self._living[_digest(secret)] = (key.digest, now + SECONDS)
        return secret

    def end(self, secret: str) -> None:
        self._living.pop(_digest(secret), None)

    def key_digest(self, secret: str) -> str | None:
        """The digest of the key that a pass stands for; None when it is none, or over."""
        if not self._living or not secret.startswith(_PREFIX):
            return None
        key_digest, until = self._living.get(_digest(secret), ("", 0.0))
        return key_digest if self._clock() < until else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()

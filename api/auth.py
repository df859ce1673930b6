"""Bearer secret to Principal. The secret's form is checked without a look-up; its digest is looked up in a
cache of bounded size, then in the table. A cached principal counts until one of its overrides ends, until it
is a minute old, or until its account changed (then its epoch is behind). An unknown digest is remembered for
ten seconds. When the table cannot be read the answer is 503: access never opens by accident.

What has not the form of a key may be a pass (`models.passes`), which this server's own pages show; it is judged as
the key that it stands for.
"""

from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from api.errors import GatewayError
from models import keys
from models.database import Database
from models.keys import Principal
from models.live import Live
from models.passes import Passes

KNOWN_SECONDS: Final = 60
UNKNOWN_SECONDS: Final = 10
CACHE_ENTRIES: Final = 100_000

_MISSING: Final = (
    "No API key was sent. Send it as the header 'Authorization: Bearer sk-starscoo-...'; "
    "keys are created in the dashboard."
)
_UNKNOWN: Final = (
    "This API key is not valid: it is mistyped, revoked or unknown here. "
    "Check it, or create a new one in the dashboard."
)

_SUSPENDED: Final = "The account of this key is suspended. Ask the operator of this server."


class Authenticator:
    """`rejected` counts refusals without a known key; they leave no rows."""

    def __init__(
        self, database: Database, live: Live, clock: Callable[[], float], passes: Passes | None = None
    ) -> None:
        self._database = database
        self._live = live
        self._clock = clock
        self._passes = passes
        self._cache: dict[str, tuple[Principal | None, float]] = {}
        self.rejected = 0

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """Whose key this is; whether he may use it says `check_standing`. Raises `invalid_api_key` (401) or
        `service_unavailable` (503)."""
        secret = bearer(headers.get("authorization", ""))
        if not secret:
            self.rejected += 1
            raise GatewayError("invalid_api_key", _MISSING)
        digest = self._digest(secret)
        principal = await self._look_up(digest) if digest else None
        if principal is None:
            self.rejected += 1
            raise GatewayError("invalid_api_key", _UNKNOWN)
        return principal

    async def again(self, principal: Principal, headers: Mapping[str, str]) -> Principal:
        """Read anew after the limiter called this principal stale."""
        self._cache.pop(self._digest(bearer(headers.get("authorization", ""))) or "", None)
        return await self.authenticate(headers)

    def _digest(self, secret: str) -> str | None:
        """Of the key that is shown, or that a pass stands for. Passes are thought of only where it is no key."""
        if keys.well_formed(secret):
            return keys.digest(secret)
        return self._passes.key_digest(secret) if self._passes else None

    async def _look_up(self, digest: str) -> Principal | None:
        now = self._clock()
        cached = self._cache.get(digest)
        if cached is not None:
            principal, until = cached
            if now < until and (
                principal is None or principal.epoch >= self._live.epoch(principal.account_id)
            ):
                return principal
        principal = await self._read(digest, int(now))
        until = now + (UNKNOWN_SECONDS if principal is None else KNOWN_SECONDS)
        if principal is not None and principal.limits.valid_until is not None:
            until = min(until, principal.limits.valid_until)
        self._cache.pop(digest, None)
        while len(self._cache) >= CACHE_ENTRIES:
            del self._cache[next(iter(self._cache))]
        self._cache[digest] = (principal, until)
        return principal

    async def _read(self, digest: str, now: int) -> Principal | None:
        try:
            return await self._database.read(keys.authenticate, digest, now=now)
        except SQLAlchemyError as error:
            raise GatewayError(
                "service_unavailable",
                "The key could not be checked because the database does not answer. Try again in a few seconds.",
                retry_after=5,
            ) from error


def check_standing(principal: Principal) -> None:
    """Raises `account_suspended` (403) for a known key that may not be used."""
    if principal.is_suspended:
        raise GatewayError("account_suspended", _SUSPENDED)


def bearer(header: str) -> str:
    """The secret of an Authorization header, or an empty string."""
    scheme, _, secret = header.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""

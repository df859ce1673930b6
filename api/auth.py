"""Bearer secret to Principal. The secret's digest is looked up in a cache of bounded size, then, where the secret has
the form of a key, in the table. A cached principal counts until one of its overrides, its key or its secret ends,
until it is a minute old, or until its account changed (then its epoch is behind). An unknown digest is remembered for
ten seconds. When the table cannot be read the answer is 503: access never opens by accident.

What has not the form of a key may be a pass (`models.passes`), which this server's own pages show; it is judged as
the key that it stands for.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from api.errors import GatewayError
from models import keys
from models.database import Database
from models.keys import Principal
from models.live import Live
from models.passes import Passes
from models.secret_uses import SecretUses

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
_PAUSED: Final = "This API key is paused. Its owner can resume it in the dashboard, under API keys."


class Authenticator:
    """`rejected` counts refusals without a known key; they leave no rows. `uses` is told of the secrets of keys that
    are being rotated."""

    def __init__(
        self, database: Database, live: Live, clock: Callable[[], float], passes: Passes | None = None
    ) -> None:
        self._database = database
        self._live = live
        self._clock = clock
        self.uses = SecretUses()
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
        principal = await self._look_up(secret)
        if principal is None:
            self.rejected += 1
            raise GatewayError("invalid_api_key", _UNKNOWN)
        if principal.is_watched and keys.well_formed(secret):  # a pass is no use of the secret
            self.uses.note(principal.key_id, principal.secret_digest, int(self._clock()))
        return principal

    async def again(self, principal: Principal, headers: Mapping[str, str]) -> Principal:
        """Read anew after the limiter called this principal stale."""
        self._cache.pop(principal.secret_digest, None)
        return await self.authenticate(headers)

    async def _look_up(self, secret: str) -> Principal | None:
        now = self._clock()
        digest = keys.digest(secret)
        cached = self._cache.get(digest)
        if cached is None and not keys.well_formed(secret):
            of_key = self._passes.key_digest(secret) if self._passes else None
            if of_key is None:
                return None
            digest, cached = of_key, self._cache.get(of_key)
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
    """Raises for a known key that may not be used: `account_suspended`, `key_paused` (403), `invalid_api_key` (401)
    where the key or this secret has ended."""
    if principal.is_suspended:
        raise GatewayError("account_suspended", _SUSPENDED)
    if principal.replaced_at is not None:
        raise GatewayError(
            "invalid_api_key",
            f"This API key was replaced by a new one, and stopped working on {_moment(principal.replaced_at)}. "
            "Use the new one, or rotate the key in the dashboard.",
        )
    if principal.expired_at is not None:
        raise GatewayError(
            "invalid_api_key",
            f"This API key expired on {_moment(principal.expired_at)}. "
            "Its owner can set a later day in the dashboard, or create a new key.",
        )
    if principal.is_paused:
        raise GatewayError("key_paused", _PAUSED)


def may_use(principal: Principal, model: str) -> bool:
    """Whether the key is for this model."""
    return not principal.models or model in principal.models


def check_model(principal: Principal, model: str) -> None:
    """Raises `model_not_found` (404) where the key is for other models only."""
    if not may_use(principal, model):
        shown = model if len(model) <= 80 else model[:80] + "…"
        raise GatewayError(
            "model_not_found",
            f"The model '{shown}' is not available for this key. GET /v1/models lists the models that this key may "
            "use; its owner can change them in the dashboard.",
            "model",
        )


def bearer(header: str) -> str:
    """The secret of an Authorization header, or an empty string."""
    scheme, _, secret = header.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _moment(at: int) -> str:
    """30 Nov 2026 14:00 UTC"""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment.day} {moment.strftime('%b %Y %H:%M')} UTC"

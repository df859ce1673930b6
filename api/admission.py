"""May this request run? It claims one slot of the hour and its tokens of the month, for key and account at
once, and gets a lease or a refusal that says which limit, why and until when.

Tokens are claimed as the prompt's upper estimate plus a bound on the output: the client's own, else the
model's default; the limiter clamps the bound to what is left. What is refused later by the gateway itself is
released.
"""

from collections.abc import Collection

from api.errors import Blocked, GatewayError
from api.pricing import cost
from api.types import Envelope, Target
from models.keys import Principal
from models.ledger import Usage
from models.live import Claim, Lease, Live, LiveAway, Refusal, Standing

HELD_SECONDS = 2
LONGEST_RETRY_SECONDS = 60


class StaleError(Exception):
    """The principal was read before its account changed; authenticate again and claim once more."""


class Admission:
    def __init__(self, live: Live) -> None:
        self._live = live

    async def admit(
        self, principal: Principal, envelope: Envelope, target: Target, *, request_id: str, admitted_ms: int
    ) -> Lease:
        """Raises `rate_limited`, `token_cap_exceeded`, `concurrency_limited` (429), `service_unavailable`, or
        StaleError."""
        model = target.model
        wished = envelope.output_tokens or model.default_output_tokens
        claim = Claim(
            account_id=principal.account_id,
            key_id=principal.key_id,
            limits=principal.limits,
            prompt_tokens=envelope.prompt_tokens,
            output_tokens=min(wished, model.max_output_tokens),
            model=envelope.model,
            is_stream=envelope.is_stream,
            admitted_ms=admitted_ms,
            prompt_cost_nusd=cost(Usage(input_tokens=envelope.prompt_tokens), target.price),
        )
        try:
            outcome = await self._live.reserve(claim, request_id=request_id, epoch=principal.epoch)
        except LiveAway as error:
            raise GatewayError(
                "service_unavailable",
                "The limits could not be checked because their store does not answer. Try again in a few seconds.",
                retry_after=5,
            ) from error
        if isinstance(outcome, Lease):
            return outcome
        if isinstance(outcome, Refusal):
            raise refused(outcome, now=self._live.now())
        raise StaleError

    async def standings(self, principal: Principal) -> tuple[Standing, Standing] | None:
        """Both limits as they stand, for the headers of an answer that claimed nothing; None when unknown."""
        try:
            return await self._live.standing(principal.account_id, principal.key_id, principal.limits)
        except LiveAway:
            return None

    def is_changed(self, principal: Principal, *, since: int) -> bool:
        """Whether the account changed after that epoch."""
        return self._live.epoch(principal.account_id) > since

    async def renew(self, leases: Collection[Lease]) -> None:
        """Say that these still run."""
        await self._live.renew(leases)

    async def settle(self, lease: Lease, total_tokens: int) -> None:
        await self._live.settle(lease, total_tokens)

    async def release(self, lease: Lease) -> None:
        await self._live.release(lease)

    def headers(self, requests: Standing, tokens: Standing) -> list[tuple[bytes, bytes]]:
        """OpenAI's x-ratelimit-* for this hour's requests and this month's tokens; a pair is left out where
        there is no limit. Resets are Go durations."""
        now = self._live.now()
        rows: list[tuple[bytes, bytes]] = []
        for name, standing in ((b"requests", requests), (b"tokens", tokens)):
            if standing.limit is None:
                continue
            rows += [
                (b"x-ratelimit-limit-" + name, b"%d" % standing.limit),
                (b"x-ratelimit-remaining-" + name, b"%d" % (standing.left or 0)),
                (b"x-ratelimit-reset-" + name, go_duration(standing.resets_at - now).encode()),
            ]
        return rows


def refused(refusal: Refusal, *, now: int) -> GatewayError:
    """The 429 that a refused claim becomes: what was used up or is held, on which layer, and when it comes
    back."""
    standing = refusal.standing
    limit = standing.limit or 0
    blocked = Blocked(
        limit=standing.name,
        layer=standing.layer,
        value=limit,
        count=standing.settled + standing.reserved,
        window_end=standing.resets_at,
    )
    if standing.name == "concurrent_requests":
        return GatewayError(
            "concurrency_limited",
            f"Too many requests of this key at once: {standing.reserved:,} are running, and each key of this account "
            f"may run {limit:,}. Send it again when one has ended; only the staff of this server can raise the limit.",
            retry_after=1,
            retryable=True,
            blocked=blocked,
        )
    wait = max(1, standing.resets_at - now)
    whose = "this key" if standing.layer == "key" else "this account (all its keys together)"
    if standing.name == "hourly_requests":
        return GatewayError(
            "rate_limited",
            f"Hourly request limit exceeded. The limit of {whose} is {limit:,} requests per clock hour (UTC); "
            f"it resets in {go_duration(wait)}.",
            retry_after=wait,
            retryable=wait <= LONGEST_RETRY_SECONDS,
            blocked=blocked,
        )
    if refusal.is_held:
        return GatewayError(
            "token_cap_exceeded",
            f"Monthly token cap held by running requests. Of the {limit:,} tokens a month of {whose}, "
            f"{standing.settled:,} are used and {standing.reserved:,} are held until running requests end. "
            "Try again in a moment.",
            retry_after=HELD_SECONDS,
            retryable=True,
            blocked=blocked,
        )
    return GatewayError(
        "token_cap_exceeded",
        f"Monthly token cap exceeded. Of the {limit:,} tokens a month of {whose}, {standing.settled:,} are used and "
        f"this request does not fit any more; the cap resets in {go_duration(wait)}.",
        retry_after=wait,
        retryable=False,
        blocked=blocked,
    )


def go_duration(seconds: int) -> str:
    """Seconds as Go prints a duration: `45s`, `38m12s`, `212h5m0s`."""
    seconds = max(0, seconds)
    hours, minutes = divmod(seconds // 60, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds % 60}s"
    return f"{minutes}m{seconds % 60}s" if minutes else f"{seconds}s"

"""The life of one request, steps 1 to 6: authenticate, receive, peek, route, reserve, translate.

`Pipeline.answer` reads top to bottom and returns either an error or an Exchange, which sends, relays and
settles (steps 7 to 9). What the gateway itself refuses consumes nothing: a lease is released when translation
refuses.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api import wires
from api.admission import Admission, StaleError
from api.auth import Authenticator, check_model, check_standing
from api.breaker import Breakers
from api.client import Headers, json_answer, new_id, plain_error, receive
from api.errors import GatewayError
from api.exchange import Exchange
from api.metering import Ledger
from api.outlet import SILENCE_SECONDS
from api.providers.base import Provider, UpstreamCall
from api.routing import Router
from api.second_try import SHARE, SecondTries
from api.types import Envelope, Target, WireName
from api.wires import custom_calls, dropping
from api.work import Call, Parts, Work
from models import refusals
from models.keys import Principal
from models.live import Lease
from models.notices import Notices

STREAM_UPSTREAM_ABOVE_TOKENS: Final = 21_333
"""A plain Messages call with a larger bound is streamed upstream: unstreamed ones run into 10-minute
limits."""
UNSUPPORTED_HEADER: Final = "x-starscoo-unsupported"
"""`drop` asks to leave out what the model does not support; otherwise it is refused."""
DROPPED_HEADER: Final = b"x-starscoo-dropped"
NONE: Final = frozenset[str]()
LONG_BODY_BYTES: Final = 128 * 1024
REFUSED_STATUSES: Final = frozenset({400, 401, 403, 404, 429})


class Pipeline:
    """Steps 1 to 6; `parts` are what steps 7 to 9 work with."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        admission: Admission,
        router: Router,
        providers: Mapping[str, Provider],
        ledger: Ledger,
        clock: Callable[[], float],
        max_body: int,
        notices: Notices,
        silence_seconds: float = SILENCE_SECONDS,
        breakers: Breakers | None = None,
        retry_share: float = SHARE,
    ) -> None:
        self.authenticator = authenticator
        self.admission = admission
        self.router = router
        breakers = breakers or Breakers(notices, clock=time.monotonic, now=clock)
        second_tries = SecondTries(breakers, share=retry_share)
        self.parts = Parts(
            providers, admission, ledger, clock, notices, silence_seconds, breakers, second_tries
        )
        self._max_body = max_body
        self.is_draining = False

    async def answer(self, request: Request, front: WireName) -> Response:
        """One POST that generates."""
        work = Work(new_id("req_"), front, int(self.parts.clock() * 1000))
        try:
            if self.is_draining:
                raise GatewayError(
                    "service_unavailable", "This server is shutting down. Try again.", retry_after=5
                )
            work.principal = await self.authenticator.authenticate(request.headers)
            check_standing(work.principal)
            body = await receive(request, self._max_body)
            work.envelope = wires.front(front).peek(body)
            work.model = work.envelope.model
            check_model(work.principal, work.model)
            target, *others = self.router.route(work.model, front)
            lease = await self._reserve(work, target, request)
            try:
                may_drop = request.headers.get(UNSUPPORTED_HEADER, "").strip().lower() == "drop"
                at = partial(self._translate, work, lease, others, may_drop)
                translate = partial(at, target)
                # A long conversation takes long to read; nobody else waits for that.
                is_long = len(body) > LONG_BODY_BYTES
                call = await asyncio.to_thread(translate) if is_long else translate()
                return Exchange(self.parts, call)
            except BaseException:
                await self.admission.release(lease)
                raise
        except GatewayError as error:
            return await self.refuse(work, error)

    async def _reserve(self, work: Work, target: Target, request: Request) -> Lease:
        try:
            return await self._admit(work, target)
        except StaleError:
            assert work.principal is not None
            work.principal = await self.authenticator.again(work.principal, request.headers)
            check_standing(work.principal)
            check_model(work.principal, work.model)
        try:
            return await self._admit(work, target)
        except StaleError as error:
            raise GatewayError(
                "service_unavailable", "This key is being changed right now. Try again.", retry_after=1
            ) from error

    async def _admit(self, work: Work, target: Target) -> Lease:
        assert work.principal is not None
        assert work.envelope is not None
        return await self.admission.admit(
            work.principal, work.envelope, target, request_id=work.id, admitted_ms=work.admitted_ms
        )

    def _translate(
        self, work: Work, lease: Lease, others: Sequence[Target], may_drop: bool, target: Target
    ) -> Call:
        assert work.principal is not None
        assert work.envelope is not None
        envelope = work.envelope
        front = wires.front(work.front)
        is_stream = envelope.is_stream or needs_stream(target, lease, envelope)
        salt = str(work.principal.account_id)

        def translate(asked: Envelope) -> tuple[bytes, frozenset[str]]:
            if target.wire == work.front:
                return front.pass_request(asked, target, output_tokens=lease.output_tokens, salt=salt), NONE
            canonical = msgspec.structs.replace(front.parse_request(asked, salt=salt), is_stream=is_stream)
            body = wires.upstream(target.wire).render_request(
                canonical, target, output_tokens=lease.output_tokens
            )
            return body, custom_calls.names(canonical)

        (body, custom), dropped = dropping.translated(envelope, translate, may_drop=may_drop)
        headers: Headers = [(b"x-request-id", work.id.encode())]
        if dropped:
            # Names are the client's own words: what could end the header is escaped.
            headers.append((DROPPED_HEADER, ", ".join(quote(path, safe="[]") for path in dropped).encode()))
        upstream = UpstreamCall(target.wire, body, is_stream, not envelope.is_stream)
        at = partial(self._translate, work, lease, (), may_drop) if others else None
        return Call(work, work.principal, envelope, target, lease, upstream, headers, custom, others, at)

    async def show(self, request: Request, draw: Callable[[Principal], object]) -> Response:
        """A free answer to a known key: no slot is taken, the limits stand in its headers."""
        work = Work(new_id("req_"), "openai_chat", int(self.parts.clock() * 1000))
        try:
            work.principal = await self.authenticator.authenticate(request.headers)
            check_standing(work.principal)
            return json_answer(draw(work.principal), await self._headers(work))
        except GatewayError as error:
            return await self.refuse(work, error)

    async def refuse_route(self, request: Request, error: GatewayError) -> Response:
        """The answer where there is no such path or method, whoever asks."""
        work = Work(new_id("req_"), "openai_chat", int(self.parts.clock() * 1000))
        try:
            work.principal = await self.authenticator.authenticate(request.headers)
        except GatewayError:
            pass  # a stranger is told the same
        return await self.refuse(work, error)

    async def refuse(self, work: Work, error: GatewayError) -> Response:
        """The answer to a request that did not run; a known key's refusal leaves a row, without waiting."""
        if work.principal is not None and error.status in REFUSED_STATUSES:
            self.parts.ledger.refuse(refusal_line(work, work.principal, error))
        return plain_error(work.front, error, await self._headers(work))

    async def _headers(self, work: Work) -> Headers:
        headers: Headers = [(b"x-request-id", work.id.encode())]
        if work.principal is not None:
            standings = await self.admission.standings(work.principal)
            if standings is not None:
                headers += self.admission.headers(*standings)
        return headers


def needs_stream(target: Target, lease: Lease, envelope: Envelope) -> bool:
    """Whether a plain request is streamed upstream and gathered here."""
    if target.wire != "anthropic_messages":
        return False
    bound = lease.output_tokens or envelope.output_tokens or target.model.max_output_tokens
    return bound > STREAM_UPSTREAM_ABOVE_TOKENS


def refusal_line(work: Work, principal: Principal, error: GatewayError) -> refusals.Line:
    """What the Limits page will tell of this refusal."""
    blocked = error.blocked
    return refusals.Line(
        request_id=work.id,
        at=work.admitted_ms // 1000,
        account_id=principal.account_id,
        key_id=principal.key_id,
        model=work.model[:100],
        status=error.status,
        code=error.kind,
        param=error.param[:200] if error.param else None,
        message=error.message[:500],
        limit_name=blocked.limit if blocked else None,
        layer=blocked.layer if blocked else None,
        value=blocked.value if blocked else None,
        count=blocked.count if blocked else None,
        window_end=blocked.window_end if blocked else None,
        skipped=0,
    )

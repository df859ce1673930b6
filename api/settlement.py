"""Step 9 of a request: its row in the ledger, opened before the first byte and final before the last.

The final row is committed first, then the reservation ends: whoever reads the tables in between sees the usage
in them, and a process that dies in between leaves a reservation that is looked up there.
"""

import asyncio
import logging
from typing import Final, Literal

from api.client import Headers
from api.errors import GatewayError
from api.metering import LedgerAway
from api.pricing import cost
from api.types import StopReason
from api.work import Call, Parts
from models.ledger import FinalRow, Note, OpenRow, Usage, believable
from models.live.layers import after

log = logging.getLogger("starscoo.gateway")

Outcome = Literal["ok", "error", "cut", "client_abort"]
Bound = Literal["model", "monthly_tokens"]
BOUND_HEADER: Final = b"x-starscoo-bound"
"""Whose bound on output ended the answer, where it was not the client's own."""


class Settlement:
    """Of one exchange. Times count from here, in ms."""

    def __init__(self, parts: Parts, call: Call) -> None:
        self.started_ms = int(parts.clock() * 1000)
        self.first_token_ms: int | None = None
        self.is_settled = False
        self._parts = parts
        self._call = call
        self._used: Usage | None = None
        self._bound: Bound | None = None
        self._opened = None if call.lease.is_recorded else parts.ledger.open(self._open_row())

    def turn_to(self, call: Call) -> None:
        """Another target answers from now on, at its price."""
        self._call = call

    async def opened(self) -> None:
        """Returns when the open row is committed. Raises `service_unavailable`."""
        if self._opened is not None:
            await _written(self._opened)

    def note_token(self) -> None:
        """Output has gone to the client."""
        if self.first_token_ms is None:
            self.first_token_ms = int(self._parts.clock() * 1000) - self.started_ms

    def progress(self, used: Usage) -> Note | None:
        """None when nothing was used since the last one."""
        if self.is_settled or used == self._used:
            return None
        self._used = used
        used = believable(used)
        return Note(self._call.work.id, used, cost(used, self._call.target.price))

    async def settle(
        self,
        outcome: Outcome,
        status: int,
        used: Usage,
        *,
        is_estimated: bool = False,
        code: str | None = None,
        stop: StopReason | None = None,
    ) -> None:
        """Once. Raises `service_unavailable` when the row could not be written yet; it is kept."""
        self.is_settled = True
        call = self._call
        claimed, used = used, believable(used)
        self._used = used
        self._bound = bound_by(call, stop)
        receipt = self._parts.ledger.finish(
            FinalRow(
                id=call.work.id,
                account_id=call.principal.account_id,
                key_id=call.principal.key_id,
                model=call.envelope.model,
                admitted_ms=call.work.admitted_ms,
                outcome=outcome,
                http_status=status,
                error_code=code,
                usage=used,
                is_estimated=is_estimated or used != claimed,
                cost_nusd=cost(used, call.target.price),
                first_token_ms=self.first_token_ms,
                total_ms=int(self._parts.clock() * 1000) - self.started_ms,
                stop=stop,
                hour=call.lease.hour,
                bound_by=self._bound,
            )
        )
        try:
            await _written(receipt)
        finally:
            await self._parts.admission.settle(call.lease, used.total_tokens)
        self._notice(outcome, used, is_estimated)

    @property
    def headers(self) -> Headers:
        """Of the answer: both limits as they stand, after the settlement where there was one."""
        call = self._call
        standings = (call.lease.requests, call.lease.tokens)
        if self.is_settled and self._used is not None:
            standings = after(call.lease, self._used.total_tokens)
        headers = [*call.headers, *self._parts.admission.headers(*standings)]
        if self._bound is not None:
            headers.append((BOUND_HEADER, self._bound.encode()))
        return headers

    def _open_row(self) -> OpenRow:
        call = self._call
        prompt = Usage(input_tokens=call.envelope.prompt_tokens)
        return OpenRow(
            id=call.work.id,
            account_id=call.principal.account_id,
            key_id=call.principal.key_id,
            model=call.envelope.model,
            admitted_ms=call.work.admitted_ms,
            is_stream=call.envelope.is_stream,
            reserved_tokens=call.lease.reserved_tokens,
            hour=call.lease.hour,
            process=self._parts.ledger.process,
            prompt_tokens=prompt.input_tokens,
            prompt_cost_nusd=cost(prompt, call.target.price),
        )

    def _notice(self, outcome: Outcome, used: Usage, is_estimated: bool) -> None:
        """What the operator should know of this end."""
        call, notices = self._call, self._parts.notices
        name = call.target.model.id
        if outcome == "ok" and notices:
            notices.clear(name)
        granted = call.lease.output_tokens
        if granted is not None and used.output_tokens > granted and not is_estimated:
            text = (
                f"{call.target.provider} wrote {used.output_tokens:,} tokens for {call.target.upstream_model} where "
                f"{granted:,} were allowed. They are billed as reported, so a monthly cap can be passed."
            )
            if notices.note(f"{name}: bound on output", text, now=int(self._parts.clock())):
                log.warning("%s: %s", call.work.id, text)


def bound_by(call: Call, stop: StopReason | None) -> Bound | None:
    """Whose bound on output ended this answer; None when it was the client's own, or none at all."""
    granted = call.lease.output_tokens
    if stop != "length" or granted is None:
        return None
    model, asked = call.target.model, call.envelope.output_tokens
    if granted < min(asked or model.default_output_tokens, model.max_output_tokens):
        return "monthly_tokens"
    return None if asked else "model"


async def _written(receipt: asyncio.Future[None]) -> None:
    try:
        if receipt.done():
            receipt.result()
        else:
            # Shielded: the receipt is shared by all rows of its commit.
            await asyncio.shield(receipt)
    except LedgerAway as error:
        raise GatewayError("service_unavailable", _AWAY, retry_after=5) from error


_AWAY: Final = (
    "The answer could not be entered in the ledger, so it is not delivered. Try again in a few seconds."
)

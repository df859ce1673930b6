"""The care of running exchanges: their reservations are renewed, what their streams have used is noted, and
those whose key was revoked, paused or replaced, or whose account was suspended, are ended.

A stream is ended within seconds of the change; a plain answer, which is worth nothing until it is whole, runs to
its end, as does everything while the tables do not answer.
"""

import asyncio
import logging
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from api.errors import GatewayError
from api.work import Parts, Running
from models import keys
from models.database import Database
from models.live.layers import RENEW_S

log = logging.getLogger("starscoo.gateway")

LOOK_SECONDS: Final = 1.0


class Upkeep:
    def __init__(self, parts: Parts, database: Database) -> None:
        self._parts = parts
        self._database = database
        self._seen: dict[int, int] = {}

    async def run(self) -> None:
        """For ever."""
        every = max(1, round(RENEW_S / LOOK_SECONDS / 3))
        turn = 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            turn += 1
            try:
                await self.end_barred()
                if turn % every == 0:
                    await self.renew()
            except Exception:  # one failure must not end the care of all the others
                log.exception("running requests could not be looked after")

    async def renew(self) -> None:
        """Say of every running exchange that it runs, and note how far its stream has come."""
        running = list(self._parts.running.values())
        if running:
            await self._parts.admission.renew([one.call.lease for one in running])
            notes = [one.progress() for one in running]
            self._parts.ledger.note([note for note in notes if note is not None])

    async def end_barred(self) -> None:
        """End the streams of those who changed since they were admitted and may not go on."""
        changed: dict[int, list[Running]] = {}
        for one in self._parts.running.values():
            principal = one.call.principal
            since = max(principal.epoch, self._seen.get(principal.account_id, 0))
            if one.call.envelope.is_stream and self._parts.admission.is_changed(principal, since=since):
                changed.setdefault(principal.account_id, []).append(one)
        for account_id, streams in changed.items():
            await self._end_barred_of(account_id, streams)
        if not self._parts.running:
            self._seen.clear()

    async def _end_barred_of(self, account_id: int, streams: list[Running]) -> None:
        try:
            allowed = await self._database.read(keys.allowed, account_id, now=int(self._parts.clock()))
        except SQLAlchemyError as error:
            log.error("Changed keys could not be looked up: %s", error)
            return
        for one in streams:
            if allowed.is_suspended:
                one.end(GatewayError("account_suspended", _SUSPENDED))
            elif one.call.principal.key_id in allowed.paused:
                one.end(GatewayError("key_paused", _PAUSED))
            elif one.call.principal.secret_digest not in allowed.digests:
                one.end(GatewayError("invalid_api_key", _ENDED))
        self._seen[account_id] = allowed.epoch


_ENDED: Final = "This API key was revoked or replaced while the answer was under way."
_PAUSED: Final = (
    "This API key was paused while the answer was under way. Its owner can resume it in the dashboard."
)
_SUSPENDED: Final = (
    "The account of this key was suspended while the answer was under way. Ask the operator of this server."
)

"""The counters in the tables themselves: several processes count together without anything else.

An open row is a reservation, and the sums of final rows are what was used, so there is nothing to keep beside the
ledger: a claim reads both under its account's lock, and is granted by writing its open row. Claims that come while
one transaction runs go into the next one. A settlement needs nothing: the final row was it.

Slower than the other two (a transaction per batch of claims), and the way out when Redis is away. When the
database is away too, or takes longer than `ANSWER_S`, the claim raises `LiveAway`.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col

from models import counts, ledger, rollups
from models.counts import AccountUsed
from models.database import Database, server_ms
from models.errors import Refused
from models.ledger import OpenRow, RequestRow
from models.live import Claim, Lease, Limits, LiveAway, Refusal, Stale, Standing, layers
from models.live.layers import Count, Owner, Windows

ANSWER_S: Final = 10.0
MOST_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True)
class _Asked:
    claim: Claim
    request_id: str
    answer: "asyncio.Future[Lease | Refusal]"


class DatabaseLive:
    """Implements `models.live.Live`; for one event loop. `process` is under which the rows are opened. Its time is
    the PostgreSQL server's, unless it is given a `clock`, as on SQLite and in tests."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float] | None = None,
        *,
        process: Callable[[], int],
        answer_s: float = ANSWER_S,
    ) -> None:
        self._database = database
        self._clock = clock
        self._process = process
        self._answer_s = answer_s
        self._epochs = layers.Epochs()
        self._ahead_s = 0.0
        self._asked: list[_Asked] = []
        self._deciding: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="limits")

    async def stop(self) -> None:
        """Waits for claims that are being decided."""
        if self._deciding is not None:
            await asyncio.gather(self._deciding, return_exceptions=True)
        self._thread.shutdown()

    async def reserve(self, claim: Claim, *, request_id: str, epoch: int) -> Lease | Refusal | Stale:
        """As the contract says. A caller that does not wait for the answer leaves nothing behind."""
        if stale := self._epochs.stale(claim, epoch, self.now()):
            return stale
        asked = _Asked(claim, request_id, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        if self._deciding is None or self._deciding.done():
            self._deciding = asyncio.create_task(self._decide_all(), name="claims")
        try:
            return await asyncio.wait_for(asyncio.shield(asked.answer), self._answer_s)
        except (TimeoutError, asyncio.CancelledError) as error:
            asked.answer.add_done_callback(self._take_back)
            if isinstance(error, TimeoutError):
                raise LiveAway(f"the database took longer than {self._answer_s} s") from error
            raise

    async def settle(self, lease: Lease, total_tokens: int) -> None:
        """The final row has done it."""

    async def release(self, lease: Lease) -> None:
        try:
            await self._database.run(_forget, lease.id)
        except (SQLAlchemyError, Refused):
            pass  # it is swept as lost

    async def renew(self, leases: Collection[Lease]) -> None:
        """Its process says that it lives, and an open row lives with its process."""

    async def standing(
        self, account_id: int, key_id: int | None, limits: Limits
    ) -> tuple[Standing, Standing]:
        bounds = layers.bounds(account_id, key_id, limits)
        try:
            now = self.now()
            used = await self._database.read(_used, account_id, now)
        except (SQLAlchemyError, Refused) as error:
            raise LiveAway(f"the tables cannot be read: {error}") from error
        return layers.standings(bounds, _Account(used).windows(now, key_id or 0))

    def now(self) -> int:
        return self._own_ms() // 1000

    def bump(self, account_id: int, epoch: int) -> None:
        self._epochs.bump(account_id, epoch)

    def epoch(self, account_id: int) -> int:
        return self._epochs.of(account_id)

    def _own_ms(self) -> int:
        """Given, or the server's as it was told last and the time since."""
        return int((time.time() + self._ahead_s if self._clock is None else self._clock()) * 1000)

    async def _decide_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._asked:
            batch, self._asked = self._asked[:MOST_AT_ONCE], self._asked[MOST_AT_ONCE:]
            try:
                answers = await loop.run_in_executor(self._thread, self._decide, batch)
            except Exception as error:  # whatever the database raises, those who wait are told
                for asked in batch:
                    if not asked.answer.done():
                        asked.answer.set_exception(LiveAway(f"the database does not answer: {error}"))
                        asked.answer.exception()  # a caller who left does not look
                continue
            for asked, answer in zip(batch, answers, strict=True):
                if not asked.answer.done():
                    asked.answer.set_result(answer)

    def _decide(self, batch: Sequence[_Asked]) -> list[Lease | Refusal]:
        with self._database.write_batch() as connection, Session(connection) as session:
            account_ids = sorted({asked.claim.account_id for asked in batch})
            rollups.lock_accounts(connection, account_ids)
            now_ms = self._own_ms()
            if self._clock is None:
                now_ms = server_ms(session, now_ms)
                self._ahead_s = now_ms / 1000 - time.time()
            now = now_ms // 1000
            found = counts.of_accounts(connection, account_ids, now=now)
            accounts = {account_id: _Account(used) for account_id, used in found.items()}
            known = _known(connection, [asked.request_id for asked in batch])
            answers: list[Lease | Refusal] = []
            opens: list[OpenRow] = []
            for asked in batch:
                account = accounts[asked.claim.account_id]
                counted = account.windows(now, asked.claim.key_id)
                if asked.request_id in known:
                    answers.append(_again(asked, counted, known[asked.request_id]))
                    continue
                answer = layers.decide(asked.claim, asked.request_id, counted, is_recorded=True)
                if isinstance(answer, Lease):
                    account.start(asked.claim.key_id)
                    known[answer.id] = (answer.hour, answer.reserved_tokens)
                    opens.append(_row(asked.claim, answer, now_ms, self._process()))
                answers.append(answer)
            if opens:
                ledger.write(connection, opens, [], [])
        return answers

    def _take_back(self, answer: "asyncio.Future[Lease | Refusal]") -> None:
        if not answer.cancelled() and answer.exception() is None and isinstance(answer.result(), Lease):
            lease = answer.result()
            assert isinstance(lease, Lease)
            self._taking_back = asyncio.ensure_future(self.release(lease))


class _Account:
    """What an account has used, as the arithmetic of the limits wants it and changes it."""

    def __init__(self, used: AccountUsed) -> None:
        self._used = used
        self._hours: dict[Owner, Count] = {}
        self._months: dict[Owner, Count] = {}

    def windows(self, now: int, key_id: int) -> Windows:
        return Windows(self._hour, self._month, now, self._used.of(key_id).running)

    def start(self, key_id: int) -> None:
        self._used.of(key_id).running += 1

    def _hour(self, owner: Owner) -> Count:
        if owner not in self._hours:
            used = self._used.total if owner[0] == "account" else self._used.of(owner[1])
            self._hours[owner] = Count(used.requests)
        return self._hours[owner]

    def _month(self, owner: Owner) -> Count:
        if owner not in self._months:
            used = self._used.total if owner[0] == "account" else self._used.of(owner[1])
            self._months[owner] = Count(used.tokens, used.reserved)
        return self._months[owner]


def _known(connection: Connection, ids: Collection[str]) -> dict[str, tuple[int, int]]:
    """Hour and reserved tokens of those that hold a reservation already."""
    table = RequestRow.__table__  # type: ignore[attr-defined]
    query = table.select().where(table.c.id.in_(ids), table.c.state == "open")
    return {row.id: (row.hour, row.reserved_tokens) for row in connection.execute(query)}


def _again(asked: _Asked, counted: Windows, known: tuple[int, int]) -> Lease:
    """The lease that this request holds already, with the counters of now."""
    claim, (hour, reserved) = asked.claim, known
    requests, tokens = layers.standings(layers.bounds(claim.account_id, claim.key_id, claim.limits), counted)
    return layers.lease_of(claim, asked.request_id, hour, reserved, (requests, tokens), is_recorded=True)


def _row(claim: Claim, lease: Lease, now_ms: int, process: int) -> OpenRow:
    return OpenRow(
        id=lease.id,
        account_id=claim.account_id,
        key_id=claim.key_id,
        model=claim.model,
        admitted_ms=claim.admitted_ms or now_ms,
        is_stream=claim.is_stream,
        reserved_tokens=lease.reserved_tokens,
        hour=lease.hour,
        process=process,
        prompt_tokens=claim.prompt_tokens,
        prompt_cost_nusd=claim.prompt_cost_nusd,
    )


def _used(session: Session, account_id: int, now: int) -> AccountUsed:
    return counts.of_accounts(session.connection(), [account_id], now=now)[account_id]


def _forget(session: Session, request_id: str) -> None:
    session.connection().execute(
        delete(RequestRow).where(col(RequestRow.id) == request_id, col(RequestRow.state) == "open")
    )

"""The limiter as one account uses it, on each of its backends."""

import asyncio
import time
from collections.abc import Coroutine
from itertools import count
from typing import Any, TypeVar

from fakes.clock import Clock
from sqlmodel import Session

from models import counts, ledger
from models.database import Database
from models.ledger import FinalRow, OpenRow, RequestRow, Usage
from models.live import Claim, Lease, Limits, Live, Refusal, Stale, Standing
from models.live.database import DatabaseLive
from models.live.memory import MemoryLive
from models.live.redis import RedisLive

T = TypeVar("T")
HOUR = 1_795_000_000 - 1_795_000_000 % 3600
MONTH_END = 1_796_083_200
NONE = Limits(None, None, None, None)
PATIENT_S = 5.0
"""Long for Redis to answer: what is tested with it is not how fast this machine is."""


class Gate:
    """Its requests, with an id each, in a loop of its own; for the backend `memory`, a Redis server's address, or
    `database`. With a database, which memory alone can do without, what is asked and settled here leaves its rows
    there, as requests do, in the order they do."""

    def __init__(self, backend: str, database: Database | None = None, *, now: float = HOUR + 10) -> None:
        self.clock = Clock(now)
        self.asked = 0
        self._database = database
        self._runner = asyncio.Runner()
        self.live: Live
        if database is None or backend == "memory":
            self.live = MemoryLive(self.clock)
        elif backend == "database":
            self.live = DatabaseLive(database, self.clock, process=lambda: 1)
        else:
            self.live = RedisLive(
                backend, known=counts.known_in(database), clock=self.clock, answer_s=PATIENT_S
            )
            self.live.generation = next(GENERATIONS)

    def close(self) -> None:
        if not isinstance(self.live, MemoryLive):
            assert isinstance(self.live, RedisLive | DatabaseLive)
            self.run(self.live.stop())
        self._runner.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def ask(
        self,
        limits: Limits,
        *,
        prompt: int = 10,
        output: int = 100,
        key_id: int = 7,
        account_id: int = 1,
        epoch: int = 0,
    ) -> Lease | Refusal | Stale:
        self.asked += 1
        claim = Claim(account_id, key_id, limits, prompt, output)
        answer = self.run(self.live.reserve(claim, request_id=f"req_{self.asked}", epoch=epoch))
        if isinstance(answer, Lease) and not answer.is_recorded:
            self.write([opened(answer)], [])
        return answer

    def pass_(self, limits: Limits, **options: Any) -> Lease:
        answer = self.ask(limits, **options)
        assert isinstance(answer, Lease), answer
        return answer

    def refuse(self, limits: Limits, **options: Any) -> Refusal:
        answer = self.ask(limits, **options)
        assert isinstance(answer, Refusal), answer
        return answer

    def settle(self, lease: Lease, tokens: int) -> None:
        self.write([], [final(lease, tokens)])
        self.run(self.live.settle(lease, tokens))

    def release(self, lease: Lease) -> None:
        """Before its row was opened, as the gateway does."""
        self.unwrite(lease)
        self.run(self.live.release(lease))

    def unwrite(self, lease: Lease) -> None:
        """Its row never came: the process died before."""
        if self._database is not None:
            self._database.run_now(unopened, lease.id)

    def standing(self, limits: Limits, key_id: int | None = 7) -> tuple[Standing, Standing]:
        return self.run(self.live.standing(1, key_id, limits))

    def write(self, opens: list[OpenRow], finals: list[FinalRow]) -> None:
        if self._database is not None:
            with self._database.write_batch() as connection:
                ledger.write(connection, opens, finals, [])


GENERATIONS = count(time.time_ns())


def opened(lease: Lease) -> OpenRow:
    at_ms = lease.hour * 3_600_000
    owner = (lease.id, lease.account_id, lease.key_id, "gpt-5")
    return OpenRow(*owner, at_ms, True, lease.reserved_tokens, lease.hour, process=1)


def final(lease: Lease, tokens: int) -> FinalRow:
    owner = (lease.id, lease.account_id, lease.key_id, "gpt-5", lease.hour * 3_600_000)
    return FinalRow(*owner, "ok", 200, None, Usage(tokens), False, 7, None, 90, "end", lease.hour)


def unopened(session: Session, request_id: str) -> None:
    row = session.get(RequestRow, request_id)
    if row is not None and row.state == "open":
        session.delete(row)


def requests(key: int | None, account: int | None) -> Limits:
    return Limits(key, account, None, None)


def tokens(key: int | None, account: int | None) -> Limits:
    return Limits(None, None, key, account)


async def crowd(live: Live, limits: Limits, size: int, *, name: str = "req") -> list[Lease | Refusal | Stale]:
    """So many claims at once."""
    claim = Claim(1, 7, limits, 10, 100)
    return await asyncio.gather(
        *(live.reserve(claim, request_id=f"{name}_{number}", epoch=0) for number in range(size))
    )

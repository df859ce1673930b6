"""The limiter as one account uses it, on each of its backends."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fakes.clock import Clock

from models.counts import Counts
from models.live import Claim, Counted, Lease, Limits, Live, Refusal, Stale, Standing
from models.live.memory import MemoryLive
from models.live.redis import RedisLive

T = TypeVar("T")
HOUR = 1_795_000_000 - 1_795_000_000 % 3600
MONTH_END = 1_796_083_200
NONE = Limits(None, None, None, None)
PATIENT_S = 5.0
"""Long for Redis to answer: what is tested with it is not how fast this machine is."""


class Gate:
    """Its requests, with an id each, in a loop of its own; for the backend `memory` or a Redis server's address."""

    def __init__(self, backend: str, *, now: float = HOUR + 10) -> None:
        self.clock = Clock(now)
        self.live: Live
        if backend == "memory":
            self.live = MemoryLive(self.clock)
        else:
            self.live = RedisLive(backend, fill_from=empty_tables, clock=self.clock, answer_s=PATIENT_S)
            self.live.prepare()
        self.asked = 0
        self._runner = asyncio.Runner()

    def close(self) -> None:
        if isinstance(self.live, RedisLive):
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
        return self.run(self.live.reserve(claim, request_id=f"req_{self.asked}", epoch=epoch))

    def pass_(self, limits: Limits, **options: Any) -> Lease:
        answer = self.ask(limits, **options)
        assert isinstance(answer, Lease), answer
        return answer

    def refuse(self, limits: Limits, **options: Any) -> Refusal:
        answer = self.ask(limits, **options)
        assert isinstance(answer, Refusal), answer
        return answer

    def settle(self, lease: Lease, tokens: int) -> None:
        self.run(self.live.settle(lease, tokens))

    def release(self, lease: Lease) -> None:
        self.run(self.live.release(lease))

    def standing(self, limits: Limits, key_id: int | None = 7) -> tuple[Standing, Standing]:
        return self.run(self.live.standing(1, key_id, limits))


async def empty_tables(account_id: int, key_id: int | None, _now: int) -> Counts:
    key = None if key_id is None else Counted("key", key_id, 0, 0)
    return Counts(Counted("account", account_id, 0, 0), key, [])


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

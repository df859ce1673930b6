"""Calls the scripts that one Redis server runs, and knows whether and at what time it answers.

It is away when it has not answered within `ANSWER_S`, and then left alone for a moment, so that most calls fail at
once. Every call may be made twice: none of the scripts does anything twice.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from models.live import LiveAway

ANSWER_S: Final = 0.1
PAUSE_S: Final = 0.25
"""How long Redis is left alone after it did not answer."""
CONNECTIONS: Final = 16
"""One server and one loop keep no more of them busy; each costs a millisecond to open."""
NAMES: Final = ("reserve", "standing", "settle", "leases", "fill", "due", "renew")
_MOST_WAITS: Final = 10
_BUSY: Final = 1.1

Argument = str | int


class Scripts:
    """Calls the scripts, and knows whether and at what time the server answers."""

    def __init__(self, url: str, clock: Callable[[], float] | None, answer_s: float) -> None:
        self._clock = clock
        self._answer_s = answer_s
        self._ahead_s = time.time() - time.monotonic()
        self._left_alone_until = 0.0
        self._answered_at = 0.0
        self._turns = asyncio.Semaphore(CONNECTIONS)
        # The pool raises when it is empty, so turns are taken before; a cancelled call gives back a little later.
        pool = ConnectionPool.from_url(
            url,
            max_connections=4 * CONNECTIONS,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,  # with protocol 2, nothing is asked before the first call
        )
        self._redis = Redis.from_pool(pool)
        self._scripts = {name: self._redis.register_script(_text("counters") + _text(name)) for name in NAMES}

    def now(self) -> float:
        return time.monotonic() + self._ahead_s if self._clock is None else self._clock()

    async def run(self, name: str, prefix: str, keys: list[str], arguments: Sequence[Argument]) -> list[Any]:
        """One call. Raises `LiveAway` without a call while Redis is left alone, and when no answer came: then it
        may have been made all the same. A connection that turns out to be broken is replaced and the call made
        once more."""
        now_ms = 0 if self._clock is None else int(self._clock() * 1000)
        async with self._turns:
            if time.monotonic() < self._left_alone_until:
                raise LiveAway("Redis did not answer just now")
            call = partial(self._scripts[name], keys=keys, args=[prefix, now_ms, *arguments])
            try:
                try:
                    answer = await self._answered(call())
                except RedisConnectionError:
                    await self._redis.connection_pool.disconnect(inuse_connections=False)
                    answer = await self._answered(call())
            except (RedisError, OSError) as error:
                self._left_alone_until = time.monotonic() + PAUSE_S
                raise LiveAway(f"Redis does not answer: {error}") from error
        self._note_answer(int(answer[1]))
        return answer

    async def ping(self) -> None:
        """Raises `LiveAway`."""
        try:
            await asyncio.wait_for(self._redis.ping(), self._answer_s)
        except (RedisError, OSError) as error:
            raise LiveAway(f"Redis does not answer: {error}") from error

    async def close(self) -> None:
        await self._redis.aclose()

    async def _answered(self, call: Coroutine[Any, Any, Any]) -> list[Any]:
        """Silence on all connections is what tells a server that is away from a busy one, and waking late what
        tells a busy machine."""
        task = asyncio.create_task(call)
        try:
            for _ in range(_MOST_WAITS):
                began = time.monotonic()
                await asyncio.wait({task}, timeout=self._answer_s)
                was_busy = time.monotonic() - began > _BUSY * self._answer_s
                if task.done() or not (was_busy or self._answered_at > began):
                    break
            if not task.done():
                raise TimeoutError(f"nothing came within {self._answer_s} s")
            answer: list[Any] = task.result()
            return answer
        finally:
            task.cancel()

    def _note_answer(self, now_ms: int) -> None:
        self._left_alone_until = 0.0
        self._answered_at = time.monotonic()
        self._ahead_s = now_ms / 1000 - self._answered_at


def _text(name: str) -> str:
    return Path(__file__).with_name(f"{name}.lua").read_text(encoding="utf-8")

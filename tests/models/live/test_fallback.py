"""Redis is away: the database counts, for everybody, and nothing is lost when Redis is back."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import services
from limiters import final, opened
from redis import Redis

from models import counts, ledger, limiter_state, processes
from models.database import Database
from models.live import Claim, Lease, Limits, LiveAway, Refusal
from models.live.database import DatabaseLive
from models.live.fallback import FRESH_S, FallbackLive
from models.live.redis import RedisLive

LIMIT = 10
LIMITS = Limits(LIMIT, LIMIT, 10**6, 10**6)
CLAIM = Claim(1, 7, LIMITS, 10, 100)
PATIENCE_S = 20


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[str]:
    """One that a test may freeze."""
    url, stop = services.start_redis(tmp_path)
    yield url
    stop()


def limiter(url: str, database: Database, *, fresh_s: float = FRESH_S) -> FallbackLive:
    tables = DatabaseLive(database, time.time, process=lambda: 1)
    redis = RedisLive(url, known=counts.known_in(database))
    live = FallbackLive(redis, tables, database, time.time, fresh_s=fresh_s)
    process = database.run_now(processes.register, "redis", now_ms=int(time.time() * 1000))
    live.prepare(process)
    return live


def play(url: str, database: Database, scene: Callable[[FallbackLive], Awaitable[None]]) -> None:
    async def whole() -> None:
        live = limiter(url, database)
        await live.start()
        try:
            await scene(live)
        finally:
            await live.stop()

    asyncio.run(whole())


async def ask(live: FallbackLive, database: Database, name: str) -> Lease | Refusal:
    answer = await live.reserve(CLAIM, request_id=name, epoch=0)
    assert isinstance(answer, Lease | Refusal)
    if isinstance(answer, Lease) and not answer.is_recorded:
        await asyncio.to_thread(write, database, [opened(answer)], [])
    return answer


async def end(live: FallbackLive, database: Database, lease: Lease | Refusal, tokens: int) -> None:
    assert isinstance(lease, Lease)
    await asyncio.to_thread(write, database, [], [final(lease, tokens)])
    await live.settle(lease, tokens)


def write(database: Database, opens: list[ledger.OpenRow], finals: list[ledger.FinalRow]) -> None:
    with database.write_batch() as connection:
        ledger.write(connection, opens, finals, [])


async def until(live: FallbackLive, uses_redis: bool) -> None:
    """The watch has no way to tell: it is looked at until it has changed over."""
    async with asyncio.timeout(PATIENCE_S):
        while live.uses_redis is not uses_redis:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def test_P_L5_a_frozen_redis_costs_no_request_and_no_count(database: Database, own_redis: str) -> None:
    async def scene(live: FallbackLive) -> None:
        await until(live, uses_redis=True)
        before = [await ask(live, database, f"before_{number}") for number in range(4)]
        assert not any(isinstance(one, Lease) and one.is_recorded for one in before)
        with Redis.from_url(own_redis) as server:
            pid = int(server.info("server")["process_id"])
        os.kill(pid, signal.SIGSTOP)
        try:
            during = [await ask(live, database, f"during_{number}") for number in range(4)]
            assert all(isinstance(one, Lease) and one.is_recorded for one in during)
            await end(live, database, before[0], 30)
            await end(live, database, during[0], 12)
        finally:
            os.kill(pid, signal.SIGCONT)
        await until(live, uses_redis=True)
        after = [await ask(live, database, f"after_{number}") for number in range(4)]
        assert [isinstance(one, Lease) for one in after] == [True, True, False, False]
        for lease in (*before[1:], *during[1:], *after[:2]):
            await end(live, database, lease, 7)
        found = await database.read(counts.counted_of, 1, 7, now=live.now())
        requests, tokens = await live.standing(1, None, LIMITS)
        assert (requests.settled, tokens.settled, tokens.reserved) == (10, 30 + 12 + 8 * 7, 0)
        assert (requests.settled, tokens.settled) == (found.account.requests, found.account.tokens)

    play(own_redis, database, scene)


def test_all_processes_change_over(database: Database, own_redis: str) -> None:
    async def scene(one: FallbackLive) -> None:
        other = limiter("redis://127.0.0.1:1/0", database)
        await other.start()
        try:
            await until(other, uses_redis=False)
            await until(one, uses_redis=False)
            for number in range(5):
                await ask(one, database, f"one_{number}")
                await ask(other, database, f"other_{number}")
            assert isinstance(await ask(one, database, "one_more"), Refusal)
        finally:
            await other.stop()

    play(own_redis, database, scene)


def test_P_L5_a_process_that_was_starved_through_an_outage_asks_before_it_counts_in_redis(
    database: Database, own_redis: str
) -> None:
    """What the others have counted meanwhile stands in the tables alone."""

    async def scene(awake: FallbackLive) -> None:
        starved = limiter(own_redis, database, fresh_s=0)
        assert not (await starved.reserve(CLAIM, request_id="before", epoch=0)).is_recorded  # type: ignore[union-attr]
        await database.run(limiter_state.mark_away, now_ms=int(time.time() * 1000))
        await until(awake, uses_redis=False)
        for number in range(LIMIT):
            assert isinstance(await ask(awake, database, f"during_{number}"), Lease)
        assert starved.uses_redis
        assert isinstance(await ask(starved, database, "after"), Refusal)
        await starved.stop()

    play(own_redis, database, scene)


def test_a_redis_that_is_not_there_at_the_start_is_done_without(database: Database) -> None:
    async def scene(live: FallbackLive) -> None:
        answer = await ask(live, database, "first")
        assert isinstance(answer, Lease)
        assert answer.is_recorded
        await end(live, database, answer, 5)
        assert (await live.standing(1, 7, LIMITS))[1].settled == 5

    play("redis://127.0.0.1:1/0", database, scene)


def test_P_L5_without_redis_and_database_nothing_is_granted(tmp_path: Path) -> None:
    url, stop = services.start_postgres(tmp_path)
    database = Database(url, wait_s=2)
    database.migrate()

    async def scene(live: FallbackLive) -> None:
        stop()
        with pytest.raises(LiveAway):
            await ask(live, database, "first")

    play("redis://127.0.0.1:1/0", database, scene)
    database.close()

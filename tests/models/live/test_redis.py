"""What is Redis's own: it forgets, it is filled again while requests run, and several processes share it."""

import asyncio
import random
from collections.abc import Iterator

import pytest
from limiters import HOUR, PATIENT_S, final, opened
from redis import Redis

from models import counts, ledger
from models.database import Database
from models.live import Claim, Lease, Limits, Refusal
from models.live.redis import RedisLive

OPEN = Limits(10**9, 10**9, 10**12, 10**12)
NOW = HOUR + 10
GENERATION = 9_000


@pytest.fixture
def server(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, decode_responses=True) as server:
        server.flushdb()
        yield server


def limiter(url: str, database: Database) -> RedisLive:
    live = RedisLive(url, known=counts.known_in(database), clock=lambda: NOW, answer_s=PATIENT_S)
    live.generation = GENERATION
    return live


def write(database: Database, opens: list[ledger.OpenRow], finals: list[ledger.FinalRow]) -> None:
    with database.write_batch() as connection:
        ledger.write(connection, opens, finals, [])


async def request(live: RedisLive, database: Database, name: str, key_id: int, dice: random.Random) -> None:
    """One request as the gateway runs it, with a pause of any length between its steps."""
    claim = Claim(1, key_id, OPEN, 10, 100)
    lease = await live.reserve(claim, request_id=name, epoch=0)
    assert isinstance(lease, Lease)
    await pause(dice)
    await asyncio.to_thread(write, database, [opened(lease)], [])
    await pause(dice)
    used = dice.randint(0, 200)
    await asyncio.to_thread(write, database, [], [final(lease, used)])
    await pause(dice)
    await live.settle(lease, used)


async def pause(dice: random.Random) -> None:
    for _ in range(dice.choice((0, 0, 1, 3, 20))):
        await asyncio.sleep(0)


async def forget(server: Redis, dice: random.Random) -> None:
    """Everything, or any single thing that is kept, and any number of times."""
    for _ in range(6):
        for _ in range(dice.randint(1, 40)):
            await asyncio.sleep(0)
        names = await asyncio.to_thread(lambda: sorted(server.scan_iter("starscoo:*")))
        counters = [name for name in names if ":month:" in name or ":hour:" in name]
        if dice.random() < 0.5:
            await asyncio.to_thread(server.flushdb)
        elif counters:
            await asyncio.to_thread(server.delete, dice.choice(counters))


@pytest.mark.parametrize("seed", range(15))
def test_P_A2_counters_equal_the_tables_whatever_redis_forgets_while_requests_run(
    seed: int, database: Database, redis_url: str, server: Redis
) -> None:
    async def scene() -> None:
        dice = random.Random(seed)
        lives = [limiter(redis_url, database) for _ in range(2)]
        try:
            running = [
                request(lives[number % 2], database, f"req_{number}", dice.choice((7, 8, 9)), dice)
                for number in range(40)
            ]
            await asyncio.gather(forget(server, dice), *running)
            found = await database.read(counts.counted_of, 1, None, now=NOW)
            for live in lives:
                requests, tokens = await live.standing(1, None, OPEN)
                assert requests.settled == found.account.requests == 40
                assert (tokens.settled, tokens.reserved) == (found.account.tokens, 0)
            for key_id in (7, 8, 9):
                of_key = await database.read(counts.counted_of, 1, key_id, now=NOW)
                assert of_key.key is not None
                only = Limits(10**9, None, 10**12, None)
                requests, tokens = await lives[0].standing(1, key_id, only)
                assert (requests.settled, tokens.settled) == (of_key.key.requests, of_key.key.tokens)
                assert tokens.reserved == 0
                assert await running_of(lives[0], key_id) == 0
        finally:
            for live in lives:
                await live.stop()

    asyncio.run(scene())


async def running_of(live: RedisLive, key_id: int) -> int:
    """As a key that may run nothing is told."""
    claim = Claim(1, key_id, Limits(None, None, None, None, key_concurrent=0), 1, 1)
    refusal = await live.reserve(claim, request_id="none", epoch=0)
    assert isinstance(refusal, Refusal)
    return refusal.standing.reserved


def test_P_L1_exactly_n_of_4n_pass_two_processes_while_redis_is_emptied(
    database: Database, redis_url: str, server: Redis
) -> None:
    async def scene() -> None:
        lives = [limiter(redis_url, database) for _ in range(2)]
        limits = Limits(25, 25, None, None)

        async def ask(number: int) -> Lease | Refusal:
            answer = await lives[number % 2].reserve(
                Claim(1, 7, limits, 10, 100), request_id=f"r{number}", epoch=0
            )
            assert isinstance(answer, Lease | Refusal)
            if isinstance(answer, Lease):
                await asyncio.to_thread(write, database, [opened(answer)], [])
            return answer

        first = await asyncio.gather(*(ask(number) for number in range(20)))
        server.flushdb()
        second = await asyncio.gather(*(ask(number) for number in range(20, 100)))
        assert sum(isinstance(one, Lease) for one in (*first, *second)) == 25
        for live in lives:
            await live.stop()

    asyncio.run(scene())


def test_what_a_dead_process_had_reserved_is_looked_up(
    database: Database, redis_url: str, server: Redis
) -> None:
    async def scene() -> None:
        clock = [NOW]
        live = RedisLive(
            redis_url, known=counts.known_in(database), clock=lambda: clock[0], answer_s=PATIENT_S
        )
        live.generation = GENERATION
        leases = []
        for name in ("never", "open", "final"):
            lease = await live.reserve(Claim(1, 7, OPEN, 10, 100), request_id=name, epoch=0)
            assert isinstance(lease, Lease)
            leases.append(lease)
        await asyncio.to_thread(write, database, [opened(leases[1])], [final(leases[2], 42)])
        clock[0] += 46
        requests, tokens = await live.standing(1, 7, OPEN)
        assert (requests.settled, tokens.settled, tokens.reserved) == (2, 42, 110)
        await asyncio.to_thread(write, database, [], [final(leases[1], 5)])
        clock[0] += 11
        _, tokens = await live.standing(1, 7, OPEN)
        assert (tokens.settled, tokens.reserved) == (47, 0)
        await live.stop()

    asyncio.run(scene())

"""What is Redis's own: two processes, a Redis that forgets, does not answer, or comes back."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import services
from limiters import HOUR, NONE, PATIENT_S, Gate, crowd, empty_tables, requests, tokens
from redis import Redis
from sqlalchemy.exc import OperationalError

from models import counts, ledger
from models.counts import Counts
from models.database import Database
from models.ledger import FinalRow, OpenRow, Usage
from models.live import Claim, Lease, Limits, LiveAway, Refusal, Stale
from models.live.redis import RedisLive, RedisUnusable

CLAIM = Claim(1, 7, Limits(100, 100, 1000, 1000), 10, 100)
BOTH = CLAIM.limits
NOW = HOUR + 10

Scene = Callable[[RedisLive], Awaitable[None]]


@pytest.fixture
def gate(redis_url: str) -> Iterator[Gate]:
    gate = Gate(redis_url)
    yield gate
    gate.close()


@pytest.fixture
def server(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, decode_responses=True) as server:
        yield server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Redis]:
    """One that a test may freeze."""
    url, stop = services.start_redis(tmp_path)
    with Redis.from_url(url, decode_responses=True) as server:
        yield server
    stop()


def play(scene: Scene, url: str, **options: object) -> None:
    """In a fresh limiter that may not wait for long, unless told so."""

    async def whole() -> None:
        live = RedisLive(url, **{"fill_from": empty_tables, "clock": lambda: NOW, **options})  # type: ignore[arg-type]
        live.prepare()
        try:
            await scene(live)
        finally:
            await live.stop()

    asyncio.run(whole())


def url_of(server: Redis) -> str:
    known = server.get_connection_kwargs()
    return f"redis://{known['host']}:{known['port']}/0"


def opened(lease: Lease) -> OpenRow:
    owner = (lease.account_id, lease.key_id)
    return OpenRow(lease.id, *owner, "gpt-5", NOW * 1000, True, lease.reserved_tokens, NOW // 3600)


def final(request_id: str, total_tokens: int) -> FinalRow:
    how = (Usage(input_tokens=total_tokens), False, 7, None, 90, "end", NOW // 3600)
    return FinalRow(request_id, 1, 7, "gpt-5", NOW * 1000, "ok", 200, None, *how)


def write(database: Database, opens: list[OpenRow], finals: list[FinalRow]) -> None:
    with database.write_batch() as connection:
        ledger.write(connection, opens, finals, [])


def tables(database: Database) -> Callable[[int, int | None, int], Awaitable[Counts]]:
    async def read(account_id: int, key_id: int | None, now: int) -> Counts:
        return await database.read(counts.counted_of, account_id, key_id, now=now)

    return read


async def claimed(live: RedisLive, name: str) -> Lease:
    answer = await live.reserve(CLAIM, request_id=name, epoch=0)
    assert isinstance(answer, Lease)
    return answer


async def standing(live: RedisLive, key_id: int | None = 7) -> tuple[int, int, int]:
    """Requests, settled and reserved tokens."""
    hour, month = await live.standing(1, key_id, BOTH)
    return hour.settled, month.settled, month.reserved


def test_exactly_n_of_4n_pass_two_processes(redis_url: str) -> None:
    """At the server's own time, which both ask for."""

    async def scene(one: RedisLive) -> None:
        other = RedisLive(redis_url, fill_from=empty_tables, answer_s=PATIENT_S)
        limits = Limits(1000, 1000, 110 * 25, None)
        halves = await asyncio.gather(
            crowd(one, limits, 50, name="one"), crowd(other, limits, 50, name="other")
        )
        answers = [answer for half in halves for answer in half]
        assert sum(isinstance(answer, Lease) for answer in answers) == 25
        assert all(answer.is_held for answer in answers if isinstance(answer, Refusal))
        await other.stop()

    play(scene, redis_url, clock=None, answer_s=PATIENT_S)


def test_a_lease_is_settled_once_by_whichever_process(redis_url: str) -> None:
    async def scene(one: RedisLive) -> None:
        other = RedisLive(redis_url, fill_from=empty_tables, clock=lambda: NOW, answer_s=PATIENT_S)
        lease = await claimed(one, "a")
        assert await claimed(other, "a") == lease
        await other.settle(lease, 40)
        await one.settle(lease, 40)
        assert await standing(one) == await standing(other) == (1, 40, 0)
        await other.stop()

    play(scene, redis_url, answer_s=PATIENT_S)


def test_every_owner_begins_at_what_the_tables_know(database: Database, redis_url: str) -> None:
    write(database, [], [final("before", 300)])

    async def scene(live: RedisLive) -> None:
        assert await standing(live) == await standing(live, None) == (1, 300, 0)
        assert (await claimed(live, "a")).tokens.left == 590

    play(scene, redis_url, fill_from=tables(database), answer_s=PATIENT_S)


def test_a_redis_that_was_emptied_is_filled_again(database: Database, redis_url: str, server: Redis) -> None:
    async def scene(live: RedisLive) -> None:
        running, ended = await claimed(live, "running"), await claimed(live, "ended")
        write(database, [opened(running), opened(ended)], [])
        await live.settle(ended, 30)
        write(database, [], [final(ended.id, 30)])
        server.flushall()
        assert await standing(live) == await standing(live, None) == (2, 30, 110)
        await live.settle(running, 40)
        await live.settle(running, 40)
        assert await standing(live) == await standing(live, None) == (2, 70, 0)

    play(scene, redis_url, fill_from=tables(database), answer_s=PATIENT_S)


def test_the_ceiling_holds_while_redis_is_emptied(database: Database, redis_url: str, server: Redis) -> None:
    async def scene(live: RedisLive) -> None:
        passed = 0
        for number in range(30):
            claim = Claim(1, 7, requests(10, 10), 1, 1)
            answer = await live.reserve(claim, request_id=f"req_{number}", epoch=0)
            if isinstance(answer, Lease):
                passed += 1
                write(database, [opened(answer)], [])
            if number % 4 == 0:
                server.flushall()
        assert passed == 10

    play(scene, redis_url, fill_from=tables(database), answer_s=PATIENT_S)


def test_a_request_that_ends_while_its_counters_are_lost_counts_once(
    database: Database, redis_url: str, server: Redis
) -> None:
    async def scene(live: RedisLive) -> None:
        lease = await claimed(live, "a")
        write(database, [opened(lease)], [])
        server.flushall()
        await live.settle(lease, 40)
        assert await standing(live) == await standing(live, None) == (1, 40, 0)
        write(database, [], [final(lease.id, 40)])
        server.flushall()
        assert await standing(live) == (1, 40, 0)

    play(scene, redis_url, fill_from=tables(database), answer_s=PATIENT_S)


def test_a_single_lost_counter_is_filled_again(database: Database, redis_url: str, server: Redis) -> None:
    async def scene(live: RedisLive) -> None:
        write(database, [opened(await claimed(live, "a"))], [])
        counters = server.keys("starscoo:{1}:*:*")
        assert len(counters) == 4
        for name in counters:
            server.delete(name)
            assert await standing(live) == await standing(live, None) == (1, 0, 110)

    play(scene, redis_url, fill_from=tables(database), answer_s=PATIENT_S)


def test_everything_kept_ends_by_itself(gate: Gate, server: Redis) -> None:
    gate.settle(gate.pass_(NONE), 5)
    gate.pass_(NONE)
    kept = server.keys("*")
    assert len(kept) == 6
    assert all(server.ttl(name) > 0 for name in kept)


def test_many_who_find_a_counter_cold_read_the_tables_once(redis_url: str) -> None:
    asked: list[int] = []

    async def fill_from(account_id: int, key_id: int | None, now: int) -> Counts:
        asked.append(account_id)
        await asyncio.sleep(0)
        return await empty_tables(account_id, key_id, now)

    async def scene(live: RedisLive) -> None:
        answers = await crowd(live, requests(5, 5), 10)
        assert sum(isinstance(answer, Lease) for answer in answers) == 5

    play(scene, redis_url, fill_from=fill_from, answer_s=PATIENT_S)
    assert len(asked) < 5


def test_a_claim_across_the_turn_of_the_hour_counts_in_the_new_one(redis_url: str) -> None:
    times = iter([HOUR + 3599.9, HOUR + 3599.9])

    async def scene(live: RedisLive) -> None:
        assert (await claimed(live, "a")).hour == HOUR // 3600 + 1

    play(scene, redis_url, clock=lambda: next(times, HOUR + 3600.0), answer_s=PATIENT_S)


def test_a_stale_principal_costs_no_call(own_server: Redis) -> None:
    async def scene(live: RedisLive) -> None:
        live.bump(1, 5)
        os.kill(own_server.info()["process_id"], signal.SIGKILL)
        assert await live.reserve(CLAIM, request_id="a", epoch=4) == Stale(5)

    play(scene, url_of(own_server))


def test_a_frozen_redis_refuses_and_nothing_stays_consumed(own_server: Redis) -> None:
    process = own_server.info()["process_id"]

    async def scene(live: RedisLive) -> None:
        running = await claimed(live, "running")
        os.kill(process, signal.SIGSTOP)
        try:
            for name in ("late", "left alone"):
                with pytest.raises(LiveAway):
                    await live.reserve(CLAIM, request_id=name, epoch=0)
            await live.settle(running, 40)
        finally:
            os.kill(process, signal.SIGCONT)
        await live.drained()
        assert await standing(live) == (1, 40, 0)

    play(scene, url_of(own_server))


def test_a_claim_given_up_is_not_granted_late(gate: Gate) -> None:
    """The call that was given up may reach Redis after the word that it was."""
    live = gate.live
    assert isinstance(live, RedisLive)
    gate.standing(BOTH)

    async def scene() -> None:
        waiting = asyncio.create_task(live.reserve(CLAIM, request_id="a", epoch=0))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await live.drained()
        with pytest.raises(LiveAway):
            await live.reserve(CLAIM, request_id="a", epoch=0)

    gate.run(scene())
    assert gate.standing(BOTH)[0].settled == 0
    assert gate.standing(BOTH)[1].reserved == 0


def test_while_redis_is_away_figures_come_from_the_tables(database: Database, own_server: Redis) -> None:
    async def scene(live: RedisLive) -> None:
        lease, ended = await claimed(live, "a"), await claimed(live, "b")
        write(database, [opened(lease)], [final(ended.id, 30)])
        os.kill(own_server.info()["process_id"], signal.SIGKILL)
        assert await standing(live) == await standing(live, None) == (2, 30, 110)

    play(scene, url_of(own_server), fill_from=tables(database))


def test_without_redis_and_tables_there_are_no_figures(own_server: Redis) -> None:
    async def fill_from(_account_id: int, _key_id: int | None, _now: int) -> Counts:
        raise OperationalError("SELECT", {}, Exception("gone"))

    async def scene(live: RedisLive) -> None:
        with pytest.raises(LiveAway):
            await live.reserve(CLAIM, request_id="a", epoch=0)
        with pytest.raises(LiveAway):
            await live.standing(1, 7, tokens(5, 5))

    play(scene, url_of(own_server), fill_from=fill_from)


def test_broken_connections_are_opened_anew(gate: Gate, server: Redis) -> None:
    for _ in range(5):
        gate.pass_(NONE)
        server.client_kill_filter(_type="normal", skipme=True)
    assert gate.standing(NONE)[0].settled == 5


def test_a_new_start_forgets_what_an_earlier_process_left(redis_url: str, server: Redis) -> None:
    async def scene(live: RedisLive) -> None:
        await claimed(live, "a")

    play(scene, redis_url, answer_s=PATIENT_S)
    server.set("of somebody else", "kept")
    live = RedisLive(redis_url, fill_from=empty_tables)
    live.prepare()
    assert server.keys("*") == ["of somebody else"]
    server.flushall()


def test_a_redis_that_cannot_be_reached_is_refused_in_one_line() -> None:
    live = RedisLive(f"redis://:secret@127.0.0.1:{services.free_port()}/3", fill_from=empty_tables)
    with pytest.raises(RedisUnusable) as refused:
        live.prepare()
    said = str(refused.value)
    assert "redis://127.0.0.1:" in said
    assert "STARSCOO_REDIS_URL" in said
    assert "secret" not in said
    assert "\n" not in said

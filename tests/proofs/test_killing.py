"""P-A1: kill the process at any moment under 64-way mixed load; every answer that a customer saw complete stands in
the ledger exactly once, with the tokens that it showed. P-A4: what was cut stands there once, too.

One database lives through all the kills, so that each restart finds what all before it have left.
"""

import asyncio
import random
from collections import Counter
from itertools import count
from pathlib import Path
from time import monotonic

from running import Running
from sqlalchemy import text

from models.processes import DEAD_AFTER_MS
from proofs import books, house, killing, orders
from proofs.counted import Counted
from proofs.house import Customer, House
from proofs.load import Customers, Seen
from proofs.stage import Stage, until
from proofs.upstream import Upstream

WAYS = 64
KEYS_EACH = 4
WITH_CEILING, CEILING, MOST_REFUSALS = 6, 4, 6
FAULTS, LEAVING, UNKNOWN = 0.08, 0.08, 0.03


def crowd(starscoo: House) -> list[Customer]:
    """New ones for each kill, some of them at a small ceiling."""
    some = starscoo.add(WITH_CEILING, hourly_requests=CEILING)
    return [*some, *starscoo.add(WAYS - WITH_CEILING, keys_each=KEYS_EACH)]


async def until_killed(
    starscoo: House,
    victim: Running,
    mine: list[Customer],
    upstream: Upstream,
    chance: random.Random,
) -> list[Seen]:
    """64 customers ask, each one request after the other and each of one server, until the victim is killed."""
    upstream.reset()
    is_dead = asyncio.Event()
    died = float("inf")

    def kill() -> None:
        nonlocal died
        died = monotonic()
        victim.process.kill()
        is_dead.set()

    moment = killing.drawn(chance, kill)
    async with Customers({one.number: one.secret for one in mine}, upstream) as asking:
        upstream.on = asking.on = moment.happened

        async def ask_on(customer: Customer) -> list[Seen]:
            server = starscoo.servers[customer.number % len(starscoo.servers)]
            own = random.Random(f"{customer.number} {chance_of_all}")
            seen: list[Seen] = []
            for number in count(1):
                order = orders.mixed(
                    own, customer.number, number, faults=FAULTS, leaving=LEAVING, unknown=UNKNOWN
                )
                seen.append(await asking.ask(order, server.url))
                is_bored = Counter(one.status for one in seen)[429] >= MOST_REFUSALS
                if is_dead.is_set() or seen[-1].is_broken or is_bored:
                    return seen
            return seen

        chance_of_all = chance.random()
        everybody = await asyncio.gather(*(ask_on(customer) for customer in mine))
        await is_dead.wait()
    seen = [one for each in everybody for one in each]
    assert not [one for one in seen if one.is_broken and (one.server != victim.url or one.ended < died)]
    return seen


def check(starscoo: House, seen: list[Seen], upstream: Upstream, mine: list[Customer]) -> Counter[str]:
    """The three logs of one kill."""
    found = books.read(starscoo.database, {one.account_id for one in mine})
    joined = books.join(seen, upstream.calls, found.rows, starscoo.keys)
    assert joined.differences == []
    assert books.contradictions(found) == []
    assert len(joined.rows_of) == len(found.rows)
    return Counter(joined.counts())


def test_P_A1_kill_nine_on_a_file(
    tmp_path: Path,
    stage: Stage,
    upstream: Upstream,
    chance: random.Random,
    counted: Counted,
    is_long: bool,
) -> None:
    trials = 100 if is_long else 10
    total: Counter[str] = Counter()
    with house.one_process(tmp_path, upstream.url) as starscoo:
        for _ in range(trials):
            mine, (victim,) = crowd(starscoo), starscoo.servers
            seen = stage.run(until_killed(starscoo, victim, mine, upstream, chance))
            victim.process.wait()
            starscoo.restart(0)
            total += check(starscoo, seen, upstream, mine)
        assert books.contradictions(books.read(starscoo.database)) == []
    assert total["interrupted"] > 0
    counted.note("P-A1", "kill -9 under 64-way load", "SQLite, memory", trials, **total, differences=0)


def test_P_A1_kill_nine_of_one_of_two_processes(
    tmp_path: Path,
    stage: Stage,
    upstream: Upstream,
    chance: random.Random,
    counted: Counted,
    is_long: bool,
    postgres_url: str,
) -> None:
    trials = 20 if is_long else 3
    total: Counter[str] = Counter()
    with house.two_processes(tmp_path, upstream.url, postgres_url, limiter="redis") as starscoo:
        for _ in range(trials):
            mine, which = crowd(starscoo), chance.randrange(2)
            victim = starscoo.servers[which]
            seen = stage.run(until_killed(starscoo, victim, mine, upstream, chance))
            victim.process.wait()
            long_unseen(starscoo)
            starscoo.restart(which)
            stage.run(until(lambda: books.open_rows(starscoo.database) == 0, "the sweep of open rows"))
            total += check(starscoo, seen, upstream, mine)
        assert books.contradictions(books.read(starscoo.database)) == []
    assert total["interrupted"] > 0
    counted.note(
        "P-A1",
        "kill -9 under 64-way load",
        "PostgreSQL, Redis, two processes",
        trials,
        **total,
        differences=0,
    )


def long_unseen(starscoo: House) -> None:
    """As though all had been silent for as long as a dead process is; the living one says at once that it lives."""
    with starscoo.database.write_batch() as connection:
        connection.execute(text("UPDATE processes SET seen_ms = seen_ms - :ms"), {"ms": DEAD_AFTER_MS})

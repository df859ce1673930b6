"""P-L5: Redis killed, emptied, frozen or slowed under the load of two processes. Hourly ceiling and monthly cap are
passed at most by the requests that were being written when it was lost and when it came back, and no request is
lost: each is answered, or refused by a limit. When Redis is back nobody gets anything more. How long they took is
told, not judged.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlsplit

import pytest
import services
from running import Running

from proofs import books, house
from proofs.counted import Counted, percentile
from proofs.house import Customer, House
from proofs.load import Customers, Seen
from proofs.orders import PROMPT_TOKENS, Order
from proofs.outages import Outage, Road
from proofs.stage import Stage, until
from proofs.upstream import Upstream

CEILING, OUTPUT = 60, 20
CAP = 45 * (PROMPT_TOKENS + OUTPUT + 40)
WAYS = 24
"""Half of the customers are at a ceiling, the others at a cap."""


@dataclass
class Ground:
    starscoo: House
    outage: Outage


@pytest.fixture(scope="module")
def ground(
    tmp_path_factory: pytest.TempPathFactory, _upstream: Upstream, stage: Stage, postgres_url: str
) -> Iterator[Ground]:
    place = tmp_path_factory.mktemp("losing")
    redis = services.redis(place)
    road = Road(urlsplit(redis.url).port or 0)
    stage.run(road.open())
    address = f"redis://127.0.0.1:{road.port}/0"
    with house.two_processes(
        place, _upstream.url, postgres_url, limiter="redis", redis_url=address
    ) as starscoo:
        yield Ground(starscoo, Outage(redis, road))
    stage.run(road.close())
    redis.stop()


@dataclass
class Told:
    """`writing` is how many requests of each customer were under way when Redis was lost and when it came back, `held`
    is what they had reserved."""

    seen: list[Seen] = field(default_factory=list)
    writing: Counter[int] = field(default_factory=Counter)
    held: Counter[int] = field(default_factory=Counter)
    lost_at: float = 0.0
    back_at: float = 0.0


@pytest.mark.parametrize("way", ["killed", "emptied", "frozen", "slowed"])
def test_P_L5_redis_is_lost_under_load(
    way: str,
    ground: Ground,
    stage: Stage,
    upstream: Upstream,
    chance: random.Random,
    counted: Counted,
    is_long: bool,
) -> None:
    trials = 25 if is_long else 2
    starscoo = ground.starscoo
    total: Counter[str] = Counter()
    beyond, beyond_cap, writing, held = 0, 0, 0, 0
    during, besides = list[float](), list[float]()
    for _ in range(trials):
        upstream.reset()
        at_ceiling = limited(starscoo, hourly_requests=CEILING)
        at_cap = limited(starscoo, monthly_tokens=CAP)
        mine = [*at_ceiling, *at_cap]
        told = stage.run(through_the_outage(ground, way, mine, upstream, chance))
        stage.run(until(lambda: books.open_rows(starscoo.database) == 0, "the end of all requests"))
        stage.run(until(lambda: all(map(uses_redis, starscoo.servers)), "the change back to Redis"))
        told.seen += stage.run(once_more(starscoo, mine, told.seen, upstream))
        found = books.read(starscoo.database, {one.account_id for one in mine})
        joined = books.join(told.seen, upstream.calls, found.rows, starscoo.keys)
        assert joined.differences + books.contradictions(found) == []
        assert not lost(told.seen)
        for one in at_cap:
            used = sum(row.total_tokens for row in found.rows if row.key_id == one.key_id)
            assert CAP - PROMPT_TOKENS - 2 * CEILING - OUTPUT < used <= CAP, (
                used,
                CAP,
                told.writing[one.number],
            )
        for one in at_ceiling:
            hours = Counter(row.hour for row in found.rows if row.key_id == one.key_id)
            too_many = max(hours.values()) - CEILING
            assert len(hours) > 1 or abs(too_many) <= told.writing[one.number], (
                hours,
                told.writing[one.number],
            )
            assert too_many <= told.writing[one.number]
            beyond = max(beyond, too_many)
        writing, held = max(writing, *told.writing.values()), max(held, *told.held.values())
        total += Counter(joined.counts())
        for one in told.seen:
            was_lost = one.began < told.back_at and one.ended > told.lost_at
            (during if was_lost else besides).append(one.ended - one.began)
    counts = {"most_beyond_the_ceiling": beyond, "bound": writing, "lost": 0}
    counts |= {"most_beyond_the_cap": beyond_cap, "bound_in_tokens": held}
    times = {"median_p99_ms": f"{percentile(besides, 0.5)}/{percentile(besides, 0.99)}"}
    times["while_lost"] = f"{percentile(during, 0.5)}/{percentile(during, 0.99)}"
    requests = total["complete"] + total["refused"] + total["cut"]
    counted.note("P-L5", f"Redis is {way}", starscoo.shown, trials, requests=requests, **counts, **times)


def uses_redis(server: Running) -> bool:
    log = server.log
    return log.count("the limits are counted in the database") == log.count("the limits are counted there")


async def once_more(
    starscoo: House, mine: list[Customer], before: list[Seen], upstream: Upstream
) -> list[Seen]:
    """When Redis is back and filled again, nobody gets anything more."""
    last = Counter(one.order.customer for one in before)
    async with Customers(starscoo.secrets, upstream) as asking:
        asked = [
            asking.ask(Order(one.number, last[one.number] + turn, output=OUTPUT, bound=OUTPUT), url)
            for one in mine
            for turn, url in enumerate(2 * starscoo.urls, start=1)
        ]
        return list(await asyncio.gather(*asked))


def limited(starscoo: House, **limit: int) -> list[Customer]:
    """Half of them by their key, half by their account."""
    return [*starscoo.add(2, **limit), *starscoo.add(2, on_account=True, **limit)]


def lost(seen: list[Seen]) -> list[Seen]:
    """Neither answered in full nor refused by a limit."""
    refused = ("rate_limited", "token_cap_exceeded")
    return [one for one in seen if one.is_broken or not (one.is_complete or one.code in refused)]


async def through_the_outage(
    ground: Ground, way: str, mine: list[Customer], upstream: Upstream, chance: random.Random
) -> Told:
    """Asks until every limit is used up, loses Redis after some of it, and lets it come back after some more. Those
    who are used up before it is back go on asking."""
    told = Told()
    lose_after, back_after = chance.randint(120, 320), chance.randint(30, 90)
    is_lost, is_back = asyncio.Event(), asyncio.Event()
    names = set[tuple[int, int]]()
    numbers = {one.number: count(1) for one in mine}

    async with Customers(ground.starscoo.secrets, upstream) as asking:

        async def lose_and_bring_back() -> None:
            lose, bring_back = ground.outage.ways[way]
            await is_lost.wait()
            told.lost_at = asyncio.get_running_loop().time()
            note_writing()
            await lose()
            note_writing()
            await is_back.wait()
            note_writing()
            await bring_back()
            note_writing()
            told.back_at = asyncio.get_running_loop().time()

        def note_writing() -> None:
            names.update(one.order.name for one in asking.under_way.values())

        async def ask_on(turn: int) -> None:
            customer = mine[turn % len(mine)].number
            url = ground.starscoo.urls[turn // len(mine) % 2]
            while True:
                number = next(numbers[customer])
                order = Order(customer, number, output=OUTPUT, bound=OUTPUT, is_stream=chance.random() < 0.5)
                one = await asking.ask(order, url)
                told.seen.append(one)
                if len(told.seen) >= lose_after:
                    is_lost.set()
                if len(told.seen) >= lose_after + back_after:
                    is_back.set()
                if outage.done() and one.headers.get("x-should-retry") == "false":
                    return

        outage = asyncio.create_task(lose_and_bring_back())
        async with asyncio.TaskGroup() as group:
            for turn in range(WAYS):
                group.create_task(ask_on(turn))
        await outage
    for customer, number in names:
        told.writing[customer] += 1
        told.held[customer] += PROMPT_TOKENS + number + OUTPUT
    return told

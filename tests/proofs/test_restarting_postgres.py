"""P-S1, and P-L5's last sentence: PostgreSQL restarted under the load of two processes. While it is away new work gets
a 503 in OpenAI's shape; what the upstream had sent is metered all the same; both processes serve again by themselves;
sums equal rows, and no cap was opened.
"""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Iterator
from itertools import count

import pytest
import services
from services import Server

from models import processes
from proofs import books, house, orders
from proofs.counted import Counted
from proofs.house import Customer, House
from proofs.load import Customers, Seen
from proofs.stage import Stage, until
from proofs.upstream import Upstream

WAYS = 32
WAYS_TO_END = {"in order": signal.SIGINT, "at once": signal.SIGQUIT}


@pytest.fixture(scope="module", params=["redis", "database"])
def ground(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _upstream: Upstream
) -> Iterator[tuple[House, Server]]:
    place = tmp_path_factory.mktemp("restarting")
    server = services.postgres(place)
    with house.two_processes(place, _upstream.url, server.url, limiter=request.param) as starscoo:
        yield starscoo, server
    server.stop()


@pytest.mark.parametrize("how", ["in order", "at once"])
def test_P_S1_postgres_is_restarted_under_load(
    how: str,
    ground: tuple[House, Server],
    stage: Stage,
    upstream: Upstream,
    chance: random.Random,
    counted: Counted,
    is_long: bool,
) -> None:
    starscoo, server = ground
    trials = 15 if is_long else 1
    total: Counter[str] = Counter()
    for _ in range(trials):
        upstream.reset()
        mine = starscoo.add(WAYS)
        seen = stage.run(through_the_restart(starscoo, server, WAYS_TO_END[how], mine, upstream, chance))
        stage.run(until(lambda: books.open_rows(starscoo.database) == 0, "the end of all requests"))
        assert not [one.process for one in starscoo.servers if one.process.poll() is not None]
        assert {len(starscoo.database.read_now(processes.serving))} == {2}
        wrong = [one for one in seen if not one.is_complete and not is_told_so(one)]
        assert wrong == []
        found = books.read(starscoo.database, {one.account_id for one in mine})
        joined = books.join(seen, upstream.calls, found.rows, starscoo.keys)
        assert joined.differences + books.contradictions(found) == []
        assert joined.unrecorded == 0
        total += Counter(joined.counts())
        total["told_503"] += sum(one.code == "service_unavailable" for one in seen)
    assert total["told_503"] > 0
    where = starscoo.shown
    counted.note("P-S1", f"PostgreSQL is restarted {how}", where, trials, **total, lost=0, differences=0)


def is_told_so(one: Seen) -> bool:
    """That the server cannot just now, in so many words: as a status, or as the event that ends a stream."""
    return one.code == "service_unavailable" and not one.is_broken and one.status in (200, 503)


async def through_the_restart(
    starscoo: House,
    server: Server,
    how: signal.Signals,
    mine: list[Customer],
    upstream: Upstream,
    chance: random.Random,
) -> list[Seen]:
    """Each asks one request after the other of one server; until PostgreSQL is back and each was answered again."""
    seen: list[Seen] = []
    lose_after = chance.randint(50, 200)
    is_lost, is_away = asyncio.Event(), asyncio.Event()

    async def restart() -> None:
        await is_lost.wait()
        await asyncio.to_thread(server.end, how)
        await is_away.wait()
        await asyncio.to_thread(server.start)

    restarting = asyncio.create_task(restart())
    async with Customers(starscoo.secrets, upstream) as asking:

        async def ask_on(customer: Customer) -> None:
            url = starscoo.urls[customer.number % 2]
            for number in count(1):
                was_back = restarting.done()
                one = await asking.ask(orders.mixed(chance, customer.number, number), url)
                seen.append(one)
                if len(seen) >= lose_after:
                    is_lost.set()
                if one.code == "service_unavailable":
                    is_away.set()
                if was_back and one.is_complete:
                    return

        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            for customer in mine:
                group.create_task(ask_on(customer))
        await restarting
    return seen

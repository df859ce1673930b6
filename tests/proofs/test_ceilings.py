"""P-L1: of 4N concurrent requests against a ceiling of N exactly N pass; the others are told when to come back.
P-L2: the monthly cap is passed at most by the errors of the prompt estimates of the requests that run at once, and
not at all where the estimates hold.

In one process that counts in memory, and over two that count in Redis or in the database.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count

import pytest

from models import windows
from proofs import books, house
from proofs.counted import Counted
from proofs.house import Customer, House
from proofs.load import Customers, Seen
from proofs.orders import PROMPT_TOKENS, Order
from proofs.stage import Stage, until
from proofs.upstream import Upstream

CEILINGS = (1, 6, 25)
WAYS = 12
OUTPUT = 400
ERROR = 90
CAP = 25 * (PROMPT_TOKENS + OUTPUT)


@pytest.fixture(scope="module", params=["memory", "redis", "database"])
def starscoo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _upstream: Upstream
) -> Iterator[House]:
    place = tmp_path_factory.mktemp("ceilings")
    if request.param == "memory":
        with house.one_process(place, _upstream.url) as made:
            yield made
    else:
        postgres_url = request.getfixturevalue("postgres_url")
        with house.two_processes(place, _upstream.url, postgres_url, limiter=request.param) as made:
            yield made


@pytest.mark.parametrize("ceiling", CEILINGS)
def test_P_L1_exactly_n_of_4n_pass(
    ceiling: int,
    starscoo: House,
    stage: Stage,
    upstream: Upstream,
    chance: random.Random,
    counted: Counted,
    is_long: bool,
) -> None:
    trials = 50 if is_long else 6
    passed = 0
    for trial in range(trials):
        is_shared = trial % 2 == 1
        keys_each = 3 if is_shared else 1
        mine = starscoo.add(keys_each, keys_each=keys_each, on_account=is_shared, hourly_requests=ceiling)
        upstream.reset()
        seen = stage.run(all_at_once(starscoo, upstream, mine, 4 * ceiling, chance))
        statuses = Counter(one.status for one in seen)
        found = books.read(starscoo.database, {one.account_id for one in mine})
        hours = Counter(row.hour for row in found.rows)
        assert len(upstream.calls) == len(found.rows) == statuses[200]
        assert set(statuses) <= {200, 429}
        assert max(hours.values()) == ceiling
        if len(hours) == 1:  # else the hour has turned, and each had its own ceiling
            assert statuses == {200: ceiling, 429: 3 * ceiling}
        passed += statuses[200]
    counts = {"requests": 4 * ceiling * trials, "passed": passed, "beyond": 0}
    counted.note("P-L1", f"exactly {ceiling} of {4 * ceiling}", starscoo.shown, trials, **counts)


async def all_at_once(
    starscoo: House, upstream: Upstream, mine: Sequence[Customer], how_many: int, chance: random.Random
) -> list[Seen]:
    """Over all keys and processes alike."""
    numbers = {one.number: count(1) for one in mine}
    async with Customers(starscoo.secrets, upstream) as asking:
        asked = []
        for turn in range(how_many):
            customer = mine[turn % len(mine)].number
            order = Order(customer, next(numbers[customer]), is_stream=chance.random() < 0.5)
            asked.append(asking.ask(order, starscoo.urls[turn % len(starscoo.urls)]))
        began = int(time.time())
        seen = await asyncio.gather(*asked)
    for one in seen:
        if one.status == 429:
            assert one.code == "rate_limited"
            back_at = int(one.headers["retry-after"])
            assert windows.hour_end(began) - int(time.time()) - 1 <= back_at <= windows.HOUR
    return list(seen)


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("error", [0, ERROR])
def test_P_L2_the_cap_is_passed_by_the_errors_of_the_estimates_at_most(
    error: int,
    is_stream: bool,
    starscoo: House,
    stage: Stage,
    upstream: Upstream,
    chance: random.Random,
    counted: Counted,
    is_long: bool,
) -> None:
    trials = 30 if is_long else 3
    beyond: list[int] = []
    requests = 0
    for trial in range(trials):
        is_shared = trial % 2 == 1
        keys_each = 3 if is_shared else 1
        mine = starscoo.add(keys_each, keys_each=keys_each, on_account=is_shared, monthly_tokens=CAP)
        upstream.reset()
        seen = stage.run(until_used_up(starscoo, upstream, mine, error, is_stream, chance))
        stage.run(until(lambda: books.open_rows(starscoo.database) == 0, "the end of all requests"))
        found = books.read(starscoo.database, {one.account_id for one in mine})
        assert books.join(seen, upstream.calls, found.rows, starscoo.keys).differences == []
        assert {row.outcome for row in found.rows} == {"ok"}
        used = sum(row.total_tokens for row in found.rows)
        errors = sorted((one.order.error for one in seen if one.is_complete), reverse=True)
        beyond.append(max(0, used - CAP))
        assert beyond[-1] <= sum(max(0, one) for one in errors[:WAYS])
        assert used > CAP - PROMPT_TOKENS - len(seen) - OUTPUT  # it was used as far as it goes
        requests += len(found.rows)
    assert (max(beyond) > 0) == (error > 0)
    counts = {"requests": requests, "most_beyond_the_cap": max(beyond), "bound": WAYS * error}
    what = f"estimates {'off by up to ' + str(error) if error else 'hold'}, {'streamed' if is_stream else 'plain'}"
    counted.note("P-L2", what, starscoo.shown, trials, **counts)


async def until_used_up(
    starscoo: House,
    upstream: Upstream,
    mine: Sequence[Customer],
    error: int,
    is_stream: bool,
    chance: random.Random,
) -> list[Seen]:
    """So many ways at once, until each has been told that the cap is used up. Where the estimates hold, they are
    exact or above what is used."""
    numbers = {one.number: count(1) for one in mine}
    seen: list[Seen] = []
    spare = chance.choice((0, 0, -20))

    async def ask_on(turn: int) -> None:
        customer = mine[turn % len(mine)].number
        url = starscoo.urls[turn % len(starscoo.urls)]
        while True:
            off = chance.randint(1, error) if error else chance.choice((0, spare))
            order = Order(
                customer,
                next(numbers[customer]),
                is_stream=is_stream,
                output=OUTPUT,
                bound=OUTPUT,
                error=off,
                pause_ms=chance.choice((0, 2)),
            )
            one = await asking.ask(order, url)
            seen.append(one)
            assert one.is_complete or one.code == "token_cap_exceeded"
            if one.headers.get("x-should-retry") == "false":
                return

    async with Customers(starscoo.secrets, upstream) as asking, asyncio.TaskGroup() as group:
        for turn in range(WAYS):
            group.create_task(ask_on(turn))
    return seen

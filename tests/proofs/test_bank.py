"""P-A2: what customers were shown is what the rows say, the sums by hour and by month, the live counters, and the
dashboard: difference 0, with and without faults. P-A4: an explicit zero stays zero.
"""

import random
from collections.abc import Iterator, Sequence

import pytest

from proofs import agreements, books, house, load, orders
from proofs.books import Books
from proofs.counted import Counted
from proofs.house import Customer, House
from proofs.load import Customers, Seen
from proofs.orders import Order
from proofs.stage import Stage, until
from proofs.upstream import Upstream

WAYS = 64
KEYS_EACH = 4
FAULTS, LEAVING = 0.05, 0.02
AMPLE = 10**12
LAYOUTS = ("one process", "two processes")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The short form takes each layout and each share of faults once, the long one every pair."""
    every = [(layout, faults) for layout in LAYOUTS for faults in (0.0, FAULTS)]
    pairs = every if metafunc.config.getoption("--long") else [every[0], every[3]]
    if "faults" in metafunc.fixturenames:
        metafunc.parametrize(("starscoo", "faults"), pairs, indirect=["starscoo"], scope="module")


@pytest.fixture(scope="module")
def starscoo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _upstream: Upstream
) -> Iterator[House]:
    place = tmp_path_factory.mktemp("bank")
    if request.param == "one process":
        with house.one_process(place, _upstream.url) as made:
            yield made
    else:
        postgres_url = request.getfixturevalue("postgres_url")
        with house.two_processes(place, _upstream.url, postgres_url, limiter="redis") as made:
            yield made


def test_P_A2_every_sum_is_the_sum_of_what_customers_were_shown(
    starscoo: House,
    faults: float,
    stage: Stage,
    upstream: Upstream,
    chance: random.Random,
    counted: Counted,
    is_long: bool,
) -> None:
    requests, keys_half = (50_000, 100) if is_long else (5_000, 24)
    limits = {"hourly_requests": AMPLE, "monthly_tokens": AMPLE}
    mine = starscoo.add(keys_half, keys_each=KEYS_EACH, **limits)
    shared = starscoo.add(keys_half, keys_each=KEYS_EACH, on_account=True, **limits)
    everybody = [*mine, *shared]
    each = -(-requests // len(everybody))
    asked = [
        orders.mixed(chance, one.number, number, faults=faults, leaving=LEAVING if faults else 0)
        for one in everybody
        for number in range(1, each + 1)
    ]
    seen = stage.run(all_of(starscoo, upstream, orders.shuffled(chance, asked), chance))
    stage.run(until(lambda: books.open_rows(starscoo.database) == 0, "the end of all requests"))
    found = books.read(starscoo.database, {one.account_id for one in everybody})
    joined = books.join(seen, upstream.calls, found.rows, starscoo.keys)
    assert joined.differences + books.contradictions(found) == []
    assert joined.unrecorded == 0
    assert not [one for one in seen if one.is_broken]
    if not faults:
        assert len(found.rows) == joined.complete == len(asked)
        assert joined.shown_tokens == sum(row.total_tokens for row in found.rows)
    assert agreements.of_answers(found, seen, starscoo.keys) == []
    assert agreements.of_dashboard(starscoo.database, found, everybody) == []
    compared = stage.run(counters_compared(starscoo, upstream, found, mine, shared))
    where = f"{starscoo.shown}, {faults:.0%} faults"
    zero = sum(one.order.fault == "zero" and one.is_complete for one in seen)
    counts = joined.counts() | {"keys": len(everybody), "explicit_zeros": zero, "live_counters": compared}
    counted.note("P-A2", "the bank check", where, len(asked), **counts, differences=0)


async def all_of(
    starscoo: House, upstream: Upstream, asked: Sequence[Order], chance: random.Random
) -> list[Seen]:
    async with Customers(starscoo.secrets, upstream) as asking:
        return await load.at_once(
            lambda order: asking.ask(order, chance.choice(starscoo.urls)), asked, ways=WAYS
        )


async def counters_compared(
    starscoo: House, upstream: Upstream, found: Books, mine: Sequence[Customer], shared: Sequence[Customer]
) -> int:
    async with Customers(starscoo.secrets, upstream) as asking:
        return await agreements.of_counters(
            starscoo, asking, found, limit=AMPLE, by_key=mine, by_account=shared
        )

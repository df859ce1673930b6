"""How long the pages' own reading takes, on a database of a million requests (`python -m bench.data PATH`).

    python -m bench.pages PATH [ROUNDS]

Prints the median and the 95th of each, in ms. Nothing is drawn or sent: what is measured is what grows with the rows.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from app import log_shown, usage_shown
from app.arrivals import Arrivals
from app.components import usage_chart
from app.pages import keys, limits, overview, requests, usage
from app.services import Services
from bench.data import EMAIL
from models import accounts, catalog, counts, request_log, requests_csv
from models.database import Database
from models.live.memory import MemoryLive
from models.notices import Notices
from models.request_log import Query

USAGE: Final = (
    "/app/usage",
    "/app/usage?range=1h",
    "/app/usage?range=24h&by=status",
    "/app/usage?range=7d&by=key&per=hour",
    "/app/usage?range=month&measure=cost&zone=Europe/Berlin",
    "/app/usage?measure=latency&share=95",
    "/app/usage?measure=first-token&by=key&per=day",
)
LOG: Final = (
    "/app/requests",
    "/app/requests?last=1h",
    "/app/requests?last=30d&model=codex-1",
    "/app/requests?model=unheard-of",
    "/app/requests?view=errors",
    "/app/requests?view=errors&status=cut&model=codex-1",
    "/app/requests?view=refused",
    "/app/requests?view=slow",
    "/app/requests?view=slow&last=24h&model=gpt-5",
)


async def main(path: Path, rounds: int) -> None:
    database = Database(f"sqlite:///{path}")
    try:
        services, account_id = _services(database)
        print(f"{'page':55}  median     p95")
        for name, read in _readings(services, account_id).items():
            took = []
            for _ in range(rounds):
                begun = time.perf_counter()
                await read()
                took.append((time.perf_counter() - begun) * 1000)
            took.sort()
            print(f"{name:55}{took[len(took) // 2]:8.1f}{took[-(-len(took) * 95 // 100) - 1]:8.1f}")
    finally:
        database.close()


def _readings(services: Services, account_id: int) -> dict[str, Callable[[], Awaitable[object]]]:
    database = services.database
    newest = database.read_now(request_log.page, account_id, Query()).entries[0]
    key_names = database.read_now(requests_csv.names, account_id)
    readings: dict[str, Callable[[], Awaitable[object]]] = {
        "/app": lambda: overview.read(services, account_id),
        "/app/keys": lambda: keys.read(services, account_id),
        "/app/limits": lambda: limits.read(services, account_id),
    }
    for address in USAGE:
        readings[address] = lambda address=address: _usage(services, account_id, address)
    for address in LOG:
        shown = log_shown.parse(address)
        readings[address] = lambda shown=shown: requests.read(services, account_id, shown)
    deep = database.read_now(
        request_log.page, account_id, Query(until=services.now() - 40 * 86_400), size=1
    ).entries[0]
    place = log_shown.Shown(before=deep.cursor)
    readings["/app/requests, forty days back"] = lambda: requests.read(services, account_id, place)
    readings["/app/requests, the panel"] = lambda: database.read(
        request_log.find, account_id, newest.id, now=services.now()
    )
    readings[f"/app/requests.csv, {requests_csv.PIECE} lines"] = lambda: database.read(
        requests_csv.piece, account_id, Query(), keys=key_names, after=deep.cursor
    )
    return readings


async def _usage(services: Services, account_id: int, address: str) -> None:
    """With its chart, which is made of as many lines as were read."""
    shown = usage_shown.parse(address)
    found = await usage.read(services, account_id, shown)
    assert found.lines, address
    usage_chart.chart(
        found.lines,
        measure=shown.measure,
        span=found.span,
        now=found.now,
        times=found.times,
        share=shown.share,
    )


def _services(database: Database) -> tuple[Services, int]:
    """Of the time at which the database was made, as one day more would be empty."""
    account = database.read_now(accounts.find_by_email, EMAIL)
    assert account is not None, "make the database with bench.data first"
    newest = database.read_now(request_log.page, account.id, Query(), size=1).entries[0]
    now = float(newest.at_ms // 1000 + 60)
    live = MemoryLive(lambda: now)
    live.fill(database.read_now(counts.counted_of_all, now=int(now)))
    services = Services(
        database=database,
        live=live,
        catalog=catalog.load(catalog.default_path()),
        clock=lambda: now,
        arrivals=Arrivals(),
        notices=Notices(),
        is_available=lambda _: True,
        public_url=None,
        is_signup_open=True,
        is_sandbox=False,
        is_secure=False,
    )
    return services, account.id


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20))

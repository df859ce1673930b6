"""How long the pages' own reading takes, on a database of a million requests (`python -m bench.data PATH`).

    python -m bench.pages PATH [ROUNDS]

Prints the median and the 95th of each, and the median of the processor's time, in ms. Nothing is drawn or sent: what is
measured is what grows with the rows.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from app import log_shown, usage_shown
from app.components import usage_chart
from app.main import Starscoo
from app.pages import keys, limits_view, overview, requests, usage
from app.services import Services
from app.settings import Settings
from bench.data import EMAIL
from models import accounts, key_overview, request_log, requests_csv
from models.database import Database
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
    services, account_id = _services(path)
    print(f"{'page':55}  median     p95     cpu")
    for name, read in _readings(services, account_id).items():
        took, worked = [], []
        for _ in range(rounds):
            begun, work = time.perf_counter(), time.process_time()
            await read()
            took.append((time.perf_counter() - begun) * 1000)
            worked.append((time.process_time() - work) * 1000)
        took.sort()
        p95 = took[-(-len(took) * 95 // 100) - 1]
        print(f"{name:55}{took[len(took) // 2]:8.1f}{p95:8.1f}{median(worked):8.1f}")


def _readings(services: Services, account_id: int) -> dict[str, Callable[[], Awaitable[object]]]:
    database = services.database
    newest = database.read_now(request_log.page, account_id, Query()).entries[0]
    public_id = next(key.public_id for key in database.read_now(request_log.keys_of, account_id))
    key_names = database.read_now(requests_csv.names, account_id)
    readings: dict[str, Callable[[], Awaitable[object]]] = {
        "/app": lambda: overview.read(services, account_id),
        "/app/keys": lambda: keys.read(services, account_id),
        "/app/keys/{id}": lambda: database.read(
            key_overview.read_key, account_id, public_id, now=services.now(), most=20
        ),
        "/app/limits": lambda: limits_view.read(services, account_id),
    }
    readings |= {address: partial(_usage, services, account_id, address) for address in USAGE}
    readings |= {
        address: partial(requests.read, services, account_id, log_shown.parse(address)) for address in LOG
    }
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


def _services(path: Path) -> tuple[Services, int]:
    """Of the time at which the database was made, as one day more would be empty."""
    url = f"sqlite:///{path}"
    database = Database(url)
    database.migrate()
    account = database.read_now(accounts.find_by_email, EMAIL)
    assert account is not None, "make the database with bench.data first"
    newest = database.read_now(request_log.page, account.id, Query(), size=1).entries[0]
    database.close()
    now = float(newest.at_ms // 1000 + 60)
    starscoo = Starscoo(Settings(database_url=url, limiter="memory"), clock=lambda: now)
    starscoo.prepare()
    return starscoo.services, account.id


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20))

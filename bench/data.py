"""A database with a million requests of one customer in it, for measuring pages against.

    python -m bench.data PATH [ROWS]

Six keys, five models, 60 days; written as the gateway writes, so that sums and rows agree. Run again, it adds what
is missing.
"""

import sys
import time
from pathlib import Path
from typing import Final

from api.pricing import cost
from app import demo_crowd
from app.demo_crowd import Crowd, Member
from models import catalog, limits
from models.database import Database
from models.windows import DAY

EMAIL: Final = "busy@example.com"
PASSWORD: Final = "a million requests"  # of a database made to be thrown away
ROWS: Final = 1_000_000
_KEYS: Final = ("Shop", "Texts", "Search", "Inbox", "Translations", "Experiments")
_MEAN_OF_DAYS: Final = 6.1 / 7
"""What a mean day is of a working one."""


def make(path: Path, rows: int = ROWS) -> None:
    """Prints how far it is. Raises `models.database.Refused` when the file cannot be written."""
    database = Database(f"sqlite:///{path}", durability="normal")
    try:
        database.migrate()
        database.run_now(limits.ensure_plans, starter_requests=1_000, starter_tokens=5_000_000)
        now = int(time.time())
        account_id, key_ids = demo_crowd.join(database, _member(rows), PASSWORD, now=now)
        models = list(catalog.load(catalog.default_path()).models.values())
        crowd = Crowd(EMAIL, account_id, key_ids, models, _member(rows).per_day, cost)
        begun = time.monotonic()
        todo = demo_crowd.missing(database, crowd, now=now)
        for number, start in enumerate(todo, 1):
            demo_crowd.write(database, crowd, start, until=min(now, start + 2 * DAY))
            print(f"\r{number} of {len(todo)} days, {time.monotonic() - begun:.0f} s", end="", flush=True)
    finally:
        database.close()
    print(f"\n{path} is ready. Log in as {EMAIL}, password: {PASSWORD}")


def _member(rows: int) -> Member:
    per_day = round(rows / (demo_crowd.DAYS + 0.5) / _MEAN_OF_DAYS)
    return Member(EMAIL, _KEYS, per_day, hourly_requests=100_000, monthly_tokens=10**10, key_limit=200)


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else ROWS)

"""How fast the ledger's sums are made anew and checked, on SQLite.

    python -m bench.ledger [ROWS]

A database as `bench.data` makes it, thrown away afterwards. The sums are deleted, rebuilt and checked; wall time of the
whole call each, the median of three.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final, TypeVar

from bench import data
from models import ledger_check, ledger_rebuild
from models.database import Database

ROUNDS: Final = 3
T = TypeVar("T")


def measure(rows: int) -> None:
    """Prints a line each. Raises AssertionError when the rebuilt sums are not right: then no figure counts."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "ledger.db"
        data.make(path, rows)
        database = Database(f"sqlite:///{path}")
        now_ms = int(time.time() * 1000)
        rebuilt: list[tuple[int, float]] = []
        checked: list[tuple[int, float]] = []
        for _ in range(ROUNDS):
            with database.write_batch() as connection:
                for table in ("usage_hours", "usage_months"):
                    connection.exec_driver_sql(f"DELETE FROM {table}")
            done, seconds = timed(lambda: ledger_rebuild.rebuild(database, now_ms=now_ms))
            rebuilt.append((done.rows, seconds))
            report, seconds = timed(lambda: ledger_check.check(database, now_ms=now_ms))
            checked.append((report.rows, seconds))
            assert report.differences == 0, report.lines
        database.close()
    for name, figures in (("rebuild", rebuilt), ("check", checked)):
        count, middle = figures[0][0], median(seconds for _, seconds in figures)
        print(f"{name:8} {count:,} rows in {middle:.1f} s: {count / middle:,.0f} rows a second")


def timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else data.ROWS)

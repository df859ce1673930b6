"""`make bench-durability`: what it costs that an answered request is in the ledger, full, normal and off, interleaved.

`full` survives a power loss, `normal` a killed process; `off` writes nothing and exists here alone. PostgreSQL takes
part where it is installed; its own CPU is not in the figures, but it shares the load's cores.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path

from bench import contenders, machine, programs, report, rounds
from bench.contenders import ROOT, Contender
from bench.programs import Ask
from bench.rounds import Load

LOADS = [Load("c=1", Ask("gpt-5-mini", 1, 1.0)), Load("c=32", Ask("gpt-5-mini", 32, 1.0))]


def compare(*, count: int, out: Path, say: Callable[[str], None]) -> None:
    """Measure and print; the JSON goes into `out`."""
    about = machine.described()
    with tempfile.TemporaryDirectory(prefix="starscoo-bench-") as place, ExitStack() as stack:
        directory = Path(place)
        made = programs.compile_programs(directory)
        port, pid = stack.enter_context(programs.upstream(made))
        started: list[Contender] = [
            stack.enter_context(
                contenders.starscoo(port, directory, name="off: nothing is written", module="bench.unwritten")
            ),
            *(
                stack.enter_context(
                    contenders.starscoo(port, directory, name=f"SQLite {how}", STARSCOO_DURABILITY=how)
                )
                for how in ("normal", "full")
            ),
        ]
        try:
            url = stack.enter_context(postgres(directory))
        except (FileNotFoundError, RuntimeError, ImportError) as error:
            say(f"PostgreSQL is left out: {str(error).splitlines()[0]}")
        else:
            for how in ("normal", "full"):
                database = import_module("services").create_database(url, f"bench_{how}")
                more = {"STARSCOO_DURABILITY": how, "STARSCOO_DATABASE_URL": database}
                started.append(
                    stack.enter_context(
                        contenders.starscoo(port, directory, name=f"PostgreSQL {how}", **more)
                    )
                )
        results = rounds.run(made, pid, started, LOADS, rounds=count, say=say)
    doubts = rounds.noise(results)
    say(f"\n{shown(results, [one.name for one in started])}\n")
    say("\n".join(doubts) or "The machine was quiet enough to believe this.")
    report.write_json(
        out / "durability.json", {"machine": about, "figures": report.figures(results), "doubts": doubts}
    )


def shown(results: rounds.Results, names: list[str]) -> str:
    """Each against `off`."""
    off_one, off_many = (results[names[0], load] for load in ("c=1", "c=32"))
    rows: list[tuple[str, ...]] = [
        (
            "durability",
            "CPU us/req c=32",
            "req/s c=32",
            "kept",
            "p50 ms c=1",
            "added",
            "p99 ms c=1",
            "CPU us/req c=1",
        )
    ]
    for name in names:
        one, many = results[name, "c=1"], results[name, "c=32"]
        rows.append(
            (
                name,
                f"{many.median('cpu_us'):,.0f}",
                f"{many.median('per_second'):,.0f}",
                f"{many.median('per_second') / off_many.median('per_second'):.2f}",
                f"{one.median('total_p50') / 1000:.2f}",
                f"{(one.median('total_p50') - off_one.median('total_p50')) / 1000:.2f}",
                f"{one.median('total_p99') / 1000:.2f}",
                f"{one.median('cpu_us'):,.0f}",
            )
        )
    return report.table(rows)


@contextmanager
def postgres(directory: Path) -> Iterator[str]:
    """A real server that keeps what it commits, on the load's cores."""
    sys.path.insert(0, str(ROOT / "tests"))
    services = import_module("services")
    os.sched_setaffinity(0, machine.LOAD_CORES)
    try:
        url, stop = services.start_postgres(directory, survives="power loss")
    finally:
        os.sched_setaffinity(0, machine.CORES)
    try:
        yield url
    finally:
        stop()

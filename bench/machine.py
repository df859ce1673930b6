"""The machine under the benchmark: which core does what, what a process has used of it, and who else is busy.

The gateway has one core for itself; everything that loads it shares the others, so that both never wait for each other.
"""

import os
import platform
import resource
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
GATEWAY_CORES = {CORES[-1]}
LOAD_CORES = set(CORES[:-1]) or GATEWAY_CORES
TICK = os.sysconf("SC_CLK_TCK")


def pinned(cores: set[int]) -> Callable[[], None]:
    """For `preexec_fn`: the process and all that it starts stay on these cores."""
    return lambda: os.sched_setaffinity(0, cores)


def cpu_seconds(pids: Iterable[int]) -> float:
    """What these processes, all their threads counted, have run so far. The scheduler counts in nanoseconds, which
    the usual figures of a process round to hundredths of a second."""
    total = 0
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(thread.read_text().split()[0])
            except (OSError, IndexError):
                continue  # it ended between the listing and the reading
    return total / 1e9


def memory_mb(pids: Iterable[int]) -> float:
    """Resident memory of these processes."""
    return (
        sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
        * resource.getpagesize()
        / 1e6
    )


def family(pid: int) -> list[int]:
    """A process and all that it has started."""
    found = [pid]
    for process in found:
        try:
            children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        except OSError:
            continue
        found += [int(child) for child in children]
    return found


@dataclass(frozen=True)
class Busy:
    """Core seconds that were spent so far: by everybody, and by the load generators that have ended."""

    everybody: float
    ended: float

    @classmethod
    def now(cls) -> "Busy":
        user, nice, system, _idle, _wait, irq, soft, *_ = (
            int(figure) for figure in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        )
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return cls((user + nice + system + irq + soft) / TICK, children.ru_utime + children.ru_stime)


def described() -> dict[str, object]:
    """What a reader of the figures wants to know of the machine."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "cores": len(CORES),
        "processor": model,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average_at_start": round(os.getloadavg()[0], 2),
    }

"""Rounds of samples, interleaved: in every round each contender is measured under each load once, one after the
other, so that what disturbs the machine for a while disturbs all of them. What counts is the median of the rounds.

A sample that was taken while others used much of the machine is taken again, a few times at most.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.contenders import PATH, Contender
from bench.machine import Busy, cpu_seconds
from bench.programs import Ask, Programs, ask

FOREIGN_CORES = 0.35
"""More than this of the machine in other hands spoils a sample."""
TRIES = 3
NOISY_SPREAD = 0.25
"""A spread of CPU per request between rounds (the quarter above over the quarter below) from which on nobody should
believe the figures."""


@dataclass(frozen=True)
class Load:
    """A way of asking, and who can take it; nobody named is everybody."""

    name: str
    ask: Ask
    only: frozenset[str] = frozenset()

    def is_for(self, contender: str) -> bool:
        return not self.only or contender in self.only


@dataclass
class Samples:
    """Of one contender under one load: each figure, one value per round."""

    figures: dict[str, list[float]] = field(default_factory=dict)
    foreign: list[float] = field(default_factory=list)

    def add(self, figures: Mapping[str, float], foreign: float) -> None:
        for name, value in figures.items():
            self.figures.setdefault(name, []).append(value)
        self.foreign.append(foreign)

    def median(self, name: str) -> float:
        return statistics.median(self.figures[name])

    def spread(self, name: str) -> float:
        """The distance of the middle half of the rounds, as a share of the median; 0 for one round."""
        values = self.figures.get(name, [])
        if len(values) < 2 or not statistics.median(values):
            return 0
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return (high - low) / statistics.median(values)


Results = dict[tuple[str, str], Samples]
"""By contender and load."""


def run(
    programs: Programs,
    upstream_pid: int,
    contenders: Sequence[Contender],
    loads: Sequence[Load],
    *,
    rounds: int,
    say: Callable[[str], None],
) -> Results:
    """All loads on all contenders, interleaved. A contender that fails under a load is left out of it from then on."""
    results: Results = {}
    failed: set[tuple[str, str]] = set()
    for contender in contenders:
        _sample(programs, upstream_pid, contender, Ask("gpt-5-mini", 32, 0.7))
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for load in loads:
            for contender in contenders:
                place = (contender.name, load.name)
                if not load.is_for(contender.name) or place in failed:
                    continue
                figures, foreign = undisturbed(programs, upstream_pid, contender, load.ask)
                if not figures["requests"] or figures["failures"] or figures["unanswered"]:
                    failed.add(place)
                    results.pop(place, None)
                    say(f"{contender.name}, {load.name}: failed with status {figures['last_status']:.0f}")
                    continue
                results.setdefault(place, Samples()).add(figures, foreign)
    return results


def undisturbed(
    programs: Programs, upstream_pid: int, contender: Contender, asked: Ask
) -> tuple[dict[str, float], float]:
    """The sample with the least in other hands of up to `TRIES`."""
    best: tuple[dict[str, float], float] | None = None
    for _ in range(TRIES):
        sample = _sample(programs, upstream_pid, contender, asked)
        if best is None or sample[1] < best[1]:
            best = sample
        if best[1] < FOREIGN_CORES:
            break
    assert best is not None
    return best


def _sample(
    programs: Programs, upstream_pid: int, contender: Contender, asked: Ask
) -> tuple[dict[str, float], float]:
    """What the clients saw, CPU per request and per chunk beside it; and the cores that others used meanwhile."""
    pids = contender.pids()
    busy, gateway, upstream = Busy.now(), cpu_seconds(pids), cpu_seconds([upstream_pid])
    figures = ask(programs, contender.port, PATH, contender.keys, asked, contender.headers)
    used = cpu_seconds(pids) - gateway
    upstream = cpu_seconds([upstream_pid]) - upstream
    after = Busy.now()
    own = used + upstream + after.ended - busy.ended
    foreign = max(0.0, after.everybody - busy.everybody - own) / figures["seconds"]
    figures["per_second"] = figures["requests"] / figures["seconds"]
    figures["cpu_us"] = 1e6 * used / max(1, figures["requests"])
    if asked.is_stream:
        figures["chunk_us"] = 1e6 * used / max(1, figures["chunks"])
        figures["chunks_per_second"] = figures["chunks"] / figures["seconds"]
    return figures, foreign


def noise(results: Results) -> list[str]:
    """What speaks against believing these figures; nothing when the machine was quiet."""
    doubts = []
    foreign = statistics.median(value for samples in results.values() for value in samples.foreign)
    if foreign > FOREIGN_CORES:
        doubts.append(f"others used {foreign:.2f} cores while samples were taken (limit {FOREIGN_CORES})")
    for (contender, load), samples in results.items():
        name = "chunk_us" if "chunk_us" in samples.figures else "cpu_us"
        spread = samples.spread(name)
        if contender != "direct" and spread > NOISY_SPREAD:
            doubts.append(
                f"{contender}, {load}: CPU differs by {spread:.0%} between rounds (limit {NOISY_SPREAD:.0%})"
            )
    return doubts

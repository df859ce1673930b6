"""Kill a process at a random moment of its work: when the so many-th thing of some kind happens, or a few
milliseconds later, so that every step of a request is hit, commits under way too."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["arrived", "step", "ended", "head", "piece", "finished"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LATEST = {"arrived": 150, "step": 600, "ended": 120, "head": 150, "piece": 600, "finished": 150}
LONGEST_DELAY_MS = 30


@dataclass
class Moment:
    """`happened` is called for everything that happens; at the moment itself `act` is, once."""

    kind: Kind
    count: int
    delay_ms: float
    act: Callable[[], None]
    seen: int = 0

    def happened(self, kind: str) -> None:
        if kind != self.kind:
            return
        self.seen += 1
        if self.seen == self.count:
            asyncio.get_running_loop().call_later(self.delay_ms / 1000, self.act)


def drawn(chance: random.Random, act: Callable[[], None]) -> Moment:
    kind = chance.choice(KINDS)
    delay_ms = chance.choice((0.0, chance.uniform(0, LONGEST_DELAY_MS)))
    return Moment(kind, chance.randint(1, LATEST[kind]), delay_ms, act)

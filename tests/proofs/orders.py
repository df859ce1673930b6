"""What is asked in a proof. Every request carries in its prompt what the upstream is to make of it, and is recognised
again on all three sides: the customer's log, the upstream's, and the ledger, where the tokens of its prompt are its
number beyond `PROMPT_TOKENS`, as reported and as estimated."""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from models.ledger import Usage

CHAT_MODELS: Final = ("gpt-5", "gpt-5-mini")
TRANSLATED_MODELS: Final = ("codex-1", "claude-opus-4-7", "claude-sonnet-4-6")
MODELS: Final = (*CHAT_MODELS, *TRANSLATED_MODELS)
PROMPT_TOKENS: Final = 150
BYTES_PER_TOKEN: Final = 3
"""By which the gateway estimates a prompt."""

Fault = Literal["none", "status", "limited", "cut", "event", "silent", "garbage", "zero"]
"""Of the upstream: it answers 500 or 429, breaks off, sends an error event, reports no usage, sends nonsense, or
reports that nothing was used."""
UPSTREAM_FAULTS: Final[tuple[Fault, ...]] = ("status", "limited", "cut", "event", "silent", "garbage")
Leaving = Literal["never", "before", "within"]
"""When the customer hangs up: before anything came, or after the first piece."""

_TOLD: Final = re.compile(
    rb"proof customer=(\d+) number=(\d+) used=(\d+),(\d+),(\d+) fault=(\w+) pause=(\d+);"
)


@dataclass(frozen=True, slots=True)
class Order:
    """`error` is by how much the real prompt is longer than its estimate. `cached` is the share of it that was read
    from a cache. `bound` is the customer's own bound on output."""

    customer: int
    number: int
    model: str = "gpt-5-mini"
    is_stream: bool = False
    output: int = 7
    cached: int = 0
    error: int = 0
    fault: Fault = "none"
    leaves: Leaving = "never"
    pause_ms: int = 0
    bound: int | None = None
    shows_usage: bool = True

    @property
    def name(self) -> tuple[int, int]:
        return self.customer, self.number

    @property
    def prompt_estimate(self) -> int:
        return PROMPT_TOKENS + self.number

    @property
    def usage(self) -> Usage:
        """What the upstream reports, if it comes to that."""
        if self.fault == "zero":
            return Usage()
        fresh = self.prompt_estimate + self.error - self.cached
        return Usage(input_tokens=fresh, cache_read_tokens=self.cached, output_tokens=self.output)

    @property
    def body(self) -> bytes:
        """Of exactly as many bytes as make the gateway estimate `prompt_estimate` tokens."""
        used = self.usage
        told = (
            f"proof customer={self.customer} number={self.number} "
            f"used={used.input_tokens},{used.cache_read_tokens},{used.output_tokens} "
            f"fault={self.fault} pause={self.pause_ms};"
        )
        asked: dict[str, Any] = {"model": self.model, "messages": [{"role": "user", "content": told}]}
        if self.is_stream:
            asked["stream"] = True
            if self.shows_usage:
                asked["stream_options"] = {"include_usage": True}
        if self.bound is not None:
            asked["max_completion_tokens"] = self.bound
        missing = BYTES_PER_TOKEN * self.prompt_estimate - len(json.dumps(asked))
        assert missing >= 0, "PROMPT_TOKENS is too small for what is told"
        asked["messages"][0]["content"] += "x" * missing
        return json.dumps(asked).encode()


@dataclass(frozen=True, slots=True)
class Told:
    """What the upstream reads out of a request."""

    name: tuple[int, int]
    usage: Usage
    fault: str
    pause_ms: int


def told(body: bytes) -> Told:
    found = _TOLD.search(body)
    assert found, "a request that no proof has sent"
    customer, number, fresh, cached, output, _, pause = (
        int(part) if part.isdigit() else 0 for part in found.groups()
    )
    usage = Usage(input_tokens=fresh, cache_read_tokens=cached, output_tokens=output)
    return Told((customer, number), usage, found[6].decode(), pause)


UNKNOWN_MODEL: Final = "gpt-nowhere"


def mixed(
    chance: random.Random,
    customer: int,
    number: int,
    *,
    faults: float = 0.0,
    leaving: float = 0.0,
    unknown: float = 0.0,
) -> Order:
    """One request of a mixed load: any model, plain or streamed, and now and then a fault on either side, or a model
    that does not exist."""
    if chance.random() < unknown:
        return Order(customer, number, model=UNKNOWN_MODEL)
    fault: Fault = chance.choice(UPSTREAM_FAULTS) if chance.random() < faults else "none"
    leaves: Leaving = "never"
    if fault == "none" and chance.random() < leaving:
        leaves = chance.choice(("before", "within"))
    elif fault == "none" and chance.random() < 0.03:
        fault = "zero"
    return Order(
        customer,
        number,
        model=chance.choice(MODELS),
        is_stream=chance.random() < 0.5 or leaves == "within",
        output=chance.randint(0, 900),
        cached=chance.choice((0, 0, 0, chance.randint(0, PROMPT_TOKENS))),
        fault=fault,
        leaves=leaves,
        pause_ms=chance.choice((0, 0, 1, 2, 5)) if leaves == "never" else 5,
    )


def shuffled(chance: random.Random, orders: Sequence[Order]) -> list[Order]:
    """In any order, but each customer's own in theirs."""
    turns = [order.customer for order in orders]
    chance.shuffle(turns)
    waiting: dict[int, list[Order]] = {}
    for order in reversed(orders):
        waiting.setdefault(order.customer, []).append(order)
    return [waiting[customer].pop() for customer in turns]

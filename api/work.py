"""What is known of one request, from its arrival to its end, and what its exchange works with."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from api import wires
from api.admission import Admission
from api.breaker import Breakers
from api.client import Headers
from api.errors import GatewayError
from api.metering import Ledger
from api.providers.base import Provider, UpstreamCall
from api.second_try import SecondTries
from api.types import Envelope, Reply, Target, WireName
from api.wires import Reader
from api.wires.crowds import check_crowd
from api.wires.custom_calls import RestoringReader, restored
from models.keys import Principal
from models.ledger import Note
from models.live import Lease
from models.notices import Notices


class Running(Protocol):
    """An exchange under way, for those who look after all of them."""

    @property
    def call(self) -> "Call": ...

    def progress(self) -> Note | None:
        """How far its stream has come since this was asked last; None when there is nothing new to note."""

    def end(self, error: GatewayError) -> None:
        """Cut it and tell its client why. Without effect on one that is ending already."""


@dataclass(slots=True)
class Work:
    """What is known of one request so far; filled step by step."""

    id: str
    front: WireName
    admitted_ms: int
    model: str = ""
    principal: Principal | None = None
    envelope: Envelope | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request that may run: admitted, translated, ready to be sent."""

    work: Work
    principal: Principal
    envelope: Envelope
    target: Target
    lease: Lease
    upstream: UpstreamCall
    headers: Headers
    custom_tools: frozenset[str] = frozenset()
    others: Sequence[Target] = ()
    retargeted: Callable[[Target], "Call"] | None = None
    """The same request for one of the `others`; slow, and may raise GatewayError."""

    def reader(self) -> Reader:
        """For the stream of a target on another wire."""
        return RestoringReader(wires.upstream(self.target.wire).reader(), self.custom_tools)

    def parse_reply(self, body: bytes) -> Reply:
        """The same for a plain answer. Raises BadReply."""
        check_crowd(body)
        return restored(wires.upstream(self.target.wire).parse_reply(body), self.custom_tools)

    @property
    def is_same_wire(self) -> bool:
        return self.target.wire == self.work.front

    @property
    def rename(self) -> tuple[str, str] | None:
        """Upstream id to the id that the client asked for, where they differ."""
        upstream, asked = self.target.upstream_model, self.envelope.model
        return None if upstream == asked else (upstream, asked)


@dataclass(frozen=True, slots=True)
class Parts:
    """What an exchange works with. `running` holds all exchanges under way by their tasks, which a stopping server
    waits for. `silence_seconds` is how long a stream may be quiet."""

    providers: Mapping[str, Provider]
    admission: Admission
    ledger: Ledger
    clock: Callable[[], float]
    notices: Notices
    silence_seconds: float
    breakers: Breakers
    second_tries: SecondTries
    running: dict[asyncio.Task[None], Running] = field(default_factory=dict)

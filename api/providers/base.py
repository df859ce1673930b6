"""What the gateway needs of a vendor: whether it can be used, and one upstream try."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from api.errors import Kind
from api.types import WireName

MAX_REPLY_BYTES: Final = 16 * 1024 * 1024
"""The largest answer that is held whole: ten times the longest that any model can write, and while it is read it
costs up to three times its size."""


@dataclass(frozen=True, slots=True)
class UpstreamCall:
    """One try: the wire decides the path, `body` is sent as it is. `is_whole`: the client waits for the whole answer,
    which has a time limit in all then, however it is asked for upstream."""

    wire: WireName
    body: bytes
    is_stream: bool
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Of one try, in seconds: until the connection stands, from then until the headers of the answer, the longest
    silence after them, and in all where the client waits for the whole answer."""

    connect: float = 10
    first_byte: float = 600
    idle: float = 600
    total: float = 900


@dataclass(frozen=True, slots=True)
class Access:
    """Where a vendor is and what opens it. `vendor` is the kind of API where the provider's own name does not say
    it. Without the key that it needs a provider's models are unavailable."""

    base_url: str
    key: str | None
    vendor: str = ""
    needs_key: bool = True

    @property
    def is_open(self) -> bool:
        return bool(self.key) or not self.needs_key


class UpstreamFailure(Exception):
    """No answer came, or it broke off. `kind` is what the client is told; the text is for the log only. `is_second`:
    the provider had tried twice."""

    is_second = False

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind: Kind = kind


class UpstreamReply(Protocol):
    """Status and headers are there; the body is read once, whole or in pieces as they come. `is_second`: the provider
    had asked once before, in another way."""

    status: int
    headers: Mapping[str, str]
    is_second: bool

    async def read(self) -> bytes:
        """The whole body. Raises UpstreamFailure when it breaks off, stalls or passes the size limit."""

    async def next_chunk(self) -> bytes:
        """The next piece as it arrives, b"" at the end; may be cancelled and called again without loss.
        Raises UpstreamFailure when the connection breaks or stalls."""

    def close(self) -> None:
        """Give the connection back, or cut it when the body was not read to its end. Never waits."""


class Provider(Protocol):
    """`is_available` is false while no credential is configured: then nothing is ever sent."""

    name: str
    is_available: bool

    async def send(self, call: UpstreamCall) -> UpstreamReply:
        """Raises UpstreamFailure when there is no answer at all."""

"""What a format means, pure: each module here is one wire, offered as module-level functions.

A wire does no I/O and knows no clock and no settings; what lasts longer than one call lives in the reader,
writer or watcher of one stream. An **upstream wire** is spoken to a vendor, a **front wire** by a client; the
OpenAI Chat wire is both. Where client and target share a wire, `peek`, `pass_request` and then `pass_reply` or
`watcher` are all that runs; otherwise a request goes parse_request -> render_request and its answer
parse_reply -> render_reply, or reader -> writer.
"""

from functools import cache
from typing import Protocol

from api.errors import GatewayError
from api.sse import SseEvent
from api.types import Envelope, Event, Reply, Request, StopReason, Target, WireName
from models.ledger import Usage


class BadReply(Exception):
    """What the upstream sent is not an answer of its wire; told to the client as `upstream_error`."""


class Reader(Protocol):
    """One upstream stream on its way to canonical events. Feeding it after the end does nothing."""

    @property
    def is_finished(self) -> bool:
        """The wire's own proper end was seen; a connection that closes before it was cut."""

    @property
    def usage(self) -> Usage | None:
        """The last complete report, also in the middle of the stream; reports replace, they never add up."""

    def feed(self, event: SseEvent) -> list[Event]: ...


class Writer(Protocol):
    """One client stream. `write` may answer b""; after a `Failed` nothing may follow."""

    def write(self, event: Event) -> bytes: ...

    def end(self) -> bytes:
        """What a client takes for the proper end: sent only once the final row is in the ledger."""


class Watcher(Protocol):
    """Lets one same-wire stream through and notes what must be billed. See the wire for what it withholds."""

    @property
    def usage(self) -> Usage | None: ...

    @property
    def is_finished(self) -> bool: ...

    @property
    def stop(self) -> StopReason | None: ...

    @property
    def output_chars(self) -> int:
        """About how many characters the model has said so far, to settle a stream that was cut."""

    @property
    def error(self) -> GatewayError | None:
        """The failure that the upstream reported inside the stream; its own words were withheld."""

    def feed(self, chunk: bytes) -> bytes: ...

    def close(self) -> bytes: ...


class UpstreamWire(Protocol):
    """How a vendor is asked and how its answers are read."""

    def render_request(self, request: Request, target: Target, *, output_tokens: int | None) -> bytes:
        """The body to send; the same request gives the same bytes. `output_tokens` is the granted bound,
        None where no cap applies. Raises GatewayError naming the client's parameter that the target lacks."""

    def parse_reply(self, body: bytes) -> Reply:
        """Raises BadReply if this is not an answer of the wire."""

    def reader(self) -> Reader: ...

    def parse_error(self, status: int, body: bytes) -> GatewayError:
        """An upstream's error as the client may know it; it holds no facts of the operator's organisation."""


class FrontWire(Protocol):
    """How a client asks and is answered."""

    @property
    def DONE(self) -> bytes:  # noqa: N802  a constant of the module
        """What ends a stream that a watcher let through; the watcher itself withholds it."""

    def peek(self, body: bytes) -> Envelope: ...

    def pass_request(
        self, envelope: Envelope, target: Target, *, output_tokens: int | None, salt: str
    ) -> bytes:
        """The body for a target on this same wire: the client's, less what the gateway has to change in it.
        `output_tokens` is the granted bound; `salt` keeps one customer's end users apart from another's."""

    def pass_reply(
        self, body: bytes, *, rename: tuple[str, str] | None
    ) -> tuple[bytes, Usage | None, StopReason | None]:
        """A plain answer for a client of this same wire. `rename` is the upstream's id of the model and the
        client's. Raises BadReply if this is not an answer of the wire."""

    def parse_request(self, envelope: Envelope, *, salt: str) -> Request:
        """For a target on another wire. Raises GatewayError (400) naming the parameter. `salt` as above."""

    def render_reply(self, reply: Reply, *, id: str, created: int, model: str) -> bytes: ...

    def writer(self, *, id: str, created: int, model: str, wants_usage: bool) -> Writer: ...

    def watcher(self, *, hide_usage: bool, rename: tuple[str, str] | None) -> Watcher: ...

    def render_error(self, error: GatewayError) -> bytes: ...

    def stream_error(self, error: GatewayError) -> bytes: ...


@cache
def upstream(name: WireName) -> UpstreamWire:
    """The wire of a target."""
    # Imported here because every wire imports this module for its contract.
    match name:
        case "openai_chat":
            from api.wires import openai_chat

            return openai_chat
        case "openai_responses":
            from api.wires import openai_responses

            return openai_responses
        case "anthropic_messages":
            from api.wires import anthropic_messages

            return anthropic_messages


@cache
def front(name: WireName) -> FrontWire:
    """The wire of a path; KeyError where the gateway does not answer in it."""
    if name == "openai_chat":
        from api.wires import openai_chat

        return openai_chat
    raise KeyError(name)

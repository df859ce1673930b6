"""Clients that hang up, at every point of an answer, and clients that read nothing."""

import json
import socket
import struct
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from faults import answers, houses, plays
from faults.server import PATIENCE_SECONDS, Call, FaultServer
from gateways import Gateway

from api.providers import Timeouts
from models import keys

SLOW_READER_BYTES = 16 * 2**20


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, server: FaultServer) -> Iterator[Gateway]:
    """With timeouts that no test reaches: what ends here, the client's leaving has ended."""
    models = [houses.model(wire, houses.target(wire)) for wire in houses.WIRES]
    places = houses.access(faulty=houses.addresses(server))
    directory = tmp_path_factory.mktemp("gateway")
    with houses.gateway(directory, places, models, timeouts=Timeouts()) as running:
        yield running


@pytest.fixture(scope="module")
def issued(gateway: Gateway) -> keys.Issued:
    issued = gateway.key(gateway.account())
    gateway.limit(issued, "monthly_tokens", 10**9)
    return issued


class Client:
    """A raw connection that has sent one request."""

    def __init__(
        self, gateway: Gateway, issued: keys.Issued, asked: dict[str, object], *, buffer: int = 0
    ) -> None:
        address = urlsplit(gateway.base_url)
        self._socket = socket.socket()
        if buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.settimeout(PATIENCE_SECONDS)
        self._socket.connect((address.hostname, address.port))
        body = json.dumps(asked).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(body)}\r\n"
            f"Authorization: Bearer {issued.secret}\r\nContent-Type: application/json\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)

    def read(self) -> bytes:
        return self._socket.recv(1)

    def leave(self, *, by_reset: bool) -> None:
        if by_reset:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


class Held:
    """A play that sends the first `pieces` of a right answer, headers being the first, tells so and waits."""

    def __init__(self, pieces: int) -> None:
        self._pieces = pieces
        self._came = threading.Event()

    async def __call__(self, call: Call) -> None:
        events = answers.events(call.wire) if call.is_stream else _bytewise(answers.plain(call.wire))
        if self._pieces:
            await plays.send_head(call)
        for event in events[: max(0, self._pieces - 1)]:
            await plays.send_chunk(call, event)
        self._came.set()
        await call.hung_up()

    def wait(self) -> None:
        assert self._came.wait(PATIENCE_SECONDS)


def _bytewise(body: bytes) -> list[bytes]:
    """A plain answer in five pieces."""
    size = len(body) // 5 + 1
    return [body[start : start + size] for start in range(0, len(body), size)]


def points(wire: str, *, stream: bool) -> range:
    """At how many pieces a client may leave before the upstream has said that it is done."""
    if not stream:
        return range(6)
    return range(1 + len(answers.events(wire)))  # type: ignore[arg-type]


CELLS = [
    pytest.param(wire, stream, pieces, id=f"{wire}-{'stream' if stream else 'plain'}-{pieces}")
    for wire in houses.WIRES
    for stream in (True, False)
    for pieces in points(wire, stream=stream)
]
GATHERED = [
    pytest.param("gathered", False, pieces, id=f"gathered-{pieces}")
    for pieces in points("messages", stream=True)
]


@pytest.mark.parametrize(("wire", "stream", "pieces"), [*CELLS, *GATHERED])
def test_P_C1_a_client_that_leaves_at_any_point_ends_the_upstream_call_and_is_metered_once(
    wire: str, stream: bool, pieces: int, gateway: Gateway, issued: keys.Issued, server: FaultServer
) -> None:
    held = Held(pieces)
    server.play = held
    bound = 50_000 if wire == "gathered" else 50
    model = "messages" if wire == "gathered" else wire
    known = {row.id for row in gateway.rows()}
    client = Client(gateway, issued, houses.asked(model, stream=stream, max_completion_tokens=bound))
    held.wait()
    client.leave(by_reset=pieces % 2 == 0)
    server.settled()
    gateway.run(gateway.idle())
    rows = gateway.rows()
    (row,) = (row for row in rows if row.id not in known)
    assert (row.state, row.outcome, row.error_code) == ("final", "client_abort", "client_abort")
    assert row.is_estimated
    assert row.total_tokens > 0
    _check_sums(gateway, issued)


def test_P_C1_a_crowd_that_leaves_at_once_gives_every_connection_back(
    gateway: Gateway, issued: keys.Issued, server: FaultServer
) -> None:
    known = len(gateway.rows())
    plays_of = [Held(pieces) for pieces in (0, 1, 3, 5) for _ in range(10)]
    left = list(plays_of)

    async def play(call: Call) -> None:
        await left.pop()(call)

    server.play = play
    asked = [houses.asked(wire, stream=stream) for wire in houses.WIRES for stream in (True, False)]
    clients = [Client(gateway, issued, asked[number % len(asked)]) for number in range(len(plays_of))]
    for held in plays_of:
        held.wait()
    assert gateway.transport.in_use == len(clients)
    for number, client in enumerate(clients):
        client.leave(by_reset=number % 2 == 0)
    server.settled()
    gateway.run(gateway.idle())
    rows = gateway.rows()
    assert len(rows) - known == len(clients)
    assert {row.state for row in rows} == {"final"}
    _check_sums(gateway, issued)


@pytest.mark.parametrize("wire", houses.WIRES)
def test_P_C3_a_client_that_reads_nothing_holds_the_upstream_back(
    wire: str, gateway: Gateway, issued: keys.Issued, server: FaultServer
) -> None:
    flood = plays.Flood()
    server.play, server.sent = flood, 0
    client = Client(gateway, issued, houses.asked(wire, stream=True), buffer=4096)
    assert client.read() == b"H"
    assert flood.all_held.wait(PATIENCE_SECONDS)
    assert server.sent < SLOW_READER_BYTES
    (running,) = gateway.pipeline.parts.running.values()
    before = server.sent
    for _ in range(10):  # others are served meanwhile
        server.play = plays.well
        other = Client(gateway, issued, houses.asked(wire, stream=True))
        assert other.read() == b"H"
        other.leave(by_reset=False)
    assert server.sent - before < 2**20
    assert running in gateway.pipeline.parts.running.values()
    client.leave(by_reset=True)
    server.settled()
    gateway.run(gateway.idle())
    assert {row.state for row in gateway.rows()} == {"final"}
    _check_sums(gateway, issued)


def _check_sums(gateway: Gateway, issued: keys.Issued) -> None:
    """What the limiter counts for this key is what its rows say, and nothing is held."""
    key = issued.key
    assert key.id is not None
    tokens = sum(row.total_tokens for row in gateway.rows() if row.key_id == key.id)
    standing = gateway.run(gateway.live.standing(key.account_id, key.id, houses.NO_LIMITS))[1]
    assert (standing.reserved, standing.settled) == (0, tokens)

"""An upstream that breaks in whatever way a test wants: real loopback sockets, and no library that would behave.

    with FaultServer() as server:
        server.play = plays.reset_in_the_middle
        ... point a gateway at server.openai_base_url and server.anthropic_base_url ...
        assert server.open_calls == 0

It runs in a thread with its own event loop. Each connection carries one call, read to the end of its body; the play
then does to the connection what it wants. `sent` counts the bytes that the other side's sockets took.
"""

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Literal, Self

Wire = Literal["chat", "responses", "messages"]
PATIENCE_SECONDS = 20
_WIRES: dict[str, Wire] = {"/chat/completions": "chat", "/responses": "responses", "/messages": "messages"}


class Call:
    """One request as it came, and the connection to answer on."""

    def __init__(self, server: "FaultServer", head: bytes, body: bytes, streams: "Streams") -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.path = lines[0].split(" ")[1]
        self.wire = next(wire for end, wire in _WIRES.items() if self.path.endswith(end))
        self.json: Any = json.loads(body)
        self.is_stream = bool(self.json.get("stream"))
        self._server = server
        self._reader, self._writer = streams

    async def send(self, *pieces: bytes) -> None:
        """Waits until the socket took each piece. Raises ConnectionError once the other side has closed."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            self._server.sent += len(piece)

    async def hung_up(self) -> None:
        """Returns when the other side has closed: nothing else can come from it."""
        with contextlib.suppress(ConnectionError):
            await self._reader.read(1)

    async def gone_within(self, seconds: float) -> bool:
        """Whether the other side closed in this time."""
        try:
            async with asyncio.timeout(seconds):
                await self.hung_up()
        except TimeoutError:
            return False
        return True

    def reset(self) -> None:
        """A TCP reset, as a killed process or a balancer sends it."""
        bound: socket.socket = self._writer.get_extra_info("socket")
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Play = Callable[[Call], Awaitable[None]]


class FaultServer:
    """`calls` holds every call that was read, `connections` counts what was accepted."""

    def __init__(self) -> None:
        self.play: Play | None = None
        self.calls: list[Call] = []
        self.connections = 0
        self.open_calls = 0
        self.sent = 0
        self.broken: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faults", daemon=True)
        self._listening: asyncio.Server | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self.die()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()

    @property
    def anthropic_base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def openai_base_url(self) -> str:
        return f"{self.anthropic_base_url}/v1"

    def die(self) -> None:
        """Every connection is cut and new ones are refused."""
        self._run(self._die())

    def rise(self) -> None:
        """Listens again on the same port."""
        self._run(self._listen())

    def settled(self) -> None:
        """Returns when no call is under way: each was answered to its end, or its client has hung up."""
        self._run(self._settled())

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=2**24)
        self._port = self._listening.sockets[0].getsockname()[1]

    async def _die(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        serving = [task for task in asyncio.all_tasks() if task.get_name().startswith("call")]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _settled(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.open_calls:  # noqa: ASYNC110  the calls end in their own time
                await asyncio.sleep(0.001)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        task.set_name(f"call {self.connections}")
        self.open_calls += 1
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side went, or this one is to
        except Exception as error:
            self.broken.append(repr(error))
            raise
        finally:
            self.open_calls -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        call = Call(self, head, await reader.readexactly(length), (reader, writer))
        self.calls.append(call)
        assert self.play is not None
        await self.play(call)

"""`make bench-gate`: what one request costs in counts that do not depend on the machine's mood, against the numbers in
gate.json. A count that grew beyond its tolerance fails the gate; one that fell is told, so that the numbers follow.

The gateway runs here, all of it but the server and the pages, with the real upstream client, the real ledger on
SQLite and asyncio's own loop; one request at a time is counted, after others have warmed everything up. Counted are,
per request:

- `decodes`: JSON values that were decoded, or byte strings that a decoder read
- `own_calls`: Python functions of `api` and `models` that ran, in the loop and in the ledger's thread
- `calls`: Python functions of anything
- `callbacks`: what the event loop ran, so every wake-up of a task
- `tasks`: tasks that were made
- `statements`: what SQLite was asked
- `bodies_held`: for a body of a megabyte, how many copies of it were in memory at once
- `blocks_left`: memory blocks that a request left behind
"""

import asyncio
import gc
import json
import sys
import tempfile
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from api.admission import Admission
from api.auth import Authenticator
from api.gateway import Gateway, create_gateway
from api.metering import Ledger
from api.pipeline import Pipeline
from api.providers import Access, create_providers
from api.providers.base import Timeouts
from api.providers.http import Transport
from api.routing import Router
from bench import programs, report
from bench.contenders import PATH, ROOT
from bench.programs import Ask
from models import accounts, catalog, keys, limits
from models.database import Database
from models.live.memory import MemoryLive
from models.notices import Notices

COMMITTED = Path(__file__).with_name("gate.json")
WARM, COUNTED = 40, 15
BIG_BODY = 1 << 20
OWN = tuple(f"{ROOT / room}/" for room in ("api", "models"))
TOLERANCE = {"calls": 0.03, "own_calls": 0.01, "callbacks": 0.05, "bodies_held": 0.05, "blocks_left": 0.0}
"""By how much a count may grow; others not at all. Libraries and the network's mood move some a little."""
SLACK = {"blocks_left": 2.0, "callbacks": 2.0}
"""And by how much in any case."""
Counts = dict[str, dict[str, float]]


class Counting:
    """What happens while it is on, in the loop's thread and in all that started after it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.is_on = False

    def profile(self, frame: FrameType, what: str, function: Any) -> None:
        if not self.is_on:
            return
        if what == "call":
            self.counts["calls"] += 1
            if frame.f_code.co_filename.startswith(OWN):
                self.counts["own_calls"] += 1
        elif what == "c_call" and getattr(function, "__name__", "") in ("decode", "loads"):
            owner = getattr(function, "__self__", None)
            if type(owner).__module__.startswith("msgspec") or function.__name__ == "loads":
                self.counts["decodes"] += 1

    def statement(self, _: str) -> None:
        if self.is_on:
            self.counts["statements"] += 1


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts what it is asked to run soon, and the tasks it makes."""

    def __init__(self, counting: Counting) -> None:
        super().__init__()
        self._counting = counting
        self.set_task_factory(self._task)

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        if self._counting.is_on:
            self._counting.counts["callbacks"] += 1
        return super().call_soon(callback, *args, context=context)

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        if self._counting.is_on:
            self._counting.counts["callbacks"] += 1
        return super().call_soon_threadsafe(callback, *args, context=context)

    def _task(self, loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
        if self._counting.is_on:
            self._counting.counts["tasks"] += 1
        return asyncio.Task(work, loop=loop, **more)


class Parts:
    """The gateway, put together as the program does it."""

    def __init__(self, directory: Path, upstream_port: int) -> None:
        self.database = Database(f"sqlite:///{directory}/gate.db", durability="normal")
        self.database.migrate()
        self.secret = self.database.run_now(_new_key)
        live = MemoryLive(time.time)
        models = catalog.load(catalog.default_path())
        self.transport = Transport(Timeouts(idle=30))
        address = f"http://127.0.0.1:{upstream_port}"
        access = {"openai": Access(f"{address}/v1", "bench"), "anthropic": Access(address, "bench")}
        providers = create_providers(self.transport, access)
        self.ledger = Ledger(self.database, time.time)
        pipeline = Pipeline(
            authenticator=Authenticator(self.database, live, time.time),
            admission=Admission(live),
            router=Router(models, providers),
            providers=providers,
            ledger=self.ledger,
            clock=time.time,
            max_body=32 << 20,
            notices=Notices(),
        )
        self.pipeline = pipeline
        self.app: Gateway = create_gateway(pipeline, models, version="bench")

    async def ask(self, body: bytes) -> int:
        """One request as a server would hand it over; the status."""
        status = 0
        over = asyncio.Event()
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                over.set()

        await self.app(self._scope(len(body)), receive, send)
        await self.ledger.drained()
        return status

    def _scope(self, length: int) -> dict[str, Any]:
        headers = [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"application/json"),
            (b"authorization", b"Bearer " + self.secret.encode()),
            (b"content-length", b"%d" % length),
        ]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
        }
        return scope | {"path": PATH, "raw_path": PATH.encode(), "query_string": b"", "headers": headers}


def check(*, is_update: bool, say: Callable[[str], None]) -> bool:
    """Whether every count is what it was, or less."""
    counted = count()
    if is_update:
        report.write_json(COMMITTED, dict(counted))
        say(f"Written: {COMMITTED.relative_to(ROOT)}")
    committed: Counts = json.loads(COMMITTED.read_text())
    rows: list[tuple[str, ...]] = [("count", "committed", "now", "")]
    is_good = True
    for kind, counts in counted.items():
        for name, now in counts.items():
            before = committed.get(kind, {}).get(name)
            verdict = "new"
            if before is not None:
                most = before * (1 + TOLERANCE.get(name, 0)) + SLACK.get(name, 0)
                least = before * 0.9 - SLACK.get(name, 0)
                verdict = "GREW" if now > most else "fell: run with --update" if now < least else ""
            is_good = is_good and verdict not in ("GREW", "new")
            rows.append((f"{kind}: {name}", "-" if before is None else f"{before:g}", f"{now:g}", verdict))
    say(report.table(rows))
    say(
        "No count grew."
        if is_good
        else "A count grew: find out why, or commit it with --update and say what for."
    )
    return is_good


def count() -> Counts:
    """All counts, by kind of request."""
    with tempfile.TemporaryDirectory(prefix="starscoo-bench-") as place:
        directory = Path(place)
        made = programs.compile_programs(directory)
        with programs.upstream(made) as (port, _):
            return _count_on(directory, port)


def _count_on(directory: Path, port: int) -> Counts:
    counting = Counting()

    @event.listens_for(Engine, "connect")
    def watch(connection: Any, _: object) -> None:
        connection.set_trace_callback(counting.statement)

    threading.setprofile(counting.profile)
    loop = CountingLoop(counting)
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_story(Parts(directory, port), counting))
    finally:
        threading.setprofile(None)
        event.remove(Engine, "connect", watch)
        loop.close()


async def _story(parts: Parts, counting: Counting) -> Counts:
    await parts.transport.start()
    await parts.ledger.start()
    plain = Ask("gpt-5-mini", 1, 0).body()
    streamed = Ask("gpt-5-mini", 1, 0, is_stream=True, chunks=10, gap_ms=8).body()
    long = plain.replace(b"Name three", b"Name " + b"three " * (BIG_BODY // 6))
    counts: Counts = {}
    for kind, body in (("plain", plain), ("streamed", streamed)):
        for _ in range(WARM):
            assert await parts.ask(body) == 200
        with _still():
            counts[kind] = await _counted(parts, body, counting)
            counts[kind]["blocks_left"] = await _left(parts, body)
    counts["plain"]["bodies_held"] = await _held(parts, long)
    await parts.ledger.stop()
    await parts.transport.stop()
    parts.database.close()
    return counts


@contextmanager
def _still() -> Any:
    """Without the collector, whose moments nobody chooses."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def _counted(parts: Parts, body: bytes, counting: Counting) -> dict[str, float]:
    """The highest count of several requests, one by one: on a busy machine chunks arrive together at times, and cost
    less. Of decodes the lowest: what arrives together with the end of a stream is decoded along with it."""
    seen: dict[str, list[int]] = {}
    names = ("decodes", "own_calls", "calls", "callbacks", "tasks", "statements")
    for _ in range(COUNTED):
        counting.counts.clear()
        sys.setprofile(counting.profile)
        counting.is_on = True
        await parts.ask(body)
        counting.is_on = False
        sys.setprofile(None)
        for name in names:
            seen.setdefault(name, []).append(counting.counts[name])
    return {name: (min if name == "decodes" else max)(values) for name, values in seen.items()}


async def _left(parts: Parts, body: bytes) -> float:
    """Memory blocks per request that are there afterwards; what a full collection finds is not counted."""
    many = 30
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(many):
        await parts.ask(body)
    gc.collect()
    return round(max(0, sys.getallocatedblocks() - before) / many)


async def _held(parts: Parts, body: bytes) -> float:
    """The highest memory while one long request runs, in sizes of its body; the client's own copy is not counted."""
    assert await parts.ask(body) == 200
    tracemalloc.start()
    try:
        await parts.ask(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return round(peak / len(body), 1)


def _new_key(session: Any) -> str:
    limits.ensure_plans(session, starter_requests=1_000, starter_tokens=5_000_000)
    now = int(time.time())
    account = accounts.ensure(session, "bench@example.com", plan="unlimited", now=now)
    assert account.id is not None
    issued = keys.issue(session, account.id, "bench", actor="bench", now=now)
    for name, value in (("hourly_requests", 10**9), ("monthly_tokens", 10**12)):
        limits.set_key_limit(
            session,
            account.id,
            issued.key.public_id,
            name,  # type: ignore[arg-type]
            value,
            actor="bench",
            is_staff=True,
            now=now,
        )
    return issued.secret

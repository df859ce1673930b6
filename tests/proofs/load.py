"""The customers of a proof: many requests at once over real HTTP, and a log of what each of them saw."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Self

import aiohttp

from proofs.orders import Order
from proofs.upstream import Upstream

PATH = "/v1/chat/completions"
IDLE_S = 2
"""After so long a connection is not used again: the server closes it after five, and may do so just then."""


@dataclass(slots=True)
class Seen:
    """What a customer saw of one request. `is_complete`: a whole answer, ended in order. `code` is that of an error,
    as a status or as an event in the stream. `is_broken`: the connection ended in the middle, or never came about;
    `is_nonsense`: an event in it was no JSON."""

    order: Order
    server: str = ""
    status: int | None = None
    request_id: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    tokens: tuple[int, int, int] | None = None
    is_complete: bool = False
    has_output: bool = False
    has_left: bool = False
    is_broken: bool = False
    is_nonsense: bool = False
    code: str | None = None
    began: float = 0.0
    ended: float = 0.0


class Customers:
    """Asks with the keys that it is given, by customer. `on` is told of heads, pieces and ends as they are seen."""

    def __init__(self, secrets: dict[int, str], upstream: Upstream) -> None:
        self.secrets = secrets
        self.on: Callable[[str], None] = lambda _: None
        self.under_way: dict[int, Seen] = {}
        self._upstream = upstream
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S),
            timeout=aiohttp.ClientTimeout(total=120),
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def ask(self, order: Order, url: str) -> Seen:
        """Never raises for what the server does."""
        seen = Seen(order, url, began=monotonic())
        self.under_way[id(seen)] = seen
        try:
            if order.leaves == "before":
                await self._leave_before(order, url, seen)
            else:
                await self._ask(order, url, seen)
        except (aiohttp.ClientError, ConnectionError, json.JSONDecodeError):
            seen.is_broken = True
            seen.is_complete = False
        finally:
            seen.ended = monotonic()
            del self.under_way[id(seen)]
        self.on("finished")
        return seen

    async def remaining(self, customer: int, url: str) -> dict[str, str]:
        """The headers of a free answer: both limits as they stand."""
        assert self._session is not None
        async with self._session.get(f"{url}/v1/models", headers=self._headers(customer)) as answer:
            assert answer.status == 200, await answer.text()
            return dict(answer.headers)

    async def _leave_before(self, order: Order, url: str, seen: Seen) -> None:
        arrival = self._upstream.arrival(order.name)
        asking = asyncio.create_task(self._ask(order, url, seen))
        await asyncio.wait({arrival, asking}, return_when=asyncio.FIRST_COMPLETED)
        seen.has_left = not asking.done()
        asking.cancel()
        results = await asyncio.gather(asking, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]

    async def _ask(self, order: Order, url: str, seen: Seen) -> None:
        assert self._session is not None
        headers = self._headers(order.customer)
        async with self._session.post(url + PATH, data=order.body, headers=headers) as answer:
            seen.status, seen.headers = answer.status, {k.lower(): v for k, v in answer.headers.items()}
            seen.request_id = seen.headers.get("x-request-id")
            self.on("head")
            if answer.headers["content-type"].startswith("text/event-stream"):
                await self._read_stream(answer, order, seen)
            else:
                _note_plain(seen, json.loads(await answer.read()))

    async def _read_stream(self, answer: aiohttp.ClientResponse, order: Order, seen: Seen) -> None:
        async for line in answer.content:
            if not line.startswith(b"data: "):
                continue
            self.on("piece")
            if line.strip() == b"data: [DONE]":
                seen.is_complete = seen.code is None
                continue
            try:
                _note_event(seen, json.loads(line[6:]))
            except json.JSONDecodeError:
                seen.is_nonsense = True
            if order.leaves == "within":
                seen.has_left = True
                answer.close()
                return

    def _headers(self, customer: int) -> dict[str, str]:
        return {"authorization": f"Bearer {self.secrets[customer]}", "content-type": "application/json"}


def _note_plain(seen: Seen, body: Any) -> None:
    if seen.status == 200:
        seen.is_complete = seen.has_output = True
        _note_usage(seen, body)
    else:
        seen.code = str(body["error"]["code"])


def _note_event(seen: Seen, event: Any) -> None:
    if "error" in event:
        seen.code = str(event["error"]["code"])
    elif event["choices"]:
        seen.has_output = True
    _note_usage(seen, event)


def _note_usage(seen: Seen, body: Any) -> None:
    usage = body.get("usage")
    if usage:
        seen.tokens = (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"])


async def at_once(
    ask: Callable[[Order], Awaitable[Seen]], orders: Sequence[Order], *, ways: int
) -> list[Seen]:
    """All of them, so many at a time, beginning in the given order."""
    waiting = iter(orders)
    seen: list[Seen] = []

    async def work(mine: Iterable[Order]) -> None:
        for order in mine:
            seen.append(await ask(order))

    async with asyncio.TaskGroup() as group:
        for _ in range(ways):
            group.create_task(work(waiting))
    return seen

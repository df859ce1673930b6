"""A gateway whose models stand at the fault server, one for each wire, and at addresses where nobody answers."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gateways
import httpx
from faults.server import FaultServer
from gateways import Gateway

from api.providers import Access, Timeouts
from models.catalog import Catalog, Model, Price, TargetEntry
from models.live import Limits

KEY = "upstream-key-canary"
HASTY = Timeouts(connect=0.3, first_byte=0.3, idle=0.3, total=20)
WIRES = {"chat": "openai_chat", "responses": "openai_responses", "messages": "anthropic_messages"}
VENDORS = {"chat": "openai", "responses": "openai", "messages": "anthropic"}
PRICE = Price(input_nusd=10**9, cache_read_nusd=10**9, cache_write_nusd=10**9, output_nusd=2 * 10**9)


def model(name: str, *targets: TargetEntry) -> Model:
    return Model(
        id=name,
        owned_by="test",
        context_tokens=1000,
        max_output_tokens=100_000,
        default_output_tokens=100,
        sampling="fixed",
        efforts=("low",),
        targets=targets,
    )


def target(wire: str, place: str = "faulty", price: Price = PRICE) -> TargetEntry:
    """At the provider of this wire that stands at `place`."""
    return TargetEntry(f"{VENDORS[wire]}-{place}", f"up-{wire}", (WIRES[wire],), price)


def access(**places: tuple[str, str]) -> dict[str, Access]:
    """Of all vendors at all places; a place is its two base URLs."""
    return {
        f"{vendor}-{place}": Access(urls[vendor == "anthropic"], KEY, vendor)
        for place, urls in places.items()
        for vendor in ("openai", "anthropic")
    }


def addresses(server: FaultServer) -> tuple[str, str]:
    return server.openai_base_url, server.anthropic_base_url


@contextmanager
def nobody() -> Iterator[tuple[str, str]]:
    """A port that refuses: it is bound, so that nobody else gets it, and not listened at."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        yield f"{url}/v1", url


@contextmanager
def black_hole() -> Iterator[tuple[str, str]]:
    """A port whose queue is full: who knocks hears nothing at all."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        waiting = []
        for _ in range(4):
            knock = socket.socket()
            knock.setblocking(False)
            knock.connect_ex(listening.getsockname())
            waiting.append(knock)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            yield f"{url}/v1", url
        finally:
            for knock in waiting:
                knock.close()


@contextmanager
def gateway(
    directory: Path, places: dict[str, Access], models: list[Model], **more: Any
) -> Iterator[Gateway]:
    offer = Catalog({one.id: one for one in models})
    with gateways.running_gateway(directory, places, offer=offer, **{"timeouts": HASTY, **more}) as running:
        yield running


@contextmanager
def customer(running: Gateway) -> Iterator[httpx.Client]:
    """Alice, with a monthly cap: her requests reserve tokens."""
    issued = running.key(running.account())
    running.limit(issued, "monthly_tokens", 10**9)
    headers = {"Authorization": f"Bearer {issued.secret}"}
    with httpx.Client(base_url=running.base_url, headers=headers, timeout=60, trust_env=False) as client:
        yield client


def asked(name: str, *, stream: bool, **more: object) -> dict[str, object]:
    messages = [{"role": "user", "content": "Say hello"}]
    return {"model": name, "messages": messages, "stream": stream, "max_completion_tokens": 50, **more}


def reserved_tokens(running: Gateway, account_id: int, key_id: int) -> int:
    """What the limiter still holds for running requests of this key."""
    standings = running.run(running.live.standing(account_id, key_id, Limits(None, None, None, None)))
    reserved: int = standings[1].reserved
    return reserved

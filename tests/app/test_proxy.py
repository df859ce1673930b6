"""assets/nginx.conf by itself, before two small servers that say who they are and what they got."""

import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import running
import scaled
from fakes.serving import served
from starlette.types import Receive, Scope, Send

from api.errors import KINDS
from app import docs_text, main, serving
from app.settings import Settings

PROMPT = {"model": "gpt-5-mini", "messages": []}


@dataclass
class Node:
    """An upstream of the proxy: answers each request with what it saw of it."""

    name: str
    bodies: list[bytes] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.bodies.append(body)
        path = scope["path"]
        kind = "application/json" if path.startswith(("/v1", "/files")) else "text/html; charset=utf-8"
        headers = [(b"content-type", kind.encode()), (b"x-node", self.name.encode())]
        status = 502 if path == "/v1/broken" else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        seen = {name.decode(): value.decode() for name, value in scope["headers"]} | {"size": str(len(body))}
        await send(
            {"type": "http.response.body", "body": json.dumps(seen).encode() + b"\n", "more_body": True}
        )
        if path == "/v1/stream":
            while not self.go_on.is_set():
                await receive_nothing()
        await send({"type": "http.response.body", "body": b'"the end"'})


async def receive_nothing() -> None:
    import asyncio

    await asyncio.sleep(0.01)

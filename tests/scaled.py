"""Starscoo scaled out, as compose.yaml does it, with processes in place of containers: two servers on one database
and one Redis, and nginx with the configuration that is shipped before them.

    with scaled.out(tmp_path, postgres_url) as starscoo:
        key = starscoo.new_key(hourly_requests=10)
        httpx.post(starscoo.url + "/v1/chat/completions", ...)       # through the proxy
        httpx.post(starscoo.servers[1].url + "/v1/chat/...", ...)    # to one of the two

Each has its own database on the PostgreSQL of the whole run, but its own Redis and its own fake providers.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import psycopg
import running
import services
from fakes import provider
from running import Running

CONFIGURATION = running.ROOT / "assets" / "nginx.conf"
_NUMBERS = count(1)


@dataclass(frozen=True)
class ScaledOut:
    """`url` is the proxy's. `options` is what a further server on the same database needs."""

    url: str
    servers: tuple[Running, Running]
    upstream: provider.FakeProvider
    options: dict[str, str]

    def new_key(self, email: str = "alice@example.com", **limits: Any) -> str:
        return self.servers[0].new_key(email, **limits)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What stands in the tables."""
        with psycopg.connect(self.options["STARSCOO_DATABASE_URL"]) as connection:
            return connection.execute(query.encode()).fetchall()


@contextmanager
def out(
    directory: Path,
    postgres_url: str,
    *,
    limiter: Literal["redis", "database"] = "redis",
    **environment: str,
) -> Iterator[ScaledOut]:
    """Ready to serve; everything is ended at the end, whatever has died before."""
    with ExitStack() as held:
        name = f"starscoo_scaled_{next(_NUMBERS)}"
        database_url = services.create_database(postgres_url, name)
        held.callback(services.drop_database, postgres_url, name)
        upstream = held.enter_context(provider.start())
        options = {
            "STARSCOO_DATABASE_URL": database_url,
            "STARSCOO_LIMITER": limiter,
            "STARSCOO_TRUSTED_PROXIES": "127.0.0.1",
            "OPENAI_API_KEY": "upstream-1",
            "OPENAI_BASE_URL": upstream.openai_base_url,
            "ANTHROPIC_API_KEY": "upstream-2",
            "ANTHROPIC_BASE_URL": upstream.anthropic_base_url,
            **environment,
        }
        if limiter == "redis":
            options["STARSCOO_REDIS_URL"], stop = services.start_redis(directory)
            held.callback(stop)
        places = [directory / "starscoo-1", directory / "starscoo-2"]
        for place in places:
            place.mkdir()
        one, other = (held.enter_context(running.server(place, **options)) for place in places)
        url, stop = start_proxy(directory, (one.url, other.url))
        held.callback(stop)
        yield ScaledOut(url, (one, other), upstream, options)


def start_proxy(directory: Path, urls: Sequence[str]) -> tuple[str, services.Stop]:
    """nginx before two servers; its address, and how to end it. Of the shipped configuration nothing but the two
    names and the port it listens on is replaced."""
    port = services.free_port()
    text = CONFIGURATION.read_text(encoding="utf-8")
    for number, url in enumerate(urls, start=1):
        text = text.replace(f"server starscoo-{number}:8080 ", f"server {urlsplit(url).netloc} ")
    text, replaced = re.subn(r"(?m)^( +)listen 8080;$", rf"\1listen 127.0.0.1:{port};", text)
    assert replaced == 1
    assert not re.search(r"(?m)^ *server starscoo-", text)
    return f"http://127.0.0.1:{port}", services.start_nginx(directory, text)

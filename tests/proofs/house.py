"""What serves in a proof: one process on a file, or two on PostgreSQL, and customers made straight in the tables."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal

import running
import services
from running import Running
from sqlmodel import Session

from models import accounts, keys, limits
from models.database import Database
from models.live import Limit

Limiter = Literal["memory", "redis", "database"]
_NUMBERS = count(1)
UNLIMITED = "unlimited"


@dataclass(frozen=True, slots=True)
class Customer:
    """One key and its account."""

    number: int
    account_id: int
    key_id: int
    public_id: str
    secret: str


@dataclass
class House:
    """`options` is what a further process needs."""

    servers: list[Running]
    database: Database
    options: dict[str, str]
    limiter: Limiter
    customers: dict[int, Customer] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """For tables: what it runs on."""
        return {
            "memory": "SQLite, memory",
            "redis": "PostgreSQL, Redis, two processes",
            "database": "PostgreSQL, database, two processes",
        }[self.limiter]

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self.servers]

    @property
    def secrets(self) -> dict[int, str]:
        return {number: customer.secret for number, customer in self.customers.items()}

    @property
    def keys(self) -> dict[int, int]:
        return {number: customer.key_id for number, customer in self.customers.items()}

    def add(
        self, how_many: int, *, keys_each: int = 1, on_account: bool = False, **values: int
    ) -> list[Customer]:
        """New customers, numbered on. `hourly_requests` and `monthly_tokens` limit each key, or each account."""
        made = self.database.run_now(
            _customers, len(self.customers), how_many, keys_each, values, on_account, int(time.time())
        )
        self.customers |= {customer.number: customer for customer in made}
        return made

    def restart(self, which: int) -> None:
        """The one that has died, in its place; ready when this returns."""
        self.servers[which] = start(self.servers[which].directory, self.options)
        running.wait_until_ready(self.servers[which])


def _customers(
    session: Session,
    first: int,
    how_many: int,
    keys_each: int,
    values: dict[Limit, int],
    on_account: bool,
    now: int,
) -> list[Customer]:
    made: list[Customer] = []
    for number in range(first, first + how_many):
        email = f"customer{first + (number - first) // keys_each * keys_each}@example.com"
        account = accounts.ensure(session, email, plan=UNLIMITED, now=now)
        assert account.id is not None
        issued = keys.issue(session, account.id, "proof", actor="proof", now=now)
        assert issued.key.id is not None
        for name, value in values.items():
            _limit(session, account.id, None if on_account else issued.key.public_id, name, value, now)
        made.append(Customer(number, account.id, issued.key.id, issued.key.public_id, issued.secret))
    return made


def _limit(
    session: Session, account_id: int, public_id: str | None, name: Limit, value: int, now: int
) -> None:
    why = "what this proof needs"
    if public_id is None:
        limits.set_account_limit(session, account_id, name, value, actor="proof", reason=why, now=now)
        return
    limits.set_key_limit(
        session, account_id, public_id, name, value, actor="proof", is_staff=True, reason=why, now=now
    )


def upstream_options(upstream_url: str) -> dict[str, str]:
    return {
        "OPENAI_API_KEY": "upstream-1",
        "OPENAI_BASE_URL": f"{upstream_url}/v1",
        "ANTHROPIC_API_KEY": "upstream-2",
        "ANTHROPIC_BASE_URL": upstream_url,
    }


@contextmanager
def one_process(directory: Path, upstream_url: str, **more: str) -> Iterator[House]:
    """On a file, with its counters in memory."""
    options = upstream_options(upstream_url) | more
    with ExitStack() as held:
        servers = [start(directory, options)]
        held.callback(lambda: [server.stop() for server in servers])
        running.wait_until_ready(servers[0])
        database = Database(f"sqlite:///{directory}/data/starscoo.db", durability="normal", wait_s=30)
        held.callback(database.close)
        yield House(servers, database, options, "memory")


@contextmanager
def two_processes(
    directory: Path,
    upstream_url: str,
    postgres_url: str,
    *,
    limiter: Limiter,
    redis_url: str | None = None,
    **more: str,
) -> Iterator[House]:
    """On an own database of that server. For the limiter `redis` without an address an own Redis is started."""
    with ExitStack() as held:
        name = f"starscoo_proof_{next(_NUMBERS)}"
        url = services.create_database(postgres_url, name)
        held.callback(services.drop_database, postgres_url, name)
        if limiter == "redis" and redis_url is None:
            redis_url, stop = services.start_redis(directory)
            held.callback(stop)
        options = upstream_options(upstream_url) | {
            "STARSCOO_DATABASE_URL": url,
            "STARSCOO_LIMITER": limiter,
            **({"STARSCOO_REDIS_URL": redis_url} if redis_url else {}),
            **more,
        }
        servers: list[Running] = []
        held.callback(lambda: [server.stop() for server in servers])
        for number in (1, 2):
            place = directory / f"starscoo-{number}"
            place.mkdir(parents=True, exist_ok=True)
            servers.append(start(place, options))
        for server in servers:
            running.wait_until_ready(server)
        database = Database(url, durability="normal", wait_s=30)
        held.callback(database.close)
        yield House(servers, database, options, limiter)


def start(place: Path, options: dict[str, str]) -> Running:
    """Not yet ready."""
    return running.start(place, **options)

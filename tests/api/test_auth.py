"""From a header to a principal: what is remembered, for how long, and what never opens."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.clock import Clock
from gateways import NOON
from sqlalchemy.exc import OperationalError

from api.auth import Authenticator, bearer
from api.errors import GatewayError
from models import accounts, keys, limits
from models.database import Database
from models.live.memory import MemoryLive


class Counting:
    """The real database; counts reads, and is away when told."""

    def __init__(self, database: Database) -> None:
        self.real = database
        self.reads = 0
        self.is_away = False

    async def read(self, *args: object, **kwargs: object) -> object:
        self.reads += 1
        if self.is_away:
            raise OperationalError("select", {}, OSError("gone"))
        return await self.real.read(*args, **kwargs)  # type: ignore[arg-type]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Counting]:
    database = Database(f"sqlite:///{tmp_path}/auth.db", durability="normal")
    database.migrate()
    database.run_now(limits.ensure_plans, starter_requests=1000, starter_tokens=5_000_000)
    yield Counting(database)
    database.close()


def issue(database: Counting) -> keys.Issued:
    account = database.real.run_now(accounts.ensure, "alice@example.com", plan="starter", now=NOON)
    return database.real.run_now(keys.issue, account.id, "k", actor="test", now=NOON)


def header(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("Bearer a", "a"),
        ("bearer a", "a"),
        ("BEARER  a ", "a"),
        ("a", ""),
        ("", ""),
        ("Basic a", ""),
        ("Bearer", ""),
    ],
)
def test_a_bearer_is_read_whatever_its_case(value: str, secret: str) -> None:
    assert bearer(value) == secret


def test_a_known_key_is_read_once_a_minute(database: Counting) -> None:
    clock = Clock(NOON)
    authenticator = Authenticator(database, MemoryLive(clock), clock)  # type: ignore[arg-type]
    secret = issue(database).secret

    async def story() -> None:
        for _ in range(5):
            assert (await authenticator.authenticate(header(secret))).key_name == "k"
        assert database.reads == 1
        clock.advance(60)
        await authenticator.authenticate(header(secret))
        assert database.reads == 2

    asyncio.run(story())


def test_a_changed_account_is_read_anew_at_once(database: Counting) -> None:
    clock = Clock(NOON)
    live = MemoryLive(clock)
    authenticator = Authenticator(database, live, clock)  # type: ignore[arg-type]
    issued = issue(database)

    async def story() -> None:
        principal = await authenticator.authenticate(header(issued.secret))
        live.bump(principal.account_id, principal.epoch + 1)
        await authenticator.authenticate(header(issued.secret))
        assert database.reads == 2

    asyncio.run(story())


def test_a_mistyped_key_is_refused_without_a_look_up(database: Counting) -> None:
    clock = Clock(NOON)
    authenticator = Authenticator(database, MemoryLive(clock), clock)  # type: ignore[arg-type]
    secret = issue(database).secret
    mistyped = secret[:-1] + ("A" if secret[-1] != "A" else "B")

    async def story() -> None:
        for wrong in (mistyped, secret + "x", "sk-starscoo-", "sk-other-123"):
            with pytest.raises(GatewayError) as caught:
                await authenticator.authenticate(header(wrong))
            assert caught.value.kind == "invalid_api_key"
        assert (database.reads, authenticator.rejected) == (0, 4)

    asyncio.run(story())


def test_a_database_that_is_away_opens_nothing(database: Counting) -> None:
    clock = Clock(NOON)
    authenticator = Authenticator(database, MemoryLive(clock), clock)  # type: ignore[arg-type]
    secret = issue(database).secret
    database.is_away = True

    async def story() -> None:
        with pytest.raises(GatewayError) as caught:
            await authenticator.authenticate(header(secret))
        assert (caught.value.kind, caught.value.retry_after) == ("service_unavailable", 5)

    asyncio.run(story())

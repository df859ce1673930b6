"""From a header to a principal: what is remembered, for how long, and what never opens."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.clock import Clock
from gateways import NOON
from sqlalchemy.exc import OperationalError

from api.auth import Authenticator, bearer, check_standing
from api.errors import GatewayError
from models import accounts, key_settings, keys, limits, rotation
from models.database import Database
from models.live.memory import MemoryLive
from models.passes import Passes


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


def test_a_key_that_ends_by_itself_is_refused_from_that_second_on_though_nobody_acts(
    database: Counting,
) -> None:
    clock = Clock(NOON)
    authenticator = Authenticator(database, MemoryLive(clock), clock)  # type: ignore[arg-type]
    issued = issue(database)
    key = issued.key
    database.real.run_now(
        key_settings.set_expiry, key.account_id, key.public_id, NOON + 30, actor="test", now=NOON
    )

    async def story() -> None:
        for _ in range(2):
            check_standing(await authenticator.authenticate(header(issued.secret)))
        clock.advance(29)
        check_standing(await authenticator.authenticate(header(issued.secret)))
        assert database.reads == 1
        clock.advance(1)
        with pytest.raises(GatewayError, match="expired on 22 Nov 2026 12:00 UTC") as caught:
            check_standing(await authenticator.authenticate(header(issued.secret)))
        assert (caught.value.status, caught.value.kind) == (401, "invalid_api_key")

    asyncio.run(story())


def test_an_old_secret_is_refused_from_the_end_of_its_overlap_on_though_nobody_acts(
    database: Counting,
) -> None:
    clock = Clock(NOON)
    authenticator = Authenticator(database, MemoryLive(clock), clock)  # type: ignore[arg-type]
    issued = issue(database)
    key = issued.key
    new = database.real.run_now(rotation.rotate, key.account_id, key.public_id, 3600, actor="test", now=NOON)

    async def story() -> None:
        clock.advance(3599)
        check_standing(await authenticator.authenticate(header(issued.secret)))
        clock.advance(1)
        with pytest.raises(GatewayError, match="replaced by a new one") as caught:
            check_standing(await authenticator.authenticate(header(issued.secret)))
        assert caught.value.status == 401
        check_standing(await authenticator.authenticate(header(new.secret)))

    asyncio.run(story())


def test_uses_are_noted_of_secrets_that_are_being_rotated_alone_and_cost_no_table(
    database: Counting,
) -> None:
    clock = Clock(NOON)
    authenticator = Authenticator(database, MemoryLive(clock), clock)  # type: ignore[arg-type]
    plain, issued = issue(database), issue(database)
    key = issued.key
    new = database.real.run_now(rotation.rotate, key.account_id, key.public_id, 3600, actor="test", now=NOON)

    async def story() -> None:
        for _ in range(3):
            for one in (plain, issued, new):
                await authenticator.authenticate(header(one.secret))
            clock.advance(1)
        assert database.reads == 3
        digests = [keys.digest(one.secret) for one in (issued, new)]
        assert [authenticator.uses.seen(digest) for digest in digests] == [NOON + 2, NOON + 2]
        assert authenticator.uses.take() == {(key.id, digest): NOON + 2 for digest in digests}
        assert authenticator.uses.take() == {}

    asyncio.run(story())


def test_a_pass_of_a_rotated_key_is_no_use_of_its_secret(database: Counting) -> None:
    clock = Clock(NOON)
    passes = Passes(clock)
    authenticator = Authenticator(database, MemoryLive(clock), clock, passes=passes)  # type: ignore[arg-type]
    key = issue(database).key
    rotated = database.real.run_now(
        rotation.rotate, key.account_id, key.public_id, 3600, actor="test", now=NOON
    )

    async def story() -> None:
        principal = await authenticator.authenticate(header(passes.mint(rotated.key)))
        assert principal.is_watched
        assert authenticator.uses.take() == {}
        await authenticator.authenticate(header(rotated.secret))
        assert len(authenticator.uses.take()) == 1

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

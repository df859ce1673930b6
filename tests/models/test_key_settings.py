"""Name, pause, end and models of a key: what is allowed, what binds, what is written down."""

from collections.abc import Callable
from functools import partial

import pytest

from models import audit, epochs, key_settings, keys
from models.accounts import Account
from models.database import Database
from models.key_settings import BadExpiry, BadModels
from models.keys import BadName, Issued, KeyIsRevoked, Principal

NOW = 1_795_000_000


@pytest.fixture
def issued(database: Database, alice: Account) -> Issued:
    return database.run_now(keys.issue, alice.id, "My key", actor=alice.email, now=NOW)


def found(database: Database, issued: Issued, *, now: int = NOW) -> Principal:
    principal = database.read_now(keys.authenticate, keys.digest(issued.secret), now=now)
    assert principal is not None
    return principal


def change(database: Database, issued: Issued, operation: Callable[..., None], now: int = NOW) -> None:
    key = issued.key
    database.run_now(operation, key.account_id, key.public_id, actor="alice@example.com", now=now)


def told(database: Database, issued: Issued) -> list[tuple[str, str, str]]:
    rows = database.read_now(audit.last, account_id=issued.key.account_id, limit=20)
    return [(row.act, row.old, row.new) for row in reversed(rows)][1:]


CHANGES = {
    "rename": partial(key_settings.rename, name="Other"),
    "pause": key_settings.pause,
    "expiry": partial(key_settings.set_expiry, expires_at=NOW + 60),
    "models": partial(key_settings.set_models, names=["gpt-5"]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_written_down_once_and_makes_what_was_read_before_stale(
    database: Database, issued: Issued, name: str
) -> None:
    before = found(database, issued).epoch
    for _ in range(2):
        change(database, issued, CHANGES[name])
    assert database.read_now(epochs.current, issued.key.account_id) > before
    assert [act for act, _, _ in told(database, issued)] == [f"key.{name}"]


@pytest.mark.parametrize("name", CHANGES)
def test_a_revoked_key_stays_as_it_is(database: Database, issued: Issued, name: str) -> None:
    change(database, issued, keys.revoke)
    with pytest.raises(KeyIsRevoked, match="for good"):
        change(database, issued, CHANGES[name])


def test_a_key_is_renamed(database: Database, issued: Issued) -> None:
    change(database, issued, partial(key_settings.rename, name=" Nightly report "))
    assert found(database, issued).key_name == "Nightly report"
    assert told(database, issued) == [("key.rename", "My key", "Nightly report")]
    with pytest.raises(BadName):
        change(database, issued, partial(key_settings.rename, name="a\nb"))


def test_a_paused_key_is_known_and_says_so_until_it_is_resumed(database: Database, issued: Issued) -> None:
    change(database, issued, key_settings.pause)
    assert found(database, issued).is_paused
    allowed = database.read_now(keys.allowed, issued.key.account_id, now=NOW)
    assert (allowed.digests, allowed.paused) == (frozenset(), {issued.key.id})
    for _ in range(2):
        change(database, issued, key_settings.resume)
    assert not found(database, issued).is_paused
    assert [act for act, _, _ in told(database, issued)] == ["key.pause", "key.resume"]


def test_a_key_ends_by_itself_at_the_very_second(database: Database, issued: Issued) -> None:
    change(database, issued, partial(key_settings.set_expiry, expires_at=NOW + 60))
    last = found(database, issued, now=NOW + 59)
    assert (last.expired_at, last.limits.valid_until) == (None, NOW + 60)
    ended = found(database, issued, now=NOW + 60)
    assert (ended.expired_at, ended.limits.valid_until) == (NOW + 60, None)
    assert not database.read_now(keys.allowed, issued.key.account_id, now=NOW + 60).digests
    key = database.read_now(keys.get, issued.key.account_id, issued.key.public_id)
    assert (key.state(NOW + 59), key.state(NOW + 60)) == ("active", "expired")


def test_a_key_that_has_ended_can_be_given_a_later_end_or_none(database: Database, issued: Issued) -> None:
    change(database, issued, partial(key_settings.set_expiry, expires_at=NOW + 60))
    change(database, issued, partial(key_settings.set_expiry, expires_at=None), now=NOW + 90)
    assert found(database, issued, now=NOW + 90).expired_at is None
    assert told(database, issued) == [
        ("key.expiry", "never", "2026-11-18 11:07 UTC"),
        ("key.expiry", "2026-11-18 11:07 UTC", "never"),
    ]


def test_an_end_in_the_past_is_refused(database: Database, issued: Issued) -> None:
    with pytest.raises(BadExpiry, match="lies in the past"):
        change(database, issued, partial(key_settings.set_expiry, expires_at=NOW))
    assert found(database, issued).expired_at is None


def test_a_key_may_be_for_some_models_only(database: Database, issued: Issued) -> None:
    assert found(database, issued).models == frozenset()
    change(database, issued, partial(key_settings.set_models, names=["gpt-5-mini", "gpt-5", "gpt-5"]))
    assert found(database, issued).models == {"gpt-5", "gpt-5-mini"}
    change(database, issued, partial(key_settings.set_models, names=None))
    assert found(database, issued).models == frozenset()
    assert told(database, issued) == [
        ("key.models", "all models", "gpt-5, gpt-5-mini"),
        ("key.models", "gpt-5, gpt-5-mini", "all models"),
    ]


@pytest.mark.parametrize("names", [[], [""], ["a\nb"], ["x" * 201], [f"m{number}" for number in range(201)]])
def test_a_list_of_models_that_is_none_is_refused(
    database: Database, issued: Issued, names: list[str]
) -> None:
    with pytest.raises(BadModels, match="at least one"):
        change(database, issued, partial(key_settings.set_models, names=names))

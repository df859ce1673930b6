import pytest

from models import epochs, keys, limits
from models.accounts import Account
from models.database import Database
from models.limits import BadValue

NOW = 1_795_000_000


def test_every_change_makes_the_epoch_grow(database: Database, alice: Account) -> None:
    def epoch() -> int:
        return database.read_now(epochs.current, alice.id)

    seen = [epoch()]
    key = database.run_now(keys.issue, alice.id, "k", actor="a", now=NOW).key
    seen.append(epoch())
    database.run_now(limits.set_key_limit, alice.id, key.public_id, "hourly_requests", 5, actor="a", now=NOW)
    seen.append(epoch())
    database.run_now(
        limits.set_account_limit, alice.id, "monthly_tokens", 5, actor="r", reason="long enough", now=NOW
    )
    seen.append(epoch())
    database.run_now(
        limits.remove_account_limit, alice.id, "monthly_tokens", actor="r", reason="long enough", now=NOW
    )
    seen.append(epoch())
    database.run_now(keys.revoke, alice.id, key.public_id, actor="a", now=NOW)
    seen.append(epoch())
    assert seen == sorted(set(seen))


def test_a_refused_change_leaves_the_epoch(database: Database, alice: Account) -> None:
    key = database.run_now(keys.issue, alice.id, "k", actor="a", now=NOW).key
    before = database.read_now(epochs.current, alice.id)
    with pytest.raises(BadValue):
        database.run_now(
            limits.set_key_limit, alice.id, key.public_id, "hourly_requests", -1, actor="a", now=NOW
        )
    assert database.read_now(epochs.current, alice.id) == before


def test_an_account_that_never_changed_stands_at_zero(database: Database) -> None:
    assert database.read_now(epochs.current, 77) == 0


def test_changes_are_told_since_a_moment(database: Database, alice: Account, charlie: Account) -> None:
    database.run_now(epochs.bump, charlie.id, now=NOW + 10)
    assert database.read_now(epochs.changed_since, (NOW + 1) * 1000) == [(charlie.id, 2)]
    assert dict(database.read_now(epochs.changed_since, NOW * 1000)) == {alice.id: 1, charlie.id: 2}

"""Everything about an account's limits, read at once."""

import pytest

from models import keys, limits, limits_overview
from models.accounts import Account, NoSuchAccount
from models.database import Database

NOW = 1_795_000_000


def test_keys_come_with_what_binds_them_and_how_it_comes_about(database: Database, alice: Account) -> None:
    older = database.run_now(keys.issue, alice.id, "Older", actor=alice.email, now=NOW).key
    newer = database.run_now(keys.issue, alice.id, "Newer", actor=alice.email, now=NOW).key
    database.run_now(
        limits.set_key_limit, alice.id, older.public_id, "hourly_requests", 7, actor=alice.email, now=NOW
    )
    found = database.read_now(limits_overview.read, alice.id, now=NOW)

    assert [one.key.name for one in found.keys] == ["Newer", "Older"]
    assert found.limits == database.read_now(limits.effective, alice.id, None, now=NOW)
    changed = found.find(older.public_id)
    assert changed is not None
    assert changed.limits.key_requests == 7
    assert changed.ladders["hourly_requests"].rungs[-1].is_set
    assert not changed.ladders["monthly_tokens"].rungs[-1].is_set
    assert found.find(newer.public_id) is found.keys[0]


def test_a_revoked_key_is_known_by_name_alone(database: Database, alice: Account) -> None:
    gone = database.run_now(keys.issue, alice.id, "Gone", actor=alice.email, now=NOW).key
    database.run_now(keys.revoke, alice.id, gone.public_id, actor=alice.email, now=NOW)
    found = database.read_now(limits_overview.read, alice.id, now=NOW)

    assert found.keys == []
    assert found.names == {gone.id: "Gone"}


def test_nobody_gets_keys_of_others(database: Database, alice: Account, charlie: Account) -> None:
    hers = database.run_now(keys.issue, alice.id, "Hers", actor=alice.email, now=NOW).key
    found = database.read_now(limits_overview.read, charlie.id, now=NOW)

    assert found.keys == []
    assert found.names == {}
    assert found.find(hers.public_id) is None


def test_an_account_that_is_not_there_is_refused(database: Database) -> None:
    with pytest.raises(NoSuchAccount):
        database.read_now(limits_overview.read, 4711, now=NOW)

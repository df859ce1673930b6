"""Two secrets of one key: how long both work, which one gives way, and when each was last used."""

import pytest

from models import audit, epochs, key_settings, keys, ledger, limits, rotation
from models.accounts import Account
from models.database import Database
from models.keys import ApiKey, Issued, KeyIsRevoked, Principal
from models.rotation import BadOverlap, KeyWasUsed
from models.windows import DAY, HOUR

NOW = 1_795_000_000


@pytest.fixture
def issued(database: Database, alice: Account) -> Issued:
    return database.run_now(keys.issue, alice.id, "My key", actor=alice.email, now=NOW)


def found(database: Database, secret: str, *, now: int = NOW) -> Principal:
    principal = database.read_now(keys.authenticate, keys.digest(secret), now=now)
    assert principal is not None
    return principal


def rotate(database: Database, key: ApiKey, overlap_s: int = HOUR, *, now: int = NOW) -> Issued:
    return database.run_now(
        rotation.rotate, key.account_id, key.public_id, overlap_s, actor="alice@example.com", now=now
    )


def reissue(database: Database, key: ApiKey, *, now: int = NOW) -> Issued:
    return database.run_now(
        rotation.reissue, key.account_id, key.public_id, actor="alice@example.com", now=now
    )


def stored(database: Database, key: ApiKey) -> ApiKey:
    return database.read_now(keys.get, key.account_id, key.public_id)


def use(database: Database, key: ApiKey, *, now: int = NOW) -> None:
    row = ledger.OpenRow("req_1", key.account_id, key.id, "gpt-5", now * 1000, False, 10, now // 3600)
    with database.write_batch() as connection:
        ledger.write(connection, [row], [], [])


def note(database: Database, key: ApiKey, secret: str, at: int) -> None:
    database.run_now(rotation.note_uses, {(key.id, keys.digest(secret)): at})


def test_both_secrets_are_the_same_key_until_the_overlap_ends(database: Database, issued: Issued) -> None:
    new = rotate(database, issued.key)
    assert new.secret != issued.secret
    assert keys.well_formed(new.secret)
    assert keys.public_id(new.secret) == issued.key.public_id
    old, fresh = found(database, issued.secret), found(database, new.secret)
    assert (old.key_id, old.key_name) == (fresh.key_id, fresh.key_name) == (issued.key.id, "My key")
    assert (old.replaced_at, old.limits.valid_until) == (None, NOW + HOUR)
    assert (fresh.replaced_at, fresh.limits.valid_until) == (None, None)
    assert found(database, issued.secret, now=NOW + HOUR - 1).replaced_at is None
    assert found(database, issued.secret, now=NOW + HOUR).replaced_at == NOW + HOUR
    assert found(database, new.secret, now=NOW + HOUR).replaced_at is None


def test_without_an_overlap_the_old_secret_is_dead_at_once(database: Database, issued: Issued) -> None:
    new = rotate(database, issued.key, 0)
    assert not new.is_rotation
    assert found(database, issued.secret).replaced_at == NOW
    allowed = database.read_now(keys.allowed, issued.key.account_id, now=NOW)
    assert allowed.digests == {keys.digest(new.secret)}


def test_what_opens_an_account_are_both_secrets_while_they_overlap(
    database: Database, issued: Issued
) -> None:
    new = rotate(database, issued.key)
    both = {keys.digest(issued.secret), keys.digest(new.secret)}
    assert database.read_now(keys.allowed, issued.key.account_id, now=NOW).digests == both


@pytest.mark.parametrize("overlap_s", [-1, 1, 2 * HOUR, 8 * DAY])
def test_an_overlap_is_one_of_four(database: Database, issued: Issued, overlap_s: int) -> None:
    with pytest.raises(BadOverlap):
        rotate(database, issued.key, overlap_s)
    for good in rotation.OVERLAPS:
        rotate(database, issued.key, good)


def test_limits_models_and_end_stay_with_the_key(database: Database, issued: Issued) -> None:
    key = issued.key
    scope = (key.account_id, key.public_id)
    database.run_now(limits.set_key_limit, *scope, "hourly_requests", 7, actor="a", now=NOW)
    database.run_now(key_settings.set_models, *scope, ["gpt-5"], actor="a", now=NOW)
    database.run_now(key_settings.set_expiry, *scope, NOW + 60, actor="a", now=NOW)
    new = found(database, rotate(database, key).secret)
    assert (new.limits.key_requests, new.models, new.limits.valid_until) == (7, {"gpt-5"}, NOW + 60)


def test_a_rotation_is_written_down_and_makes_what_was_read_before_stale(
    database: Database, issued: Issued
) -> None:
    before = found(database, issued.secret).epoch
    new = rotate(database, issued.key)
    assert database.read_now(epochs.current, issued.key.account_id) > before
    row, *_ = database.read_now(audit.last, account_id=issued.key.account_id, limit=1)
    assert (row.act, row.old) == ("key.rotate", f"…{issued.secret[-4:]}")
    assert row.new == f"…{new.secret[-4:]}, …{issued.secret[-4:]} until 2026-11-18 12:06 UTC"
    assert issued.secret not in f"{row}"
    assert new.secret not in f"{row}"


def test_the_last_use_of_each_secret_is_known(database: Database, issued: Issued) -> None:
    use(database, issued.key, now=NOW - 50)
    new = rotate(database, issued.key)
    assert (stored(database, issued.key).old_used_at, stored(database, issued.key).used_at) == (
        NOW - 50,
        None,
    )
    note(database, issued.key, issued.secret, NOW + 5)
    note(database, issued.key, new.secret, NOW + 9)
    note(database, issued.key, new.secret, NOW + 7)
    after = stored(database, issued.key)
    assert (after.old_used_at, after.used_at) == (NOW + 5, NOW + 9)


def test_a_secret_is_watched_while_it_matters(database: Database, issued: Issued) -> None:
    assert not found(database, issued.secret).is_watched
    new = rotate(database, issued.key)
    assert found(database, issued.secret).is_watched
    assert found(database, new.secret).is_watched
    note(database, issued.key, new.secret, NOW + 1)
    assert found(database, new.secret).is_watched
    assert not found(database, new.secret, now=NOW + HOUR).is_watched
    assert found(database, issued.secret, now=NOW + HOUR).is_watched


def test_rotating_again_ends_the_older_secret_once_the_newer_was_used(
    database: Database, issued: Issued
) -> None:
    second = rotate(database, issued.key)
    note(database, issued.key, second.secret, NOW + 1)
    third = rotate(database, issued.key, now=NOW + 2)
    assert database.read_now(keys.authenticate, keys.digest(issued.secret), now=NOW + 2) is None
    assert found(database, second.secret, now=NOW + 2).limits.valid_until == NOW + 2 + HOUR
    assert stored(database, issued.key).old_used_at == NOW + 1
    assert found(database, third.secret, now=NOW + 2).replaced_at is None


def test_a_new_secret_that_was_lost_gives_way_and_the_one_in_use_stays(
    database: Database, issued: Issued
) -> None:
    lost = rotate(database, issued.key)
    third = rotate(database, issued.key, DAY, now=NOW + 2)
    assert database.read_now(keys.authenticate, keys.digest(lost.secret), now=NOW + 2) is None
    assert found(database, issued.secret, now=NOW + 2).limits.valid_until == NOW + 2 + DAY
    assert found(database, third.secret, now=NOW + 2).replaced_at is None


def test_the_old_secret_can_be_ended_before_its_time(database: Database, issued: Issued) -> None:
    new = rotate(database, issued.key, 7 * DAY)
    for _ in range(2):
        database.run_now(
            rotation.end_old, issued.key.account_id, issued.key.public_id, actor="a", now=NOW + 3
        )
    assert found(database, issued.secret, now=NOW + 3).replaced_at == NOW + 3
    assert found(database, new.secret, now=NOW + 3).replaced_at is None
    acts = [row.act for row in database.read_now(audit.last, account_id=issued.key.account_id, limit=9)]
    assert acts == ["key.end_old", "key.rotate", "key.create"]


def test_a_lost_key_is_issued_again_and_the_lost_secret_says_why_it_is_dead(
    database: Database, issued: Issued
) -> None:
    again = reissue(database, issued.key)
    assert found(database, issued.secret).replaced_at == NOW
    assert found(database, again.secret).key_id == issued.key.id
    assert not again.is_rotation
    [line] = database.read_now(keys.listing, issued.key.account_id, now=NOW)
    assert line.may_reissue


def test_a_used_key_is_not_issued_again_but_the_new_secret_of_its_rotation_is(
    database: Database, issued: Issued
) -> None:
    use(database, issued.key)
    with pytest.raises(KeyWasUsed, match="Rotate the key"):
        reissue(database, issued.key)
    lost = rotate(database, issued.key)
    again = reissue(database, issued.key, now=NOW + 2)
    assert again.is_rotation
    assert database.read_now(keys.authenticate, keys.digest(lost.secret), now=NOW + 2) is None
    assert found(database, issued.secret, now=NOW + 2).limits.valid_until == NOW + HOUR
    note(database, issued.key, again.secret, NOW + 3)
    with pytest.raises(KeyWasUsed):
        reissue(database, issued.key, now=NOW + 4)


def test_a_key_whose_rows_are_gone_still_counts_as_used(database: Database, issued: Issued) -> None:
    key = issued.key
    with database.write_batch() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO usage_months VALUES ({key.account_id}, 24300, {key.id}, 1, 1, 1)"
        )
    with pytest.raises(KeyWasUsed):
        reissue(database, key)
    [line] = database.read_now(keys.listing, key.account_id, now=NOW)
    assert (line.is_used, line.last_used_at) == (True, None)


def test_a_revoked_key_has_no_secret_any_more(database: Database, issued: Issued) -> None:
    new = rotate(database, issued.key)
    database.run_now(keys.revoke, issued.key.account_id, issued.key.public_id, actor="a", now=NOW)
    for secret in (issued.secret, new.secret):
        assert database.read_now(keys.authenticate, keys.digest(secret), now=NOW) is None
    for operation in (rotate, reissue):
        with pytest.raises(KeyIsRevoked):
            operation(database, issued.key)

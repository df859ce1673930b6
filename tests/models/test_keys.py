import hashlib
import re
from collections.abc import Callable
from functools import partial

import pytest
from sqlmodel import Session

from models import audit, epochs, key_overview, key_settings, keys, ledger, rotation
from models.accounts import Account, NoSuchAccount
from models.database import Database, Refused
from models.keys import BadName, Issued
from models.live import Limits

NOW = 1_795_000_000


@pytest.fixture
def issued(database: Database, alice: Account) -> Issued:
    return database.run_now(keys.issue, alice.id, " My key ", actor="alice@example.com", now=NOW)


def use(database: Database, key: keys.ApiKey, *, request_id: str = "req_1", now: int = NOW) -> None:
    opened = ledger.OpenRow(request_id, key.account_id, key.id, "gpt-5", now * 1000, False, 10, now // 3600)
    with database.write_batch() as connection:
        ledger.write(connection, [opened], [], [])


def suspend(session: Session, account_id: int) -> None:
    session.get_one(Account, account_id).suspended_at = NOW


def test_a_key_is_one_word_of_a_known_shape(issued: Issued) -> None:
    assert re.fullmatch(r"sk-starscoo-[0-9A-Za-z]{48}", issued.secret)
    assert keys.public_id(issued.secret) == issued.key.public_id == issued.secret[12:24]
    assert keys.masked(issued.key) == f"sk-starscoo-…{issued.secret[-4:]}"
    assert keys.well_formed(issued.secret)


def test_only_a_hash_of_the_key_is_kept(issued: Issued) -> None:
    assert issued.key.digest == hashlib.sha256(issued.secret.encode()).hexdigest()
    assert issued.secret not in repr(issued)
    assert issued.secret[24:-4] not in repr(issued.key)


def test_two_keys_are_never_alike(database: Database, alice: Account, issued: Issued) -> None:
    other = database.run_now(keys.issue, alice.id, "My key", actor="a", now=NOW)
    assert other.key.public_id != issued.key.public_id
    assert other.secret != issued.secret


@pytest.mark.parametrize(
    "spoil",
    [
        lambda secret: secret[:-1],
        lambda secret: secret + "a",
        lambda secret: secret[:30] + ("b" if secret[30] == "a" else "a") + secret[31:],
        lambda secret: secret[:-1] + ("b" if secret[-1] == "a" else "a"),
        lambda secret: secret.replace("sk-", "pk-"),
        lambda secret: secret[:20] + "ä" + secret[21:],
        lambda secret: secret[:20] + "-" + secret[21:],
        lambda secret: "",
    ],
)
def test_a_mistyped_key_is_told_without_a_look_up(issued: Issued, spoil: Callable[[str], str]) -> None:
    assert not keys.well_formed(spoil(issued.secret))


def test_a_key_authenticates_its_account(database: Database, alice: Account, issued: Issued) -> None:
    found = database.read_now(keys.authenticate, keys.digest(issued.secret), now=NOW)
    assert found is not None
    assert (found.account_id, found.key_id) == (alice.id, issued.key.id)
    assert (found.key_public_id, found.key_name) == (issued.key.public_id, "My key")
    assert found.limits == Limits(1000, 1000, 5_000_000, 5_000_000, None, 100)
    assert found.epoch == database.read_now(epochs.current, alice.id)
    assert not found.is_suspended


def test_an_unknown_key_is_nobody(database: Database, issued: Issued) -> None:
    assert database.read_now(keys.authenticate, keys.digest("sk-starscoo-x"), now=NOW) is None


def test_a_suspended_account_is_known_and_marked(database: Database, alice: Account, issued: Issued) -> None:
    database.run_now(suspend, alice.id)
    found = database.read_now(keys.authenticate, keys.digest(issued.secret), now=NOW)
    assert found is not None
    assert found.is_suspended


def test_a_revoked_key_is_nobody(database: Database, alice: Account, issued: Issued) -> None:
    before = database.read_now(epochs.current, alice.id)
    database.run_now(keys.revoke, alice.id, issued.key.public_id, actor="a", now=NOW + 5)
    assert database.read_now(keys.authenticate, keys.digest(issued.secret), now=NOW + 5) is None
    assert database.read_now(epochs.current, alice.id) > before


def test_creating_and_revoking_leave_audit_rows(database: Database, alice: Account, issued: Issued) -> None:
    for _ in range(2):
        database.run_now(keys.revoke_by_id, issued.key.public_id, actor="root", now=NOW + 5)
    rows = database.read_now(audit.last, account_id=alice.id, limit=5)
    assert [(row.act, row.actor, row.subject) for row in rows] == [
        ("key.revoke", "root", issued.key.public_id),
        ("key.create", "alice@example.com", issued.key.public_id),
    ]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\0b", "\ud800", "x" * 61])
def test_a_bad_name_is_refused(database: Database, alice: Account, name: str) -> None:
    with pytest.raises(BadName, match="60 characters"):
        database.run_now(keys.issue, alice.id, name, actor="a", now=NOW)


def test_names_may_be_alike_long_and_in_any_script(database: Database, alice: Account) -> None:
    for name in ("Schlüssel für Ökonomen", "鍵", "x" * 60, "x" * 60):
        assert database.run_now(keys.issue, alice.id, name, actor="a", now=NOW).key.name == name


def test_a_key_needs_an_account(database: Database) -> None:
    with pytest.raises(NoSuchAccount):
        database.run_now(keys.issue, 77, "My key", actor="a", now=NOW)


def test_the_list_shows_use_and_puts_revoked_keys_last(
    database: Database, alice: Account, issued: Issued
) -> None:
    older = database.run_now(keys.issue, alice.id, "older", actor="a", now=NOW).key
    newer = database.run_now(keys.issue, alice.id, "newer", actor="a", now=NOW).key
    database.run_now(keys.revoke, alice.id, newer.public_id, actor="a", now=NOW)
    use(database, older, now=NOW - 3600, request_id="req_before")
    use(database, older, now=NOW, request_id="req_now")
    lines = database.read_now(keys.listing, alice.id, now=NOW)
    assert [(line.key.name, line.is_used) for line in lines] == [
        ("older", True),
        ("My key", False),
        ("newer", False),
    ]
    assert (lines[0].last_used_at, lines[0].requests_hour) == (NOW, 1)
    assert (lines[1].last_used_at, lines[1].requests_hour, lines[1].tokens_month) == (None, 0, 0)


def test_the_list_counts_the_tokens_of_the_month(database: Database, issued: Issued) -> None:
    key = issued.key
    used = ledger.Usage(input_tokens=3, output_tokens=4)
    final = ledger.FinalRow(
        "req_1",
        key.account_id,
        key.id,
        "gpt-5",
        NOW * 1000,
        "ok",
        200,
        None,
        used,
        False,
        5,
        1,
        2,
        "end",
        NOW // 3600,
    )
    with database.write_batch() as connection:
        ledger.write(connection, [], [final], [])
    (line,) = database.read_now(keys.listing, key.account_id, now=NOW)
    assert line.tokens_month == 7
    (later,) = database.read_now(keys.listing, key.account_id, now=NOW + 32 * 86400)
    assert later.tokens_month == 0


def answers(database: Database, account_id: int, public_id: str) -> list[str]:
    """What every owner-scoped operation says about that key."""
    said = []
    operations = (
        keys.revoke,
        rotation.reissue,
        rotation.end_old,
        partial(rotation.rotate, overlap_s=3600),
        key_settings.pause,
        key_settings.resume,
        partial(key_settings.rename, name="Mine"),
        partial(key_settings.set_expiry, expires_at=NOW + 5),
        partial(key_settings.set_models, names=["gpt-5"]),
    )
    for operation in operations:
        with pytest.raises(Refused) as refused:
            database.run_now(operation, account_id, public_id, actor="c", now=NOW)
        said.append(f"{type(refused.value).__name__}: {refused.value}")
    for question in (keys.get, partial(key_overview.read_key, now=NOW)):
        with pytest.raises(Refused) as refused:
            database.read_now(question, account_id, public_id)
        said.append(f"{type(refused.value).__name__}: {refused.value}")
    return said


@pytest.mark.parametrize("unknown", ["AAAAAAAAAAAA", "", "a\0b", "\ud800", "' OR 1=1 --"])
def test_charlie_cannot_tell_a_foreign_key_from_an_unknown_one(
    database: Database, charlie: Account, issued: Issued, unknown: str
) -> None:
    before = database.read_now(keys.get, issued.key.account_id, issued.key.public_id)
    assert answers(database, charlie.id, issued.key.public_id) == answers(database, charlie.id, unknown)
    assert database.read_now(keys.listing, charlie.id, now=NOW) == []
    assert database.read_now(keys.get, issued.key.account_id, issued.key.public_id) == before
    assert database.read_now(audit.last, account_id=charlie.id, limit=5) == []
    assert database.read_now(keys.authenticate, keys.digest(issued.secret), now=NOW) is not None

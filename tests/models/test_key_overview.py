"""What the pages of keys show, read at once."""

import pytest

from models import key_overview, keys, ledger, limits, rotation
from models.accounts import Account
from models.database import Database
from models.key_overview import KeyPage
from models.keys import ApiKey

NOW = 1_795_348_800  # 12:00 UTC


@pytest.fixture
def own(database: Database, alice: Account) -> list[ApiKey]:
    """Oldest first; the last one is revoked."""
    made = [
        database.run_now(keys.issue, alice.id, name, actor=alice.email, now=NOW).key
        for name in ("Website", "Ökonomen", "Nightly", "Gone")
    ]
    database.run_now(keys.revoke, alice.id, made[-1].public_id, actor=alice.email, now=NOW)
    return made


def page(
    database: Database, account: Account, wanted: str = "", *, with_revoked: bool = False, most: int = 25
) -> KeyPage:
    return database.read_now(
        key_overview.read_page, account.id, wanted=wanted, with_revoked=with_revoked, most=most, now=NOW
    )


def settle(database: Database, key: ApiKey, *, at: int, requests: int) -> None:
    rows = [
        ledger.FinalRow(
            f"req_{at}_{number}",
            key.account_id,
            key.id,
            "gpt-5",
            at * 1000,
            "ok",
            200,
            None,
            ledger.Usage(input_tokens=1),
            False,
            1,
            1,
            1,
            "end",
            at // 3600,
        )
        for number in range(requests)
    ]
    with database.write_batch() as connection:
        ledger.write(connection, [], rows, [])


def test_the_list_is_read_in_portions_with_revoked_keys_last(
    database: Database, alice: Account, own: list[ApiKey]
) -> None:
    first = page(database, alice, most=2)
    assert [one.key.name for one in first.shown] == ["Nightly", "Ökonomen"]
    assert (first.found, first.revoked, first.total) == (3, 1, 4)
    whole = page(database, alice, with_revoked=True)
    assert [one.key.name for one in whole.shown] == ["Nightly", "Ökonomen", "Website", "Gone"]


def test_a_key_is_found_by_name_in_any_case_and_by_the_last_four_of_either_secret(
    database: Database, alice: Account, own: list[ApiKey]
) -> None:
    website = own[0]
    rotated = database.run_now(rotation.rotate, alice.id, website.public_id, 3600, actor=alice.email, now=NOW)
    for wanted in ("web", "WEBS", website.last4.lower(), rotated.secret[-4:], f" {website.last4} "):
        assert [one.key.name for one in page(database, alice, wanted).shown] == ["Website"], wanted
    assert [one.key.name for one in page(database, alice, "öko").shown] == ["Ökonomen"]
    nobody = page(database, alice, "no such key")
    assert (nobody.shown, nobody.found, nobody.total) == ([], 0, 4)


def test_each_key_carries_what_the_gateway_enforces_and_where_it_comes_from(
    database: Database, alice: Account, own: list[ApiKey]
) -> None:
    database.run_now(
        limits.set_key_limit, alice.id, own[2].public_id, "hourly_requests", 7, actor=alice.email, now=NOW
    )
    nightly, *_ = page(database, alice).shown
    assert nightly.limits.key_requests == 7
    assert nightly.ladders["hourly_requests"].origin == "set on this key"
    assert list(nightly.ladders) == ["hourly_requests"]
    one = database.read_now(key_overview.read_key, alice.id, own[2].public_id, now=NOW)
    assert one.shown.ladders["monthly_tokens"].origin == "plan Starter"


def test_one_key_shows_a_week_by_hours_and_what_today_was_used(
    database: Database, alice: Account, own: list[ApiKey]
) -> None:
    settle(database, own[0], at=NOW, requests=2)
    settle(database, own[0], at=NOW - 12 * 3600, requests=3)
    settle(database, own[0], at=NOW - 12 * 3600 - 1, requests=5)
    settle(database, own[0], at=NOW - 7 * 86400, requests=7)
    settle(database, own[1], at=NOW, requests=11)
    one = database.read_now(key_overview.read_key, alice.id, own[0].public_id, now=NOW)
    assert len(one.hours) == 168
    assert (one.hours[-1], one.hours[-13], one.hours[-14], sum(one.hours)) == (2, 3, 5, 10)
    assert one.today == 5


def test_one_key_shows_its_own_changes_newest_first_and_says_when_there_are_more(
    database: Database, alice: Account, own: list[ApiKey]
) -> None:
    for value in range(3):
        database.run_now(
            limits.set_key_limit,
            alice.id,
            own[0].public_id,
            "hourly_requests",
            value,
            actor=alice.email,
            now=NOW,
        )
    one = database.read_now(key_overview.read_key, alice.id, own[0].public_id, now=NOW, most=3)
    assert [(row.act, row.new) for row in one.changes] == [
        ("limit.hourly_requests", "2"),
        ("limit.hourly_requests", "1"),
        ("limit.hourly_requests", "0"),
    ]
    assert one.has_more
    whole = database.read_now(key_overview.read_key, alice.id, own[0].public_id, now=NOW)
    assert (len(whole.changes), whole.changes[-1].act, whole.has_more) == (4, "key.create", False)


def test_charlie_sees_no_key_of_hers(database: Database, charlie: Account, own: list[ApiKey]) -> None:
    assert page(database, charlie, "Website", with_revoked=True) == KeyPage([], 0, 0, 0)

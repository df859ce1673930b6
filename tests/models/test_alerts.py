"""Alert levels: what stands at one, and that each is told once per window."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from models import alerts, audit, keys, ledger, limits
from models.accounts import Account
from models.alerts import Alert, BadLevels
from models.database import Database
from models.keys import ApiKey
from models.ledger import FinalRow, OpenRow, Usage

NOW = 1_795_000_000
HOUR = 3600


@pytest.fixture
def key(database: Database, alice: Account) -> ApiKey:
    made = database.run_now(keys.issue, alice.id, "Chat", actor=alice.email, now=NOW).key
    own(database, made, "hourly_requests", 10)
    return made


def own(database: Database, key: ApiKey, name: Any, value: int) -> None:
    database.run_now(limits.set_key_limit, key.account_id, key.public_id, name, value, actor="alice", now=NOW)


def use(database: Database, key: ApiKey, requests: int, *, tokens: int = 1, now: int = NOW) -> None:
    with database.write_batch() as connection:
        rows = [
            FinalRow(
                id=f"{now}-{tokens}-{number}",
                account_id=key.account_id,
                key_id=key.id,
                model="gpt-5",
                admitted_ms=now * 1000,
                outcome="ok",
                http_status=200,
                error_code=None,
                usage=Usage(input_tokens=tokens),
                is_estimated=False,
                cost_nusd=0,
                first_token_ms=None,
                total_ms=1,
                stop="end",
                hour=now // HOUR,
            )
            for number in range(requests)
        ]
        ledger.write(connection, [], rows, [])


def standing(database: Database, owner: Account, now: int = NOW) -> list[Alert]:
    return database.read_now(alerts.standing, owner.id, now=now)


def crossed(database: Database, now: int = NOW, **options: Any) -> list[tuple[str, int]]:
    found = database.run_now(alerts.newly_crossed, now=now, **options)
    return [(one.key_name or "account", one.level) for one in found]


def test_a_level_is_told_once_per_window(database: Database, alice: Account, key: ApiKey) -> None:
    assert crossed(database) == []
    use(database, key, 5)
    assert crossed(database) == [("Chat", 50)]
    assert crossed(database) == []
    use(database, key, 3, tokens=2)
    assert crossed(database, account_ids=[alice.id]) == [("Chat", 80)]
    later = NOW + HOUR
    use(database, key, 5, now=later)
    assert crossed(database, later) == [("Chat", 50)]


def test_of_several_levels_passed_at_once_the_highest_is_told_and_none_below_it_later(
    database: Database, key: ApiKey
) -> None:
    use(database, key, 10)
    assert crossed(database) == [("Chat", 95)]
    own(database, key, "hourly_requests", 15)
    assert crossed(database) == []


def test_of_many_who_look_at_once_one_is_told(database: Database, key: ApiKey) -> None:
    use(database, key, 10)
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda _: crossed(database), range(8)))
    assert sorted(told) == [*([[]] * 7), [("Chat", 95)]]


def test_the_account_and_keys_with_a_value_of_their_own_are_watched(
    database: Database, alice: Account, key: ApiKey
) -> None:
    other = database.run_now(keys.issue, alice.id, "Other", actor=alice.email, now=NOW).key
    use(database, other, 2, tokens=2_000_000)
    [found] = standing(database, alice)
    assert (found.key_id, found.limit_name, found.level, found.is_highest) == (
        None,
        "monthly_tokens",
        80,
        False,
    )
    assert (found.used, found.limit) == (4_000_000, 5_000_000)
    own(database, other, "monthly_tokens", 4_000_000)
    assert [(one.key_name, one.level, one.is_highest) for one in standing(database, alice)] == [
        ("", 80, False),
        ("Other", 95, True),
    ]


def test_running_requests_count_for_the_hour_and_what_they_hold_not_for_the_month(
    database: Database, alice: Account, key: ApiKey
) -> None:
    opened = OpenRow("r", alice.id, key.id, "gpt-5", NOW * 1000, False, 4_900_000, NOW // HOUR)
    use(database, key, 4)
    with database.write_batch() as connection:
        ledger.write(connection, [opened], [], [])
    assert [(one.limit_name, one.level) for one in standing(database, alice)] == [("hourly_requests", 50)]


def test_a_revoked_key_is_told_no_more(database: Database, alice: Account, key: ApiKey) -> None:
    use(database, key, 10)
    database.run_now(keys.revoke, alice.id, key.public_id, actor=alice.email, now=NOW)
    assert standing(database, alice) == []


def test_a_limit_of_nothing_that_nobody_tried_is_no_alert(
    database: Database, alice: Account, key: ApiKey
) -> None:
    own(database, key, "hourly_requests", 0)
    assert standing(database, alice) == []


def test_levels_are_an_accounts_own(database: Database, alice: Account, charlie: Account) -> None:
    assert database.read_now(alerts.levels, alice.id) == (50, 80, 95)
    database.run_now(alerts.set_levels, alice.id, [90, 30, 90], actor=alice.email, now=NOW)
    assert database.read_now(alerts.levels, alice.id) == (30, 90)
    assert database.read_now(alerts.levels, charlie.id) == (50, 80, 95)
    [row] = database.read_now(audit.last, account_id=alice.id, limit=1)
    assert (row.act, row.old, row.new) == ("alerts.set", "50,80,95", "30,90")


def test_without_levels_nothing_is_told(database: Database, alice: Account, key: ApiKey) -> None:
    database.run_now(alerts.set_levels, alice.id, [], actor=alice.email, now=NOW)
    use(database, key, 10)
    assert standing(database, alice) == []
    assert crossed(database) == []


@pytest.mark.parametrize("wrong", [[0], [101], [-5, 50], [1, 2, 3, 4, 5, 6]])
def test_levels_are_a_few_percentages(database: Database, alice: Account, wrong: list[int]) -> None:
    with pytest.raises(BadLevels):
        database.run_now(alerts.set_levels, alice.id, wrong, actor=alice.email, now=NOW)


def test_charlie_is_told_nothing_of_others(
    database: Database, alice: Account, charlie: Account, key: ApiKey
) -> None:
    use(database, key, 10)
    assert standing(database, charlie) == []
    assert crossed(database, account_ids=[charlie.id]) == []

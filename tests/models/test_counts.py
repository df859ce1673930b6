import pytest

from models import counts, keys, ledger
from models.accounts import Account
from models.counts import Running
from models.database import Database
from models.keys import ApiKey
from models.ledger import FinalRow, OpenRow, Usage
from models.live import Counted

NOW = 1_795_000_000


@pytest.fixture
def key(database: Database, alice: Account) -> ApiKey:
    return database.run_now(keys.issue, alice.id, "My key", actor="a", now=NOW).key


def opened(key: ApiKey, name: str, at: int = NOW) -> OpenRow:
    return OpenRow(name, key.account_id, key.id, "gpt-5", at * 1000, True, 500, at // 3600)


def final(key: ApiKey, name: str, at: int = NOW) -> FinalRow:
    used = (Usage(input_tokens=10, output_tokens=5), False, 7, None, 90, "end", at // 3600)
    return FinalRow(name, key.account_id, key.id, "gpt-5", at * 1000, "ok", 200, None, *used)


def write(database: Database, opens: list[OpenRow], finals: list[FinalRow]) -> None:
    with database.write_batch() as connection:
        ledger.write(connection, opens, finals, [])


def test_an_owner_without_requests_has_counted_nothing(database: Database, key: ApiKey) -> None:
    found = database.read_now(counts.counted_of, key.account_id, key.id, now=NOW)
    assert found.account == Counted("account", key.account_id, 0, 0)
    assert found.key == Counted("key", key.id, 0, 0)
    assert found.running == []


def test_requests_are_of_this_hour_and_tokens_of_this_month(database: Database, key: ApiKey) -> None:
    other = database.run_now(keys.issue, key.account_id, "Other", actor="a", now=NOW).key
    hour_ago, month_ago = NOW - 3600, NOW - 32 * 86400
    write(
        database,
        [opened(key, "running")],
        [final(key, "a"), final(key, "b", hour_ago), final(key, "c", month_ago), final(other, "d")],
    )
    found = database.read_now(counts.counted_of, key.account_id, key.id, now=NOW)
    assert found.account == Counted("account", key.account_id, 3, 45)
    assert found.key == Counted("key", key.id, 2, 30)
    assert found.running == [Running("running", key.id, NOW // 3600, 500)]


def test_it_is_what_everybody_is_counted_at(database: Database, key: ApiKey) -> None:
    write(database, [opened(key, "running")], [final(key, "a"), final(key, "b", NOW - 3600)])
    found = database.read_now(counts.counted_of, key.account_id, key.id, now=NOW)
    everybody = database.read_now(counts.counted_of_all, now=NOW)
    assert {(one.layer, one.owner_id): one for one in everybody} == {
        ("account", key.account_id): found.account,
        ("key", key.id): found.key,
    }


def test_requests_of_others_do_not_count(database: Database, key: ApiKey, charlie: Account) -> None:
    write(database, [opened(key, "running")], [final(key, "a")])
    found = database.read_now(counts.counted_of, charlie.id, key.id, now=NOW)
    assert found.account == Counted("account", charlie.id, 0, 0)
    assert found.key == Counted("key", key.id, 0, 0)
    assert found.running == []


def test_a_request_of_an_earlier_hour_runs_and_is_counted_there(database: Database, key: ApiKey) -> None:
    write(database, [opened(key, "long", NOW - 3600)], [])
    found = database.read_now(counts.counted_of, key.account_id, None, now=NOW)
    assert (found.account.requests, found.running) == (0, [Running("long", key.id, NOW // 3600 - 1, 500)])


def test_states_tell_what_became_of_requests(database: Database, key: ApiKey) -> None:
    write(database, [opened(key, "running")], [final(key, "ended")])
    asked = ["running", "ended", "never"]
    assert database.read_now(counts.states_of, asked) == {"running": None, "ended": 15}

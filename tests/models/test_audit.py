from models import audit
from models.accounts import Account
from models.database import Database

NOW = 1_795_000_000


def test_audit_rows_are_told_newest_first_for_all_or_one(database: Database, alice: Account) -> None:
    for number, account_id in enumerate((None, alice.id, alice.id)):
        database.run_now(audit.record, f"thing.{number}", actor="root", account_id=account_id, now=NOW)
    assert [row.act for row in database.read_now(audit.last, limit=2)] == ["thing.2", "thing.1"]
    mine = database.read_now(audit.last, account_id=alice.id, limit=9)
    assert [row.act for row in mine] == ["thing.2", "thing.1"]


def test_the_trail_is_filtered_by_actor_account_act_and_time(
    database: Database, alice: Account, charlie: Account
) -> None:
    lines = [
        ("limit.hourly_requests", "Boss@example.com", alice.id, NOW),
        ("limit.monthly_tokens", "alice@example.com", alice.id, NOW + 10),
        ("key.create", "charlie_1@example.com", charlie.id, NOW + 20),
        ("plan.hourly_requests", "boss@example.com", None, NOW + 30),
    ]
    for act, actor, account_id, at in lines:
        database.run_now(audit.record, act, actor=actor, account_id=account_id, now=at)

    def found(trail: audit.Trail) -> list[int]:
        return [row.at - NOW for row in database.read_now(audit.page, trail)]

    assert found(audit.Trail()) == [30, 20, 10, 0]
    assert found(audit.Trail(actor="boss")) == [30, 0]
    assert found(audit.Trail(actor="charlie_")) == [20]
    assert found(audit.Trail(actor="%")) == []
    assert found(audit.Trail(account_id=alice.id)) == [10, 0]
    assert found(audit.Trail(act="limit.")) == [10, 0]
    assert found(audit.Trail(act="limit.monthly_tokens")) == [10]
    assert found(audit.Trail(since=NOW + 10, until=NOW + 30)) == [20, 10]
    assert database.read_now(audit.acts) == sorted(line[0] for line in lines)


def test_the_trail_continues_after_the_last_row_seen(database: Database) -> None:
    for number in range(audit.PAGE + 2):
        database.run_now(audit.record, f"thing.{number}", actor="root", account_id=None, now=NOW)
    first = database.read_now(audit.page, audit.Trail())
    assert len(first) == audit.PAGE
    rest = database.read_now(audit.page, audit.Trail(), before_id=first[-1].id)
    assert [row.act for row in rest] == ["thing.1", "thing.0"]

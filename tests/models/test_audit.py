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

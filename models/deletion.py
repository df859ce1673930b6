"""An account's end: whoever had it is forgotten, while the ledger keeps every row and sum to the token.

Requests and sums name accounts and keys by number alone, so they stay as they are; the account's own row stays for
them to refer to, under a name that is no address. Everything that tells of the person goes: address, password,
names of keys, logins, links, refusals, what was asked of staff, and the address in the audit trail, of which acts
and times are kept.
"""

from typing import Final

from sqlmodel import Session, col, delete, select, update

from models import accounts, audit, epochs, guesses, keys, logins
from models.accounts import Account
from models.alerts import AlertLevels, AlertTold
from models.asks import Ask
from models.audit import AuditRow
from models.errors import Refused
from models.keys import ApiKey
from models.logins import Reset
from models.overrides import Override, Plan
from models.refusals import RefusalRow
from models.verification import Verification

KEY_NAME: Final = "Deleted key"


class LastAdmin(Refused):
    def __init__(self) -> None:
        super().__init__(
            "You are the last admin. Make somebody else an admin first, then delete this account."
        )


def delete_account(session: Session, account_id: int, *, now: int) -> None:
    """For good; keys and logins are dead with the commit. Raises `LastAdmin`, `NoSuchAccount`."""
    epochs.bump(session, account_id, now=now)
    _check_admins(session, account_id)
    account = accounts.existing(session, account_id)
    name = f"deleted account {account_id}"
    for public_id in session.exec(
        select(ApiKey.public_id).where(ApiKey.account_id == account_id, col(ApiKey.revoked_at).is_(None))
    ).all():
        keys.revoke(session, account_id, public_id, actor=name, now=now)
    session.flush()
    session.exec(update(ApiKey).where(col(ApiKey.account_id) == account_id).values(name=KEY_NAME))
    logins.close_all(session, account_id)
    guesses.forget_devices(session, account_id)
    for table in (Reset, Verification, RefusalRow, Ask, AlertLevels, AlertTold):
        session.exec(delete(table).where(col(table.account_id) == account_id))
    _forget_in_audit(session, account_id, name)
    for address, since, until in _addresses(session, account, now):
        _forget_author(session, address, name, since=since, until=until)
    account.email = name
    account.password_hash = None
    account.is_admin = False
    account.verified_at = None
    account.suspended_at = account.deleted_at = now
    session.add(account)
    audit.record(session, "account.delete", actor=name, account_id=account_id, subject=name, now=now)


def _check_admins(session: Session, account_id: int) -> None:
    """Locks all admins, so that the last two cannot leave at the same moment."""
    admins = session.exec(
        select(Account)
        .where(col(Account.is_admin), col(Account.suspended_at).is_(None))
        .order_by(col(Account.id))
        .with_for_update()
    ).all()
    if [admin.id for admin in admins] == [account_id]:
        raise LastAdmin


def _forget_in_audit(session: Session, account_id: int, name: str) -> None:
    """What this account did keeps its act, time and figures; what was done to it keeps who did it."""
    session.exec(
        update(AuditRow)
        .where(col(AuditRow.account_id) == account_id, col(AuditRow.act).not_like("limit.%"))
        .values(old="", new="")
    )
    session.exec(
        update(AuditRow)
        .where(col(AuditRow.account_id) == account_id, col(AuditRow.act).like("ask.%"))
        .values(reason="")
    )
    session.exec(
        update(AuditRow)
        .where(col(AuditRow.account_id) == account_id, col(AuditRow.subject).contains("@"))
        .values(subject=name)
    )


def _addresses(session: Session, account: Account, now: int) -> list[tuple[str, int, int]]:
    """Those that the account has had, each with the time within which it was nobody else's."""
    earlier = session.exec(
        select(AuditRow.actor, AuditRow.at).where(
            col(AuditRow.account_id) == account.id, col(AuditRow.act) == "email.set"
        )
    ).all()
    return [(address, account.created_at, until) for address, until in [*earlier, (account.email, now)]]


def _forget_author(session: Session, address: str, name: str, *, since: int, until: int) -> None:
    """Also what an admin did to other accounts keeps only that it was an account that is deleted."""
    session.exec(
        update(AuditRow)
        .where(col(AuditRow.actor) == address, col(AuditRow.at).between(since, until))
        .values(actor=name, address="")
    )
    session.exec(
        update(Override)
        .where(col(Override.author) == address, col(Override.created_at).between(since, until))
        .values(author=name)
    )
    session.exec(
        update(Ask)
        .where(col(Ask.decided_by) == address, col(Ask.decided_at).between(since, until))
        .values(decided_by=name)
    )
    session.exec(
        update(Plan)
        .where(col(Plan.edited_by) == address, col(Plan.edited_at).between(since, until))
        .values(edited_by=name)
    )

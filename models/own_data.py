"""All that is kept about an account, for its owner to take away: plain values, ready for JSON.

Requests and refusals may be a million rows, so they come in pages; everything else is read at once. No secret is
in it, because none is kept. Staff is named "staff", as on every page of a customer.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from models import accounts, keys, limits, logins
from models.asks import Ask
from models.audit import AuditRow
from models.keys import ApiKey
from models.ledger import RequestRow
from models.live import Limit
from models.overrides import Override
from models.refusals import RefusalRow

PAGE: Final = 1_000
Row = dict[str, Any]
Cursor = tuple[int, str] | None
Page = tuple[list[Row], Cursor]
"""Rows, and where the next page begins; None after the last one."""


def account(session: Session, account_id: int, *, now: int) -> dict[str, Any]:
    """Everything but requests and refusals. Raises `NoSuchAccount`."""
    found = accounts.get(session, account_id)
    if found is None:
        raise accounts.NoSuchAccount
    names = _names(session, account_id)
    return {
        "account": {
            "id": found.id,
            "email": found.email,
            "email_verified_at": moment(found.verified_at),
            "plan": found.plan,
            "is_admin": found.is_admin,
            "created_at": moment(found.created_at),
        },
        "open_logins": [
            {
                "device": one.device,
                "address": one.address,
                "logged_in_at": moment(one.created_at),
                "last_seen_at": moment(one.seen_at),
            }
            for one in logins.listing(session, account_id, now=now)
        ],
        "keys": [
            {
                "id": key.public_id,
                "name": key.name,
                "masked": keys.masked(key),
                "created_at": moment(key.created_at),
                "revoked_at": moment(key.revoked_at),
            }
            for key in session.exec(
                select(ApiKey).where(ApiKey.account_id == account_id).order_by(col(ApiKey.id))
            )
        ],
        "limits": _limits(session, account_id, names, now=now),
        "asked_for": _asked_for(session, account_id),
        "audit": _audit(session, account_id),
    }


def requests(session: Session, account_id: int, cursor: Cursor, *, until_ms: int) -> Page:
    """A page of the requests that were admitted before, oldest first."""
    query = select(RequestRow).where(
        RequestRow.account_id == account_id, col(RequestRow.admitted_ms) < until_ms
    )
    if cursor is not None:
        at_ms, last_id = cursor
        query = query.where(
            col(RequestRow.admitted_ms) >= at_ms,
            or_(
                col(RequestRow.admitted_ms) > at_ms,
                and_(col(RequestRow.admitted_ms) == at_ms, col(RequestRow.id) > last_id),
            ),
        )
    found = session.exec(query.order_by(col(RequestRow.admitted_ms), col(RequestRow.id)).limit(PAGE)).all()
    names = _names(session, account_id)
    after = (found[-1].admitted_ms, found[-1].id) if len(found) == PAGE else None
    return [_request(row, names) for row in found], after


def refusals(session: Session, account_id: int, cursor: Cursor, *, until_ms: int) -> Page:
    """A page of the refusals that happened before, oldest first."""
    query = select(RefusalRow).where(
        RefusalRow.account_id == account_id, col(RefusalRow.at) < until_ms // 1000
    )
    if cursor is not None:
        query = query.where(col(RefusalRow.id) > cursor[0])
    found = session.exec(query.order_by(col(RefusalRow.id)).limit(PAGE)).all()
    names = _names(session, account_id)
    after = (found[-1].id or 0, "") if len(found) == PAGE else None
    return [_refusal(row, names) for row in found], after


PAGED: Final[dict[str, Callable[..., Page]]] = {"requests": requests, "refusals": refusals}


def moment(at: int | None) -> str | None:
    """Unix seconds as 2026-11-25T14:00:00Z."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _limits(session: Session, account_id: int, names: dict[int, str], *, now: int) -> dict[str, Any]:
    bound: tuple[Limit, ...] = ("hourly_requests", "monthly_tokens")
    in_force = {name: limits.ladder(session, account_id, None, name, now=now) for name in bound}
    history = session.exec(
        select(Override).where(Override.account_id == account_id).order_by(col(Override.id))
    )
    return {
        "account": {name: {"value": steps.value, "origin": steps.origin} for name, steps in in_force.items()},
        "set": [
            {
                "key": names.get(row.key_id) if row.key_id is not None else None,
                "limit": row.limit_name,
                "value": row.value,
                "by": "staff" if row.is_staff else "owner",
                "reason": row.reason,
                "set_at": moment(row.created_at),
                "until": moment(row.until),
                "ended_at": moment(row.ended_at),
            }
            for row in history
        ],
    }


def _asked_for(session: Session, account_id: int) -> list[Row]:
    asked = session.exec(select(Ask).where(Ask.account_id == account_id).order_by(col(Ask.id)))
    return [
        {
            "at": moment(one.asked_at),
            "limit": one.limit_name,
            "wanted": one.wanted,
            "why": one.why,
            "state": one.state,
            "granted": one.granted,
            "answer": one.answer,
            "decided_at": moment(one.decided_at),
        }
        for one in asked
    ]


def _audit(session: Session, account_id: int) -> list[Row]:
    """What was done with the account. Acts of its owner are those that were done under an address it had; for
    a reset link anybody may have asked."""
    rows = session.exec(
        select(AuditRow).where(AuditRow.account_id == account_id).order_by(col(AuditRow.id))
    ).all()
    found = accounts.get(session, account_id)
    own = (
        {logins.VISITOR}
        | {row.actor for row in rows if row.act == "email.set"}
        | {found.email if found else ""}
    )
    return [
        {
            "at": moment(row.at),
            "by": row.actor if row.actor in own else "staff",
            "act": row.act,
            "subject": row.subject,
            "old": row.old,
            "new": row.new,
            "reason": row.reason,
            "address": row.address if row.actor in own else "",
        }
        for row in rows
    ]


def _names(session: Session, account_id: int) -> dict[int, str]:
    """The public ids of the account's keys."""
    rows = session.exec(select(ApiKey.id, ApiKey.public_id).where(ApiKey.account_id == account_id))
    return dict(rows.all())


def _request(row: RequestRow, names: dict[int, str]) -> Row:
    return {
        "id": row.id,
        "at": _exact_moment(row.admitted_ms),
        "key": names.get(row.key_id),
        "model": row.model,
        "outcome": row.outcome or "running",
        "status": row.http_status,
        "error": row.error_code,
        "is_stream": row.is_stream,
        "input_tokens": row.input_tokens,
        "cache_read_tokens": row.cache_read_tokens,
        "cache_write_tokens": row.cache_write_tokens,
        "output_tokens": row.output_tokens,
        "reasoning_tokens": row.reasoning_tokens,
        "total_tokens": row.total_tokens,
        "is_estimated": row.is_estimated,
        "cost_nano_dollars": row.cost_nusd,
        "first_token_ms": row.first_token_ms,
        "total_ms": row.total_ms,
    }


def _refusal(row: RefusalRow, names: dict[int, str]) -> Row:
    return {
        "request_id": row.request_id,
        "at": moment(row.at),
        "key": names.get(row.key_id),
        "model": row.model,
        "status": row.status,
        "code": row.code,
        "message": row.message,
        "unwritten_before": row.skipped,
    }


def _exact_moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

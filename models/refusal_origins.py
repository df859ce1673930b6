"""Who had set the limit that refused a request, at that moment: told from the overrides, ended ones included."""

from collections.abc import Sequence

from sqlalchemy import or_
from sqlmodel import Session, col, select

from models.overrides import Override
from models.refusals import RefusalRow


def setters(session: Session, account_id: int, rows: Sequence[RefusalRow]) -> dict[str, Override | None]:
    """By request id, for refusals of this account by a limit: the override that set its value; None where that was the
    plan's."""
    limited = [row for row in rows if row.limit_name is not None and row.account_id == account_id]
    if not limited:
        return {}
    times = [row.at for row in limited]
    query = select(Override).where(
        Override.account_id == account_id,
        col(Override.created_at) <= max(times),
        or_(col(Override.ended_at).is_(None), col(Override.ended_at) >= min(times)),
        or_(col(Override.until).is_(None), col(Override.until) > min(times)),
    )
    known = session.exec(query.order_by(col(Override.id).desc())).all()
    return {row.request_id: _setter(row, known) for row in limited}


def _setter(row: RefusalRow, known: Sequence[Override]) -> Override | None:
    """The newest of the layer that refused. A key without a value of its own has the account's."""
    fitting = [
        each
        for each in known
        if each.limit_name == row.limit_name
        and each.value == row.value
        and each.created_at <= row.at
        and (each.ended_at is None or each.ended_at >= row.at)
        and (each.until is None or each.until > row.at)
    ]
    of_key = [each for each in fitting if each.key_id == row.key_id] if row.layer == "key" else []
    of_account = [each for each in fitting if each.key_id is None]
    return next(iter([*of_key, *of_account]), None)

"""What other serving processes settled or refused lately, for the open pages of this one."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, select

from models.ledger import RequestRow
from models.refusals import RefusalRow

LOOK_BACK_MS: Final = 120_000
"""A request that ran longer is not told of; the pages count it with the next one."""
MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Newest first, each."""

    settled: list[RequestRow]
    refused: list[RefusalRow]


def lately(session: Session, account_ids: Collection[int], process: int, *, now_ms: int) -> Elsewhere:
    """Of these accounts. Refusals are of all processes: their rows do not say which."""
    since_ms = now_ms - LOOK_BACK_MS
    settled = (
        select(RequestRow)
        .where(
            col(RequestRow.account_id).in_(account_ids),
            RequestRow.admitted_ms > since_ms,
            RequestRow.state == "final",
            RequestRow.process != process,
        )
        .order_by(col(RequestRow.admitted_ms).desc())
        .limit(MOST)
    )
    refused = (
        select(RefusalRow)
        .where(col(RefusalRow.account_id).in_(account_ids), RefusalRow.at > since_ms // 1000)
        .order_by(col(RefusalRow.id).desc())
        .limit(MOST)
    )
    return Elsewhere(list(session.exec(settled).all()), list(session.exec(refused).all()))

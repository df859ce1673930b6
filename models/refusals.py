"""Requests of known keys that the gateway itself refused: what the owner sees when he asks why.

A refusal consumes nothing, so these rows are no part of the ledger and may be thinned out: `skipped` says how
many refusals of the same key went unwritten before this one.
"""

from dataclasses import dataclass, fields
from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer
from sqlmodel import Field, Session, SQLModel, col, select


class RefusalRow(SQLModel, table=True):
    __tablename__ = "refusals"
    __table_args__ = (Index("refusals_account", "account_id", "at"),)

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    request_id: str
    at: int = Field(sa_type=BigInteger)
    account_id: int = Field(index=True)
    key_id: int
    model: str
    status: int
    code: str
    param: str | None = None
    message: str = ""
    limit_name: str | None = None
    layer: str | None = None
    value: int | None = Field(default=None, sa_type=BigInteger)
    count: int | None = Field(default=None, sa_type=BigInteger)
    window_end: int | None = Field(default=None, sa_type=BigInteger)
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A refusal on its way into the table. `message` is the sentence that the client got. `limit_name` to
    `window_end` are set when a limit refused: the layer, its value, the count at the decision, and when its
    window ends. Columns and their order are the table's."""

    request_id: str
    at: int
    account_id: int
    key_id: int
    model: str
    status: int
    code: str
    param: str | None = None
    message: str = ""
    limit_name: str | None = None
    layer: str | None = None
    value: int | None = None
    count: int | None = None
    window_end: int | None = None
    skipped: int = 0


COLUMNS: Final = tuple(field.name for field in fields(Line))


def last(session: Session, account_id: int, limit: int) -> list[RefusalRow]:
    """Newest first."""
    query = select(RefusalRow).where(RefusalRow.account_id == account_id)
    newest_first = (col(RefusalRow.at).desc(), col(RefusalRow.id).desc())
    return list(session.exec(query.order_by(*newest_first).limit(limit)).all())

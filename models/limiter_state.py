"""Where the limits are counted just now, for all processes that could count them in Redis.

Whoever finds Redis away says so here; then all count in the database, until Redis has answered everybody for
`AWAY_MS`. Each outage begins a new generation: counters of an older one are never read again. Times are the
database's own, so that all processes change over at the same moment. A generation is named by when it began: no
other database that used the same Redis before can have had the same.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger
from sqlmodel import Field, Session, SQLModel, text

from models.database import server_ms

AWAY_MS: Final = 2_000
_ONE: Final = 1


class LimiterState(SQLModel, table=True):
    """One row. Redis is used from `redis_from_ms` on, under names of this generation."""

    __tablename__ = "limiter_state"

    id: int = Field(primary_key=True)
    generation: int = Field(sa_type=BigInteger)
    redis_from_ms: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class State:
    """`away_ms` is how long from now on Redis is not used; 0 when it is."""

    generation: int
    away_ms: int


def read(session: Session, *, now_ms: int) -> State:
    """`now_ms` is asked of the database itself where that is a server."""
    row = session.get_one(LimiterState, _ONE)
    return State(row.generation, max(0, row.redis_from_ms - server_ms(session, now_ms)))


def mark_away(session: Session, *, now_ms: int) -> State:
    """Somebody got no answer from Redis. The first who says so begins a new generation."""
    now_ms = server_ms(session, now_ms)
    values = {"now": now_ms, "until": now_ms + AWAY_MS}
    session.connection().execute(
        text(
            "UPDATE limiter_state SET redis_from_ms = :until, "
            "generation = CASE WHEN redis_from_ms <= :now THEN :now ELSE generation END"
        ),
        values,
    )
    return read(session, now_ms=now_ms)


def begin_generation(session: Session, *, now_ms: int) -> None:
    """All counters in Redis are filled from the tables anew."""
    session.connection().execute(
        text("UPDATE limiter_state SET generation = :now"), {"now": server_ms(session, now_ms)}
    )

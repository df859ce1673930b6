"""What staff wants to know of a running server, gathered in one look."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.ledger_care import LedgerCare
from models import ledger_state, limiter_state, model_health, processes
from models.database import Database, server_ms
from models.ledger_state import LedgerCheck
from models.model_health import ModelHealth
from models.processes import Process

SHOWN_CHECKS = 10


@dataclass(frozen=True, slots=True)
class Server:
    """A serving process; `is_this` is the one that draws the page. `unseen_ms` since it last said that it lives."""

    process: Process
    is_this: bool
    unseen_ms: int


@dataclass(frozen=True, slots=True)
class Look:
    """`is_redis_away`: the limits are counted in the database meanwhile. `writer_waits`: rows of this process that
    are not committed yet; `running`: its requests under way. `took_ms` is how long the tables took to answer."""

    checks: Sequence[LedgerCheck]
    servers: Sequence[Server]
    models: dict[str, ModelHealth]
    is_redis_away: bool
    writer_waits: int
    running: int
    took_ms: int


class Health:
    """`limiter` is where this process counts the limits."""

    def __init__(
        self,
        database: Database,
        care: LedgerCare,
        *,
        limiter: str,
        process: Callable[[], int],
        backlog: Callable[[], int],
        running: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self.care = care
        self.limiter = limiter
        self._database = database
        self._process = process
        self._backlog = backlog
        self._running = running
        self._clock = clock

    @property
    def store(self) -> str:
        """The database in words."""
        return "SQLite" if self._database.dialect == "sqlite" else "PostgreSQL"

    async def look(self) -> Look:
        """Raises SQLAlchemy's `DBAPIError` while the database is away."""
        now_ms, began = int(self._clock() * 1000), asyncio.get_running_loop().time()
        server_now = await self._database.read(server_ms, now_ms)
        serving = await self._database.read(processes.serving)
        took_ms = round((asyncio.get_running_loop().time() - began) * 1000)
        state = await self._database.read(limiter_state.read, now_ms=now_ms)
        return Look(
            checks=await self._database.read(ledger_state.last_checks, SHOWN_CHECKS),
            servers=[Server(one, one.id == self._process(), server_now - one.seen_ms) for one in serving],
            models=await self._database.read(model_health.by_model, now=now_ms // 1000),
            is_redis_away=self.limiter == "redis" and state.away_ms > 0,
            writer_waits=self._backlog(),
            running=self._running(),
            took_ms=took_ms,
        )

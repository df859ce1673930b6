"""The ledger writer's SQL in each driver's own dialect, so that nothing is compiled per call.

The columns' order is the order in which `models.usage` gives values: first what is known at the admission, then
what only the end tells.
"""

import json
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import text

from models import refusals

OPEN_COLUMNS: Final = (
    "id",
    "account_id",
    "key_id",
    "model",
    "admitted_ms",
    "hour",
    "is_stream",
    "reserved_tokens",
    "process",
)
FINAL_COLUMNS: Final = (
    "state",
    "outcome",
    "http_status",
    "error_code",
    "stop",
    "bound_by",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "total_tokens",
    "is_estimated",
    "cost_nusd",
    "first_token_ms",
    "total_ms",
)
SUM_KEY: Final = ("account_id", "hour", "key_id", "model", "outcome")
SUMS: Final = ("requests", "prompt_tokens", "completion_tokens", "total_tokens", "cost_nusd")


class Statements:
    """The writer's SQL in the driver's own dialect: nothing is compiled per call."""

    def __init__(self, mark: str, states: str, pack: Callable[[list[str]], object]) -> None:
        def insert(table: str, columns: Sequence[str], on_conflict: str = "") -> str:
            marks = ", ".join([mark] * len(columns))
            return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) {on_conflict}"  # noqa: S608

        columns = (*OPEN_COLUMNS, *FINAL_COLUMNS)
        final = ", ".join(f"{column} = excluded.{column}" for column in FINAL_COLUMNS)
        sums = ", ".join(f"{column} = usage_hours.{column} + excluded.{column}" for column in SUMS)
        self.open_rows = insert("requests", columns, "ON CONFLICT (id) DO NOTHING")
        self.final_rows = insert(
            "requests", columns, f"ON CONFLICT (id) DO UPDATE SET {final} WHERE requests.state = 'open'"
        )
        self.sums = insert(
            "usage_hours", (*SUM_KEY, *SUMS), f"ON CONFLICT ({', '.join(SUM_KEY)}) DO UPDATE SET {sums}"
        )
        self.refusals = insert("refusals", refusals.COLUMNS)
        self.states = states
        self.pack = pack


STATEMENTS: Final = {
    "sqlite": Statements(
        "?", "SELECT id, state FROM requests WHERE id IN (SELECT value FROM json_each(?))", json.dumps
    ),
    "postgresql": Statements(
        "%s", "SELECT id, state FROM requests WHERE id = ANY(%s) ORDER BY id FOR UPDATE", list
    ),
}
SWEEP_SUMS: Final = text(
    "INSERT INTO usage_hours (account_id, hour, key_id, model, outcome, "
    "requests, prompt_tokens, completion_tokens, total_tokens, cost_nusd) "
    "SELECT account_id, hour, key_id, model, 'interrupted', count(*), 0, 0, 0, 0 FROM requests "
    "WHERE state = 'open' AND admitted_ms <= :until_ms GROUP BY account_id, hour, key_id, model "
    "ON CONFLICT (account_id, hour, key_id, model, outcome) "
    "DO UPDATE SET requests = usage_hours.requests + excluded.requests"
)
SWEEP_ROWS: Final = text(
    "UPDATE requests SET state = 'final', outcome = 'interrupted', is_estimated = true "
    "WHERE state = 'open' AND admitted_ms <= :until_ms"
)

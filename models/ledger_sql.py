"""The ledger writer's SQL in each driver's own dialect, so that nothing is compiled per call.

The columns' order is the order in which `models.ledger` gives values: first what is known at the admission, then
what only the end tells.
"""

import json
from collections.abc import Callable, Sequence
from typing import Final

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
TIMES: Final = ("first_token_times", "total_times")
MONTH_KEY: Final = ("account_id", "month", "key_id")
MONTH_SUMS: Final = ("requests", "total_tokens", "cost_nusd")
NOTED: Final = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "total_tokens",
    "cost_nusd",
)
SETTLED: Final = (
    "id, account_id, hour, key_id, model, outcome, input_tokens + cache_read_tokens + cache_write_tokens, "
    "output_tokens, cost_nusd, first_token_ms, total_ms"
)
"""What of a row is summed."""


class Statements:
    """The writer's SQL in the driver's own dialect: nothing is compiled per call."""

    def __init__(
        self,
        mark: str,
        *,
        listed: str,
        times: str,
        pack: Callable[[list[str]], object],
        pack_groups: Callable[[Sequence[tuple[object, ...]]], tuple[object, ...]],
    ) -> None:
        def insert(table: str, columns: Sequence[str], on_conflict: str = "") -> str:
            marks = ", ".join([mark] * len(columns))
            return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) {on_conflict}"  # noqa: S608

        def is_same(columns: Sequence[str]) -> str:
            return " AND ".join(f"{column} = {mark}" for column in columns)

        self.mark = mark
        columns = (*OPEN_COLUMNS, *FINAL_COLUMNS)
        final = ", ".join(f"{column} = excluded.{column}" for column in FINAL_COLUMNS)
        sums = ", ".join(f"{column} = usage_hours.{column} + excluded.{column}" for column in SUMS)
        histograms = ", ".join(f"{column} = excluded.{column}" for column in TIMES)
        months = ", ".join(f"{column} = usage_months.{column} + excluded.{column}" for column in MONTH_SUMS)
        noted = ", ".join(f"{column} = {mark}" for column in NOTED)
        self.open_rows = insert("requests", columns, "ON CONFLICT (id) DO NOTHING")
        self.final_rows = insert(
            "requests",
            columns,
            f"ON CONFLICT (id) DO UPDATE SET {final} "
            "WHERE requests.state = 'open' OR requests.outcome = 'interrupted'",
        )
        self.notes = f"UPDATE requests SET {noted} WHERE id = {mark} AND state = 'open'"  # noqa: S608
        self.interrupt = (
            "UPDATE requests SET state = 'final', outcome = 'interrupted', is_estimated = true "  # noqa: S608
            f"WHERE id = {mark} AND state = 'open'"
        )
        self.hours = insert(
            "usage_hours",
            (*SUM_KEY, *SUMS, *TIMES),
            f"ON CONFLICT ({', '.join(SUM_KEY)}) DO UPDATE SET {sums}, {histograms}",
        )
        self.months = insert(
            "usage_months",
            (*MONTH_KEY, *MONTH_SUMS),
            f"ON CONFLICT ({', '.join(MONTH_KEY)}) DO UPDATE SET {months}",
        )
        self.drop_hours = f"DELETE FROM usage_hours WHERE {is_same(SUM_KEY)} AND requests = 0"  # noqa: S608
        self.states = (
            f"SELECT id, state, outcome, account_id, hour, key_id, model FROM requests WHERE id {listed}"  # noqa: S608
        )
        self.settled = f"SELECT {SETTLED} FROM requests WHERE id {listed}"  # noqa: S608
        self.times = times
        self.refusals = insert("refusals", refusals.COLUMNS)
        self.pack = pack
        self.pack_groups = pack_groups


_TIMES_OF: Final = (
    "SELECT u.account_id, u.hour, u.key_id, u.model, u.outcome, first_token_times, total_times "
)

STATEMENTS: Final = {
    "sqlite": Statements(
        "?",
        listed="IN (SELECT value FROM json_each(?))",
        times=_TIMES_OF + "FROM json_each(?) AS g CROSS JOIN usage_hours AS u "
        "ON u.account_id = json_extract(g.value, '$[0]') AND u.hour = json_extract(g.value, '$[1]') "
        "AND u.key_id = json_extract(g.value, '$[2]') AND u.model = json_extract(g.value, '$[3]') "
        "AND u.outcome = json_extract(g.value, '$[4]')",
        pack=json.dumps,
        pack_groups=lambda groups: (json.dumps(groups),),
    ),
    "postgresql": Statements(
        "%s",
        # Locked in the order in which Python sorts, whatever the collation: notes are written in it too.
        listed='= ANY(%s) ORDER BY id COLLATE "C" FOR UPDATE',
        times=_TIMES_OF + "FROM unnest(%s::int[], %s::int[], %s::int[], %s::text[], %s::text[]) "
        "AS g(account_id, hour, key_id, model, outcome) "
        "JOIN usage_hours AS u USING (account_id, hour, key_id, model, outcome)",
        pack=list,
        pack_groups=lambda groups: tuple(map(list, zip(*groups, strict=True))),
    ),
}

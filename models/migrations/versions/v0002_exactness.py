"""What exact accounting over several processes needs: who serves, how far a request is, sums by month, and
the times of requests as histograms.

Revision ID: 0002
Revises: 0001
"""

from collections import Counter, defaultdict

import sqlalchemy as sa
from alembic import op

from models import histogram, windows

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("requests", sa.Column("process", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("requests", sa.Column("bound_by", sa.String(), nullable=True))
    op.drop_index("requests_open", "requests")
    is_open = sa.text("state = 'open'")
    op.create_index(
        "requests_open", "requests", ["account_id"], sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("requests_hour", "requests", ["hour"])
    # On SQLite '' would be a text, which is no histogram.
    nothing = sa.text("x''" if op.get_bind().dialect.name == "sqlite" else "''")
    for times in ("first_token_times", "total_times"):
        op.add_column(
            "usage_hours", sa.Column(times, sa.LargeBinary(), nullable=False, server_default=nothing)
        )
    op.add_column("plans", sa.Column("concurrent_requests", sa.BigInteger(), nullable=True))
    op.execute("UPDATE plans SET concurrent_requests = 100 WHERE name = 'starter'")
    _months()
    _processes()
    _states()
    _fill_months()
    _fill_times()


def _months() -> None:
    op.create_table(
        "usage_months",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("total_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_nusd", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "month", "key_id"),
    )


def _processes() -> None:
    op.create_table(
        "processes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("limiter", sa.String(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )


def _states() -> None:
    op.create_table(
        "limiter_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("redis_from_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO limiter_state VALUES (1, 1, 0)")


def _fill_months() -> None:
    """From the hours, which hold all that was ever settled."""
    connection = op.get_bind()
    months: defaultdict[tuple[int, int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    hours = connection.execute(
        sa.text(
            "SELECT account_id, hour, key_id, requests, total_tokens, cost_nusd FROM usage_hours"
        ).execution_options(yield_per=10_000)
    )
    for account_id, hour, key_id, *figures in hours:
        sums = months[account_id, windows.month_of(hour * windows.HOUR), key_id]
        for place, figure in enumerate(figures):
            sums[place] += figure
    names = ("account_id", "month", "key_id", "requests", "total_tokens", "cost_nusd")
    rows = [dict(zip(names, (*owner, *sums), strict=True)) for owner, sums in sorted(months.items())]
    if rows:
        connection.execute(
            sa.text(
                "INSERT INTO usage_months (account_id, month, key_id, requests, total_tokens, cost_nusd) "
                "VALUES (:account_id, :month, :key_id, :requests, :total_tokens, :cost_nusd)"
            ),
            rows,
        )


def _fill_times() -> None:
    """From the rows, all of which were kept until now."""
    connection = op.get_bind()
    groups: defaultdict[tuple[object, ...], tuple[Counter[int], Counter[int]]] = defaultdict(
        lambda: (Counter(), Counter())
    )
    rows = connection.execute(
        sa.text(
            "SELECT account_id, hour, key_id, model, outcome, first_token_ms, total_ms FROM requests "
            "WHERE state = 'final'"
        ).execution_options(yield_per=10_000)
    )
    for *group, first_token_ms, total_ms in rows:
        for counted, ms in zip(groups[tuple(group)], (first_token_ms, total_ms), strict=True):
            if ms is not None:
                counted[histogram.bucket_of(ms)] += 1
    names = ("account_id", "hour", "key_id", "model", "outcome")
    packed = [
        dict(zip(names, group, strict=True))
        | {"first": histogram.pack(first), "total": histogram.pack(total)}
        for group, (first, total) in groups.items()
    ]
    if packed:
        connection.execute(
            sa.text(
                "UPDATE usage_hours SET first_token_times = :first, total_times = :total WHERE account_id = "
                ":account_id AND hour = :hour AND key_id = :key_id AND model = :model AND outcome = :outcome"
            ),
            packed,
        )

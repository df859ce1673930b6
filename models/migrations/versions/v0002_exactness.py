"""What exact accounting over several processes needs: who serves, how far a request is, sums by month, the times
of requests as histograms, and what the last check of the ledger found.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("requests", sa.Column("process", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("requests", sa.Column("bound_by", sa.String(), nullable=True))
    op.drop_index("requests_open", "requests")
    is_open = sa.text("state = 'open'")
    op.create_index(
        "requests_open", "requests", ["account_id"], sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("requests_hour", "requests", ["hour"])
    for times in ("first_token_times", "total_times"):
        op.add_column(
            "usage_hours", sa.Column(times, sa.LargeBinary(), nullable=False, server_default=sa.text("''"))
        )
    op.add_column("plans", sa.Column("concurrent_requests", sa.BigInteger(), nullable=True))
    op.execute("UPDATE plans SET concurrent_requests = 100 WHERE name = 'starter'")
    _months()
    _processes()
    _states()


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
    op.create_table(
        "ledger_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rows_from_hour", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO ledger_state VALUES (1, 0)")
    op.create_table(
        "ledger_checks",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("took_ms", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("differences", sa.Integer(), nullable=False),
        sa.Column("report", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )

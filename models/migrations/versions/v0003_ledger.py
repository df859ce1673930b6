"""From which hour on rows are kept, and how checks of the ledger ended.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "ledger_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rows_from_hour", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO ledger_state VALUES (1, 0)")
    op.create_table(
        "ledger_checks",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("took_ms", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("sums", sa.BigInteger(), nullable=False),
        sa.Column("reservations", sa.BigInteger(), nullable=False),
        sa.Column("counters", sa.BigInteger(), nullable=False),
        sa.Column("differences", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    # What all accounts did in an hour: checks, and the state of models.
    op.create_index("usage_hours_hour", "usage_hours", ["hour"])
    if op.get_bind().dialect.name == "sqlite":
        # An earlier form of the second revision left texts where histograms belong.
        for times in ("first_token_times", "total_times"):
            op.execute(f"UPDATE usage_hours SET {times} = x'' WHERE typeof({times}) = 'text'")  # noqa: S608

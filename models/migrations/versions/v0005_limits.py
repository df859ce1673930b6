"""What customers ask for and are told of limits, plans that staff has edited, and what an override replaced.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("plans", sa.Column("edited_at", sa.BigInteger(), nullable=True))
    op.add_column("plans", sa.Column("edited_by", sa.String(), nullable=True))
    op.add_column("overrides", sa.Column("replaced_by", sa.Integer(), nullable=True))
    _asks()
    _alerts()


def _asks() -> None:
    op.create_table(
        "asks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("limit_name", sa.String(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("wanted", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("granted", sa.BigInteger(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_asks_account_id", "asks", ["account_id"])
    waits = sa.text("state = 'asked'")
    op.create_index(
        "asks_waiting",
        "asks",
        ["account_id", "limit_name"],
        unique=True,
        sqlite_where=waits,
        postgresql_where=waits,
    )


def _alerts() -> None:
    op.create_table(
        "alert_levels",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("levels", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_table(
        "alerts_told",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("limit_name", sa.String(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "key_id", "limit_name", "period", "level"),
    )

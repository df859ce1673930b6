"""What the log of requests is read by: refusals in order of time, and the few requests that failed or were slow.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("refusals_account", "refusals", ["account_id", "at"], if_not_exists=True)
    for name, rows in (
        ("requests_failed", "outcome IN ('error', 'cut', 'interrupted')"),
        ("requests_slow", "total_ms >= 10000"),
    ):
        op.create_index(
            name,
            "requests",
            ["account_id", "admitted_ms"],
            if_not_exists=True,
            sqlite_where=sa.text(rows),
            postgresql_where=sa.text(rows),
        )

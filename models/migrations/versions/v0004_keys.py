"""What a key can do beside being revoked: pause, end by itself, be for some models only, and have two secrets for a
while.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for moment in ("paused_at", "expires_at", "rotated_at", "used_at", "old_until", "old_used_at"):
        op.add_column("api_keys", sa.Column(moment, sa.BigInteger(), nullable=True))
    op.add_column("api_keys", sa.Column("allowed_models", sa.String(), nullable=False, server_default=""))
    op.add_column("api_keys", sa.Column("old_digest", sa.String(), nullable=True))
    op.add_column("api_keys", sa.Column("old_last4", sa.String(), nullable=True))
    op.create_index("api_keys_old_digest", "api_keys", ["old_digest"], unique=True)

"""Chunks of a job are drawn in groups, and wait for their next attempt."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("chunk") as batch_op:
        # Nothing wrote such rows before; the default is for those that somebody made by hand.
        batch_op.add_column(sa.Column("group_number", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("enqueued_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("chunk") as batch_op:
        batch_op.alter_column("group_number", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("chunk") as batch_op:
        batch_op.drop_column("enqueued_at")
        batch_op.drop_column("next_attempt_at")
        batch_op.drop_column("group_number")

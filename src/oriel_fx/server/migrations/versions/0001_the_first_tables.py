"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("target_type", sa.String(length=32), nullable=False),
        sa.Column("target_id", sa.String(length=64), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    with op.batch_alter_table("audit_log") as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_log_created_at"), ["created_at"], unique=False)
        batch_op.create_index("ix_audit_log_target", ["target_type", "target_id"], unique=False)

    op.create_table(
        "user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("pending_email", sa.String(length=254), nullable=True),
        sa.Column("pending_email_hash", sa.String(length=64), nullable=True),
        sa.Column("pending_email_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token_version", sa.Integer(), nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("email", name=op.f("uq_user_email")),
        sa.UniqueConstraint("pending_email_hash", name=op.f("uq_user_pending_email_hash")),
    )
    with op.batch_alter_table("user") as batch_op:
        batch_op.create_index("ix_user_created_at", ["created_at"], unique=False)

    op.create_table(
        "webhook_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_event")),
        sa.UniqueConstraint("event_id", name=op.f("uq_webhook_event_event_id")),
    )
    with op.batch_alter_table("webhook_event") as batch_op:
        batch_op.create_index(batch_op.f("ix_webhook_event_received_at"), ["received_at"], unique=False)

    op.create_table(
        "password_reset_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_password_reset_token_user_id_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_reset_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_password_reset_token_token_hash")),
    )
    with op.batch_alter_table("password_reset_token") as batch_op:
        batch_op.create_index(batch_op.f("ix_password_reset_token_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_password_reset_token_user_id"), ["user_id"], unique=False)

    op.create_table(
        "payment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("stripe_session_id", sa.String(length=255), nullable=True),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("payment_intent", sa.String(length=255), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("declined_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decline_code", sa.String(length=64), nullable=True),
        sa.Column("refund_id", sa.String(length=255), nullable=True),
        sa.Column("refund_reason", sa.String(length=64), nullable=True),
        sa.Column("refund_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refunded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dispute_id", sa.String(length=255), nullable=True),
        sa.Column("disputed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_payment_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_payment_idempotency_key")),
        sa.UniqueConstraint("payment_intent", name=op.f("uq_payment_payment_intent")),
        sa.UniqueConstraint("public_id", name=op.f("uq_payment_public_id")),
        sa.UniqueConstraint("refund_id", name=op.f("uq_payment_refund_id")),
        sa.UniqueConstraint("stripe_session_id", name=op.f("uq_payment_stripe_session_id")),
    )
    op.create_table(
        "refresh_family",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("current_jti", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_reason", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_refresh_family_user_id_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_family")),
        sa.UniqueConstraint("current_jti", name=op.f("uq_refresh_family_current_jti")),
    )
    with op.batch_alter_table("refresh_family") as batch_op:
        batch_op.create_index(batch_op.f("ix_refresh_family_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_refresh_family_user_id"), ["user_id"], unique=False)

    op.create_table(
        "revoked_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("jti", sa.String(length=36), nullable=False),
        sa.Column("token_type", sa.String(length=16), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("family_id", sa.String(length=36), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_revoked_token_user_id_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revoked_token")),
        sa.UniqueConstraint("jti", name=op.f("uq_revoked_token_jti")),
    )
    with op.batch_alter_table("revoked_token") as batch_op:
        batch_op.create_index(batch_op.f("ix_revoked_token_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_revoked_token_family_id"), ["family_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_revoked_token_user_id"), ["user_id"], unique=False)

    op.create_table(
        "render_job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("payment_id", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("audio_filename", sa.String(length=255), nullable=False),
        sa.Column("render_config", sa.JSON(), nullable=False),
        sa.Column("video_url", sa.String(length=500), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("price_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("n_frames", sa.Integer(), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("fps", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=True),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("eta_s", sa.Double(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("enqueued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_owner", sa.String(length=128), nullable=True),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("upload_key", sa.String(length=255), nullable=False),
        sa.Column("upload_bytes", sa.BigInteger(), nullable=False),
        sa.Column("video_key", sa.String(length=255), nullable=True),
        sa.Column("video_bytes", sa.BigInteger(), nullable=True),
        sa.Column("poster_key", sa.String(length=255), nullable=True),
        sa.Column("download_token_hash", sa.String(length=64), nullable=True),
        sa.Column("download_token_revoked", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("files_deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refund_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_render_job_payment_id_payment")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_render_job_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_render_job")),
        sa.UniqueConstraint("download_token_hash", name=op.f("uq_render_job_download_token_hash")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_render_job_payment_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_render_job_public_id")),
    )
    with op.batch_alter_table("render_job") as batch_op:
        batch_op.create_index(batch_op.f("ix_render_job_refund_due_at"), ["refund_due_at"], unique=False)
        batch_op.create_index("ix_render_job_status_created_at", ["status", "created_at"], unique=False)
        batch_op.create_index("ix_render_job_status_expires_at", ["status", "expires_at"], unique=False)
        batch_op.create_index("ix_render_job_status_lease_expires_at", ["status", "lease_expires_at"], unique=False)
        batch_op.create_index("ix_render_job_status_next_attempt_at", ["status", "next_attempt_at"], unique=False)
        batch_op.create_index("ix_render_job_user_id_created_at", ["user_id", "created_at"], unique=False)

    # The two tables refer to each other. The indexes come after, because SQLite copies the table for this.
    with op.batch_alter_table("payment") as batch_op:
        batch_op.create_foreign_key("fk_payment_job_id_render_job", "render_job", ["job_id"], ["id"])

    with op.batch_alter_table("payment") as batch_op:
        batch_op.create_index("ix_payment_job_id", ["job_id"], unique=False)
        batch_op.create_index("ix_payment_status_expires_at", ["status", "expires_at"], unique=False)
        batch_op.create_index("ix_payment_status_updated_at", ["status", "updated_at"], unique=False)
        batch_op.create_index("ix_payment_user_id_created_at", ["user_id", "created_at"], unique=False)
        batch_op.create_index(
            "uq_payment_open_job",
            ["job_id"],
            unique=True,
            sqlite_where=sa.text("status = 'pending' AND job_id IS NOT NULL"),
            postgresql_where=sa.text("status = 'pending' AND job_id IS NOT NULL"),
        )

    op.create_table(
        "chunk",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first_frame", sa.Integer(), nullable=False),
        sa.Column("n_frames", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("frames_done", sa.Integer(), nullable=False),
        sa.Column("storage_key", sa.String(length=255), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=128), nullable=True),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["render_job.id"], name=op.f("fk_chunk_job_id_render_job"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chunk")),
        sa.UniqueConstraint("job_id", "number", name=op.f("uq_chunk_job_id_number")),
    )
    with op.batch_alter_table("chunk") as batch_op:
        batch_op.create_index("ix_chunk_status_lease_expires_at", ["status", "lease_expires_at"], unique=False)

    op.create_table(
        "dead_letter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("function", sa.String(length=255), nullable=False),
        sa.Column("args", sa.JSON(), nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=False),
        sa.Column("error_detail", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["render_job.id"], name=op.f("fk_dead_letter_job_id_render_job")),
        sa.ForeignKeyConstraint(["resolved_by"], ["user.id"], name=op.f("fk_dead_letter_resolved_by_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letter")),
    )
    with op.batch_alter_table("dead_letter") as batch_op:
        batch_op.create_index(batch_op.f("ix_dead_letter_job_id"), ["job_id"], unique=False)
        batch_op.create_index("ix_dead_letter_status_created_at", ["status", "created_at"], unique=False)

    op.create_table(
        "email_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("to", sa.String(length=254), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("body_text", sa.Text(), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("idempotency_key", sa.String(length=128), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider_id", sa.String(length=255), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["render_job.id"], name=op.f("fk_email_message_job_id_render_job")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_email_message_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_message")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_email_message_idempotency_key")),
    )
    with op.batch_alter_table("email_message") as batch_op:
        batch_op.create_index("ix_email_message_created_at", ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_email_message_job_id"), ["job_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_email_message_kind"), ["kind"], unique=False)
        batch_op.create_index("ix_email_message_status_next_attempt_at", ["status", "next_attempt_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_email_message_user_id"), ["user_id"], unique=False)

    op.create_table(
        "job_asset",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("storage_key", sa.String(length=255), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("n_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["render_job.id"], name=op.f("fk_job_asset_job_id_render_job"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_asset")),
        sa.UniqueConstraint("job_id", "kind", name=op.f("uq_job_asset_job_id_kind")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_job_asset_storage_key")),
    )


def downgrade() -> None:
    with op.batch_alter_table("payment") as batch_op:
        batch_op.drop_constraint("fk_payment_job_id_render_job", type_="foreignkey")

    op.drop_table("job_asset")
    with op.batch_alter_table("email_message") as batch_op:
        batch_op.drop_index(batch_op.f("ix_email_message_user_id"))
        batch_op.drop_index("ix_email_message_status_next_attempt_at")
        batch_op.drop_index(batch_op.f("ix_email_message_kind"))
        batch_op.drop_index(batch_op.f("ix_email_message_job_id"))
        batch_op.drop_index("ix_email_message_created_at")

    op.drop_table("email_message")
    with op.batch_alter_table("dead_letter") as batch_op:
        batch_op.drop_index("ix_dead_letter_status_created_at")
        batch_op.drop_index(batch_op.f("ix_dead_letter_job_id"))

    op.drop_table("dead_letter")
    with op.batch_alter_table("chunk") as batch_op:
        batch_op.drop_index("ix_chunk_status_lease_expires_at")

    op.drop_table("chunk")
    with op.batch_alter_table("render_job") as batch_op:
        batch_op.drop_index("ix_render_job_user_id_created_at")
        batch_op.drop_index("ix_render_job_status_next_attempt_at")
        batch_op.drop_index("ix_render_job_status_lease_expires_at")
        batch_op.drop_index("ix_render_job_status_expires_at")
        batch_op.drop_index("ix_render_job_status_created_at")
        batch_op.drop_index(batch_op.f("ix_render_job_refund_due_at"))

    op.drop_table("render_job")
    with op.batch_alter_table("revoked_token") as batch_op:
        batch_op.drop_index(batch_op.f("ix_revoked_token_user_id"))
        batch_op.drop_index(batch_op.f("ix_revoked_token_family_id"))
        batch_op.drop_index(batch_op.f("ix_revoked_token_expires_at"))

    op.drop_table("revoked_token")
    with op.batch_alter_table("refresh_family") as batch_op:
        batch_op.drop_index(batch_op.f("ix_refresh_family_user_id"))
        batch_op.drop_index(batch_op.f("ix_refresh_family_expires_at"))

    op.drop_table("refresh_family")
    with op.batch_alter_table("payment") as batch_op:
        batch_op.drop_index(
            "uq_payment_open_job",
            sqlite_where=sa.text("status = 'pending' AND job_id IS NOT NULL"),
            postgresql_where=sa.text("status = 'pending' AND job_id IS NOT NULL"),
        )
        batch_op.drop_index("ix_payment_user_id_created_at")
        batch_op.drop_index("ix_payment_status_updated_at")
        batch_op.drop_index("ix_payment_status_expires_at")
        batch_op.drop_index("ix_payment_job_id")

    op.drop_table("payment")
    with op.batch_alter_table("password_reset_token") as batch_op:
        batch_op.drop_index(batch_op.f("ix_password_reset_token_user_id"))
        batch_op.drop_index(batch_op.f("ix_password_reset_token_expires_at"))

    op.drop_table("password_reset_token")
    with op.batch_alter_table("webhook_event") as batch_op:
        batch_op.drop_index(batch_op.f("ix_webhook_event_received_at"))

    op.drop_table("webhook_event")
    with op.batch_alter_table("user") as batch_op:
        batch_op.drop_index("ix_user_created_at")

    op.drop_table("user")
    with op.batch_alter_table("audit_log") as batch_op:
        batch_op.drop_index("ix_audit_log_target")
        batch_op.drop_index(batch_op.f("ix_audit_log_created_at"))

    op.drop_table("audit_log")

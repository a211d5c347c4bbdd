"""The words that rows use for their state."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    USER = "user"
    ADMIN = "admin"


class JobStatus(StrEnum):
    """`awaiting_payment → queued → processing → completed | failed`, plus `canceled` and `expired`."""

    AWAITING_PAYMENT = "awaiting_payment"
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"


class PaymentStatus(StrEnum):
    """`pending` has an open session; `failed` was declined; `parked` waits for an operator."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUND_PENDING = "refund_pending"
    REFUNDED = "refunded"
    PARKED = "parked"
    DISPUTED = "disputed"


class EmailStatus(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


class ChunkStatus(StrEnum):
    PENDING = "pending"
    RENDERING = "rendering"
    DONE = "done"


class AssetKind(StrEnum):
    """What an upload is in its job."""

    AUDIO = "audio"
    COVER = "cover"
    BACKGROUND = "background"
    LYRICS = "lyrics"


class DeadLetterStatus(StrEnum):
    OPEN = "open"
    RETRIED = "retried"
    DROPPED = "dropped"

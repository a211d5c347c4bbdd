"""The tables. Import from here: `from oriel_fx.server.models import User, RenderJob`.

Times are aware and in UTC, money is integer cents, names are the design's. Rows have integer keys; what the API
shows of a job is its `public_id`.
"""

from oriel_fx.server.models.accounts import PasswordResetToken, RefreshFamily, RevokedToken, User
from oriel_fx.server.models.jobs import Chunk, DeadLetter, JobAsset, RenderJob
from oriel_fx.server.models.records import AuditLog, EmailMessage, WebhookEvent
from oriel_fx.server.models.sales import Payment

__all__ = [
    "AuditLog",
    "Chunk",
    "DeadLetter",
    "EmailMessage",
    "JobAsset",
    "PasswordResetToken",
    "Payment",
    "RefreshFamily",
    "RenderJob",
    "RevokedToken",
    "User",
    "WebhookEvent",
]

"""What accounts did, for operators: one row of AuditLog each, without passwords, tokens or addresses."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from oriel_fx.server.db import db
from oriel_fx.server.models import AuditLog, User
from oriel_fx.server.services import current_settings


def audit_user(action: str, user: User, **details: Any) -> None:
    """The user did `action` to their own account. Commits nothing."""
    db.session.add(
        AuditLog(actor=f"user:{user.id}", action=action, target_type="user", target_id=str(user.id), details=details)
    )


def audit_address(action: str, email: str, **details: Any) -> None:
    """Somebody did `action` with an address, of which a keyed hash is kept. Commits nothing."""
    db.session.add(
        AuditLog(
            actor="anonymous", action=action, target_type="address", target_id=address_hash(email), details=details
        )
    )


def address_hash(email: str) -> str:
    """Tells whether two rows are about the same address; without the server's secret it does not tell which."""
    key = current_settings().derived_key("audit").encode()
    return hmac.new(key, email.encode(), hashlib.sha256).hexdigest()

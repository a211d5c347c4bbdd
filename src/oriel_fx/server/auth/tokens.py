"""Making tokens."""

from __future__ import annotations

from flask_jwt_extended import create_access_token

from oriel_fx.server.models import User


def access_token(user: User, family_id: str | None = None) -> str:
    """An access token. It ends with its family (one login), or when `user.token_version` is raised."""
    claims = {"ver": user.token_version, "fam": family_id}
    return str(create_access_token(str(user.id), additional_claims=claims))

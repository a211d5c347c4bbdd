"""Sessions: one RefreshFamily for each login. Its refresh token is exchanged at each use; using an old one ends it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exc, select, update

from oriel_fx.server.auth.guard import user_of_token
from oriel_fx.server.auth.tokens import access_token, new_jti, refresh_token
from oriel_fx.server.db import db
from oriel_fx.server.errors import ConflictError, TokenInvalidError, TokenRevokedError
from oriel_fx.server.models import RefreshFamily, RevokedToken, User
from oriel_fx.server.services import current_services, current_settings


@dataclass(frozen=True)
class TokenPair:
    """What logging in and refreshing give. `expires_in`: seconds until the access token ends."""

    access_token: str
    refresh_token: str
    expires_in: int


def start_session(user: User) -> TokenPair:
    """A new login of this user. Does not commit."""
    now = current_services().clock()
    family = RefreshFamily(user_id=user.id, current_jti=new_jti(), created_at=now, expires_at=_end(now))
    db.session.add(family)
    db.session.flush()
    return _pair(user, family)


def rotate(claims: dict[str, Any]) -> TokenPair:
    """Exchange a refresh token with these checked claims for new tokens, and commit.

    Raises TokenRevokedError for one that was used before, which ends its whole family; AccountDisabledError; and
    ConflictError where another request exchanged it between our looking and our writing: of two at once one wins,
    and the other learns nothing but ends nothing either, since both may be the same browser's.
    """
    now = current_services().clock()
    user = user_of_token(str(claims["sub"]), claims)
    family = _family(user, claims)
    if family.expires_at <= now:
        raise TokenRevokedError
    seen = str(claims["jti"])
    if family.current_jti != seen:
        _revoke("reuse", RefreshFamily.id == family.id)
        db.session.commit()
        raise TokenRevokedError("This refresh token was used before, so its session was ended; log in again.")
    won = db.session.execute(
        update(RefreshFamily)
        .where(RefreshFamily.id == family.id, RefreshFamily.current_jti == seen, RefreshFamily.revoked_at.is_(None))
        .values(current_jti=new_jti(), rotated_at=now, expires_at=_end(now))
        .returning(RefreshFamily.id),
        execution_options={"synchronize_session": False},
    ).first()
    if won is None:
        db.session.rollback()
        raise ConflictError("Another request refreshed this session at the same moment; use the tokens it was given.")
    db.session.refresh(family)
    pair = _pair(user, family)
    db.session.commit()
    return pair


def end_sessions(tokens: list[dict[str, Any]]) -> None:
    """End the login of the first of these checked tokens, and the others that are the same user's; commits.

    Raises TokenRevokedError, AccountDisabledError, for the first.
    """
    user = user_of_token(str(tokens[0]["sub"]), tokens[0])
    for claims in tokens:
        if claims["sub"] == str(user.id):
            _revoke_token(user, claims)
    db.session.commit()


def end_all_sessions(user: User, reason: str) -> None:
    """End every login of the user, access tokens included. Does not commit."""
    user.token_version = User.token_version + 1  # in SQL: two at once raise it twice
    db.session.flush()
    _revoke(reason, RefreshFamily.user_id == user.id)


def _revoke_token(user: User, claims: dict[str, Any]) -> None:
    if claims.get("fam"):
        _revoke("logout", RefreshFamily.id == str(claims["fam"]), RefreshFamily.user_id == user.id)
    row = RevokedToken(
        jti=str(claims["jti"]),
        token_type=str(claims["type"]),
        user_id=user.id,
        family_id=claims.get("fam"),
        expires_at=datetime.fromtimestamp(float(claims["exp"]), UTC),
    )
    # Another request may log the same token out at the same moment.
    with suppress(exc.IntegrityError), db.session.begin_nested():
        db.session.add(row)


def _revoke(reason: str, *which: ColumnElement[bool]) -> None:
    db.session.execute(
        update(RefreshFamily)
        .where(*which, RefreshFamily.revoked_at.is_(None))
        .values(revoked_at=current_services().clock(), revoked_reason=reason),
        execution_options={"synchronize_session": False},
    )


def _family(user: User, claims: dict[str, Any]) -> RefreshFamily:
    family = db.session.scalar(
        select(RefreshFamily).where(RefreshFamily.id == str(claims.get("fam")), RefreshFamily.user_id == user.id)
    )
    if family is None:
        raise TokenInvalidError
    return family


def _pair(user: User, family: RefreshFamily) -> TokenPair:
    return TokenPair(access_token(user, family.id), refresh_token(user, family), current_settings().access_token_s)


def _end(now: datetime) -> datetime:
    return now + timedelta(seconds=current_settings().refresh_token_s)

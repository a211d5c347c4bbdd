"""Forgotten passwords: a link by mail that works once, for an hour. Asking tells nobody whether an account exists."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, update

from oriel_fx.server.auth.accounts import find_user, set_password
from oriel_fx.server.auth.audit import audit_address, audit_user
from oriel_fx.server.auth.password_policy import check_password
from oriel_fx.server.auth.tokens import new_secret, secret_hash
from oriel_fx.server.db import db
from oriel_fx.server.errors import InvalidResetTokenError
from oriel_fx.server.mail.messages import MailKind
from oriel_fx.server.mail.outbox import announce, queue_mail
from oriel_fx.server.models import PasswordResetToken, User
from oriel_fx.server.services import current_services, current_settings

MAX_LINKS = 5  # for one account, as long as they are good: nobody's mailbox is flooded


def request_reset(email: str) -> int | None:
    """Mail a link to this address if it has an account, and commit; the mail's id to announce once it is answered.

    The same is done for every address: looking, writing the mail in a savepoint, committing one row. Where there is
    no account, or it has had its links, the savepoint is not kept.
    """
    audit_address("auth.reset_requested", email)
    db.session.flush()
    user = find_user(email)
    n_links = _count_links(user.id if user else 0)
    wanted = user is not None and user.is_active and n_links < MAX_LINKS
    token, token_hash = new_secret()
    savepoint = db.session.begin_nested()
    message_id = _mail(email, user, token, token_hash)
    if user is not None and wanted:
        now = current_services().clock()
        expires_at = now + timedelta(seconds=current_settings().reset_token_s)
        db.session.add(
            PasswordResetToken(user_id=user.id, token_hash=token_hash, created_at=now, expires_at=expires_at)
        )
        savepoint.commit()
    else:
        savepoint.rollback()
    db.session.commit()
    return message_id if wanted else None


def confirm_reset(token: str, password: str) -> User:
    """Set the password with a link's token, end every session, and commit. Raises InvalidResetTokenError and
    WeakPasswordError; after the latter the link still works."""
    now = current_services().clock()
    good = (
        PasswordResetToken.token_hash == secret_hash(token),
        PasswordResetToken.used_at.is_(None),
        PasswordResetToken.expires_at > now,
    )
    user = db.session.scalar(
        select(User)
        .join(PasswordResetToken, PasswordResetToken.user_id == User.id)
        .where(*good, User.is_active, User.deleted_at.is_(None))
    )
    if user is None:
        raise InvalidResetTokenError
    check_password(password, user.email)
    used = db.session.execute(
        update(PasswordResetToken).where(*good).values(used_at=now).returning(PasswordResetToken.id),
        execution_options={"synchronize_session": False},
    ).first()
    if used is None:
        db.session.rollback()
        raise InvalidResetTokenError
    notice = set_password(user, password)
    audit_user("auth.reset", user)
    db.session.commit()
    announce(notice)
    return user


def _count_links(user_id: int) -> int:
    unexpired = PasswordResetToken.expires_at > current_services().clock()
    asked = select(func.count()).select_from(PasswordResetToken).where(PasswordResetToken.user_id == user_id, unexpired)
    return db.session.scalar(asked) or 0


def _mail(email: str, user: User | None, token: str, token_hash: str) -> int:
    settings = current_settings()
    return queue_mail(
        db.session,
        kind=MailKind.RESET_PASSWORD,
        to=email,
        idempotency_key=f"reset:{token_hash}",
        user=user,
        url=f"{settings.public}/#/reset?token={token}",
        valid_s=settings.reset_token_s,
    )

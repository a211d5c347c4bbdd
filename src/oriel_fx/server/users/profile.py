"""Changing an account: its address, which takes effect when the new one is confirmed, and its password."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import exc, select, update

from oriel_fx.server.auth.accounts import find_user, set_password, void_links
from oriel_fx.server.auth.audit import audit_user
from oriel_fx.server.auth.sessions import TokenPair, start_session
from oriel_fx.server.auth.tokens import new_secret, secret_hash
from oriel_fx.server.db import db
from oriel_fx.server.errors import EmailTakenError, InvalidConfirmTokenError
from oriel_fx.server.mail.messages import MailKind
from oriel_fx.server.mail.outbox import queue_mail
from oriel_fx.server.models import User
from oriel_fx.server.services import current_services, current_settings


def change_password(user: User, password: str) -> tuple[TokenPair, int]:
    """Set the password, end every session, and begin a new one for the caller; with the mail to announce.

    Does not commit. Raises WeakPasswordError.
    """
    notice = set_password(user, password)
    audit_user("users.password_changed", user)
    return start_session(user), notice


def ask_for_address(user: User, email: str) -> list[int]:
    """Mail a link to the new address and a notice to the old one; the mails' ids to announce. Does not commit.

    The address that is in use already takes back a change that waits. Raises EmailTakenError.
    """
    if email == user.email:
        user.pending_email = user.pending_email_hash = user.pending_email_expires_at = None
        return []
    if find_user(email) is not None:
        raise EmailTakenError
    settings = current_settings()
    token, token_hash = new_secret()
    user.pending_email = email
    user.pending_email_hash = token_hash
    user.pending_email_expires_at = current_services().clock() + timedelta(seconds=settings.reset_token_s)
    audit_user("users.address_asked", user)
    link = queue_mail(
        db.session,
        kind=MailKind.CONFIRM_ADDRESS,
        to=email,
        idempotency_key=f"confirm:{token_hash}",
        user=user,
        url=f"{settings.public}/#/confirm-address?token={token}",
        valid_s=settings.reset_token_s,
    )
    notice = queue_mail(
        db.session,
        kind=MailKind.ADDRESS_NOTICE,
        to=user.email,
        idempotency_key=f"address-notice:{token_hash}",
        user=user,
        address=email,
    )
    return [link, notice]


def confirm_address(token: str) -> User:
    """The new address takes over; commits. Links mailed to the old one stop working.

    Raises InvalidConfirmTokenError, and EmailTakenError where somebody registered it meanwhile.
    """
    good = (
        User.pending_email_hash == secret_hash(token),
        User.pending_email_expires_at > current_services().clock(),
        User.deleted_at.is_(None),
        User.is_active,
    )
    try:
        found = db.session.execute(
            update(User).where(*good).values(email=User.pending_email, pending_email_hash=None).returning(User.id),
            execution_options={"synchronize_session": False},
        ).first()
    except exc.IntegrityError:
        db.session.rollback()
        raise EmailTakenError from None
    if found is None:
        raise InvalidConfirmTokenError
    user = db.session.scalars(select(User).where(User.id == found[0])).one()
    void_links(user)
    audit_user("users.address_changed", user)
    db.session.commit()
    return user

"""Accounts: making one, and telling whether someone is who they say."""

from __future__ import annotations

from sqlalchemy import exc, select, update

from oriel_fx.server.auth.attempts import note_bad_password
from oriel_fx.server.auth.audit import audit_address, audit_user
from oriel_fx.server.auth.password_policy import check_password
from oriel_fx.server.auth.passwords import hash_password, needs_rehash, verify_password
from oriel_fx.server.auth.sessions import end_all_sessions
from oriel_fx.server.db import db
from oriel_fx.server.errors import AccountDisabledError, EmailTakenError, InvalidCredentialsError
from oriel_fx.server.mail.messages import MailKind
from oriel_fx.server.mail.outbox import announce, queue_mail
from oriel_fx.server.models import PasswordResetToken, User
from oriel_fx.server.services import current_services


def register(email: str, password: str) -> User:
    """A new account, with its welcome mail, committed. `email` is in its normal form.

    Raises WeakPasswordError, EmailTakenError.
    """
    check_password(password, email)
    user = User(email=email, password_hash=hash_password(password), created_at=current_services().clock())
    db.session.add(user)
    try:
        db.session.flush()
    except exc.IntegrityError:
        db.session.rollback()
        raise EmailTakenError("There is an account with this address already; log in, or reset its password.") from None
    audit_user("auth.register", user)
    mail = queue_mail(db.session, kind=MailKind.WELCOME, to=email, idempotency_key=f"welcome:{user.id}", user=user)
    db.session.commit()
    announce(mail)
    return user


def authenticate(email: str, password: str) -> User:
    """The account with this address and password. Does not commit, but for a failure's record.

    Raises InvalidCredentialsError, alike for a wrong password and an unknown address; AccountDisabledError, which
    only those hear who know the password.
    """
    user = find_user(email)
    if not verify_password(user.password_hash if user else None, password) or user is None:
        note_bad_password()
        audit_address("auth.login_failed", email)
        db.session.commit()
        raise InvalidCredentialsError
    if not user.is_active:
        raise AccountDisabledError
    if needs_rehash(user.password_hash):
        _rehash(user, password)
    user.last_login_at = current_services().clock()
    audit_user("auth.login", user)
    return user


def _rehash(user: User, password: str) -> None:
    # Only over the hash that was checked: the password may be changed by another request at this moment.
    db.session.execute(
        update(User)
        .where(User.id == user.id, User.password_hash == user.password_hash)
        .values(password_hash=hash_password(password)),
        execution_options={"synchronize_session": False},
    )


def confirm_password(user: User, password: str) -> None:
    """Ask a user who is logged in for the password again. Raises InvalidCredentialsError."""
    if not verify_password(user.password_hash, password):
        note_bad_password()
        audit_user("auth.password_refused", user)
        db.session.commit()
        raise InvalidCredentialsError("The current password is wrong.")


def set_password(user: User, password: str) -> int:
    """Another password; every session ends, and links that were mailed stop working. Does not commit.

    Returns the id of the mail that tells the owner, to announce. Raises WeakPasswordError.
    """
    check_password(password, user.email)
    user.password_hash = hash_password(password)
    user.password_changed_at = current_services().clock()
    end_all_sessions(user, "password")
    void_links(user)
    key = f"password:{user.id}:{user.token_version}"
    return queue_mail(db.session, kind=MailKind.PASSWORD_CHANGED, to=user.email, idempotency_key=key, user=user)


def void_links(user: User) -> None:
    """Whatever was mailed to this user before works no more: reset links, and an address not yet confirmed."""
    db.session.execute(
        update(PasswordResetToken)
        .where(PasswordResetToken.user_id == user.id, PasswordResetToken.used_at.is_(None))
        .values(used_at=current_services().clock()),
        execution_options={"synchronize_session": False},
    )
    user.pending_email = user.pending_email_hash = user.pending_email_expires_at = None


def find_user(email: str) -> User | None:
    """The account with this address, in its normal form."""
    return db.session.scalar(select(User).where(User.email == email, User.deleted_at.is_(None)))

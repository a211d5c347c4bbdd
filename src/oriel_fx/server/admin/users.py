"""Accounts, as operators see and change them. Each change is in the audit log, in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import exc, func, select

from oriel_fx.server.admin.common import (
    FIRST_PAGE,
    Listing,
    NotThereError,
    Paging,
    RefusedError,
    audit,
    containing,
    listing,
)
from oriel_fx.server.auth.accounts import set_password
from oriel_fx.server.auth.addresses import lookup_address, normal_address
from oriel_fx.server.auth.password_policy import check_password
from oriel_fx.server.auth.passwords import hash_password
from oriel_fx.server.auth.resets import request_reset
from oriel_fx.server.auth.sessions import end_all_sessions
from oriel_fx.server.db import db
from oriel_fx.server.errors import WeakPasswordError
from oriel_fx.server.mail.outbox import announce
from oriel_fx.server.models import Payment, RenderJob, User
from oriel_fx.server.services import current_services
from oriel_fx.server.states import JobStatus, PaymentStatus, Role

UserState = Literal["active", "disabled", "admin", "deleted"]
USER_STATES: tuple[UserState, ...] = ("active", "disabled", "admin", "deleted")
# No hash is this, so no password fits: the account opens with a link by mail.
_NO_PASSWORD = "!"
_SESSION_ENDS = "disabled"


@dataclass(frozen=True)
class UserRow:
    """An account in a list."""

    id: int
    email: str
    role: str
    state: str  # active, disabled, deleted
    n_jobs: int
    created_at: datetime
    last_login_at: datetime | None


@dataclass(frozen=True)
class UserDetails:
    """An account, with what it has bought: jobs by status, and cents by currency, refunds taken off."""

    user: UserRow
    pending_email: str | None
    password_changed_at: datetime | None
    deleted_at: datetime | None
    jobs: dict[str, int]
    paid_cents: dict[str, int]


def list_users(*, status: UserState | None = None, email: str = "", paging: Paging = FIRST_PAGE) -> Listing[UserRow]:
    """Accounts, newest first; `email` is any part of the address."""
    query = _rows()
    if status == "deleted":
        query = query.where(User.deleted_at.is_not(None))
    elif status is not None:
        query = query.where(User.deleted_at.is_(None))
        wanted = {"active": User.is_active, "disabled": ~User.is_active, "admin": User.role == Role.ADMIN}
        query = query.where(wanted[status])
    if email:
        query = query.where(User.email.like(containing(email.casefold()), escape="\\"))
    return listing(query.order_by(User.created_at.desc(), User.id.desc()), paging, _row)


def show_user(who: str) -> UserDetails:
    """One account, by number or address. Raises NotThereError."""
    user = find_user(who)
    jobs = select(RenderJob.status, func.count()).where(RenderJob.user_id == user.id).group_by(RenderJob.status)
    counted = {status.value: number for status, number in db.session.execute(jobs)}
    kept = (PaymentStatus.COMPLETED, PaymentStatus.PARKED)
    paid = select(Payment.currency, func.sum(Payment.amount)).where(
        Payment.user_id == user.id, Payment.status.in_(kept)
    )
    return UserDetails(
        user=_row(user, sum(counted.values())),
        pending_email=user.pending_email,
        password_changed_at=user.password_changed_at,
        deleted_at=user.deleted_at,
        jobs={status.value: counted.get(status.value, 0) for status in JobStatus},
        paid_cents={currency: int(cents) for currency, cents in db.session.execute(paid.group_by(Payment.currency))},
    )


def create_user(actor: str, email: str, *, password: str = "", admin: bool = False) -> UserRow:
    """A new account. Without a password a link to choose one is mailed to it. Commits.

    Raises RefusedError for an address that is none or is taken, WeakPasswordError.
    """
    try:
        address = normal_address(email)
    except ValueError:
        raise RefusedError(f"{email!r} is not an e-mail address.", "Check its spelling.") from None
    if password:
        check_password(password, address)
    role = Role.ADMIN if admin else Role.USER
    hashed = hash_password(password) if password else _NO_PASSWORD
    user = User(email=address, password_hash=hashed, role=role, created_at=current_services().clock())
    db.session.add(user)
    try:
        db.session.flush()
    except exc.IntegrityError:
        db.session.rollback()
        raise RefusedError("There is an account with this address already.", "See `oriel admin users show`.") from None
    audit(actor, "users.create", ("user", user.id), role=role.value)
    if password:
        db.session.commit()
    else:
        _mail_link(user)
    return _row(user, 0)


def disable_user(actor: str, who: str) -> UserRow:
    """Shut an account out: every session of it ends now. Its jobs go on. Commits. Raises RefusedError."""
    user = _living(who)
    if not user.is_active:
        raise RefusedError("This account is disabled already.", "`oriel admin users enable` opens it again.")
    _keep_an_admin(user)
    user.is_active = False
    end_all_sessions(user, _SESSION_ENDS)
    return _done(actor, "users.disable", user)


def enable_user(actor: str, who: str) -> UserRow:
    """Let a disabled account in again. Commits. Raises RefusedError."""
    user = _living(who)
    if user.is_active:
        raise RefusedError("This account is active already.", "Nothing was changed.")
    user.is_active = True
    return _done(actor, "users.enable", user)


def promote_user(actor: str, who: str, role: Role = Role.ADMIN) -> UserRow:
    """Make an account an operator's, or (`Role.USER`) no longer one; its sessions end. Commits. Raises RefusedError."""
    user = _living(who)
    if user.role is role:
        raise RefusedError(f"This account's role is {role.value} already.", "Nothing was changed.")
    if role is Role.USER:
        _keep_an_admin(user)
    user.role = role
    end_all_sessions(user, "role")
    return _done(actor, "users.promote" if role is Role.ADMIN else "users.demote", user)


def reset_password(actor: str, who: str, password: str = "") -> UserRow:
    """Set another password, which ends every session; without one, mail its owner a link to choose one. Commits.

    Raises RefusedError, WeakPasswordError.
    """
    user = _living(who)
    if not password and not user.is_active:
        raise RefusedError("A disabled account is sent no links.", "Enable it first.")
    audit(actor, "users.reset_password", ("user", user.id), by="password" if password else "link")
    if password:
        _set(user, password)
    else:
        _mail_link(user)
    return _row(user, _n_jobs(user))


def find_user(who: str) -> User:
    """The account with this number or address. Raises NotThereError."""
    by_number = who.isascii() and who.isdigit() and int(who) < 2**31
    found = db.session.get(User, int(who)) if by_number else None
    if found is None and not by_number:
        found = db.session.scalar(select(User).where(User.email == lookup_address(who)))
    if found is None:
        raise NotThereError(f"There is no account {who!r}.", "List them with `oriel admin users list`.")
    return found


def _living(who: str) -> User:
    user = find_user(who)
    if user.deleted_at is not None:
        raise RefusedError("This account was deleted by its owner.", "Its payments stay; nothing else can be done.")
    return user


def _keep_an_admin(user: User) -> None:
    others = select(func.count()).where(
        User.role == Role.ADMIN, User.is_active, User.deleted_at.is_(None), User.id != user.id
    )
    if user.role is Role.ADMIN and not db.session.scalar(others):
        raise RefusedError("This is the last active operator's account.", "Promote another one first.")


def _set(user: User, password: str) -> None:
    try:
        notice = set_password(user, password)
    except WeakPasswordError:
        db.session.rollback()
        raise
    db.session.commit()
    announce(notice)


def _mail_link(user: User) -> None:
    message_id = request_reset(user.email)  # commits what was done until here
    if message_id is None:
        raise RefusedError("This account was sent as many links as it may have.", "They are good for an hour.")
    announce(message_id)


def _done(actor: str, action: str, user: User) -> UserRow:
    audit(actor, action, ("user", user.id))
    db.session.commit()
    return _row(user, _n_jobs(user))


def _rows() -> Any:
    jobs = select(func.count()).where(RenderJob.user_id == User.id).correlate(User).scalar_subquery()
    return select(User, jobs)


def _n_jobs(user: User) -> int:
    return db.session.scalar(select(func.count()).where(RenderJob.user_id == user.id)) or 0


def _row(user: User, n_jobs: int) -> UserRow:
    state = "deleted" if user.deleted_at else "active" if user.is_active else "disabled"
    return UserRow(user.id, user.email, user.role.value, state, n_jobs, user.created_at, user.last_login_at)

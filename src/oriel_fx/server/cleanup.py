"""Clean-up: what is old goes, and nothing that somebody still needs. Every sweep may run twice, and beside live jobs.

    for swept in sweep(utcnow(), dry_run=True):
        print(swept.name, swept.n_items, swept.n_bytes)

`SWEEPS` has each by name. A sweep commits row by row, so that stopping it anywhere loses nothing: first a row says
that its files are not needed, then they are deleted, then the row says so. What was interrupted the next run ends.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Delete, Select, delete, exists, func, or_, select, update

from oriel_fx.server.db import db
from oriel_fx.server.jobs.files import work_root
from oriel_fx.server.models import (
    AuditLog,
    Chunk,
    EmailMessage,
    JobAsset,
    PasswordResetToken,
    Payment,
    RefreshFamily,
    RenderJob,
    RevokedToken,
    User,
    WebhookEvent,
)
from oriel_fx.server.payments.locks import lock_row
from oriel_fx.server.renders.stills import cache_folder
from oriel_fx.server.renders.transitions import transition
from oriel_fx.server.services import current_services, current_settings
from oriel_fx.server.states import ChunkStatus, EmailStatus, JobStatus, PaymentStatus

# Longer than anything that is still at work with what looks left behind.
GRACE_S = 24 * 3600
# Stripe repeats an event for three days, and an operator can send it again for thirty.
RECORDS_S = 90 * 86400
_BATCH = 500
_QUIET_S = 3600
# Money that is there, on its way, or in dispute: its job's uploads stay.
_MONEY_MAY_COME = (
    PaymentStatus.PENDING,
    PaymentStatus.COMPLETED,
    PaymentStatus.PARKED,
    PaymentStatus.DISPUTED,
    PaymentStatus.REFUND_PENDING,
)
_FOLDERS = ("uploads", "videos", "posters", "chunks")
_log = structlog.get_logger("oriel_fx.cleanup")


@dataclass(frozen=True)
class Swept:
    """What a sweep removed, or would: how many, how many bytes if known, some names, and what stopped it."""

    name: str
    n_items: int
    n_bytes: int = 0
    examples: tuple[str, ...] = ()
    error: str = ""


def sweep(now: datetime | None = None, dry_run: bool = False) -> list[Swept]:
    """Every sweep, once. One that fails is told of in the log and keeps no other from running. Commits."""
    now = now or current_services().clock()
    done = []
    for name in SWEEPS:
        try:
            done.append(run_sweep(name, now, dry_run))
        except Exception as error:
            _log.exception("a sweep failed", sweep=name, error=type(error).__name__)
            db.session.rollback()
            done.append(Swept(name, 0, error=type(error).__name__))
    if not dry_run and any(one.n_items for one in done):
        _log.info("swept", **{one.name: one.n_items for one in done})
    return done


def run_sweep(name: str, now: datetime, dry_run: bool = False) -> Swept:
    """One of SWEEPS. Commits. Raises KeyError for a name that is none."""
    names, n_bytes = [], 0
    for item, size in SWEEPS[name](now, dry_run):
        names.append(item)
        n_bytes += size
    db.session.rollback()
    return Swept(name, len(names), n_bytes, tuple(names[:20]))


Found = Iterator[tuple[str, int]]


def expired_videos(now: datetime, dry_run: bool) -> Found:
    """Videos whose time is over: the job becomes `expired`; its files go in the sweep after this one."""
    over = select(RenderJob).where(RenderJob.status == JobStatus.COMPLETED, RenderJob.expires_at <= now)
    for job in _all_of(over):
        if dry_run or _commit(transition(job, JobStatus.EXPIRED)):
            yield job.public_id, (job.video_bytes or 0) if dry_run else 0


def unpaid_uploads(now: datetime, dry_run: bool) -> Found:
    """Uploads that nobody paid for in time, and whose checkout is closed: the job becomes `expired`."""
    oldest = now - timedelta(seconds=current_settings().unpaid_upload_s)
    late = or_(RenderJob.expires_at <= now, RenderJob.expires_at.is_(None) & (RenderJob.created_at <= oldest))
    unpaid = select(RenderJob).where(RenderJob.status == JobStatus.AWAITING_PAYMENT, late, ~_money_may_come())
    for job in _all_of(unpaid):
        if dry_run or _commit(_expire_unpaid(job)):
            yield job.public_id, job.upload_bytes if dry_run else 0


def unneeded_files(now: datetime, dry_run: bool) -> Found:
    """Files of jobs that are over, and uploads of failed ones whose money went back."""
    unneeded = select(RenderJob).where(RenderJob.files_deleted_at.is_(None), _needs_no_files(now))
    for job in _all_of(unneeded):
        files = list(_files_of(job))
        if not dry_run:
            for key in (key for key, _ in files):
                current_services().storage.delete(key)
            for root in (work_root(current_settings()), cache_folder(current_settings())):
                shutil.rmtree(root / job.public_id, ignore_errors=True)
            job.files_deleted_at = now
            db.session.commit()
        yield job.public_id, sum(n_bytes for _, n_bytes in files)


def orphaned_files(now: datetime, dry_run: bool) -> Found:
    """Files in storage that no row needs: what was cut short between storing a file and committing its row."""
    storage, before = current_services().storage, now - timedelta(seconds=GRACE_S)
    for folder in _FOLDERS:
        old = [one for one in storage.list(f"{folder}/") if one.modified_at < before]
        for start in range(0, len(old), _BATCH):
            batch = old[start : start + _BATCH]
            known = _known(folder, [one.key for one in batch])
            for one in batch:
                if one.key not in known:
                    if not dry_run:
                        storage.delete(one.key)
                    yield one.key, one.n_bytes


def _known(folder: str, keys: list[str]) -> set[str]:
    """Those of the keys that belong to a job; a chunk's has to be its row's own, as each attempt stores another."""
    if folder == "chunks":
        kept = db.session.scalars(select(Chunk.storage_key).where(Chunk.storage_key.in_(keys)))
        known = {key for key in kept if key}
    else:
        named = RenderJob.public_id.in_({_job_id_of(key) for key in keys})
        ids = set(db.session.scalars(select(RenderJob.public_id).where(named)))
        known = {key for key in keys if _job_id_of(key) in ids}
    db.session.rollback()
    return known


def stuck_jobs(now: datetime, dry_run: bool) -> Found:
    """Jobs whose worker was not heard of for long: the scheduler should have put them back; this does it too."""
    from oriel_fx.server.jobs.fan_out import free_lost
    from oriel_fx.server.reconcile import free_abandoned

    long_ago = now - timedelta(seconds=10 * current_settings().lease_s)
    stuck = select(RenderJob.public_id).where(
        RenderJob.status == JobStatus.PROCESSING, RenderJob.lease_expires_at < long_ago
    )
    lost = (
        select(RenderJob.public_id)
        .join(Chunk, Chunk.job_id == RenderJob.id)
        .where(Chunk.status == ChunkStatus.RENDERING, Chunk.lease_expires_at < long_ago)
    )
    found = [*db.session.scalars(stuck), *db.session.scalars(lost.distinct())]
    if found and not dry_run:
        free_abandoned(long_ago)
        free_lost(long_ago)
    yield from ((public_id, 0) for public_id in found)


def temporary_folders(now: datetime, dry_run: bool) -> Found:
    """On this machine: work folders of jobs that will not go on; preview stills and cut-off uploads of yesterday."""
    yield from _remove(_old_folders(cache_folder(current_settings()), now, GRACE_S), dry_run)
    # Of uploads whose server was killed.
    yield from _remove(_old_folders(current_settings().data_dir / "tmp", now, GRACE_S), dry_run)
    yield from _ended_work(now, dry_run, _QUIET_S)


def drop_ended_work(now: datetime) -> None:
    """On this machine: remove the work folders of jobs that ended a minute ago or more."""
    for name, n_bytes in _ended_work(now, False, 60):
        _log.info("work folder removed", folder=name, n_bytes=n_bytes)


def _ended_work(now: datetime, dry_run: bool, age_s: float) -> Found:
    old = _old_folders(work_root(current_settings()), now, age_s)
    goes_on = (JobStatus.QUEUED, JobStatus.PROCESSING)
    names = [path.name for path in old]
    needed = set(
        db.session.scalars(
            select(RenderJob.public_id).where(RenderJob.public_id.in_(names), RenderJob.status.in_(goes_on))
        )
    )
    db.session.rollback()
    yield from _remove([path for path in old if path.name not in needed], dry_run)


def old_sessions(now: datetime, dry_run: bool) -> Found:
    """Tokens and links that have expired anyway."""
    yesterday = now - timedelta(seconds=GRACE_S)
    for model in (PasswordResetToken, RevokedToken, RefreshFamily):
        yield from _delete(model, model.expires_at < yesterday, dry_run)
    unconfirmed = User.pending_email_expires_at < yesterday
    number = _count(select(func.count()).where(unconfirmed))
    if number and not dry_run:
        nothing = {"pending_email": None, "pending_email_hash": None, "pending_email_expires_at": None}
        db.session.execute(update(User).where(unconfirmed).values(**nothing))
        db.session.commit()
    yield from (("pending_email", 0) for _ in range(number))


def old_records(now: datetime, dry_run: bool) -> Found:
    """Webhook events, sent mails, and failed logins of three months ago. What operators did is kept."""
    before = now - timedelta(seconds=RECORDS_S)
    yield from _delete(WebhookEvent, WebhookEvent.received_at < before, dry_run)
    done = EmailMessage.status != EmailStatus.PENDING
    yield from _delete(EmailMessage, done & (EmailMessage.created_at < before), dry_run)
    yield from _delete(AuditLog, (AuditLog.actor == "anonymous") & (AuditLog.created_at < before), dry_run)


SWEEPS: dict[str, Callable[[datetime, bool], Found]] = {
    "expired_videos": expired_videos,
    "unpaid_uploads": unpaid_uploads,
    "unneeded_files": unneeded_files,
    "orphaned_files": orphaned_files,
    "stuck_jobs": stuck_jobs,
    "temporary_folders": temporary_folders,
    "old_sessions": old_sessions,
    "old_records": old_records,
}


def _all_of(query: Any) -> Iterator[RenderJob]:
    """Every job a query finds, in batches, however many of them stay as they were."""
    last = 0
    while batch := db.session.scalars(query.where(RenderJob.id > last).order_by(RenderJob.id).limit(_BATCH)).all():
        last = batch[-1].id
        yield from batch


def _expire_unpaid(job: RenderJob) -> bool:
    # Under the lock that opening a checkout takes too: a payment that began a moment ago is seen here.
    job = lock_row(db.session, RenderJob, job.id)
    if job.status is not JobStatus.AWAITING_PAYMENT or db.session.scalar(
        select(Payment.id).where(Payment.job_id == job.id, Payment.status.in_(_MONEY_MAY_COME)).limit(1)
    ):
        db.session.rollback()
        return False
    return transition(job, JobStatus.EXPIRED)


def _money_may_come() -> ColumnElement[bool]:
    return exists().where(Payment.job_id == RenderJob.id, Payment.status.in_(_MONEY_MAY_COME))


def _needs_no_files(now: datetime) -> ColumnElement[bool]:
    # The worker of a job that was canceled a moment ago may still be reading.
    quiet = RenderJob.updated_at <= now - timedelta(seconds=_QUIET_S)
    refunded = exists().where(Payment.id == RenderJob.payment_id, Payment.status == PaymentStatus.REFUNDED)
    deleted = exists().where(User.id == RenderJob.user_id, User.deleted_at.is_not(None))
    given_up = (RenderJob.status == JobStatus.FAILED) & (refunded | deleted)
    canceled = RenderJob.status == JobStatus.CANCELED
    return (RenderJob.status == JobStatus.EXPIRED) | (quiet & (canceled | given_up))


def _files_of(job: RenderJob) -> Iterator[tuple[str, int]]:
    """The keys a job may have in storage, each once, with their sizes where the rows know them."""
    uploads = select(JobAsset.storage_key, JobAsset.n_bytes).where(JobAsset.job_id == job.id)
    keys: dict[str, int] = dict(db.session.execute(uploads).all())
    keys.setdefault(job.upload_key, job.upload_bytes)
    if job.video_key:
        keys[job.video_key] = job.video_bytes or 0
    for other in (job.poster_key, *db.session.scalars(select(Chunk.storage_key).where(Chunk.job_id == job.id))):
        if other:
            keys.setdefault(other, 0)
    # What an attempt that was lost had stored before it was.
    for key in (f"videos/{job.public_id}.mp4", f"posters/{job.public_id}.jpg"):
        keys.setdefault(key, 0)
    yield from keys.items()


def _job_id_of(key: str) -> str:
    """`uploads/<id>/audio.mp3`, `videos/<id>.mp4` → `<id>`."""
    return key.split("/")[1].partition(".")[0]


def _delete(model: Any, old: ColumnElement[bool], dry_run: bool) -> Found:
    number = _count(select(func.count()).select_from(model).where(old))
    if number and not dry_run:
        statement: Delete = delete(model).where(old)
        db.session.execute(statement, execution_options={"synchronize_session": False})
        db.session.commit()
    yield from ((model.__tablename__, 0) for _ in range(number))


def _count(query: Select[Any]) -> int:
    return db.session.scalar(query) or 0


def _commit(done: bool) -> bool:
    db.session.commit()
    return done


def _old_folders(root: Path, now: datetime, age_s: float) -> list[Path]:
    folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    return [path for path in folders if now.timestamp() - path.stat().st_mtime > age_s]


def _remove(folders: list[Path], dry_run: bool) -> Found:
    for folder in folders:
        n_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if not dry_run:
            shutil.rmtree(folder, ignore_errors=True)
        yield f"{folder.parent.name}/{folder.name}", n_bytes

"""A checked upload becomes a job: files into storage, then the row; paid with a payment, or waiting for one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from math import ceil

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError

from oriel_fx.server.db import db
from oriel_fx.server.errors import PaymentRequiredError, PaymentUsedError, StorageUnavailableError, UploadQuotaError
from oriel_fx.server.models import JobAsset, RenderJob, User
from oriel_fx.server.models.columns import new_id
from oriel_fx.server.payments.pricing import price_cents
from oriel_fx.server.renders.enqueue import enqueue_render
from oriel_fx.server.renders.parts import sha256_of
from oriel_fx.server.renders.transitions import transition
from oriel_fx.server.renders.uploads import Upload
from oriel_fx.server.services import current_services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import AssetKind, JobStatus
from oriel_fx.server.storage.base import Storage


def submit(user_id: int, upload: Upload) -> RenderJob:
    """Keep the upload as a job: `queued` where its payment covers it, else `awaiting_payment`. Commits, and enqueues.

    Raises UploadQuotaError, the payment's errors (then nothing is kept), StorageUnavailableError.
    """
    services = current_services()
    job, assets = _rows(user_id, upload, services.settings)
    with _stored(services.storage, upload, assets):
        try:
            _insert(job, assets, upload.payment_id, services.settings)
            db.session.commit()
        except BaseException:
            db.session.rollback()
            raise
    if job.status is JobStatus.QUEUED:
        enqueue_render(job)
    return job


def count_unpaid(user_id: int) -> int:
    """How many of a user's uploads wait for a payment."""
    waiting = select(func.count()).where(RenderJob.user_id == user_id, RenderJob.status == JobStatus.AWAITING_PAYMENT)
    return db.session.execute(waiting).scalar_one()


def _rows(user_id: int, upload: Upload, settings: Settings) -> tuple[RenderJob, list[JobAsset]]:
    public_id = new_id()
    assets = [
        JobAsset(
            kind=file.kind,
            storage_key=f"uploads/{public_id}/{file.kind.value}.{file.suffix}",
            filename=file.filename or f"{file.kind.value}.{file.suffix}",
            content_type=file.content_type,
            n_bytes=file.path.stat().st_size,
            sha256=sha256_of(file.path),
        )
        for file in upload.files
    ]
    audio = next(asset for asset in assets if asset.kind is AssetKind.AUDIO)
    width_px, height_px = upload.spec.output.size_px
    job = RenderJob(
        public_id=public_id,
        user_id=user_id,
        status=JobStatus.AWAITING_PAYMENT,
        audio_filename=audio.filename,
        render_config=upload.spec.model_dump(mode="json"),
        price_cents=price_cents(settings, width_px, height_px, upload.duration_s),
        currency=settings.currency,
        duration_s=upload.duration_s,
        n_frames=upload.n_frames,
        width_px=width_px,
        height_px=height_px,
        fps=upload.spec.output.fps,
        title=upload.title[:500],
        upload_key=audio.storage_key,
        upload_bytes=sum(asset.n_bytes for asset in assets),
    )
    return job, assets


@contextlib.contextmanager
def _stored(storage: Storage, upload: Upload, assets: list[JobAsset]) -> Iterator[None]:
    """The files in storage; taken out again where what follows fails. Keys are read before rows can expire."""
    keys = [asset.storage_key for asset in assets]
    stored: list[str] = []
    try:
        for file, asset, key in zip(upload.files, assets, keys, strict=True):
            storage.save(key, file.path, asset.content_type)
            stored.append(key)
        yield
    except (OperationalError, InterfaceError):
        # The commit may be done all the same, with its answer lost. Files that no row refers to, the sweep finds.
        raise
    except BaseException:
        # What cannot be deleted now no row refers to, and the sweep of orphans finds it: somebody waits for an answer.
        with contextlib.suppress(StorageUnavailableError):
            for key in stored:
                storage.delete(key)
        raise


def _insert(job: RenderJob, assets: list[JobAsset], payment_id: str | None, settings: Settings) -> None:
    # Locked, so that two submissions at once cannot both be the last one allowed.
    user = db.session.execute(select(User).where(User.id == job.user_id).with_for_update()).scalar_one()
    job.expires_at = current_services().clock() + timedelta(seconds=settings.unpaid_upload_s)
    db.session.add(job)
    db.session.flush()
    for asset in assets:
        asset.job_id = job.id
        db.session.add(asset)
    db.session.flush()
    if payment_id is not None and _pay(job, user, payment_id):
        return
    if count_unpaid(user.id) > settings.max_unpaid_uploads:
        error = UploadQuotaError(max_uploads=settings.max_unpaid_uploads)
        error.retry_after_s = _first_expiry_s(user.id)
        raise error


def _first_expiry_s(user_id: int) -> int:
    """Seconds until the first of an account's unpaid uploads goes by itself."""
    waiting = RenderJob.user_id == user_id, RenderJob.status == JobStatus.AWAITING_PAYMENT
    first = db.session.scalar(select(func.min(RenderJob.expires_at)).where(*waiting))
    return max(1, ceil((first - current_services().clock()).total_seconds())) if first else 1


def _pay(job: RenderJob, user: User, payment_id: str) -> bool:
    """Use a payment for the job; False where it is not completed yet, so that the job goes on waiting for it."""
    from oriel_fx.server.payments.use import use_payment

    try:
        payment = use_payment(db.session, user, payment_id, job.price_cents, job.currency)
    except PaymentRequiredError:
        return False
    try:
        now = current_services().clock()
        return transition(job, JobStatus.QUEUED, payment_id=payment.id, paid_at=now, expires_at=None)
    except IntegrityError:
        raise PaymentUsedError from None

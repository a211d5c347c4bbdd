"""Handing out finished videos: to their owner, and to whoever has the link of the mail."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from oriel_fx.server.errors import (
    FileGoneError,
    JobNotFinishedError,
    LinkRevokedError,
    UploadExpiredError,
    VideoExpiredError,
)
from oriel_fx.server.models import RenderJob
from oriel_fx.server.payments.locks import AnySession
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import JobStatus

_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')


@dataclass(frozen=True)
class SignedVideo:
    """An address that serves the video to anyone until then."""

    url: str
    expires_at: datetime


def new_download_token() -> tuple[str, str]:
    """A token for a mailed link, and the hash that `RenderJob.download_token_hash` keeps of it."""
    token = secrets.token_urlsafe(32)
    return token, token_hash(token)


def token_hash(token: str) -> str:
    """The SHA-256 of a link's token, as hex digits."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def mailed_link(settings: Settings, token: str) -> str:
    """The link for a mail, under the configured address."""
    return f"{settings.public}/api/d/{token}"


def job_of_link(session: AnySession, token: str) -> RenderJob:
    """The job a mailed link is for. Raises FileGoneError (no such link), LinkRevokedError."""
    job = session.execute(
        select(RenderJob).where(RenderJob.download_token_hash == token_hash(token))
    ).scalar_one_or_none()
    if job is None:
        raise FileGoneError("There is no such link.")
    if job.download_token_revoked:
        raise LinkRevokedError
    return job


def revoke_link(session: AnySession, job: RenderJob) -> None:
    """The mailed link works no more; its owner can still download the video. Commits. Raises JobNotFinishedError."""
    if job.download_token_hash is None:
        raise JobNotFinishedError(status=job.status.value)
    job.download_token_revoked = True
    session.commit()


def signed_video(services: Services, job: RenderJob) -> SignedVideo:
    """A fresh address of the job's video, good for a while and never for longer than the video is kept.

    Raises JobNotFinishedError, VideoExpiredError, UploadExpiredError.
    """
    now = services.clock()
    if job.status is JobStatus.EXPIRED and job.completed_at is None:
        raise UploadExpiredError
    over = job.expires_at is not None and job.expires_at <= now
    if job.status is JobStatus.EXPIRED or (
        job.status is JobStatus.COMPLETED and (over or job.files_deleted_at is not None)
    ):
        raise VideoExpiredError
    if job.status is not JobStatus.COMPLETED or job.video_key is None:
        raise JobNotFinishedError(status=job.status.value)
    good_s = services.settings.download_url_s
    if job.expires_at is not None:
        good_s = max(1, min(good_s, int((job.expires_at - now).total_seconds())))
    url = services.storage.signed_url(job.video_key, good_s, video_filename(job))
    return SignedVideo(url, now + timedelta(seconds=good_s))


def video_filename(job: RenderJob) -> str:
    """What a browser saves the video as."""
    name = _NOT_IN_NAMES.sub(" ", job.title or "").strip(" .")[:100]
    return f"{name or 'video'}.mp4"

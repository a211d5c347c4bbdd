"""/api/render/…, and the link of the mail, /api/d/…."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import structlog
from flask import Response, current_app, redirect, request
from flask_jwt_extended import get_jwt
from werkzeug.wrappers import Response as AnyResponse

from oriel_fx.server import errors
from oriel_fx.server.auth.guard import AUTH_ERRORS, BEARER, current_user, login_required
from oriel_fx.server.auth.schemas import Done
from oriel_fx.server.breakers import refuses
from oriel_fx.server.db import db
from oriel_fx.server.http import body_limit, domain
from oriel_fx.server.limits import by_account, limiter, rate
from oriel_fx.server.models import RenderJob
from oriel_fx.server.renders import catalog, events, stills
from oriel_fx.server.renders.cancel import cancel_job
from oriel_fx.server.renders.downloads import job_of_link, revoke_link, signed_video
from oriel_fx.server.renders.places import Places
from oriel_fx.server.renders.schemas import (
    SUBMISSION,
    Canceled,
    Download,
    FrameQuery,
    JobPath,
    JobState,
    LinkPath,
    Presets,
    Submitted,
)
from oriel_fx.server.renders.status import FINAL, job_state, own_job
from oriel_fx.server.renders.submit import submit as submit_upload
from oriel_fx.server.renders.uploads import max_upload_bytes, receive_upload
from oriel_fx.server.services import current_services, current_settings
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import JobStatus
from oriel_fx.server.web import error_page, wants_page

bp = domain("renders", "/api/render", "Render jobs: upload, watch, download.")
links = domain("links", "/api/d", "The links in mails.")
# Of one user in one process.
STREAMS_PER_USER, UPLOADS_PER_USER = 4, 2
_OWN_JOB = (*AUTH_ERRORS, errors.JobNotFoundError)
_log = structlog.get_logger("oriel_fx.renders")
_GONE = (errors.JobNotFinishedError, errors.VideoExpiredError, errors.UploadExpiredError)


def _upload_limit(settings: Settings) -> int:
    # Only a multipart body goes straight to disk; any other kind would be read into memory.
    return max_upload_bytes(settings) if request.mimetype == "multipart/form-data" else settings.max_body_bytes


@bp.post(
    "/submit",
    security=BEARER,
    request_body=SUBMISSION,
    responses={
        202: Submitted,
        **errors.api_errors(
            *AUTH_ERRORS,
            errors.BadRequestError,
            errors.MalformedJsonError,
            errors.PaymentRequiredError,
            errors.PaymentNotFoundError,
            errors.PaymentUsedError,
            errors.ConflictError,
            errors.BodyTooLargeError,
            errors.AudioTooLargeError,
            errors.ImageTooLargeError,
            errors.LyricsTooLargeError,
            errors.UnsupportedMediaTypeError,
            errors.InvalidAudioFormatError,
            errors.InvalidImageFormatError,
            errors.ValidationFailedError,
            errors.InvalidConfigError,
            errors.InvalidAudioError,
            errors.AudioTooLongError,
            errors.InvalidImageError,
            errors.InvalidLyricsError,
            errors.UploadRefusedError,
            errors.RateLimitedError,
            errors.UploadQuotaError,
            errors.UnavailableError,
            errors.DatabaseUnavailableError,
            errors.StorageUnavailableError,
        ),
    },
)
@limiter.limit(rate("rate_submit_ip"))
@limiter.limit(rate("rate_submit"), key_func=by_account)
@login_required
@body_limit(_upload_limit)
def submit() -> tuple[dict[str, object], int]:
    """Upload a song and what its video is to look like.

    Without a completed payment the answer is 402 with the price: what was uploaded is kept for a day, and
    /api/payments/create-session goes on from the `job_id` in its details.
    """
    settings, user_id = current_settings(), current_user().id
    if refuses("gcs"):
        raise errors.StorageUnavailableError
    # An upload may take minutes; no database connection is held meanwhile.
    db.session.rollback()
    with _uploads().held(user_id), _room(), _scratch_folder(settings) as folder:
        upload = receive_upload(request, settings, Path(folder))
        job = submit_upload(user_id, upload)
    if job.status is JobStatus.AWAITING_PAYMENT:
        raise _payment_required(job)
    return {"job_id": job.public_id, "status": job.status.value}, 202


@bp.get(
    "/status/<job_id>",
    security=BEARER,
    responses={200: JobState, **errors.api_errors(*_OWN_JOB)},
)
@login_required
def status(path: JobPath) -> Response:
    """Where a job is."""
    return _json(job_state(db.session, current_user().id, path.job_id, current_services().clock()).model_dump_json())


@bp.get(
    "/events/<job_id>",
    security=BEARER,
    responses={
        200: {
            "description": "Server-sent events `status`, each with a JobState as its data; ends after a final state.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {"description": "The job has ended, and Last-Event-ID says that the client knows."},
        **errors.api_errors(*_OWN_JOB, errors.RateLimitedError),
    },
)
@login_required
def job_events(path: JobPath) -> AnyResponse:
    """A job's states as they change. Ends with the access token's time; come back with a new one."""
    user, claims = current_user(), get_jwt()
    first = job_state(db.session, user.id, path.job_id, current_services().clock())
    last_event_id = request.headers.get("Last-Event-ID", "")
    if first.status in FINAL and last_event_id == events.event_id(first):
        return Response(status=204)
    watcher = events.Watcher(user.id, user.token_version, claims.get("fam"), path.job_id, float(claims["exp"]))
    stream = events.follow(db.engine, current_services().clock, watcher, first, last_event_id)
    db.session.rollback()
    _streams().take(watcher.user_id)
    counted = events.CountedStream(stream, partial(_streams().free, watcher.user_id))
    response = Response(counted, mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store, no-transform"
    response.headers["X-Accel-Buffering"] = "no"
    return response


@bp.get(
    "/download/<job_id>",
    security=BEARER,
    responses={
        200: Download,
        302: {"description": "To a signed URL of the video; for who does not ask for JSON."},
        **errors.api_errors(*_OWN_JOB, *_GONE),
    },
)
@login_required
def download(path: JobPath) -> AnyResponse:
    """The finished video: a redirect to a signed URL, or that URL as JSON where Accept asks for it."""
    video = signed_video(current_services(), own_job(db.session, current_user().id, path.job_id))
    if request.accept_mimetypes.best_match(["video/mp4", "application/json"]) == "application/json":
        return _json(Download(url=video.url, expires_at=video.expires_at).model_dump_json())
    return redirect(video.url, 302)


@bp.delete(
    "/download/<job_id>",
    security=BEARER,
    responses={200: Done, **errors.api_errors(*_OWN_JOB, errors.JobNotFinishedError)},
)
@login_required
def revoke(path: JobPath) -> dict[str, str]:
    """Take back the link of the mail, which works for whoever has it. You can still download the video yourself."""
    revoke_link(db.session, own_job(db.session, current_user().id, path.job_id))
    return {"message": "The link in the mail works no more."}


@links.get(
    "/<token>",
    responses={
        302: {"description": "To a fresh signed URL of the video."},
        **errors.api_errors(errors.FileGoneError, errors.LinkRevokedError, *_GONE),
    },
)
def mailed_link(path: LinkPath) -> AnyResponse:
    """The link in the mail: to the video, for as long as it is kept and the link is not revoked."""
    try:
        video = signed_video(current_services(), job_of_link(db.session, path.token))
    except errors.ApiError as error:
        if wants_page():
            return error_page(error)
        raise
    response = redirect(video.url, 302)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@bp.post(
    "/cancel/<job_id>",
    security=BEARER,
    responses={200: Canceled, 202: Canceled, **errors.api_errors(*_OWN_JOB, errors.JobNotCancelableError)},
)
@login_required
def cancel(path: JobPath) -> tuple[Response, int]:
    """Cancel a job that is not finished; what was paid goes back. 202 while its worker is being stopped."""
    job = own_job(db.session, current_user().id, path.job_id)
    done = cancel_job(db.session, job, "canceled by user")
    body = Canceled(job_id=path.job_id, status=done.status, cancel_requested=done.cancel_requested, refund=done.refund)
    return _json(body.model_dump_json()), 200 if done.status is JobStatus.CANCELED else 202


@bp.get(
    "/frame/<job_id>",
    security=BEARER,
    responses={
        200: {
            "description": "The video's frame at that time; small and marked until the job is paid for.",
            "content": {
                "image/jpeg": {"schema": {"type": "string", "format": "binary"}},
                "image/webp": {"schema": {"type": "string", "format": "binary"}},
            },
        },
        **errors.api_errors(
            *_OWN_JOB,
            errors.UploadExpiredError,
            errors.ValidationFailedError,
            errors.RateLimitedError,
            errors.InternalError,
            errors.RenderPipelineError,
            errors.PreviewBusyError,
            errors.StorageUnavailableError,
            errors.DatabaseUnavailableError,
        ),
    },
)
@limiter.limit(rate("rate_preview_ip"))
@limiter.limit(rate("rate_preview"), key_func=by_account)
@login_required
def frame(path: JobPath, query: FrameQuery) -> Response:
    """A still of the video before it is made: JPEG, or WebP where Accept asks for it."""
    job = own_job(db.session, current_user().id, path.job_id)
    webp = request.accept_mimetypes.best_match(["image/jpeg", "image/webp"]) == "image/webp"
    data = stills.preview_still(current_services(), job, query.t, query.w, ".webp" if webp else ".jpg")
    response = Response(data, mimetype="image/webp" if webp else "image/jpeg")
    response.headers["Cache-Control"] = "private, max-age=60"
    response.headers["Vary"] = "Accept, Authorization"
    return response


@bp.get("/presets", responses={200: Presets, 304: {"description": "Not changed."}})
def presets() -> Response:
    """The named looks."""
    return catalog.cached_reply(request, catalog.presets_json, "application/json")


@bp.get(
    "/schema",
    responses={
        200: {
            "description": "The JSON Schema of a config.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        304: {"description": "Not changed."},
    },
)
def schema() -> Response:
    """The JSON Schema of `config`, for editors and forms."""
    return catalog.cached_reply(request, catalog.schema_json, "application/json")


def _places(name: str, per_user: int, refusal: str) -> Places:
    """This process's places of one kind: at most half of its threads."""
    made = Places(per_user, max(1, current_settings().web_threads // 2), refusal)
    places: Places = current_app.extensions.setdefault(f"oriel_{name}", made)
    return places


def _streams() -> Places:
    refusal = "Too many event streams are open; close one or poll the status instead."
    return _places("streams", STREAMS_PER_USER, refusal)


def _uploads() -> Places:
    return _places("uploads", UPLOADS_PER_USER, "Too many uploads are under way; try again when one has ended.")


@contextmanager
def _room() -> Iterator[None]:
    """A full disk is for operators to see to; who uploads is told to come again."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _log.error("no room for uploads", folder=str(current_settings().data_dir / "tmp"), what=error.strerror)
        raise errors.StorageUnavailableError("There is no room for uploads right now; try again later.") from error


def _scratch_folder(settings: Settings) -> tempfile.TemporaryDirectory[str]:
    parent = settings.data_dir / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="upload-", dir=parent)


def _payment_required(job: RenderJob) -> errors.PaymentRequiredError:
    return errors.PaymentRequiredError(
        "The upload is kept; pay for it to have it rendered.",
        job_id=job.public_id,
        price_cents=job.price_cents,
        currency=job.currency,
        expires_at=job.expires_at.isoformat() if job.expires_at else None,
        create_session="/api/payments/create-session",
        links={"status": f"/api/render/status/{job.public_id}", "frame": f"/api/render/frame/{job.public_id}"},
    )


def _json(text: str) -> Response:
    return Response(text, mimetype="application/json")

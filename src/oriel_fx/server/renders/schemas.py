"""What the render endpoints take and give, as the OpenAPI document shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from oriel_fx.server.states import JobStatus, PaymentStatus

# How a public id looks: anything else cannot be one, and is a job that does not exist.
_ID = Field(description="The job's id.", max_length=64)


class JobPath(BaseModel):
    job_id: str = _ID


class LinkPath(BaseModel):
    token: str = Field(description="The token of the link in the mail.", max_length=128)


class FrameQuery(BaseModel):
    t: float = Field(0.0, ge=0, lt=1e6, allow_inf_nan=False, description="Seconds from the video's beginning.")
    w: int = Field(640, ge=64, le=8192, description="Width in pixels; less is given where less is allowed.")


class Submitted(BaseModel):
    """A job that is paid for and waits to be rendered."""

    job_id: str
    status: JobStatus


class PaymentState(BaseModel):
    """The job's payment, or the last one that was tried."""

    payment_id: str
    status: PaymentStatus
    declined: bool = Field(description="The last try was declined.")
    decline_code: str | None
    can_retry: bool = Field(description="It can be paid now: at `url`, or after another create-session.")
    url: str | None = Field(description="The open checkout.")


class JobError(BaseModel):
    """Why it failed, for its user."""

    code: str
    message: str


class JobLinks(BaseModel):
    """Where to go on; null where there is nothing."""

    self: str
    events: str
    frame: str | None
    cancel: str | None
    pay: str | None
    download: str | None


class JobState(BaseModel):
    """Where a job is."""

    job_id: str
    status: JobStatus
    stage: str = Field(description="What is being done, such as decode, draw, join, upload; empty where nothing is.")
    progress: float = Field(ge=0, le=1)
    eta_s: float | None = Field(description="Seconds until it is done, about.")
    queue_position: int | None = Field(description="How many jobs are ahead of it while it is queued.")
    title: str
    duration_s: float
    price_cents: int
    currency: str
    payment: PaymentState | None
    error: JobError | None
    cancel_requested: bool
    created_at: datetime
    completed_at: datetime | None
    expires_at: datetime | None = Field(description="When the unpaid upload, or the video, is deleted.")
    links: JobLinks


class Download(BaseModel):
    """Where the video is, for a while."""

    url: str
    expires_at: datetime


class Canceled(BaseModel):
    """What canceling did. `processing` with `cancel_requested`: the worker stops within seconds."""

    job_id: str
    status: JobStatus
    cancel_requested: bool
    refund: Literal["none", "requested", "when_stopped"] = Field(description="Whether the money goes back.")


class PresetInfo(BaseModel):
    """A named look."""

    name: str
    description: str
    config: dict[str, Any]


class Presets(BaseModel):
    """All of them, the default first."""

    presets: list[PresetInfo]


def _binary(about: str) -> dict[str, str]:
    return {"type": "string", "format": "binary", "description": about}


SUBMISSION: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["audio", "config"],
                "properties": {
                    "audio": _binary("The song: MP3, WAV or M4A."),
                    "config": {
                        "type": "object",
                        "description": "As /api/render/schema says, or the original frontend's flat config.",
                        "examples": [{"preset": "halo"}],
                    },
                    "payment_id": {
                        "type": "string",
                        "default": "",
                        "description": "A completed payment that pays for this job; empty for none.",
                    },
                    "cover": _binary("A picture in place of the song's cover art: JPEG, PNG or WebP."),
                    "background": _binary("A picture that the config names as `background`: JPEG, PNG or WebP."),
                    "lyrics": _binary("UTF-8 text. It is checked and kept with the job; no layer draws it yet."),
                },
            },
            "encoding": {"config": {"contentType": "application/json"}},
        }
    },
}

"""What /api/user takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from oriel_fx.server.auth.addresses import EmailAddress
from oriel_fx.server.auth.schemas import AnyPassword, Body, LinkToken, Tokens
from oriel_fx.server.states import JobStatus, PaymentStatus, Role


class Profile(BaseModel):
    """An account, as its owner sees it."""

    model_config = ConfigDict(from_attributes=True)

    email: str
    pending_email: str | None = Field(description="The address that takes over once its link is opened.")
    role: Role
    created_at: datetime
    last_login_at: datetime | None
    password_changed_at: datetime | None


class ProfileChange(Body):
    """Another address, another password, or both; with the password that is good now."""

    current_password: AnyPassword
    email: EmailAddress | None = Field(None, description="Takes over once the link mailed to it is opened.")
    new_password: AnyPassword | None = Field(None, description="Ends every session; the answer has new tokens.")

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if self.email is None and self.new_password is None:
            raise ValueError("Give email, new_password or both.")
        return self


class ChangedProfile(Profile):
    """The account after the change. `tokens` replace the caller's where the password was changed."""

    tokens: Tokens | None


class Deletion(Body):
    """Deleting an account needs its password."""

    password: AnyPassword


class AddressConfirmation(Body):
    """The token of the link that was mailed to the new address."""

    token: LinkToken


class HistoryQuery(BaseModel):
    """Which page."""

    page: int = Field(1, ge=1, le=100_000)
    limit: int = Field(20, ge=1, le=100, description="Jobs on a page.")


class HistoryItem(BaseModel):
    """One job. Times are in UTC, money in cents."""

    job_id: str
    status: JobStatus
    title: str | None
    audio_filename: str
    created_at: datetime
    completed_at: datetime | None
    duration_s: float
    width_px: int
    height_px: int
    progress: float = Field(description="0 to 1.")
    price_cents: int
    currency: str
    payment_status: PaymentStatus | None = Field(description="Of its last payment; null where there was none.")
    video_ready: bool = Field(description="Whether the video can be downloaded now.")
    video_expires_at: datetime | None = Field(description="When the video will be, or was, deleted.")
    error_code: str | None
    error_message: str | None


class History(BaseModel):
    """A page of the caller's jobs, newest first."""

    items: list[HistoryItem]
    page: int
    limit: int
    total: int
    pages: int

"""/api/payments/…."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select

from oriel_fx.server import errors
from oriel_fx.server.auth.guard import AUTH_ERRORS, BEARER, current_user, login_required
from oriel_fx.server.db import db
from oriel_fx.server.error_handlers import validation_error
from oriel_fx.server.errors import api_errors
from oriel_fx.server.http import domain
from oriel_fx.server.limits import by_account, limiter, rate
from oriel_fx.server.models import Payment, RenderJob
from oriel_fx.server.payments.checkout import open_checkout
from oriel_fx.server.payments.events import receive
from oriel_fx.server.payments.queries import describe
from oriel_fx.server.payments.sync import ask_if_late
from oriel_fx.server.services import current_services
from oriel_fx.server.states import JobStatus, PaymentStatus

bp = domain("payments", "/api/payments", "Paying for a job.")


class CreateSession(BaseModel):
    """Which job to pay for. The price is the job's; nothing else can be sent."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"title": "CreateSession"})

    job_id: str = Field(min_length=1, max_length=64, description="As submit gave it.")


class OpenSession(BaseModel):
    """A checkout to send the buyer to."""

    session_id: str
    url: str = Field(description="The checkout page.")
    payment_id: str
    amount: int = Field(description="In the currency's smallest unit.")
    currency: str
    expires_at: datetime


class SessionStatus(BaseModel):
    """How a payment stands."""

    session_id: str
    payment_id: str
    job_id: str | None
    job_status: JobStatus | None
    status: PaymentStatus
    amount: int = Field(description="In the currency's smallest unit.")
    currency: str
    declined: bool = Field(description="The last try to pay was declined.")
    decline_code: str | None
    can_retry: bool = Field(description="Pay at `url`, or where that is null through another create-session.")
    url: str | None
    created_at: datetime
    expires_at: datetime | None
    completed_at: datetime | None
    refunded_at: datetime | None


class SessionPath(BaseModel):
    """A checkout."""

    session_id: str = Field(max_length=255, description="As create-session gave it.")


class Received(BaseModel):
    """The event is recorded."""

    received: bool
    replay: bool = Field(description="It had been received before.")


@bp.post(
    "/create-session",
    security=BEARER,
    request_body={"required": True, "content": {"application/json": {"schema": CreateSession.model_json_schema()}}},
    responses={
        201: OpenSession,
        **api_errors(
            *AUTH_ERRORS,
            errors.BadRequestError,
            errors.MalformedJsonError,
            errors.InvalidPaymentParametersError,
            errors.JobNotFoundError,
            errors.DuplicateSessionError,
            errors.JobNotPayableError,
            errors.ConflictError,
            errors.PaymentsUnavailableError,
            errors.DatabaseUnavailableError,
        ),
    },
)
@limiter.limit(rate("rate_payment"), key_func=by_account)
@login_required
def create_session() -> tuple[dict[str, Any], int]:
    """Open a checkout for a job that waits for its payment. While one is open: 409 with it."""
    try:
        wanted = CreateSession.model_validate(request.get_json(silent=True))
    except ValidationError as error:
        # The design's 400 for payments, where other bodies get 422.
        raise errors.InvalidPaymentParametersError(**validation_error(error).details) from None
    payment = open_checkout(current_user(), wanted.job_id)
    assert payment.stripe_session_id is not None and payment.expires_at is not None
    opened = OpenSession(
        session_id=payment.stripe_session_id,
        url=payment.url or "",
        payment_id=payment.public_id,
        amount=payment.amount,
        currency=payment.currency,
        expires_at=payment.expires_at,
    )
    return opened.model_dump(mode="json"), 201


@bp.get(
    "/status/<session_id>",
    security=BEARER,
    responses={200: SessionStatus, **api_errors(*AUTH_ERRORS, errors.PaymentNotFoundError)},
)
@login_required
def status(path: SessionPath) -> dict[str, Any]:
    """How a payment stands; asks Stripe where its webhook is late."""
    mine = select(Payment).where(Payment.stripe_session_id == path.session_id, Payment.user_id == current_user().id)
    payment = db.session.execute(mine).scalar_one_or_none()
    if payment is None:
        raise errors.PaymentNotFoundError
    if payment.status is PaymentStatus.PENDING:
        ask_if_late(payment)
        db.session.refresh(payment)
    job = db.session.get(RenderJob, payment.job_id, populate_existing=True) if payment.job_id else None
    shown = describe(payment, job.status if job else None, current_services().clock())
    answer = SessionStatus(
        session_id=path.session_id,
        payment_id=payment.public_id,
        job_id=job.public_id if job else None,
        job_status=job.status if job else None,
        status=payment.status,
        amount=payment.amount,
        currency=payment.currency,
        declined=shown.declined,
        decline_code=shown.decline_code,
        can_retry=shown.can_retry,
        url=shown.url,
        created_at=payment.created_at,
        expires_at=payment.expires_at,
        completed_at=payment.completed_at,
        refunded_at=payment.refunded_at,
    )
    return answer.model_dump(mode="json")


@bp.post(
    "/webhook",
    responses={
        200: Received,
        **api_errors(errors.BadRequestError, errors.MalformedJsonError, errors.InvalidSignatureError),
    },
)
@limiter.exempt
def webhook() -> dict[str, Any]:
    """For Stripe alone: its events, signed. One that was received before is a 200 without a second effect."""
    signature = request.headers.get("Stripe-Signature", "")
    event = current_services().payments.parse_webhook(request.get_data(), signature)
    return {"received": True, "replay": not receive(event)}

"""Every error the API answers with, and the one place that turns exceptions into `{"error": {…}}`.

Raise an ApiError subclass; its first argument, if any, is the sentence for the user, and `details` what programs
read. The library's own errors are mapped too. Codes are stable: clients match on them.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from oriel_fx.errors import OrielError

REGISTRY: dict[str, type[ApiError]] = {}


class ErrorBody(BaseModel):
    """What went wrong."""

    code: str = Field(description="Stable, in UPPER_SNAKE.", examples=["JOB_NOT_FOUND"])
    message: str = Field(description="One sentence for people.")
    details: dict[str, Any] = Field(description="What programs read; depends on the code.")


class ErrorResponse(BaseModel):
    """The shape of every error."""

    error: ErrorBody


class ApiError(OrielError):
    """Base of the API's errors. `meaning` is the default message, and what the documents say."""

    status: ClassVar[int] = 500
    meaning: ClassVar[str] = ""
    retry_after_s: int | None = None

    def __init__(self, message: str = "", **details: Any) -> None:
        super().__init__(message or self.meaning)
        self.details = details

    @classmethod
    def example(cls) -> dict[str, Any]:
        """What it looks like, for the documents."""
        return {"error": {"code": cls.code, "message": cls.meaning, "details": {}}}

    def __init_subclass__(cls) -> None:
        assert cls.code not in REGISTRY, f"two errors have the code {cls.code}"
        REGISTRY[cls.code] = cls


def api_errors(*kinds: type[ApiError]) -> dict[int | str | HTTPStatus, Any]:
    """What these errors look like, for an endpoint's `responses=`: one entry for each status, naming its codes."""
    found: dict[int, list[type[ApiError]]] = {}
    for kind in kinds:
        found.setdefault(kind.status, []).append(kind)
    schema = {"$ref": "#/components/schemas/ErrorResponse"}
    return {
        status: {
            "description": " ".join(f"`{kind.code}`: {kind.meaning}" for kind in of_status),
            "content": {
                "application/json": {
                    "schema": schema,
                    "examples": {kind.code: {"value": kind.example()} for kind in of_status},
                }
            },
        }
        for status, of_status in found.items()
    }


# 400


class BadRequestError(ApiError):
    status = 400
    code = "BAD_REQUEST"
    meaning = "The request cannot be understood."


class MalformedJsonError(ApiError):
    status = 400
    code = "MALFORMED_JSON"
    meaning = "The body is not JSON, is nested too deeply, or holds what JSON texts cannot."


class InvalidPaymentParametersError(ApiError):
    status = 400
    code = "INVALID_PAYMENT_PARAMETERS"
    meaning = "The payment was asked for with values that do not fit."


class InvalidSignatureError(ApiError):
    status = 400
    code = "INVALID_SIGNATURE"
    meaning = "The webhook's signature is wrong or too old."


# 401


class UnauthorizedError(ApiError):
    status = 401
    code = "UNAUTHORIZED"
    meaning = "This needs a bearer token."


class TokenInvalidError(ApiError):
    status = 401
    code = "TOKEN_INVALID"
    meaning = "The token is not one of ours, or not for this."


class TokenExpiredError(ApiError):
    status = 401
    code = "TOKEN_EXPIRED"
    meaning = "The token has expired; refresh it."


class TokenRevokedError(ApiError):
    status = 401
    code = "TOKEN_REVOKED"
    meaning = "The token has been revoked; log in again."


# 402


class PaymentRequiredError(ApiError):
    status = 402
    code = "PAYMENT_REQUIRED"
    meaning = "This job is not paid for yet."


# 403


class ForbiddenError(ApiError):
    status = 403
    code = "FORBIDDEN"
    meaning = "Your account may not do this."


class AccountDisabledError(ApiError):
    status = 403
    code = "ACCOUNT_DISABLED"
    meaning = "This account is disabled."


class CsrfError(ApiError):
    status = 403
    code = "CSRF_FAILED"
    meaning = "The CSRF token is missing or wrong."


class LinkInvalidError(ApiError):
    status = 403
    code = "LINK_INVALID"
    meaning = "This link is not one that we made; ask for the download again."


# 404, 405


class NotFoundError(ApiError):
    status = 404
    code = "NOT_FOUND"
    meaning = "There is nothing at this address."


class JobNotFoundError(ApiError):
    status = 404
    code = "JOB_NOT_FOUND"
    meaning = "You have no such job."


class PaymentNotFoundError(ApiError):
    status = 404
    code = "PAYMENT_NOT_FOUND"
    meaning = "You have no such payment."


class FileGoneError(ApiError):
    status = 404
    code = "FILE_NOT_FOUND"
    meaning = "There is no such file any more."


class MethodNotAllowedError(ApiError):
    status = 405
    code = "METHOD_NOT_ALLOWED"
    meaning = "This address does not take this method."


# 409, 410


class ConflictError(ApiError):
    status = 409
    code = "CONFLICT"
    meaning = "Something else changed this at the same moment; look and try again."


class EmailTakenError(ApiError):
    status = 409
    code = "EMAIL_TAKEN"
    meaning = "There is an account with this address already."


class DuplicateSessionError(ApiError):
    status = 409
    code = "DUPLICATE_PAYMENT_SESSION"
    meaning = "This job has an open payment session already."


class PaymentUsedError(ApiError):
    status = 409
    code = "PAYMENT_USED"
    meaning = "This payment has paid for another job."


class JobNotPayableError(ApiError):
    status = 409
    code = "JOB_NOT_PAYABLE"
    meaning = "This job is not waiting for a payment."


class JobNotFinishedError(ApiError):
    status = 409
    code = "JOB_NOT_FINISHED"
    meaning = "The video is not finished."


class JobNotCancelableError(ApiError):
    status = 409
    code = "JOB_NOT_CANCELABLE"
    meaning = "This job can no longer be canceled."


class VideoExpiredError(ApiError):
    status = 410
    code = "VIDEO_EXPIRED"
    meaning = "The video was deleted when its time was over."


class UploadExpiredError(ApiError):
    status = 410
    code = "UPLOAD_EXPIRED"
    meaning = "The upload was deleted because it was not paid for in time."


class LinkRevokedError(ApiError):
    status = 410
    code = "LINK_REVOKED"
    meaning = "This link no longer works."


class LinkExpiredError(ApiError):
    status = 410
    code = "LINK_EXPIRED"
    meaning = "The time of this link is over; ask for the download again."


# 413, 415


class BodyTooLargeError(ApiError):
    status = 413
    code = "BODY_TOO_LARGE"
    meaning = "The request is larger than this address takes."


class AudioTooLargeError(ApiError):
    status = 413
    code = "AUDIO_TOO_LARGE"
    meaning = "The song is larger than allowed."


class ImageTooLargeError(ApiError):
    status = 413
    code = "IMAGE_TOO_LARGE"
    meaning = "The picture has more bytes or pixels than allowed."


class LyricsTooLargeError(ApiError):
    status = 413
    code = "LYRICS_TOO_LARGE"
    meaning = "The lyrics are larger than allowed."


class UnsupportedMediaTypeError(ApiError):
    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"
    meaning = "This address takes another content type."


class InvalidAudioFormatError(ApiError):
    status = 415
    code = "INVALID_AUDIO_FORMAT"
    meaning = "The song must be an MP3, WAV or M4A file."


class InvalidImageFormatError(ApiError):
    status = 415
    code = "INVALID_IMAGE_FORMAT"
    meaning = "A picture must be a JPEG, PNG or WebP file."


# 416


class RangeNotSatisfiableError(ApiError):
    status = 416
    code = "RANGE_NOT_SATISFIABLE"
    meaning = "The file has no bytes in the range that was asked for."


# 422


class ValidationFailedError(ApiError):
    status = 422
    code = "VALIDATION_FAILED"
    meaning = "Some values are missing or wrong; details.faults names each with its path."


class InvalidCredentialsError(ApiError):
    status = 422
    code = "INVALID_CREDENTIALS"
    meaning = "The address or the password is wrong."


class WeakPasswordError(ApiError):
    status = 422
    code = "WEAK_PASSWORD"
    meaning = "The password is too short or too common."


class InvalidResetTokenError(ApiError):
    status = 422
    code = "INVALID_RESET_TOKEN"
    meaning = "The link is wrong, used or older than an hour."


class InvalidConfirmTokenError(ApiError):
    status = 422
    code = "INVALID_CONFIRM_TOKEN"
    meaning = "The link is wrong, used or expired; ask for the change again."


class InvalidConfigError(ApiError):
    status = 422
    code = "INVALID_CONFIG"
    meaning = "The config is wrong; details.faults names each fault with its path."


class InvalidAudioError(ApiError):
    status = 422
    code = "INVALID_AUDIO"
    meaning = "The song cannot be decoded."


class AudioTooLongError(ApiError):
    status = 422
    code = "AUDIO_TOO_LONG"
    meaning = "The song is longer than allowed."


class InvalidImageError(ApiError):
    status = 422
    code = "INVALID_IMAGE"
    meaning = "A picture cannot be used."


class InvalidLyricsError(ApiError):
    status = 422
    code = "INVALID_LYRICS"
    meaning = "The lyrics cannot be read."


class UploadRefusedError(ApiError):
    status = 422
    code = "UPLOAD_REFUSED"
    meaning = "The upload was refused by the scanner."


# 429


class RateLimitedError(ApiError):
    status = 429
    code = "RATE_LIMITED"
    meaning = "Too many requests; wait as long as Retry-After says."


class UploadQuotaError(ApiError):
    status = 429
    code = "UPLOAD_QUOTA_EXCEEDED"
    meaning = "You have too many unpaid uploads; pay for or cancel one."


# 500


class InternalError(ApiError):
    status = 500
    code = "INTERNAL"
    meaning = "Something went wrong on our side."


class RenderPipelineError(ApiError):
    status = 500
    code = "RENDER_PIPELINE_FAILURE"
    meaning = "The picture could not be drawn."


# 503


class UnavailableError(ApiError):
    status = 503
    code = "UNAVAILABLE"
    meaning = "The service cannot do this right now; try again soon."
    retry_after_s = 5


class DatabaseUnavailableError(ApiError):
    status = 503
    code = "DATABASE_UNAVAILABLE"
    meaning = "The database cannot be reached; try again soon."
    retry_after_s = 5


class StorageUnavailableError(ApiError):
    status = 503
    code = "STORAGE_UNAVAILABLE"
    meaning = "The file storage cannot be reached; try again soon."
    retry_after_s = 5


class QueueUnavailableError(ApiError):
    status = 503
    code = "QUEUE_UNAVAILABLE"
    meaning = "The queue cannot be reached; try again soon."
    retry_after_s = 5


class PaymentsUnavailableError(ApiError):
    status = 503
    code = "PAYMENTS_UNAVAILABLE"
    meaning = "The payment provider cannot be reached; try again soon."
    retry_after_s = 5


class PreviewBusyError(ApiError):
    status = 503
    code = "PREVIEW_BUSY"
    meaning = "Too many previews are being drawn; try again soon."
    retry_after_s = 5


class ObjectNotFoundError(OrielError):
    """Storage has no file of this key. Not an answer of the API by itself: what it means depends on who asked."""

    code = "OBJECT_NOT_FOUND"

"""What /api/auth takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from flask import request
from flask_openapi import RequestBody
from pydantic import BaseModel, ConfigDict, Field

from oriel_fx.server.auth.addresses import MAX_EMAIL_CHARS, EmailAddress

# Far above what a password may be: too long a one is answered as such, by the policy.
_ANY_PASSWORD = Field(max_length=1024, json_schema_extra={"format": "password"})
AnyPassword = Annotated[str, _ANY_PASSWORD]
LinkToken = Annotated[str, Field(min_length=1, max_length=256, description="What follows `token=` in the mail's link.")]


class Body(BaseModel):
    """A body whose unknown keys are faults."""

    model_config = ConfigDict(extra="forbid")


class Credentials(Body):
    """An address and a password, to log in."""

    email: str = Field(max_length=MAX_EMAIL_CHARS, examples=["ada@example.org"])
    password: AnyPassword


class Registration(Body):
    """A new account."""

    email: EmailAddress
    password: AnyPassword = Field(description="10 to 256 characters, and none of the common passwords.")


class RefreshToken(Body):
    """The refresh token. Browsers leave it out: they send the cookie and the header X-CSRF-TOKEN."""

    refresh_token: str | None = Field(None, max_length=4096)


class ResetRequest(Body):
    """Whose password to reset."""

    email: EmailAddress


class ResetConfirmation(Body):
    """The link's token, and the new password."""

    token: LinkToken
    password: AnyPassword


class Tokens(BaseModel):
    """A session's tokens. The refresh token is set as an HttpOnly cookie too."""

    access_token: str = Field(description="For the header `Authorization: Bearer …`.")
    refresh_token: str = Field(description="Good for one refresh.")
    expires_in: int = Field(description="Seconds until the access token ends.")
    token_type: str = "Bearer"


class Done(BaseModel):
    """It is done."""

    message: str


class NewAccount(BaseModel):
    """The account that was made."""

    email: str
    created_at: datetime


class Registered(Done):
    """The account was made; log in next."""

    user: NewAccount


def optional_body(model: type[BaseModel]) -> RequestBody:
    """The document of a body that may be left out."""
    schema: Any = model.model_json_schema()
    return RequestBody(required=False, content={"application/json": {"schema": schema}})


def read_optional(model: type[RefreshToken]) -> RefreshToken:
    """The body, or an empty one where there is none. Raises ValidationError."""
    return model.model_validate(request.get_json(silent=True) if request.get_data(cache=True) else {})

"""E-mail addresses: what is one, and the one form in which it is kept and looked up."""

from __future__ import annotations

from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field

MAX_EMAIL_CHARS = 254


def normal_address(text: str) -> str:
    """The address in lower case with its domain in ASCII. Raises ValueError for what is none; asks no DNS."""
    try:
        # Carriers take no letters but ASCII before the @, so such an address could never be written to.
        found = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    address = str(found.ascii_email).casefold()
    if len(address) > MAX_EMAIL_CHARS:
        raise ValueError(f"An address has at most {MAX_EMAIL_CHARS} characters.")
    return address


def lookup_address(text: str) -> str:
    """The form to look an address up by; nonsense finds nobody."""
    try:
        return normal_address(text)
    except ValueError:
        return text.strip().casefold()


EmailAddress = Annotated[
    str,
    Field(max_length=MAX_EMAIL_CHARS, json_schema_extra={"format": "email"}, examples=["ada@example.org"]),
    AfterValidator(normal_address),
]

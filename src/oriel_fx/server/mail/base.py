"""Mail: what a carrier is. `eml.py`, `smtp.py` and `sendgrid.py` are the three; one contract suite runs against all.

Nothing sends mail from a request: a row in `EmailMessage` is written in the same transaction as its cause, and the
job `send_email` on queue `high_priority` hands it to the carrier. `outbox.py` has both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from oriel_fx.errors import OrielError


class MailError(OrielError):
    """The carrier said no. `permanent`: of this mail, for good (its recipient is refused, it is malformed).

    What an operator can put right, such as a wrong key, is not permanent: the mail waits in the outbox.
    """

    code = "MAIL"

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


@dataclass(frozen=True)
class Mail:
    """One mail. `message_id` comes from the row's idempotency key: it is the same at every try."""

    to: str
    subject: str
    text: str
    html: str
    message_id: str


class Mailer(Protocol):
    """Carries mails. The sender is `settings.mail_from`."""

    def send(self, message: Mail) -> str:
        """Hand the mail over and return the carrier's id for it. Raises MailError within `request_timeout_s`."""

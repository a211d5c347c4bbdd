"""Mail by SendGrid's Web API; by SMTP while SendGrid is away or refuses us, where `smtp_url` is set."""

from __future__ import annotations

import http.client
import logging
from email.utils import parseaddr
from typing import Any

import pybreaker
import structlog
from python_http_client.exceptions import HTTPError  # type: ignore[import-untyped]
from sendgrid import SendGridAPIClient

from oriel_fx.server.breakers import breaker
from oriel_fx.server.mail.base import Mail, Mailer, MailError
from oriel_fx.server.mail.mime import HEADERS, ascii_domain, check
from oriel_fx.server.mail.smtp import SmtpMailer
from oriel_fx.server.settings import Settings, reveal

# What SendGrid says about this mail, for good. Anything else is about us, or passes.
_REFUSED = (400, 413)
_log = structlog.get_logger("oriel_fx.mail")
# At DEBUG it logs the key.
logging.getLogger("python_http_client").setLevel(logging.INFO)


class SendGridMailer(Mailer):
    """Hands mails to SendGrid."""

    def __init__(self, settings: Settings) -> None:
        name, address = parseaddr(settings.mail_from)
        self._from = {"email": address, "name": name} if name else {"email": address}
        self._client = SendGridAPIClient(reveal(settings.sendgrid_api_key), host=settings.sendgrid_host).client
        self._client.timeout = settings.request_timeout_s
        self._fallback = SmtpMailer(settings) if settings.smtp_url else None

    def send(self, message: Mail) -> str:
        """See Mailer. The id is SendGrid's, or the Message-ID where SMTP carried it.

        A try that timed out may have been heard: the same mail may then come twice, with the same Message-ID.
        """
        check(message)
        try:
            return self._by_sendgrid(message)
        except MailError as error:
            if error.permanent or self._fallback is None:
                raise
            _log.warning("SendGrid does not take a mail; SMTP does", why=error.message)
        return self._fallback.send(message)

    def _by_sendgrid(self, message: Mail) -> str:
        try:
            with breaker("sendgrid", exclude=(_no_outage,)).calling():
                response = self._client.mail.send.post(request_body=self._body(message))
        except HTTPError as error:
            # Not what SendGrid wrote: it may repeat the mail's content.
            status = error.status_code
            raise MailError(f"SendGrid answered {status}.", permanent=status in _REFUSED) from error
        except pybreaker.CircuitBreakerError as error:
            raise MailError("SendGrid has failed too often just now.", permanent=False) from error
        except (OSError, http.client.HTTPException) as error:
            raise MailError(f"SendGrid cannot be reached: {type(error).__name__}.", permanent=False) from error
        return str(response.headers.get("X-Message-Id") or message.message_id)

    def _body(self, message: Mail) -> dict[str, Any]:
        return {
            "personalizations": [{"to": [{"email": ascii_domain(message.to)}]}],
            "from": self._from,
            "subject": message.subject,
            # SendGrid writes the date itself.
            "headers": {"Message-ID": message.message_id, **HEADERS},
            "content": [
                {"type": "text/plain", "value": message.text},
                {"type": "text/html", "value": message.html},
            ],
            "custom_args": {"message_id": message.message_id},
            # Links go where they say: a reset link is nobody else's to see.
            "tracking_settings": {
                "click_tracking": {"enable": False, "enable_text": False},
                "open_tracking": {"enable": False},
                "subscription_tracking": {"enable": False},
            },
        }


def _no_outage(error: BaseException) -> bool:
    if isinstance(error, HTTPError):
        return bool(error.status_code < 500)
    return not isinstance(error, OSError | http.client.HTTPException)

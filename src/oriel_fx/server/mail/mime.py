"""A mail as the message that goes over the wire: text and HTML side by side, headers that nobody can add to."""

from __future__ import annotations

from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from oriel_fx.server.mail.base import Mail, MailError

HEADERS = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


def mime_message(message: Mail, mail_from: str, now: datetime) -> EmailMessage:
    """The whole message. Raises MailError (permanent) for an address or a header that cannot be one."""
    check(message)
    name, address = parseaddr(mail_from)
    made = EmailMessage(policy=SMTP)
    try:
        made["From"] = _address(address, name)
        made["To"] = _address(message.to)
        made.set_raw("Subject", _folded("Subject", message.subject))
        made["Message-ID"] = message.message_id
        made["Date"] = format_datetime(now)
        for header, value in HEADERS.items():
            made[header] = value
    except ValueError as error:
        raise MailError(f"The mail has a header that cannot be sent: {error}.", permanent=True) from None
    made.set_content(message.text, cte="quoted-printable")
    made.add_alternative(message.html, subtype="html", cte="quoted-printable")
    return made


def check(message: Mail) -> None:
    """Raise MailError (permanent) where a header holds a line break or its like, or `to` is not one address."""
    for part in (message.to, message.subject, message.message_id):
        if any(ord(char) < 32 or ord(char) == 127 or char in "\u2028\u2029\x85" for char in part):
            raise MailError("A header of the mail holds a control character.", permanent=True)
    local, at, domain = message.to.rpartition("@")
    if not (local and at and domain) or any(char in " ,;<>()" for char in message.to) or "@" in local:
        raise MailError("The recipient is not one address.", permanent=True)


def ascii_domain(address: str) -> str:
    """The address with its host name as it travels, in ASCII. Raises MailError (permanent) for no host name."""
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain if domain.isascii() else domain.encode('idna').decode()}"
    except UnicodeError:
        raise MailError("The recipient's host name is none.", permanent=True) from None


def _folded(name: str, value: str) -> str:
    """A header's text in ASCII. EmailMessage's own folding loses spaces between words of other scripts (3.11)."""
    plain = value.isascii() and len(value) < 60 and "=?" not in value
    return value if plain else Header(value, "utf-8", header_name=name).encode()


def _address(address: str, name: str = "") -> Address:
    # The part before the @ may be of any script where both servers speak SMTPUTF8.
    local, _, domain = ascii_domain(address).rpartition("@")
    return Address(name, local, domain)

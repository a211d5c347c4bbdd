"""Mail by SMTP: `smtps://user:password@host:465`, or `smtp://…:587`, which turns to TLS before it says anything.

`?starttls=never` is for servers on a private network that know no TLS; on this machine it is the default.
"""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from urllib.parse import parse_qs, unquote, urlsplit

from oriel_fx.server.db import utcnow
from oriel_fx.server.mail.base import Mail, Mailer, MailError
from oriel_fx.server.mail.mime import mime_message
from oriel_fx.server.settings import Settings, SettingsError, is_loopback, reveal

# After the whole mail was handed over the server may look at it for long. Not to wait would mean to send it twice.
LAST_WORD_S = 30
# "Authentication required" and its like may come as an answer to a recipient.
_ABOUT_US = (530, 534, 535, 538)


@dataclass(frozen=True)
class SmtpServer:
    """What an SMTP URL says."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    implicit_tls: bool
    starttls: bool


class SmtpMailer(Mailer):
    """Hands mails to an SMTP server."""

    def __init__(self, settings: Settings) -> None:
        self._server = parse_smtp_url(reveal(settings.smtp_url))
        self._from = settings.mail_from
        self._timeout_s = settings.request_timeout_s

    def send(self, message: Mail) -> str:
        """See Mailer; only the server's answer to the whole mail may take LAST_WORD_S. The id is the Message-ID.

        What the server says for good about this mail (its recipient, its content) is permanent; what it says about us
        (our password, our address) is not: an operator can put it right while the mail waits.
        """
        made = mime_message(message, self._from, utcnow())
        try:
            with self._connected() as connection:
                connection.deliver(made)
        except smtplib.SMTPResponseException as error:
            raise _refusal("The mail server refused us", error.smtp_code, error.smtp_error, permanent=False) from error
        except smtplib.SMTPNotSupportedError as error:
            raise MailError(f"The mail server lacks what is needed: {error}", permanent=False) from error
        except (smtplib.SMTPException, OSError) as error:
            raise MailError(f"The mail server cannot be used: {type(error).__name__}.", permanent=False) from error
        return message.message_id

    @contextmanager
    def _connected(self) -> Iterator[_Connection]:
        connection = _Connection(self._server, self._from, time.monotonic() + self._timeout_s)
        try:
            yield connection
        finally:
            connection.leave()


class _Connection:
    """One conversation with a server; all of it but the last word ends at `until_s` on the monotonic clock."""

    def __init__(self, server: SmtpServer, mail_from: str, until_s: float) -> None:
        self._until_s = until_s
        # Our name in the greeting. smtplib would ask the DNS, which may take its time.
        name = parseaddr(mail_from)[1].rpartition("@")[2] or "localhost"
        if server.implicit_tls:
            tls = ssl.create_default_context()
            self._smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, name, timeout=self._left_s(), context=tls
            )
        else:
            self._smtp = smtplib.SMTP(server.host, server.port, name, timeout=self._left_s())
        try:
            self._greet(server)
        except BaseException:
            self.leave()
            raise

    def deliver(self, made: EmailMessage) -> None:
        """Hand a message over. Raises MailError for a refusal of this mail."""
        sender, recipient = (made[header].addresses[0].addr_spec for header in ("From", "To"))
        any_script = not (sender + recipient).isascii()
        if any_script and not self._smtp.has_extn("smtputf8"):
            raise MailError("The mail server takes only addresses in ASCII.", permanent=True)
        content = made.as_bytes(policy=SMTP.clone(utf8=any_script))
        code, said = self._hurried().mail(sender, ["SMTPUTF8", "BODY=8BITMIME"] if any_script else [])
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, said, sender)
        code, said = self._hurried().rcpt(recipient)
        if code not in (250, 251):
            raise _refusal("The recipient was refused", code, said, permanent=code >= 500 and code not in _ABOUT_US)
        self._hurried()
        self._wait(LAST_WORD_S)
        code, said = self._smtp.data(content)
        if code != 250:
            raise _refusal("The mail was refused", code, said, permanent=code >= 500 and code not in _ABOUT_US)

    def leave(self) -> None:
        """Say goodbye; what goes wrong now no longer matters."""
        with suppress(smtplib.SMTPException, OSError):
            self._wait(1)
            self._smtp.quit()
        self._smtp.close()

    def _greet(self, server: SmtpServer) -> None:
        self._hurried().ehlo_or_helo_if_needed()
        if server.starttls:
            if not self._smtp.has_extn("starttls"):
                raise smtplib.SMTPNotSupportedError("STARTTLS. On a private network, add ?starttls=never.")
            self._hurried().starttls(context=ssl.create_default_context())
            self._hurried().ehlo()
        if server.user:
            self._hurried().login(server.user, server.password)

    def _hurried(self) -> smtplib.SMTP:
        self._wait(self._left_s())
        return self._smtp

    def _wait(self, timeout_s: float) -> None:
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(timeout_s)

    def _left_s(self) -> float:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s


def parse_smtp_url(url: str) -> SmtpServer:
    """What the URL says. Raises SettingsError, without the URL, which holds a password."""
    try:
        parts = urlsplit(url)
        port, options = parts.port, parse_qs(parts.query, strict_parsing=bool(parts.query))
        starttls = options.pop("starttls", ["auto"])[-1]
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or options:
            raise ValueError
        if starttls not in ("auto", "always", "never"):
            raise ValueError
    except ValueError:
        raise SettingsError(
            "ORIEL_SMTP_URL is not an address of a mail server.",
            "Write smtp://user:password@host:587 or smtps://user:password@host:465, with %40 for an @ in the user.",
        ) from None
    implicit = parts.scheme == "smtps"
    never = starttls == "never" or (starttls == "auto" and is_loopback(parts.hostname))
    return SmtpServer(
        host=parts.hostname,
        port=port or (465 if implicit else 587),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        implicit_tls=implicit,
        starttls=not (implicit or never),
    )


def _refusal(what: str, code: int, said: bytes | str, *, permanent: bool) -> MailError:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return MailError(f"{what}: {code} {' '.join(text.split())[:300]}", permanent=permanent)

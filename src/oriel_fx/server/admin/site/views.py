"""The lists that operators work with."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_admin import BaseView

from oriel_fx.server.admin import audits, dead_letters, job_log, jobs, mails, payments, users
from oriel_fx.server.admin.common import Listing, Paging, state_of
from oriel_fx.server.admin.site.lists import Action, Column, ListView, number_of
from oriel_fx.server.mail.messages import money
from oriel_fx.server.states import DeadLetterStatus, EmailStatus, JobStatus, PaymentStatus, Role


class UserView(ListView):
    """Accounts."""

    about = "Disabling ends every session of an account at once; its jobs go on."
    noun = "Account"
    columns = (
        Column("No.", lambda row: row.id, "id"),
        Column("Address", lambda row: row.email),
        Column("Role", lambda row: row.role),
        Column("State", lambda row: row.state, "status"),
        Column("Jobs", lambda row: row.n_jobs, "number"),
        Column("Made", lambda row: row.created_at, "time"),
        Column("Last login", lambda row: row.last_login_at, "time"),
    )
    statuses = users.USER_STATES
    actions = {  # noqa: RUF012
        "disable": Action(
            "Disable",
            users.disable_user,
            lambda row: row.state == "active",
            "Shut these accounts out? Their sessions end at once.",
            "Disabled.",
        ),
        "enable": Action("Enable", users.enable_user, lambda row: row.state == "disabled", done="Enabled."),
        "reset": Action(
            "Send a reset link",
            users.reset_password,
            lambda row: row.state == "active",
            done="A link is on its way.",
        ),
        "promote": Action(
            "Make an operator",
            users.promote_user,
            lambda row: row.state == "active" and row.role != Role.ADMIN,
            "Give these accounts everything that you may do?",
            "Promoted.",
        ),
    }

    def fetch(self, status: str, email: str, paging: Paging) -> Listing[Any]:
        """See ListView."""
        wanted = next((state for state in users.USER_STATES if state == status), None)
        return users.list_users(status=wanted, email=email, paging=paging)

    def fetch_one(self, key: str) -> users.UserDetails:
        """See ListView."""
        return users.show_user(key)

    def row_of(self, details: users.UserDetails) -> users.UserRow:
        """See ListView."""
        return details.user

    def links(self, details: users.UserDetails) -> list[tuple[str, str]]:
        """See ListView."""
        email = details.user.email
        return [
            ("Jobs", url_for("admin_jobs.index", email=email)),
            ("Payments", url_for("admin_payments.index", email=email)),
            ("Mails", url_for("admin_mails.index", email=email)),
        ]


class JobView(ListView):
    """Render jobs."""

    about = "A failed job can be rendered again as long as its money was not given back. Cancelling refunds."
    noun = "Job"
    columns = (
        Column("Job", lambda row: row.id[:8], "id"),
        Column("Status", lambda row: row.status, "status"),
        Column("Done", lambda row: f"{row.progress:.0%}", "number"),
        Column("Title", lambda row: row.title),
        Column("Address", lambda row: row.email),
        Column("Seconds", lambda row: f"{row.duration_s:.0f}", "number"),
        Column("Price", lambda row: money(row.price_cents, row.currency), "number"),
        Column("Made", lambda row: row.created_at, "time"),
        Column("Error", lambda row: row.error_code),
    )
    statuses = tuple(status.value for status in JobStatus)
    actions = {  # noqa: RUF012
        "retry": Action(
            "Retry", jobs.retry_job, lambda row: row.status in ("failed", "queued"), done="It is queued again."
        ),
        "cancel": Action(
            "Cancel",
            jobs.cancel_job,
            lambda row: row.status in ("awaiting_payment", "queued", "processing"),
            "Stop these jobs and give back what was paid?",
            "Canceled, or its worker was asked to stop.",
        ),
    }

    def fetch(self, status: str, email: str, paging: Paging) -> Listing[Any]:
        """See ListView."""
        return jobs.list_jobs(status=state_of(JobStatus, status), email=email, paging=paging)

    def fetch_one(self, key: str) -> jobs.JobDetails:
        """See ListView."""
        return jobs.show_job(key)

    def row_of(self, details: jobs.JobDetails) -> jobs.JobRow:
        """See ListView."""
        return details.job

    def links(self, details: jobs.JobDetails) -> list[tuple[str, str]]:
        """See ListView."""
        found = [("The video", details.video_link)] if details.video_link else []
        if details.dead_letter:
            found.append(("Its dead letter", url_for("admin_letters.details", key=details.dead_letter)))
        if details.payment_id:
            found.append(("Its payment", url_for("admin_payments.details", key=details.payment_id)))
        return [*found, ("Its owner", url_for("admin_users.index", email=details.job.email))]

    def events(self, details: jobs.JobDetails) -> list[job_log.JobEvent]:
        """See ListView."""
        return job_log.job_events(details.job.id)


class PaymentView(ListView):
    """Payments."""

    about = "Parked payments wait for you: their note says why. A refund gives the whole amount back."
    noun = "Payment"
    columns = (
        Column("Payment", lambda row: row.id[:8], "id"),
        Column("Status", lambda row: row.status, "status"),
        Column("Amount", lambda row: money(row.amount_cents, row.currency), "number"),
        Column("Address", lambda row: row.email),
        Column("Job", lambda row: (row.job_id or "–")[:8], "id"),
        Column("Made", lambda row: row.created_at, "time"),
        Column("Refunded", lambda row: row.refunded_at, "time"),
    )
    statuses = tuple(status.value for status in PaymentStatus)
    batch = False  # money is given back one payment at a time
    actions = {  # noqa: RUF012
        "refund": Action(
            "Refund",
            payments.refund_payment,
            lambda row: row.status in payments.REFUNDABLE,
            "Give the whole amount back? A job it pays for is stopped.",
            "The refund is on its way.",
        ),
    }

    def fetch(self, status: str, email: str, paging: Paging) -> Listing[Any]:
        """See ListView."""
        return payments.list_payments(status=state_of(PaymentStatus, status), email=email, paging=paging)

    def fetch_one(self, key: str) -> payments.PaymentDetails:
        """See ListView."""
        return payments.show_payment(key)

    def row_of(self, details: payments.PaymentDetails) -> payments.PaymentRow:
        """See ListView."""
        return details.payment

    def links(self, details: payments.PaymentDetails) -> list[tuple[str, str]]:
        """See ListView."""
        job_id = details.payment.job_id
        return [("Its job", url_for("admin_jobs.details", key=job_id))] if job_id else []


class DeadLetterView(ListView):
    """Jobs that gave up."""

    about = "Retry renders the job again. Drop gives its money back at once; left alone, that happens after a day."
    noun = "Dead letter"
    columns = (
        Column("No.", lambda row: row.id, "id"),
        Column("Status", lambda row: row.status, "status"),
        Column("Job", lambda row: (row.job_id or "–")[:8], "id"),
        Column("Address", lambda row: row.email),
        Column("What happened", lambda row: row.error_detail or row.error_code, "long"),
        Column("Tries", lambda row: row.attempts, "number"),
        Column("Gave up", lambda row: row.created_at, "time"),
        Column("Refund due", lambda row: row.refund_due_at, "time"),
    )
    statuses = tuple(status.value for status in DeadLetterStatus)
    first_status = DeadLetterStatus.OPEN.value
    actions = {  # noqa: RUF012
        "retry": Action(
            "Retry",
            lambda who, key: dead_letters.retry_letter(who, number_of(key)),
            lambda row: row.status == "open",
            done="Its job is queued again.",
        ),
        "drop": Action(
            "Drop",
            lambda who, key: dead_letters.drop_letter(who, number_of(key)),
            lambda row: row.status == "open",
            "Give these jobs up for good, and their money back?",
            "Dropped.",
        ),
    }

    def fetch(self, status: str, email: str, paging: Paging) -> Listing[Any]:
        """See ListView."""
        return dead_letters.list_letters(status=state_of(DeadLetterStatus, status), email=email, paging=paging)

    def fetch_one(self, key: str) -> dead_letters.LetterRow:
        """See ListView."""
        return dead_letters.show_letter(number_of(key))

    def links(self, details: dead_letters.LetterRow) -> list[tuple[str, str]]:
        """See ListView."""
        return [("Its job", url_for("admin_jobs.details", key=details.job_id))] if details.job_id else []


class MailView(ListView):
    """The outbox."""

    about = "What a mail says is not shown: its links open accounts and videos."
    noun = "Mail"
    columns = (
        Column("No.", lambda row: row.id, "id"),
        Column("Status", lambda row: row.status, "status"),
        Column("Kind", lambda row: row.kind),
        Column("To", lambda row: row.to, "id"),
        Column("Subject", lambda row: row.subject),
        Column("Tries", lambda row: row.attempts, "number"),
        Column("Written", lambda row: row.created_at, "time"),
        Column("Sent", lambda row: row.sent_at, "time"),
        Column("Error", lambda row: row.error, "long"),
    )
    statuses = tuple(status.value for status in EmailStatus)
    actions = {  # noqa: RUF012
        "retry": Action(
            "Send now",
            lambda who, key: mails.retry_mail(who, number_of(key)),
            lambda row: row.status != "sent",
            done="It is due now.",
        ),
    }

    def fetch(self, status: str, email: str, paging: Paging) -> Listing[Any]:
        """See ListView."""
        return mails.list_mails(status=state_of(EmailStatus, status), email=email, paging=paging)

    def fetch_one(self, key: str) -> mails.MailRow:
        """See ListView."""
        return mails.show_mail(number_of(key))

    def links(self, details: mails.MailRow) -> list[tuple[str, str]]:
        """See ListView."""
        return [("Its job", url_for("admin_jobs.details", key=details.job_id))] if details.job_id else []


class AuditView(ListView):
    """What operators and accounts did; only to read."""

    about = "Who did what, and when. Rows are never changed."
    noun = "Entry"
    columns = (
        Column("When", lambda row: row.created_at, "time"),
        Column("Who", lambda row: row.actor),
        Column("What", lambda row: row.action, "id"),
        Column("To", lambda row: f"{row.target_type} {row.target_id}", "id"),
        Column("More", lambda row: " ".join(f"{name}={value}" for name, value in row.details.items()), "long"),
    )
    statuses = audits.WHO
    first_status = audits.WHO[0]
    by_email = False

    def fetch(self, status: str, email: str, paging: Paging) -> Listing[Any]:
        """See ListView."""
        return audits.list_audits(status, paging)

    def fetch_one(self, key: str) -> audits.AuditRow:
        """See ListView."""
        return audits.show_audit(number_of(key))


def make_views() -> list[BaseView]:
    """One of each, for one application."""
    return [
        JobView(name="Jobs", endpoint="admin_jobs", url="jobs"),
        DeadLetterView(name="Dead letters", endpoint="admin_letters", url="dead-letters"),
        PaymentView(name="Payments", endpoint="admin_payments", url="payments"),
        UserView(name="Users", endpoint="admin_users", url="users"),
        MailView(name="Mails", endpoint="admin_mails", url="mails"),
        AuditView(name="Audit log", endpoint="admin_audit", url="audit"),
    ]

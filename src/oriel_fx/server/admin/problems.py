"""What is wrong now, since when, and what to do about it: the first thing that an operator wants to know."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from oriel_fx.server.admin.overview import workers
from oriel_fx.server.breakers import breaker_states
from oriel_fx.server.db import db
from oriel_fx.server.errors import ApiError
from oriel_fx.server.jobs.outcomes import UPLOAD_MISSING
from oriel_fx.server.models import DeadLetter, EmailMessage, Payment, RenderJob
from oriel_fx.server.queue.base import HIGH_PRIORITY, VIDEO_RENDERING
from oriel_fx.server.services import current_services, current_settings
from oriel_fx.server.states import DeadLetterStatus, EmailStatus, JobStatus, PaymentStatus

# The scheduler beats every few seconds; beside a database that hangs, a turn of it takes longest.
SILENT_S = 60
# What is normal takes less.
_JOB_WAITS_S, _MAIL_WAITS_S, _REFUND_WAITS_S, _LEASE_OVER_S = 900, 600, 3600, 60
_GIVEN_UP_S = 7 * 86400
_FULL_SHARE, _FULL_BYTES = 0.05, 1_000_000_000


@dataclass(frozen=True)
class Problem:
    """Something to see to: since when, if that is known; what to do; the command and the page (or "") for it."""

    what: str
    since: datetime | None
    do: str
    command: str
    page: str = ""


def problems() -> list[Problem]:
    """All there are, what stops most first; none where all is well."""
    now = current_services().clock()
    return [*_processes(now), *_services(), *_jobs(now), *_money(now), *_mails(now), *_disk()]


def _processes(now: datetime) -> Iterator[Problem]:
    found = workers()
    if not found.reachable:
        do = "Bring Redis back. The site goes on, and nothing is lost; no video is begun until then."
        yield Problem("Redis cannot be reached", None, do, "oriel admin queues")
        return
    heard = found.scheduler_heard_of_at
    if heard is None or now - heard > timedelta(seconds=SILENT_S):
        do = "Start it: until then no lost job, refund or mail is taken up again."
        yield Problem("The scheduler is silent", heard, do, "oriel scheduler")
    served = {queue.strip() for row in found.rows for queue in row.queues.split(",")}
    for queue, what in ((VIDEO_RENDERING, "No worker renders videos"), (HIGH_PRIORITY, "No worker sends mails")):
        if queue not in served:
            yield Problem(what, None, "Start one. What waits is in the database.", "oriel worker")


def _services() -> Iterator[Problem]:
    try:
        current_services().storage.ping()
    except ApiError:
        do = "Uploads are refused, finished videos wait. Mend storage; nothing else is to be done."
        yield Problem("Storage does not answer", None, do, "oriel config check")
    for name, state in breaker_states().items():
        if state == "open":
            do = "Calls are refused for some seconds at a time. It closes by itself when the other side answers."
            yield Problem(f"The breaker of {name} is open", None, do, "oriel config check")


def _jobs(now: datetime) -> Iterator[Problem]:
    is_open = DeadLetter.status == DeadLetterStatus.OPEN
    number, since = _oldest(DeadLetter.created_at, is_open)
    if number:
        do = "Mend the cause, then retry them, or drop them, which refunds. Left alone they are refunded after a day."
        yield Problem(f"{_count(number, 'job')} gave up", since, do, "oriel admin dead-letter list", "dead-letters/")
    lost = (RenderJob.status == JobStatus.FAILED) & (RenderJob.error_code == UPLOAD_MISSING)
    number, since = _oldest(RenderJob.failed_at, lost & (RenderJob.failed_at > _ago(now, _GIVEN_UP_S)))
    if number:
        do = "Refunded by itself. Find what removes files: a rule of the bucket, a disk that was lost, a hand."
        what = f"The song of {_count(number, 'paid job')} was gone from storage this week"
        yield Problem(what, since, do, "oriel admin jobs list --status failed", "jobs/?status=failed")
    gone = (RenderJob.status == JobStatus.PROCESSING) & (RenderJob.lease_expires_at < _ago(now, _LEASE_OVER_S))
    number, since = _oldest(RenderJob.lease_expires_at, gone)
    if number:
        do = "The scheduler should have put them back. Is it alive? This does it once:"
        what = f"{_count(number, 'job')} lost the worker, and no other took over"
        yield Problem(what, since, do, "oriel admin cleanup --yes", "jobs/?status=processing")
    due = or_(RenderJob.next_attempt_at.is_(None), RenderJob.next_attempt_at <= now)
    late = (RenderJob.status == JobStatus.QUEUED) & due & (RenderJob.paid_at < _ago(now, _JOB_WAITS_S))
    number, since = _oldest(RenderJob.paid_at, late)
    if number:
        do = "More workers, if all are busy; else see their logs."
        what = f"{_count(number, 'paid job')} waiting for more than {_JOB_WAITS_S // 60} minutes"
        yield Problem(what, since, do, "oriel admin workers", "jobs/?status=queued")


def _money(now: datetime) -> Iterator[Problem]:
    number, since = _oldest(Payment.created_at, Payment.status == PaymentStatus.PARKED)
    if number:
        do = "Nobody but you decides. Its note says why; refund it, or settle it at Stripe."
        command = "oriel admin payments list --status parked"
        yield Problem(f"{_count(number, 'payment')} parked", since, do, command, "payments/?status=parked")
    number, since = _oldest(Payment.disputed_at, Payment.status == PaymentStatus.DISPUTED)
    if number:
        command = "oriel admin payments list --status disputed"
        what, do = f"{_count(number, 'payment')} in dispute", "Answer at Stripe, before its deadline."
        yield Problem(what, since, do, command, "payments/?status=disputed")
    slow = Payment.refund_requested_at < _ago(now, _REFUND_WAITS_S)
    number, since = _oldest(Payment.refund_requested_at, (Payment.status == PaymentStatus.REFUND_PENDING) & slow)
    if number:
        command = "oriel admin payments list --status refund_pending"
        what, do = f"{_count(number, 'refund')} on its way for an hour", "It is repeated by itself; is Stripe away?"
        yield Problem(what, since, do, command, "payments/?status=refund_pending")


def _mails(now: datetime) -> Iterator[Problem]:
    late = (EmailMessage.status == EmailStatus.PENDING) & (EmailMessage.created_at < _ago(now, _MAIL_WAITS_S))
    number, since = _oldest(EmailMessage.created_at, late)
    if number:
        do = "The carrier's words are in the list. They are tried again by themselves for two and a half days."
        command = "oriel admin mail list --status pending"
        yield Problem(f"{_count(number, 'mail')} not sent yet", since, do, command, "mails/?status=pending")
    given_up = (EmailMessage.status == EmailStatus.FAILED) & (EmailMessage.created_at > _ago(now, _GIVEN_UP_S))
    number, since = _oldest(EmailMessage.created_at, given_up)
    if number:
        command = "oriel admin mail list --status failed"
        what, do = f"{_count(number, 'mail')} given up in a week", "A wrong address, or retry it after mending."
        yield Problem(what, since, do, command, "mails/?status=failed")


def _disk() -> Iterator[Problem]:
    folder = current_settings().data_dir
    if not folder.is_dir():
        return
    total, _, free = shutil.disk_usage(folder)
    if free < max(_FULL_BYTES, total * _FULL_SHARE):
        do = "Give it room. Clean-up shows what may go."
        what = f"{free / 1e9:.1f} GB are free on this machine's disk for {folder}"
        yield Problem(what, None, do, "oriel admin cleanup --dry-run")


def _oldest(moment: Any, which: ColumnElement[bool]) -> tuple[int, datetime | None]:
    """How many rows there are, and the first moment of theirs."""
    number, since = db.session.execute(select(func.count(), func.min(moment)).where(which)).one()
    return number, since


def _ago(now: datetime, seconds: float) -> datetime:
    return now - timedelta(seconds=seconds)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

"""The pages at /admin: what each shows, and what its buttons do."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask_openapi import OpenAPI
from sqlalchemy import event
from tests.server.admin.conftest import PASSWORD, Browser, Order, Shop

from oriel_fx.server.admin.site.charts import Bar, bar_chart, round_up
from oriel_fx.server.auth.passwords import hash_password
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.jobs.rq_worker import make_worker
from oriel_fx.server.models import AuditLog, DeadLetter, EmailMessage, User
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import DeadLetterStatus, EmailStatus, JobStatus, PaymentStatus, Role

Audit = Callable[[str], list[AuditLog]]


def test_the_overview_shows_zeros_on_a_new_service(operator: Browser) -> None:
    page = operator.get("/admin/").text
    for words in ("0.0 %", "No worker is alive", "None: no job waits for you", "video_rendering"):
        assert words in page


def test_the_overview_shows_what_waits(operator: Browser, shop: Shop, failed: tuple[Order, int, str]) -> None:
    shop.paid()
    page = operator.get("/admin/").text
    assert "100.0 %" in page
    assert "EncodeError: no space left" in page
    assert "$2.98" in page
    assert re.search(r'<rect class="bad"', page)
    assert re.search(r'<rect class="money"', page)


def test_the_overview_works_without_redis(
    settings: Settings, make_app: Callable[..., OpenAPI], make_user: Callable[..., int]
) -> None:
    make_user(email="ops@oriel.example", password_hash=hash_password(PASSWORD), role=Role.ADMIN)
    browser = Browser(make_app(settings.model_copy(update={"redis_url": "redis://127.0.0.1:9/0"})))
    browser.log_in("ops@oriel.example")
    assert "Redis cannot be reached" in browser.get("/admin/").text


def test_the_overview_leads_to_what_a_worker_is_at(
    operator: Browser, shop: Shop, redis_url: str, failed: tuple[Order, int, str]
) -> None:
    order, _, _ = failed
    worker = make_worker(redis_url, ["video_rendering"])
    worker.register_birth()
    try:
        # As its horse would say.
        worker.connection.hset(worker.key, "current_job", f"render-{order.public_id}-0")
        page = operator.get("/admin/").text
    finally:
        worker.register_death()
    assert f'<a href="/admin/jobs/{order.public_id}">job <span class="id">{order.public_id[:8]}</span></a>' in page


@pytest.mark.parametrize("page", ["jobs", "dead-letters", "payments", "users", "mails", "audit"])
def test_lists_take_any_query(operator: Browser, failed: tuple[Order, int, str], page: str) -> None:
    for query in (
        "",
        "?status=all",
        "?status=nonsense",
        "?page=0",
        "?page=99999999999",
        "?page=x",
        "?email=%25_'\"<b>",
    ):
        reply = operator.get(f"/admin/{page}/{query}")
        assert reply.status_code == 200, query
        assert "<b>" not in reply.text.replace("<b>0</b>", "")
    assert operator.get(f"/admin/{page}/?email=%00").status_code == 400
    assert operator.get(f"/admin/{page}/nothing-here").status_code == 404
    assert operator.post(f"/admin/{page}/act", action="explode", key="1").status_code == 404


def test_a_list_asks_the_database_a_constant_number_of_times(
    operator: Browser, app: OpenAPI, make_user: Callable[..., int], make_job: Callable[..., int]
) -> None:
    def queries() -> int:
        seen: list[str] = []
        with app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
        for page in ("jobs", "users"):
            operator.get(f"/admin/{page}/")
        return len(seen)

    make_job(make_user())
    few = queries()
    for _ in range(5):
        make_job(make_user())
    assert queries() == few


def test_lists_page_and_filter(operator: Browser, make_user: Callable[..., int]) -> None:
    for number in range(55):
        make_user(email=f"page{number}@example.org")
    first = operator.get("/admin/users/?email=page").text
    assert "1 of 2" in first
    box = 'type="checkbox" name="key"'
    assert first.count(box) == 50
    assert operator.get("/admin/users/?email=page&page=2").text.count(box) == 5
    assert "Nothing here that fits" in operator.get("/admin/users/?status=disabled").text


def test_the_search_takes_an_id_too(operator: Browser, shop: Shop, failed: tuple[Order, int, str]) -> None:
    order, letter, session_id = failed
    for page, text, key in (
        ("jobs", order.public_id[:8], order.public_id),
        ("payments", session_id, shop.payment(session_id).public_id),
        ("dead-letters", str(letter), str(letter)),
        ("users", "ops@oriel.example", "1"),
    ):
        reply = operator.get(f"/admin/{page}/?email={text}")
        assert reply.status_code == 302, page
        assert reply.headers["Location"].startswith(f"/admin/{page}/")
        assert page == "users" or reply.headers["Location"].endswith(f"/{key}")
        assert operator.get(reply.headers["Location"]).status_code == 200


def test_a_failed_job_tells_its_error_first_and_leads_to_its_dead_letter(
    operator: Browser, failed: tuple[Order, int, str]
) -> None:
    order, letter, _ = failed
    page = operator.get(f"/admin/jobs/{order.public_id}").text
    assert f'href="/admin/dead-letters/{letter}"' in page
    places = [page.index(words) for words in ("no space left", "refund due at", "What happened", "render config")]
    assert places == sorted(places)
    assert "in 23 h" in page


def test_all_rows_that_are_shown_are_dealt_with_at_once(
    operator: Browser, app: OpenAPI, make_user: Callable[..., int]
) -> None:
    users = [make_user(email=f"all{number}@example.org") for number in range(3)]
    other = make_user(email="other@example.org")
    page = operator.get("/admin/users/?email=all").text
    shown = re.findall(r'name="shown" value="(\d+)"', page)
    assert "All 3 shown" in page and sorted(map(int, shown)) == users
    operator.post("/admin/users/act", action="disable", shown=shown, all="1")
    with app.app_context():
        assert [db.session.get_one(User, one).is_active for one in (*users, other)] == [False] * 3 + [True]


def test_users_are_disabled_and_enabled(
    operator: Browser, app: OpenAPI, make_user: Callable[..., int], audit_rows: Audit
) -> None:
    one, two = make_user(), make_user()
    assert "Disabled. (2)" in operator.act("users", "disable", one, two)
    with app.app_context():
        assert not any(db.session.get_one(User, user_id).is_active for user_id in (one, two))
    assert "Enable" in operator.get(f"/admin/users/{one}").text
    assert "Enabled." in operator.act("users", "enable", one)
    rows = audit_rows("users.disable")
    assert {row.actor for row in rows} == {f"user:{operator.user_id}"}  # type: ignore[attr-defined]
    assert "users.disable" in operator.get("/admin/audit/").text


def test_of_several_rows_the_good_ones_go_through(operator: Browser, make_user: Callable[..., int]) -> None:
    user_id = make_user()
    page = operator.act("users", "disable", operator.user_id, "77777", user_id)  # type: ignore[attr-defined]
    assert "last active operator" in page
    assert "There is no account" in page
    assert "Disabled. (1)" in page
    assert "No row was marked" in operator.act("users", "disable")


def test_a_job_s_page_has_its_error_its_story_and_a_link_to_the_video(
    operator: Browser, failed: tuple[Order, int, str], make_job: Callable[..., int], app: OpenAPI
) -> None:
    order, letter, _ = failed
    page = operator.get(f"/admin/jobs/{order.public_id}").text
    assert "EncodeError: no space left" in page
    assert f"dead letter {letter}" in page
    assert "Retry" in page
    assert "Cancel…" not in page
    make_job(order.user_id, JobStatus.COMPLETED, public_id="a" * 36, video_key="videos/x.mp4", title="<b>Loud</b>")
    page = operator.get(f"/admin/jobs/{'a' * 36}").text
    assert 'href="http://localhost:8000/api/files/videos/x.mp4?' in page
    assert "&lt;b&gt;Loud" in page
    assert "<b>Loud" not in page


def test_a_job_is_retried_from_its_page(operator: Browser, shop: Shop, failed: tuple[Order, int, str]) -> None:
    order, _, _ = failed
    operator.get(f"/admin/jobs/{order.public_id}")
    reply = operator.post("/admin/jobs/act", action="retry", key=order.public_id, back="details")
    assert reply.headers["Location"] == f"/admin/jobs/{order.public_id}"
    assert "It is queued again." in operator.get(reply.headers["Location"]).text
    assert shop.job(order).status is JobStatus.QUEUED


def test_a_job_is_canceled_and_refunded(operator: Browser, shop: Shop, audit_rows: Audit) -> None:
    order, session_id = shop.paid()
    operator.act("jobs", "cancel", order.public_id)
    assert shop.job(order).status is JobStatus.CANCELED
    assert shop.payment(session_id).status is PaymentStatus.REFUNDED
    assert "cannot be canceled" in operator.act("jobs", "cancel", order.public_id)
    assert len(audit_rows("jobs.cancel")) == 1


def test_a_payment_is_refunded_once(operator: Browser, shop: Shop, audit_rows: Audit) -> None:
    _, session_id = shop.paid()
    payment_id = shop.payment(session_id).public_id
    assert "Refund…" in operator.get(f"/admin/payments/{payment_id}").text
    assert "on its way" in operator.act("payments", "refund", payment_id)
    assert "cannot be refunded" in operator.act("payments", "refund", payment_id)
    assert shop.payment(session_id).status is PaymentStatus.REFUNDED
    assert len(shop.objects("refund")) == 1
    assert len(audit_rows("payments.refund")) == 1


def test_a_refund_waits_while_stripe_is_away(operator: Browser, shop: Shop) -> None:
    _, session_id = shop.paid()
    shop.sandbox.stop()
    assert "on its way" in operator.act("payments", "refund", shop.payment(session_id).public_id)
    assert shop.payment(session_id).status is PaymentStatus.REFUND_PENDING


def test_dead_letters_are_retried_and_dropped(
    operator: Browser, shop: Shop, app: OpenAPI, failed: tuple[Order, int, str], audit_rows: Audit
) -> None:
    order, letter, session_id = failed
    assert "queued again" in operator.act("dead-letters", "retry", letter)
    assert "dealt with before" in operator.act("dead-letters", "drop", letter)
    shop.change(shop.job(order), status=JobStatus.FAILED)
    with app.app_context():
        db.session.get_one(DeadLetter, letter).status = DeadLetterStatus.OPEN
        db.session.commit()
    assert "Dropped." in operator.act("dead-letters", "drop", letter)
    assert shop.payment(session_id).status is PaymentStatus.REFUNDED
    with app.app_context():
        found = db.session.get_one(DeadLetter, letter)
        assert found.resolved_by == operator.user_id  # type: ignore[attr-defined]
    assert len(audit_rows("dead_letter.retry")) == len(audit_rows("dead_letter.drop")) == 1


def test_mails_are_sent_again_and_never_shown(operator: Browser, app: OpenAPI, audit_rows: Audit) -> None:
    with app.app_context():
        mail = EmailMessage(
            to="ada@example.org",
            kind="reset_password",
            subject="Choose a new password",
            body_text="SECRET LINK",
            status=EmailStatus.FAILED,
            idempotency_key="x",
            error="550 no such user",
            created_at=utcnow(),
        )
        db.session.add(mail)
        db.session.commit()
        number = mail.id
    page = operator.get("/admin/mails/").text + operator.get(f"/admin/mails/{number}").text
    assert "550 no such user" in page
    assert "SECRET" not in page
    assert "It is due now." in operator.act("mails", "retry", number)
    assert len(audit_rows("mail.retry")) == 1


def test_the_audit_log_is_only_read(operator: Browser) -> None:
    page = operator.get("/admin/audit/").text
    assert "admin.login" in page
    assert "checkbox" not in page
    assert operator.post("/admin/audit/act", action="drop", key="1").status_code == 404


def test_a_mistake_of_ours_is_a_page_without_a_trace(operator: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    from oriel_fx.server.admin.site.views import JobView

    runs = []

    def broken(*_: object) -> None:
        runs.append(1)
        raise TypeError("SELECT secret FROM somewhere")

    monkeypatch.setattr(JobView, "fetch", broken)
    reply = operator.get("/admin/jobs/")
    assert reply.status_code == 500
    assert "INTERNAL" in reply.text
    assert "SELECT" not in reply.text
    assert len(runs) == 1, "Flask-Admin would have called the view again"


def test_charts_scale_and_escape() -> None:
    assert [round_up(value) for value in (0, 3, 4.5, 11, 87, 250)] == [4, 4, 5, 20, 100, 400]
    svg = str(bar_chart([Bar("<i>", (("good", 3, '"a"'), ("bad", 0, "none")))], "A & B"))
    assert "<i>" not in svg
    assert "A &amp; B" in svg
    assert svg.count("<rect") == 1

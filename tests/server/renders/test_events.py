"""GET /api/render/events: each change once, heartbeats, an end; nothing held and nobody kept waiting."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from tests.server.renders.conftest import error_of, sqlite_only

from oriel_fx.server.db import db, utcnow
from oriel_fx.server.errors import RateLimitedError
from oriel_fx.server.models import Payment, RefreshFamily, User
from oriel_fx.server.renders import api, events
from oriel_fx.server.renders.events import CountedStream, Watcher, follow
from oriel_fx.server.renders.places import Places
from oriel_fx.server.renders.status import job_state
from oriel_fx.server.states import JobStatus

Make = Callable[..., int]
Name = Callable[[int], str]
Follow = Callable[..., list[str]]


def events_in(text: str) -> list[dict[str, Any]]:
    """The data of each event."""
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


@pytest.fixture
def follow_job(app: OpenAPI, user_id: int, public_id: Name) -> Follow:
    """Follows a job with a clock of its own: `changes` are made one after another, one at each look."""

    def run(
        job_id: int,
        changes: list[Callable[[], None]],
        last_event_id: str = "",
        until: float = 1e12,
        family_id: str | None = None,
    ) -> list[str]:
        waiting: Iterator[Callable[[], None]] = iter(changes)

        def sleep(_: float) -> None:
            assert db.engine.pool.checkedout() == 0, "a connection is held while waiting"  # type: ignore[attr-defined]
            next(waiting, lambda: pytest.fail("the stream did not end"))()

        with app.app_context():
            first = job_state(db.session, user_id, public_id(job_id), utcnow())
            db.session.remove()
            watcher = Watcher(user_id, 0, family_id, public_id(job_id), until)
            return list(follow(db.engine, utcnow, watcher, first, last_event_id, sleep))

    return run


def test_each_change_is_told_once_until_a_final_state(
    make_job: Make, user_id: int, follow_job: Follow, change: Callable[..., None]
) -> None:
    job_id = make_job(user_id, JobStatus.QUEUED)

    def to(**values: Any) -> Callable[[], None]:
        return lambda: change(job_id, **values)

    text = follow_job(
        job_id,
        [
            lambda: None,
            to(status=JobStatus.PROCESSING, stage="draw", progress=0.5),
            lambda: None,
            to(progress=0.75),
            to(status=JobStatus.COMPLETED, progress=1.0),
        ],
    )
    assert text[0].startswith("retry: ")
    told = [(event["status"], event["progress"]) for event in events_in("".join(text))]
    assert told == [("queued", 0), ("processing", 0.5), ("processing", 0.75), ("completed", 1)]
    ids = [line for line in "".join(text).splitlines() if line.startswith("id: ")]
    assert len(set(ids)) == 4


def test_a_declined_payment_is_told(
    app: OpenAPI, make_job: Make, user_id: int, follow_job: Follow, change: Callable[..., None]
) -> None:
    job_id = make_job(user_id)

    def decline() -> None:
        with app.app_context():
            db.session.add(Payment(user_id=user_id, job_id=job_id, amount=1, currency="usd", declined_at=utcnow()))
            db.session.commit()

    text = "".join(follow_job(job_id, [decline, lambda: change(job_id, status=JobStatus.CANCELED)]))
    payments = [event["payment"] and event["payment"]["declined"] for event in events_in(text)]
    assert payments == [None, True, True]


def test_a_stream_ends_with_its_session(app: OpenAPI, make_job: Make, user_id: int, follow_job: Follow) -> None:
    job_id = make_job(user_id, JobStatus.QUEUED)
    assert len(events_in("".join(follow_job(job_id, [], until=0)))) == 1

    def disable() -> None:
        with app.app_context():
            db.session.get_one(User, user_id).is_active = False
            db.session.commit()

    assert len(events_in("".join(follow_job(job_id, [disable])))) == 1


def test_a_stream_ends_when_its_login_is_logged_out(
    app: OpenAPI, make_job: Make, user_id: int, follow_job: Follow
) -> None:
    with app.app_context():
        family = RefreshFamily(user_id=user_id, current_jti="one", expires_at=utcnow())
        db.session.add(family)
        db.session.commit()
        family_id = family.id

    def log_out() -> None:
        with app.app_context():
            db.session.get_one(RefreshFamily, family_id).revoked_at = utcnow()
            db.session.commit()

    job_id = make_job(user_id, JobStatus.QUEUED)
    text = follow_job(job_id, [lambda: None, log_out], family_id=family_id)
    assert len(events_in("".join(text))) == 1


def test_silence_is_broken_by_heartbeats(
    make_job: Make, user_id: int, follow_job: Follow, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0)
    job_id = make_job(user_id, JobStatus.QUEUED)
    text = follow_job(job_id, [lambda: None, lambda: None, lambda: change(job_id, status=JobStatus.FAILED)])
    assert text.count(": still here\n\n") == 3


@sqlite_only
def test_who_comes_back_is_told_only_what_is_new(
    client: FlaskClient, headers: dict[str, str], make_job: Make, user_id: int, public_id: Name, app: OpenAPI
) -> None:
    address = f"/api/render/events/{public_id(make_job(user_id, JobStatus.COMPLETED))}"
    response = client.get(address, headers=headers)
    assert response.mimetype == "text/event-stream"
    assert response.headers["X-Accel-Buffering"] == "no"
    [event] = events_in(response.text)
    assert event["status"] == "completed"
    last = next(line[4:] for line in response.text.splitlines() if line.startswith("id: "))
    assert client.get(address, headers={**headers, "Last-Event-ID": last}).status_code == 204
    assert len(events_in(client.get(address, headers={**headers, "Last-Event-ID": "old"}).text)) == 1
    assert len(app.extensions["oriel_streams"]) == 0


@sqlite_only
def test_a_user_has_only_so_many_streams(
    client: FlaskClient, headers: dict[str, str], make_job: Make, user_id: int, public_id: Name
) -> None:
    address = f"/api/render/events/{public_id(make_job(user_id, JobStatus.QUEUED))}"
    opened = [client.get(address, headers=headers) for _ in range(api.STREAMS_PER_USER)]
    refused = client.get(address, headers=headers)
    assert error_of(refused)[:2] == (429, "RATE_LIMITED")
    assert refused.headers["Retry-After"] == "5"
    opened.pop().close()
    again = client.get(address, headers=headers)
    assert again.status_code == 200
    for response in [again, *opened]:
        response.close()


def test_streams_are_counted_in_all_and_closed_once() -> None:
    places = Places(per_user=2, in_all=3, refusal="Too many.")
    opened = []
    for user in (1, 1, 2):
        places.take(user)
        opened.append(CountedStream(iter(()), partial(places.free, user)))
    with pytest.raises(RateLimitedError):
        places.take(3)
    for _ in range(2):
        opened[0].close()
    assert len(places) == 2
    with places.held(3), pytest.raises(RateLimitedError):
        places.take(1)
    assert len(places) == 2


def test_a_database_that_is_away_for_a_moment_ends_no_stream(
    make_job: Make, user_id: int, follow_job: Follow, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    job_id = make_job(user_id, JobStatus.QUEUED)
    looks = events._look
    fails = iter([True, True])

    # A real PostgreSQL that stops is in the tests of recovery; here it is away for two looks.
    def look(*args: Any) -> Any:
        if next(fails, False):
            raise OperationalError("", {}, Exception())
        return looks(*args)

    monkeypatch.setattr(events, "_look", look)
    nothing: list[Callable[[], None]] = [lambda: None] * 4
    text = "".join(follow_job(job_id, [*nothing, lambda: change(job_id, status=JobStatus.FAILED)]))
    assert [event["status"] for event in events_in(text)] == ["queued", "failed"]

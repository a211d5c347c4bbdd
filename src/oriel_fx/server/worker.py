"""What the queue calls: each function takes ids, finds the rest in the database, and may be called twice.

The dotted names are in queue/base.py. The application is made once in a process, at the first job.
"""

from __future__ import annotations

from functools import cache

from flask import Flask

from oriel_fx.server.mail import outbox
from oriel_fx.server.settings import load_settings


@cache
def worker_app() -> Flask:
    """The application of this process: the database and the services, without the API."""
    from oriel_fx.server.database_app import make_database_app
    from oriel_fx.server.logs import configure_logging

    settings = load_settings()
    configure_logging(settings.log_level)
    return make_database_app(settings)


def render_video(job_public_id: str) -> None:
    """Render a job that is queued and due."""
    from oriel_fx.server.jobs.rendering import run_render

    app = worker_app()
    with app.app_context():
        run_render(app, job_public_id)


def render_chunk(job_public_id: str, group: int) -> None:
    """Draw a group of a split job's chunks that nobody draws yet."""
    from oriel_fx.server.jobs.group_rendering import run_group

    app = worker_app()
    with app.app_context():
        run_group(app, job_public_id, group)


def join(job_public_id: str) -> None:
    """Join the chunks of a split job, if all are drawn."""
    from oriel_fx.server.jobs.rendering import run_join

    app = worker_app()
    with app.app_context():
        run_join(app, job_public_id)


def send_email(message_id: int) -> None:
    """Send a mail that is due."""
    with worker_app().app_context():
        outbox.send_email(message_id)


def cleanup(name: str) -> None:
    """Run one of the clean-up tasks in jobs/sweeps.py."""
    from oriel_fx.server.jobs.sweeps import run_sweep

    with worker_app().app_context():
        run_sweep(name)

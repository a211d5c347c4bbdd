"""`oriel serve`: the whole product on one machine, as one command; nothing of it outlives that command.

In this process: the lock on the data folder, the payments sandbox, and a supervisor. As its children: the embedded
queue server, gunicorn, the render workers, the light worker and the scheduler.
"""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

from oriel_fx.errors import UsageError
from oriel_fx.server.database_app import upgrade_database
from oriel_fx.server.jobs.stopping import STOPPING, stop_on
from oriel_fx.server.logs import configure_logging
from oriel_fx.server.queue.embedded import EmbeddedQueue, data_folder_lock
from oriel_fx.server.settings import Settings, is_loopback, load_settings
from oriel_fx.server.supervisor import Supervisor, oriel
from oriel_fx.server.worker_processes import AFTER_DRAIN_S, add_workers

WEBHOOK_PATH = "/api/payments/webhook"
# Ctrl-C is answered soon: what a worker has finished of a render is kept, and the next start goes on from there.
DRAIN_S = 5
_START_S = 60
_LOOK_EVERY_S = 0.2


class PortTakenError(UsageError):
    """Something else listens there."""

    code = "PORT_TAKEN"


def web_command() -> list[str]:
    """gunicorn on the settings in the environment."""
    return [
        sys.executable,
        "-P",
        "-m",
        "gunicorn",
        "-c",
        "python:oriel_fx.server.gunicorn_conf",
        "oriel_fx.server.wsgi:app",
    ]


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Run everything until SIGTERM or Ctrl-C. Raises PortTakenError, DataFolderInUseError, QueueStartError."""
    configure_logging(settings.log_level)
    stop_on(signal.SIGTERM, signal.SIGINT)
    if settings.port == 0:
        # Chosen here, because the address in mails and webhooks has to be known before anything starts.
        settings = load_settings(**(_chosen(settings) | {"port": _free_port(settings.host)}))
    _check_port(settings.host, settings.port)
    with data_folder_lock(settings.data_dir), _queue(settings) as queue, _sandbox(settings) as stripe_url:
        upgrade_database(settings)
        supervisor = Supervisor(_environment(settings, stripe_url))
        try:
            supervisor.add("web", web_command())
            # The rest after it: five processes that start at once make whoever waits for the first page wait longer.
            _announce(settings, say)
            supervisor.add("scheduler", oriel("scheduler"))
            add_workers(supervisor, settings.render_workers)
            while not STOPPING.wait(_LOOK_EVERY_S):
                supervisor.look()
                if queue and not queue.is_running():
                    queue.start()
        finally:
            say("Stopping.")
            supervisor.stop(_drain_s(settings) + AFTER_DRAIN_S)


@contextlib.contextmanager
def _queue(settings: Settings) -> Iterator[EmbeddedQueue | None]:
    if settings.queue_kind != "embedded":
        yield None
        return
    queue = EmbeddedQueue(settings)
    queue.start()
    try:
        yield queue
    finally:
        queue.stop()


@contextlib.contextmanager
def _sandbox(settings: Settings) -> Iterator[str]:
    """The address of Stripe's API where it is not Stripe's own; empty where it is."""
    if not settings.sandbox or settings.stripe_api_url:
        yield settings.stripe_api_url
        return
    from oriel_fx.server.payments.sandbox import start_sandbox

    sandbox = start_sandbox(settings, f"{_local_url(settings)}{WEBHOOK_PATH}")
    try:
        yield sandbox.url
    finally:
        sandbox.stop()


def _environment(settings: Settings, stripe_url: str) -> dict[str, str]:
    """What the children must know beyond what this process was told by its own environment."""
    told = {
        "ORIEL_HOST": settings.host,
        "ORIEL_PORT": str(settings.port),
        "ORIEL_DATA_DIR": str(settings.data_dir),
        "ORIEL_DRAIN_S": str(_drain_s(settings)),
        "ORIEL_ENV": "production" if settings.production else "development",
    }
    return told | ({"ORIEL_STRIPE_API_URL": stripe_url} if stripe_url else {})


def _drain_s(settings: Settings) -> int:
    return settings.drain_s if "drain_s" in settings.model_fields_set else DRAIN_S


def _chosen(settings: Settings) -> dict[str, object]:
    return {name: getattr(settings, name) for name in settings.model_fields_set}


def _announce(settings: Settings, say: Callable[[str], None]) -> None:
    """Wait until the API answers, and say where."""
    until = time.monotonic() + _START_S
    while not _answers(f"{_local_url(settings)}/health"):
        if STOPPING.wait(0.1):
            return
        if time.monotonic() > until:
            say("The API has not answered for a minute; its log is above. Waiting on.")
            return
    say(f"Oriel FX listens on {_local_url(settings)}")
    if settings.public != _local_url(settings):
        say(f"  public address  {settings.public}")
    say(f"  API documents   {_local_url(settings)}/api/docs")
    say(f"  data folder     {settings.data_dir}")
    if settings.sandbox:
        say("  payments        in a sandbox: no money moves")
    if settings.mail_kind == "eml":
        say(f"  mails           {settings.data_dir / 'outbox'}")
    say("Ctrl-C stops it.")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _local_url(settings: Settings) -> str:
    """How this machine itself reaches the API."""
    host = settings.host if is_loopback(settings.host) else "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _free_port(host: str) -> int:
    with _bound(host, 0) as listener:
        return int(listener.getsockname()[1])


def _check_port(host: str, port: int) -> None:
    try:
        _bound(host, port).close()
    except PermissionError:
        raise PortTakenError(
            f"Port {port} may not be opened by this user.", "Choose one above 1023 with --port."
        ) from None
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = f"Port {port} is taken by another program" if taken else f"{host}:{port} cannot be listened on"
        raise PortTakenError(f"{why}.", "Choose another with --host or --port.") from None


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        # As gunicorn does; without it the port of a server that just ended is refused.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
    except OSError:
        listener.close()
        raise
    return listener

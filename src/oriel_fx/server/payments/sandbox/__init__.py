"""A stand-in for Stripe on this machine: the calls we make, a checkout page, signed webhooks. Never in production.

    sandbox = start_sandbox(settings, "http://127.0.0.1:8000/api/payments/webhook")
    settings = settings.model_copy(update={"stripe_api_url": sandbox.url})
    …
    sandbox.stop()

What was opened, paid and not yet delivered is in `stripe-sandbox.db` of the data folder, and goes on after a restart
at the same address if that is free. `control.py` has what tests order.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from oriel_fx.server.payments.sandbox.api import stripe_api
from oriel_fx.server.payments.sandbox.control import control_api
from oriel_fx.server.payments.sandbox.delivery import RETRY_DELAYS_S, Courier
from oriel_fx.server.payments.sandbox.objects import Till
from oriel_fx.server.payments.sandbox.page import checkout_pages
from oriel_fx.server.payments.sandbox.store import Store
from oriel_fx.server.payments.sandbox_address import address_file, read_address
from oriel_fx.server.settings import Settings, SettingsError, reveal

__all__ = ["Sandbox", "start_sandbox"]

_HOST = "127.0.0.1"


class _Quiet(WSGIRequestHandler):
    """Logs nothing: the console is `oriel serve`'s."""

    def log(self, type: str, message: str, *args: object) -> None:
        pass


class Sandbox:
    """A running sandbox. `url` is both Stripe's API and where the checkout pages are."""

    def __init__(self, settings: Settings, webhook_url: str, port: int, retry_delays_s: Sequence[float]) -> None:
        self._settings = settings
        self._store = Store(settings.data_dir / "stripe-sandbox.db")
        secret = reveal(settings.stripe_webhook_secret)
        self._courier = Courier(self._store, webhook_url, secret, retry_delays_s)
        till = Till(self._store, lambda: self.url, self._courier.wake)
        self._courier.every_so_often(till.expire_old)
        app = Flask("oriel_fx.sandbox", static_folder=None)
        for blueprint in (stripe_api(till), checkout_pages(till), control_api(till)):
            app.register_blueprint(blueprint)
        with _listening(port, urlsplit(read_address(settings.data_dir)).port or 0) as listener:
            self._server = make_server(_HOST, 0, app, threaded=True, request_handler=_Quiet, fd=listener.fileno())
        self.url = f"http://{_HOST}:{self._server.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox", daemon=True)
        address_file(settings.data_dir).write_text(self.url, "utf-8")
        self._thread.start()
        self._courier.start()

    def stop(self) -> None:
        """Stop serving and delivering; what is undelivered waits in the data folder."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._courier.stop()
        self._store.close()


def _listening(port: int, earlier_port: int) -> socket.socket:
    """A listening socket on that port; without one, on that of the last run if it is free, else on any."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        try:
            listener.bind((_HOST, port or earlier_port))
        except OSError:
            if port:
                raise
            listener.bind((_HOST, 0))
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener


def start_sandbox(
    settings: Settings, webhook_url: str, *, port: int = 0, retry_delays_s: Sequence[float] = RETRY_DELAYS_S
) -> Sandbox:
    """Start it on a loopback port: the given one, else that of its last run, else any. Raises SettingsError."""
    if settings.production:
        raise SettingsError("The payment sandbox never runs in production.", "Set STRIPE_SECRET_KEY.")
    return Sandbox(settings, webhook_url, port, retry_delays_s)

"""Sends the sandbox's events to the webhook, signed as Stripe signs, and again until the webhook says 2xx."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import requests
import stripe

from oriel_fx.server.payments.sandbox.store import Delivery, Store

# Stripe goes on for three days; a sandbox's patience is shorter.
RETRY_DELAYS_S: tuple[float, ...] = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800)
_TIMEOUT_S = 10
_TICK_S = 30


class Courier(threading.Thread):
    """The thread that delivers, one event after another, in the order they fall due."""

    def __init__(self, store: Store, webhook_url: str, secret: str, retry_delays_s: Sequence[float]) -> None:
        super().__init__(name="sandbox-webhooks", daemon=True)
        self._store = store
        self._url = webhook_url
        self._secret = secret
        self._delays_s = retry_delays_s
        self._wake = threading.Event()
        self._task: Callable[[], None] = lambda: None
        self._stopped = False

    def every_so_often(self, task: Callable[[], None]) -> None:
        """Call that too, about every half minute and before the first delivery."""
        self._task = task

    def wake(self) -> None:
        """Look again: something is due."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread; what is not delivered waits in the store."""
        self._stopped = True
        self._wake.set()
        self.join(_TIMEOUT_S + 1)

    def run(self) -> None:
        """Deliver until stopped."""
        with requests.Session() as http:
            http.trust_env = False  # the webhook is on this machine: no proxy
            tick_at = 0.0
            while not self._stopped:
                if time.monotonic() >= tick_at:
                    self._task()
                    tick_at = time.monotonic() + _TICK_S
                self._wake.clear()
                delivery = self._store.due(time.time())
                if delivery:
                    self._deliver(http, delivery)
                else:
                    next_at = self._store.next_due_at()
                    wait_s = _TICK_S if next_at is None else next_at - time.time()
                    self._wake.wait(min(_TICK_S, max(0.01, wait_s)))

    def _deliver(self, http: requests.Session, delivery: Delivery) -> None:
        signature = stripe.WebhookSignature.generate_signature_header(delivery.payload, self._secret)
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
        try:
            reply = http.post(
                self._url,
                data=delivery.payload.encode(),
                headers=headers,
                timeout=_TIMEOUT_S,
                allow_redirects=False,
            )
            status = str(reply.status_code)
        except requests.RequestException as error:
            status = type(error).__name__
        now = time.time()
        failed = not status.startswith("2") and delivery.attempts < len(self._delays_s)
        self._store.tried(delivery, status, now, now + self._delays_s[delivery.attempts] if failed else None)

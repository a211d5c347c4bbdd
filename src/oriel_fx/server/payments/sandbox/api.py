"""Stripe's HTTP API, as far as we call it: form bodies with brackets, idempotency keys, errors of Stripe's shape."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, g, request

from oriel_fx.server.payments.sandbox.objects import Json, StripeFaultError, Till, public

_PARTS = re.compile(r"[^\[\]]+")


def stripe_api(till: Till) -> Blueprint:
    """`/v1/…`."""
    bp = Blueprint("v1", __name__, url_prefix="/v1")

    @bp.before_request
    def check() -> None:
        if not request.headers.get("Authorization", "").startswith("Bearer sk_"):
            raise StripeFaultError(401, "You did not provide an API key.")
        _outage(till)

    @bp.after_request
    def lose(response: Response) -> Response:
        # A control of the tests: the effect is there, the answer is lost.
        return _reply(500, '{"error": {"type": "api_error"}}') if g.get("lose_reply") else response

    @bp.errorhandler(StripeFaultError)
    def fault(error: StripeFaultError) -> Response:
        return _reply(error.status, json.dumps(error.body))

    @bp.post("/checkout/sessions")
    def create_session() -> Response:
        return _post(till, lambda params: public(till.create_session(params)))

    @bp.get("/checkout/sessions/<session_id>")
    def retrieve_session(session_id: str) -> Response:
        session = public(till.session(session_id))
        if "payment_intent" in request.args.getlist("expand[0]") and session["payment_intent"]:
            session["payment_intent"] = till.store.get("payment_intent", session["payment_intent"])
        return _reply(200, json.dumps(session))

    @bp.post("/checkout/sessions/<session_id>/expire")
    def expire_session(session_id: str) -> Response:
        return _post(till, lambda _: public(till.expire(session_id)))

    @bp.post("/refunds")
    def create_refund() -> Response:
        return _post(till, lambda params: till.refund(params))

    @bp.get("/refunds")
    def list_refunds() -> Response:
        found = till.refunds(request.args.get("payment_intent", ""))
        return _reply(200, json.dumps({"object": "list", "data": found, "has_more": False, "url": "/v1/refunds"}))

    @bp.get("/refunds/<refund_id>")
    def retrieve_refund(refund_id: str) -> Response:
        found = till.store.get("refund", refund_id)
        if found is None:
            raise StripeFaultError(404, f"No such refund: '{refund_id}'", code="resource_missing", param="id")
        return _reply(200, json.dumps(found))

    @bp.route("/<path:other>", methods=["GET", "POST", "DELETE"])
    def unknown(other: str) -> Response:
        raise StripeFaultError(404, f"Unrecognized request URL ({request.method}: /v1/{other}).")

    return bp


def read_form(pairs: list[tuple[str, str]]) -> Json:
    """`a[b][0][c]=1` as `{"a": {"b": {"0": {"c": "1"}}}}`: lists stay dictionaries of their indices."""
    found: Json = {}
    for name, value in pairs:
        place = found
        *path, last = _PARTS.findall(name)
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return found


def _post(till: Till, effect: Callable[[Json], Json]) -> Response:
    """A call with an effect: once for each idempotency key, whose reply is kept with it."""
    pairs = list(request.form.items(multi=True))
    key = request.headers.get("Idempotency-Key", "")
    call = json.dumps([request.path, sorted(pairs)])
    with till.store.together():
        earlier = till.store.replay(key) if key else None
        if earlier:
            if earlier[0] != call:
                raise StripeFaultError(
                    400,
                    "Keys for idempotent requests can only be used with the same parameters they were first used with.",
                    kind="idempotency_error",
                )
            response = _reply(earlier[1], earlier[2])
            response.headers["Idempotent-Replayed"] = "true"
            return response
        reply = json.dumps(effect(read_form(pairs)))
        if key:
            till.store.remember(key, call, 200, reply)
    return _reply(200, reply)


def _outage(till: Till) -> None:
    """What `/_sandbox/outage` asked for: `{"calls": n, "status": 500 | "hang_s": s, "after_effect": true}`."""
    with till.store.together():
        outage: dict[str, Any] = till.store.setting("outage", {})
        if outage.get("calls", 0) <= 0:
            return
        till.store.set("outage", outage | {"calls": outage["calls"] - 1})
    time.sleep(outage.get("hang_s", 0))
    if outage.get("after_effect"):
        g.lose_reply = True
    else:
        raise StripeFaultError(outage.get("status", 500), "The sandbox was told to be away.", kind="api_error")


def _reply(status: int, body: str) -> Response:
    response = Response(body, status, mimetype="application/json")
    response.headers["Request-Id"] = f"req_{time.time_ns():x}"
    return response

"""`/_sandbox/…`: what a buyer, a bank or an operator at Stripe would do, and the order its events come in."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from oriel_fx.server.payments.sandbox.objects import Json, StripeFaultError, Till, public


def control_api(till: Till) -> Blueprint:
    """Every address takes and gives JSON."""
    bp = Blueprint("control", __name__, url_prefix="/_sandbox")

    @bp.errorhandler(StripeFaultError)
    def fault(error: StripeFaultError) -> tuple[Json, int]:
        return error.body, error.status

    @bp.post("/sessions/<session_id>/pay")
    def pay(session_id: str) -> Json:
        """`{"later": false, "amount": null, "currency": ""}`"""
        body = _body()
        paid = till.pay(
            session_id,
            later=bool(body.get("later")),
            amount=body.get("amount"),
            currency=body.get("currency", ""),
        )
        return public(paid)

    @bp.post("/sessions/<session_id>/decline")
    def decline(session_id: str) -> Json:
        """`{"code": "insufficient_funds"}`"""
        return public(till.decline(session_id, _body().get("code", "generic_decline")))

    @bp.post("/sessions/<session_id>/expire")
    def expire(session_id: str) -> Json:
        return public(till.expire(session_id))

    @bp.post("/sessions/<session_id>/money")
    def money(session_id: str) -> Json:
        """`{"arrives": true}`: how a payment `later` ends."""
        return public(till.money_arrives(session_id, arrives=bool(_body().get("arrives", True))))

    @bp.post("/intents/<intent>/refund")
    def refund(intent: str) -> Json:
        """A refund from the dashboard: `{"amount": null, "status": "succeeded"}`"""
        body = _body()
        amount = {"amount": body["amount"]} if "amount" in body else {}
        return till.refund({"payment_intent": intent, **amount}, status=body.get("status"))

    @bp.post("/refunds/<refund_id>/end")
    def end_refund(refund_id: str) -> Json:
        """`{"status": "succeeded" | "failed"}`: how a pending refund ends."""
        return till.end_refund(refund_id, _body()["status"])

    @bp.post("/intents/<intent>/dispute")
    def dispute(intent: str) -> Json:
        return till.dispute(intent)

    @bp.post("/disputes/<dispute_id>/close")
    def close_dispute(dispute_id: str) -> Json:
        """`{"status": "won" | "lost"}`"""
        return till.close_dispute(dispute_id, _body()["status"])

    @bp.get("/events")
    def events() -> Response:
        return jsonify(events=till.store.all("event"), held=till.store.held(), deliveries=till.store.deliveries())

    @bp.post("/events/<event_id>/send")
    def send(event_id: str) -> Json:
        """`{"copies": 1}`: deliver it now, whether it was before or is held."""
        till.resend(event_id, copies=int(_body().get("copies", 1)))
        return {}

    @bp.put("/delivery")
    def delivery() -> Json:
        """`{"hold": false, "delay_s": 0, "copies": 1}`: for events from now on. Held ones wait for `send`."""
        till.store.set("delivery", _body())
        return {}

    @bp.put("/refund-status")
    def refund_status() -> Json:
        """`{"status": "pending"}`: what refunds are at once, from now on."""
        till.store.set("refund_status", _body()["status"])
        return {}

    @bp.put("/outage")
    def outage() -> Json:
        """`{"calls": 2, "status": 500, "hang_s": 0, "after_effect": false}`: the next calls of the API fail."""
        till.store.set("outage", _body())
        return {}

    @bp.get("/objects/<kind>")
    def objects(kind: str) -> Response:
        return jsonify([public(one) for one in till.store.all(kind)])

    return bp


def _body() -> Json:
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}

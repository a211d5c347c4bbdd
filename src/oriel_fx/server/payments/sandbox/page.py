"""The checkout page: plain HTML that works without scripts, by keyboard and by screen reader."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template_string
from werkzeug.wrappers import Response as WerkzeugResponse

from oriel_fx.server.mail.messages import money
from oriel_fx.server.payments.sandbox.objects import Json, StripeFaultError, Till

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }} · Test checkout</title>
<style>
:root { color-scheme: light dark; --ground: #f4f3fa; --card: #fff; --ink: #17152a; --soft: #5d5a75; --line: #dcd9ea;
  --accent: #5b3df5; --on-accent: #fff; --bad: #a3123a; --bad-ground: #fdeaf0; }
@media (prefers-color-scheme: dark) { :root { --ground: #0e0d16; --card: #191826; --ink: #f2f0ff; --soft: #aaa6c4;
  --line: #34324a; --accent: #9d8bff; --on-accent: #120d2e; --bad: #ffa3bd; --bad-ground: #3a1522; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px 16px; background: var(--ground);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 416px; background: var(--card); border: 1px solid var(--line); border-radius: 20px;
  padding: 32px; box-shadow: 0 24px 64px -32px #1a104066; }
.test { display: inline-block; margin: 0 0 20px; padding: 3px 10px; border-radius: 99px; background: #ffd54a;
  color: #3b2c00; font-size: 13px; font-weight: 650; }
h1 { margin: 0 0 4px; font-size: 17px; font-weight: 550; color: var(--soft); overflow-wrap: anywhere; }
.amount { margin: 0 0 20px; font-size: 40px; line-height: 1.15; font-weight: 700; letter-spacing: -.02em; }
dl { margin: 0 0 24px; padding: 16px 0; border-block: 1px solid var(--line); display: grid; gap: 6px 16px;
  grid-template-columns: auto 1fr; font-size: 14px; }
dt { color: var(--soft); } dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
.alert { margin: 0 0 20px; padding: 12px 14px; border-radius: 12px; background: var(--bad-ground); color: var(--bad);
  font-weight: 550; }
button, .back { display: block; width: 100%; min-height: 48px; padding: 12px; border-radius: 12px; font: inherit;
  font-weight: 650; text-align: center; cursor: pointer; }
.pay { border: 0; background: var(--accent); color: var(--on-accent); }
.decline { margin-top: 10px; border: 1px solid var(--line); background: none; color: inherit; }
.back { margin-top: 6px; color: var(--soft); font-weight: 500; }
button:hover { filter: brightness(1.08); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
.note { margin: 20px 0 0; font-size: 13px; color: var(--soft); }
</style>
</head>
<body>
<main>
<p class="test">Test mode: no money moves</p>
{% if session %}
<h1>{{ session._name }}</h1>
<p class="amount">{{ amount }}</p>
{% if declined %}<p class="alert" role="alert">The card was declined{{ reason }}. You can try again.</p>{% endif %}
<dl><dt>For</dt><dd>{{ session.customer_email or "a guest" }}</dd>
<dt>Reference</dt><dd>{{ session.client_reference_id }}</dd></dl>
<form method="post" action="{{ session.id }}/pay"><button class="pay">Pay {{ amount }}</button></form>
<form method="post" action="{{ session.id }}/decline"><button class="decline">Decline the card</button></form>
{% if session.cancel_url %}<a class="back" href="{{ session.cancel_url }}">Back without paying</a>{% endif %}
<p class="note">This page stands in for Stripe's while Oriel FX runs on your machine.</p>
{% else %}
<h1>{{ title }}</h1>
<p>{{ message }}</p>
{% if back %}<a class="back" href="{{ back }}">Back to Oriel FX</a>{% endif %}
{% endif %}
</main>
</body>
</html>
"""


def checkout_pages(till: Till) -> Blueprint:
    """`/checkout/<session id>`, and the two buttons on it."""
    bp = Blueprint("checkout", __name__, url_prefix="/checkout")

    @bp.after_request
    def headers(response: Response) -> Response:
        response.headers.update(_HEADERS)
        return response

    @bp.errorhandler(StripeFaultError)
    def fault(error: StripeFaultError) -> tuple[str, int]:
        return _notice("This checkout does not work", str(error)), error.status

    @bp.get("/<session_id>")
    def show(session_id: str) -> tuple[str, int]:
        session = till.session(session_id)
        if session["status"] == "complete":
            return _notice("This is paid already", "You can close this page.", _success_url(session)), 410
        if session["status"] == "expired":
            message = "Go back to Oriel FX and start the payment again."
            return _notice("This checkout has expired", message, session["cancel_url"]), 410
        return _checkout(till, session), 200

    @bp.post("/<session_id>/pay")
    def pay(session_id: str) -> WerkzeugResponse:
        return redirect(_success_url(till.pay(session_id)), 303)

    @bp.post("/<session_id>/decline")
    def decline(session_id: str) -> WerkzeugResponse:
        till.decline(session_id)
        return redirect(f"../{session_id}", 303)

    return bp


def _checkout(till: Till, session: Json) -> str:
    intent = till.store.get("payment_intent", session["payment_intent"] or "") or {}
    declined = (intent.get("last_payment_error") or {}).get("decline_code", "")
    # Stripe's word for "the bank gave no reason".
    reason = "" if declined == "generic_decline" else f" ({declined.replace('_', ' ')})"
    amount = money(session["amount_total"], session["currency"])
    return render_template_string(
        _PAGE, title=f"Pay {amount}", session=session, amount=amount, declined=declined, reason=reason
    )


def _notice(title: str, message: str, back: str | None = None) -> str:
    return render_template_string(_PAGE, title=title, message=message, back=back, session=None)


def _success_url(session: Json) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])

"""/api/payments/…."""

from __future__ import annotations

from oriel_fx.server.http import domain

bp = domain("payments", "/api/payments", "Paying for a job.")

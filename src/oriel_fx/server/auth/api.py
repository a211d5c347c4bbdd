"""POST /api/auth/…."""

from __future__ import annotations

from oriel_fx.server.http import domain

bp = domain("auth", "/api/auth", "Registering, logging in, tokens, passwords.")

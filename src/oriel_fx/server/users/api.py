"""/api/user/…."""

from __future__ import annotations

from oriel_fx.server.http import domain

bp = domain("users", "/api/user", "Your profile and your jobs.")

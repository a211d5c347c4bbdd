"""/api/render/…."""

from __future__ import annotations

from oriel_fx.server.http import domain

bp = domain("renders", "/api/render", "Render jobs: upload, watch, download.")

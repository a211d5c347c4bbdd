"""What gunicorn imports: `gunicorn oriel_fx.server.wsgi:app`."""

from __future__ import annotations

from oriel_fx.server.app import create_app
from oriel_fx.server.settings import load_settings

app = create_app(load_settings())

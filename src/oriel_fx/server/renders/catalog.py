"""What a client can choose from: the presets, and the schema of a config. Both are made once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache

from flask import Request, Response

from oriel_fx.render import presets
from oriel_fx.render.schema import config_schema

_MAX_AGE_S = 300


@cache
def presets_json() -> bytes:
    """Each preset with its name, its one line and its config, as JSON; the default first."""
    found = [
        {"name": name, "description": presets.describe(name), "config": presets.load(name)} for name in presets.names()
    ]
    return json.dumps({"presets": found}).encode()


@cache
def schema_json() -> bytes:
    """The JSON Schema of a config."""
    return json.dumps(config_schema()).encode()


def cached_reply(request: Request, make: Callable[[], bytes], mimetype: str) -> Response:
    """What `make` gives, with an ETag; 304 for who has it."""
    body = make()
    response = Response(body, mimetype=mimetype)
    response.set_etag(hashlib.sha256(body).hexdigest()[:32])
    response.headers["Cache-Control"] = f"public, max-age={_MAX_AGE_S}"
    response.make_conditional(request)
    return response

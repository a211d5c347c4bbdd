"""The page at `/`: where mails and the checkout send people, so that they never end at a line of JSON.

What it does it does through the API, as any client could: the links of mails for a forgotten password and for a new
address end here. It needs no other server and no build step.
"""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, render_template, request, send_from_directory

from oriel_fx.server.errors import ApiError

_ASSETS = Path(__file__).parent / "assets"
_NAMES = ("landing.css", "landing.js")

bp = Blueprint("web", __name__, template_folder="templates")


@bp.get("/")
def landing() -> Response:
    """The page; `checkout` says how somebody came back from the checkout."""
    return _page(checkout=request.args.get("checkout", ""))


def wants_page() -> bool:
    """Whether a person asks, by a browser, and not a program."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def error_page(error: ApiError) -> Response:
    """An error for people."""
    page = _page(notice=error.message)
    page.status_code = error.status
    return page


def _page(**values: str) -> Response:
    page = Response(render_template("oriel_web/landing.html", **values))
    page.headers["Cache-Control"] = "no-store"
    # A link's token is in the fragment, which browsers send to nobody; nor is the rest of the address told.
    page.headers["Referrer-Policy"] = "no-referrer"
    return page


@bp.get("/web/<name>")
def asset(name: str) -> Response:
    """Its style and its script."""
    response: Response = send_from_directory(_ASSETS, name if name in _NAMES else "-", max_age=300)
    return response

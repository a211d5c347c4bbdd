"""What all pages share: how they are put into Flask-Admin, and what their templates know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from flask import g
from flask_admin import Admin, BaseView
from markupsafe import Markup

from oriel_fx.server.admin.site.gate import csrf_token, error_page
from oriel_fx.server.mail.messages import money
from oriel_fx.server.services import current_services


class Page(BaseView):  # type: ignore[misc]
    """A view whose errors are pages, and which needs nothing of Flask-Admin's scripts."""

    def create_blueprint(self, admin: Admin) -> Any:
        """Flask-Admin's, with our error page: the API's answer is for programs."""
        blueprint = super().create_blueprint(admin)
        blueprint.register_error_handler(Exception, error_page)
        return blueprint

    def _run_view(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # Flask-Admin's own calls the view a second time after a TypeError; an action must never run twice.
        return fn(self, *args, **kwargs)

    def show(self, template: str, **values: Any) -> str:
        """Fill a template of ours."""
        values |= {
            "csrf_token": csrf_token(),
            "operator": g.user,
            "when": when,
            "dated": dated,
            "money": money,
            "ago": ago,
            "until": until,
            "lasting": lasting,
        }
        return cast(str, self.render(f"oriel_admin/{template}", **values))


def when(moment: datetime | None) -> Markup | str:
    """A moment in UTC, to the second, as an element that machines can read too."""
    if moment is None:
        return "–"
    utc = moment.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S}")


def dated(moment: datetime | None) -> Markup | str:
    """A moment, and how far it is from now."""
    if moment is None:
        return "–"
    over = moment <= current_services().clock()
    return Markup("{} <small>{}</small>").format(when(moment), f"{ago(moment)} ago" if over else until(moment))


def ago(moment: datetime | None) -> str:
    """How long ago: 12 s, 5 min, 3 h, 2 d."""
    return "–" if moment is None else lasting((current_services().clock() - moment).total_seconds())


def until(moment: datetime | None) -> str:
    """How long until then: in 5 h; now, where it is over."""
    if moment is None:
        return "–"
    left_s = (moment - current_services().clock()).total_seconds()
    return f"in {lasting(left_s)}" if left_s > 0 else "now"


def lasting(seconds: float) -> str:
    """A time in the largest unit that it fills: 12 s, 5 min, 3 h, 2 d."""
    for unit, length_s in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length_s:
            return f"{seconds // length_s:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"

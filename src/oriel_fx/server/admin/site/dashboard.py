"""The first page: how the service does, at a glance."""

from __future__ import annotations

from flask_admin import AdminIndexView, expose

from oriel_fx.server.admin import overview
from oriel_fx.server.admin.common import Paging
from oriel_fx.server.admin.dead_letters import list_letters
from oriel_fx.server.admin.problems import problems
from oriel_fx.server.admin.site.charts import Bar, bar_chart
from oriel_fx.server.admin.site.page import Page
from oriel_fx.server.breakers import breaker_states
from oriel_fx.server.mail.messages import money
from oriel_fx.server.services import current_settings

_DAYS = 14


class Dashboard(Page, AdminIndexView):  # type: ignore[misc]
    """What is wrong; queues, workers, storage, errors, money."""

    @expose("/")  # type: ignore[untyped-decorator]
    def index(self) -> str:
        """The page."""
        stats = overview.stats(_DAYS)
        return self.show(
            "dashboard.html",
            problems=problems(),
            stats=stats,
            currency=current_settings().currency.upper(),
            queues=overview.queues(),
            workers=overview.workers(),
            letters=list_letters(paging=Paging(limit=5)),
            breakers=breaker_states(),
            storage_kind=current_settings().storage_kind,
            jobs_chart=_jobs_chart(stats),
            money_chart=_money_chart(stats, current_settings().currency),
        )


def _jobs_chart(stats: overview.Stats) -> str:
    bars = [
        Bar(
            day.day[5:],
            (
                ("good", day.completed, f"{day.completed} completed"),
                ("bad", day.failed, f"{day.failed} failed"),
            ),
        )
        for day in stats.by_day
    ]
    return bar_chart(bars, f"Jobs that ended on each of the last {stats.days} days")


def _money_chart(stats: overview.Stats, currency: str) -> str:
    bars = []
    for day in stats.by_day:
        words = money(day.paid_cents, currency)
        bars.append(Bar(day.day[5:], (("money", day.paid_cents / 100, words),)))
    return bar_chart(bars, f"Paid on each of the last {stats.days} days")

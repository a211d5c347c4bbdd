"""docs/api.md and docs/settings.md say all that the service has, and nothing else."""

from __future__ import annotations

import re

import pytest
from flask_openapi import OpenAPI
from pydantic import AliasChoices
from tests.test_docs import ROOT, read, rows, section

from oriel_fx.server.openapi import error_table
from oriel_fx.server.payments.events import HANDLERS
from oriel_fx.server.settings import Settings

API, SETTINGS, OPERATIONS = (read(ROOT / f"docs/{name}.md") for name in ("api", "settings", "operations"))
DEPLOY = read(ROOT / "docs/deploy.md")


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def test_every_endpoint_is_in_the_table(app: OpenAPI) -> None:
    paths = app.test_client().get("/api/openapi.json").get_json()["paths"]
    served = {f"`{method.upper()} {path}`" for path, methods in paths.items() for method in methods}
    assert {row[0] for row in rows(section(API, "## What can be asked"))[2:]} == served


def test_every_error_is_in_the_table() -> None:
    told = rows(section(API, "## Errors"))[2:]
    assert told == [[str(status), f"`{code}`", meaning] for code, status, meaning in error_table()]


def test_every_metric_is_in_the_table(app: OpenAPI) -> None:
    text = app.test_client().get("/metrics").text
    served = set(re.findall(r"^# TYPE (oriel_\w+)", text, re.M))
    told = {name for row in rows(section(OPERATIONS, "## Metrics"))[2:] for name in re.findall(r"`(oriel_\w+)", row[0])}
    # The time when a counter was made is one more series of it.
    assert told == {name for name in served if not name.endswith("_created")}


def environment_names() -> set[str]:
    names: set[str] = set()
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            names |= {str(choice) for choice in alias.choices}
        else:
            names.add(str(alias) if alias else f"ORIEL_{name.upper()}")
    return names


def test_every_setting_is_in_the_tables() -> None:
    told = {name for row in rows(SETTINGS) for name in re.findall(r"`([A-Z_]+)`", row[0])}
    assert told == environment_names()


def test_every_event_that_changes_something_is_to_be_subscribed_to() -> None:
    told = re.search(r"```\n(.*?)```", section(DEPLOY, "## Stripe's events"), re.DOTALL)
    assert told and told[1].split() == list(HANDLERS)

"""The part `config` of a submission: which are accepted, and what is wrong with others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.server.renders.conftest import PLAIN, error_of, sqlite_only
from werkzeug.test import TestResponse

from oriel_fx.render.spec import RenderSpec
from oriel_fx.server.models import RenderJob
from oriel_fx.server.renders import specs
from oriel_fx.server.renders.job_files import spec_of

Send = Callable[..., TestResponse]
Jobs = Callable[[], list[RenderJob]]


@sqlite_only
@pytest.mark.parametrize(
    ("config", "paths"),
    [
        ({"seed": -1, "output": {"fps": 0}, "colour": 1}, ["colour", "output.fps", "seed"]),
        ({"output": {"size": "8192x4320", "fps": 120}}, ["output.size", "output.fps"]),
        ({"output": {"start": 99}}, ["output.start"]),
        ({"layers": [{"type": "bars"}] * 25}, ["layers"]),
        ({"layers": [{"type": "text", "text": "x" * 501}]}, ["layers.0.text"]),
        ({"layers": [{"type": "image", "source": "/etc/passwd"}]}, ["layers.0.source"]),
        ({"background": {"type": "image", "source": "http://169.254.169.254/"}}, ["background.source"]),
        ({"background": {"type": "image", "source": "background"}}, ["background.source"]),
        ({"layers": [{"type": "text", "font": "../../font.ttf"}]}, ["layers.0.font"]),
        ({"preset": "../halo"}, ["preset"]),
        ([], [""]),
        ({"baseColor": "#fff", "rotationSpeed": "fast"}, ["rotationSpeed"]),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_a_wrong_config_is_told_each_fault_with_its_path(send: Send, jobs: Jobs, config: Any, paths: list[str]) -> None:
    status, code, details = error_of(send(config=config))
    assert (status, code) == (422, "INVALID_CONFIG")
    assert [fault["path"] for fault in details["faults"]] == paths
    assert all(fault["message"] for fault in details["faults"])
    assert jobs() == []


@sqlite_only
@pytest.mark.parametrize("config", ["{", "[" * 40 + "]" * 40, '{"seed": NaN}', '{"a": "\\ud800"}'])
def test_a_config_that_is_no_json_is_refused(send: Send, config: str) -> None:
    assert error_of(send(config=config))[:2] == (400, "MALFORMED_JSON")


@sqlite_only
def test_the_original_frontends_flat_config_is_accepted(send: Send, jobs: Jobs) -> None:
    flat = {"shape": "torusLarge", "baseColor": "#112233", "glowColor": "#ff8800", "rotationSpeed": 1.5}
    assert send(config=flat).status_code == 402
    [job] = jobs()
    spec = spec_of(job)
    assert (spec.preset, spec.layers[0].type) == ("classic", "wireframe")


@sqlite_only
def test_what_is_kept_is_the_whole_spec(send: Send, jobs: Jobs) -> None:
    send()
    [job] = jobs()
    asked = RenderSpec.from_config(PLAIN, {"tags": {"title": "Glass Hours"}})
    assert spec_of(job) == asked == RenderSpec.from_config(job.render_config)


@sqlite_only
def test_the_bundled_page_is_accepted_and_no_other(send: Send, jobs: Jobs) -> None:
    assert send(config={"page": "classic", "output": {"size": "720p"}}).status_code == 402
    [job] = jobs()
    assert spec_of(job).page == "classic"
    for page in ("https://example.org/", "file:///etc/passwd", "/etc", "Classic", "../classic", ["classic"]):
        status, code, details = error_of(send(config={"page": page}))
        assert (status, code, details["faults"][0]["path"]) == (422, "INVALID_CONFIG", "page")
    assert len(jobs()) == 1


@sqlite_only
@pytest.mark.parametrize(
    "config",
    [
        {"layers": [{"type": "bars"}]},
        {"palette": {"hues": None}, "layers": [{"type": "wireframe", "base_color": "palette.0"}]},
    ],
    ids=["no wireframe", "a colour of the cover"],
)
def test_what_the_page_cannot_show_is_refused_before_it_is_paid_for(
    send: Send, jobs: Jobs, config: dict[str, Any]
) -> None:
    status, code, details = error_of(send(config={"page": "classic"} | config))
    assert (status, code, details["faults"][0]["path"]) == (422, "INVALID_CONFIG", "page")
    assert jobs() == []


@sqlite_only
def test_without_a_chromium_no_page_is_sold(
    send: Send, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ORIEL_CHROMIUM", str(tmp_path / "nowhere"))
    specs._can_film.cache_clear()
    try:
        status, code, details = error_of(send(config={"page": "classic"}))
    finally:
        specs._can_film.cache_clear()
    assert (status, code, details["faults"][0]["path"]) == (422, "INVALID_CONFIG", "page")
    assert jobs() == []

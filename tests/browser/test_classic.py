"""The bundled page draws what the native wireframe draws."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from oriel_fx import RenderSpec, SpecError, render_frame
from oriel_fx.render.engines.browser.build import page_of
from oriel_fx.render.engines.browser.engine import BrowserEngine, SongFacts
from oriel_fx.render.pixels import Planes, to_rgb

FLAT = {"page": "classic", "rotationSpeed": 1.2, "baseColor": "#ff8000", "output": {"size": "640x360"}}


def frames(song: Path, spec: RenderSpec, indices: tuple[int, ...]) -> Iterator[NDArray[np.uint8]]:
    page = page_of(spec, None)
    assert page
    engine = BrowserEngine(page, SongFacts(song, 4.0), spec, 120)
    planes = Planes.empty(*spec.output.size_px)
    try:
        for index in indices:
            engine.draw(index, planes)
            yield to_rgb(planes)
    finally:
        engine.close()


def near(mask: NDArray[np.bool_], px: int) -> NDArray[np.bool_]:
    side = 2 * px + 1
    return cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0


@pytest.mark.parametrize("shape", ["cube", "torusKnot", "spikySphere"])
def test_page_and_native_engine_agree_on_the_lines(song: Path, shape: str) -> None:
    spec = RenderSpec.from_config(FLAT | {"shape": shape})
    indices = (0, 40, 95)
    for index, filmed in zip(indices, frames(song, spec, indices), strict=True):
        drawn = render_frame(song, index / 30, spec)
        ours, theirs = filmed.max(axis=2) > 110, drawn.max(axis=2) > 110
        assert ours.sum() > 300
        # Each line of one has a line of the other within two pixels.
        assert near(ours, 2)[theirs].mean() > 0.995
        assert near(theirs, 2)[ours].mean() > 0.995
        inside = near(ours & theirs, 0)
        assert np.abs(filmed[inside].astype(float).mean(axis=0) - drawn[inside].mean(axis=0)).max() < 45


def test_only_the_bundled_page_may_be_named_in_a_config() -> None:
    assert RenderSpec.from_config({"page": "classic"}).preset == "classic"
    with pytest.raises(SpecError):
        RenderSpec.from_config({"page": "http://169.254.169.254/"})

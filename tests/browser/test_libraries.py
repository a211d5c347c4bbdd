"""Pages made with the libraries that most are made with: three.js and p5.js, as they are."""

# ruff: noqa: E501 - pages are easier to read unbroken.

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.browser.conftest import Film

WHEELS = Path(sys.prefix) / "web-libraries"


def library(wheel: str, name: str) -> bytes:
    """A file out of a wheel that `scripts/setup.sh dev` downloaded."""
    found = list(WHEELS.glob(f"{wheel}-*.whl"))
    if not found:
        pytest.fail(f"{WHEELS} has no {wheel} wheel: run `bash scripts/setup.sh dev`.", pytrace=False)
    with zipfile.ZipFile(found[0]) as archive:
        return archive.read(name)


def middle_of(picture: NDArray[np.uint8], channel: int) -> float:
    """The mean column of what is bright in one channel; nan where nothing is."""
    columns = np.nonzero(picture[:, :, channel] > 128)[1]
    return float(columns.mean()) if len(columns) else float("nan")


THREE = """<!doctype html><style>body { margin: 0 }</style><body><script src=three.min.js></script><script>
const scene = new THREE.Scene(), camera = new THREE.OrthographicCamera(-48, 48, 27, -27, 0, 100), clock = new THREE.Clock();
const box = new THREE.Mesh(new THREE.BoxGeometry(12, 12, 12), new THREE.MeshBasicMaterial({ color: 0xff0000 }));
const listener = new THREE.AudioListener(), sound = new THREE.Audio(listener), analyser = new THREE.AudioAnalyser(sound, 256);
scene.add(box); camera.position.z = 50; camera.add(listener);
const renderer = new THREE.WebGLRenderer({ antialias: true }); renderer.setSize(innerWidth, innerHeight); document.body.append(renderer.domElement);
window.levels = []; window.times = [];
new THREE.AudioLoader().load(oriel.song, buffer => { sound.setBuffer(buffer); sound.play(); });
renderer.setAnimationLoop(() => { const t = clock.getElapsedTime(); times.push(t); box.position.x = -40 + t * 30; levels.push(analyser.getAverageFrequency()); renderer.render(scene, camera); });
</script>"""


def test_three_draws_and_hears(film: Film, tmp_path: Path) -> None:
    (tmp_path / "three.min.js").write_bytes(library("nicegui", "nicegui/elements/lib/three.min.js"))
    page = film(THREE)
    places = [middle_of(page.draw(index), 0) for index in range(40)]
    assert page.engine._from_ring
    # It is at -40 when the page begins, and goes 30 pixels a second: one a frame.
    assert np.diff(places[2:]) == pytest.approx([1.0] * 37, abs=0.6)
    assert places[39] - places[2] == pytest.approx(37, abs=0.6)
    assert max(page.value("levels")[10:40]) > 5


P5 = """<!doctype html><style>body { margin: 0 }</style><script src=p5.min.js></script><script>
let ball, sizes = []; window.randoms = [];
function setup() { createCanvas(windowWidth, windowHeight); noStroke(); frameRate(30); randoms.push(random()); }
function draw() { background(0); fill(0, 255, 0); circle(10 + frameCount * 2, height / 2, 14); sizes.push(frameCount); }
</script>"""


def test_p5_draws_one_frame_for_each(film: Film, tmp_path: Path) -> None:
    (tmp_path / "p5.min.js").write_bytes(library("streamlit_p5", "streamlit_p5/p5/p5.min.js"))
    found = []
    for _ in range(2):
        page = film(P5)
        places = [middle_of(page.draw(index), 1) for index in range(30)]
        assert page.engine._from_ring
        assert np.diff(places) == pytest.approx([2.0] * 29, abs=0.3)
        found.append(page.value("[sizes.length, randoms]"))
    assert found[0][1] == found[1][1]


P5_GL = """<!doctype html><style>body { margin: 0 }</style><script src=p5.min.js></script><script>
function setup() { createCanvas(windowWidth, windowHeight, WEBGL); }
function draw() { background(0); noStroke(); fill(0, 0, 255); translate(-40 + frameCount * 2, 0); box(12); }
</script>"""


def test_p5_in_webgl(film: Film, tmp_path: Path) -> None:
    (tmp_path / "p5.min.js").write_bytes(library("streamlit_p5", "streamlit_p5/p5/p5.min.js"))
    page = film(P5_GL)
    places = [middle_of(page.draw(index), 2) for index in range(30)]
    assert places[20] - places[5] == pytest.approx(30, abs=1.5)

"""Fixtures for all tests: songs and one finished render, made once."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from tests.songs import ffmpeg, music, write_wav

from oriel_fx import RenderSpec, render_video

# No cover to draw, no type to set: what is left is the pipeline.
PLAIN = {
    "palette": {"hues": ["#7c5cff"], "ground": "#101018"},
    "background": {"type": "color", "color": "palette.ground"},
    "layers": [{"type": "bars", "count": 16, "width": 1.5, "height": 0.8, "anchor": "center"}],
    "effects": [],
    "output": {"size": "96x54", "fps": 10, "quality": "draft"},
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="write the golden frames anew instead of comparing with them"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is slow by nature may take an hour."""
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(3600))


@dataclass(frozen=True)
class Finished:
    """A render nobody disturbed: its song, its video, and the hashes of its frames before encoding."""

    song: Path
    video: Path
    hashes: str
    fps: Fraction


@pytest.fixture(scope="session")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with short.wav (2 s), long.wav (40 s, three chunks) and tagged.mp3 (2 s); nobody writes in it."""
    folder = tmp_path_factory.mktemp("songs")
    write_wav(folder / "short.wav", music(2))
    write_wav(folder / "long.wav", music(40))
    tags = ["-metadata", "title=Glass — Hours", "-metadata", "artist=Ö & Co"]
    ffmpeg("-i", folder / "short.wav", *tags, folder / "tagged.mp3")
    return folder


@pytest.fixture(scope="session")
def finished(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """long.wav in the plain look, three chunks, drawn by one process."""
    folder = tmp_path_factory.mktemp("finished")
    spec = RenderSpec.from_config(PLAIN)
    render_video(songs / "long.wav", folder / "long.mp4", spec, frame_hashes=folder / "hashes")
    hashes = (folder / "hashes").read_text()
    return Finished(songs / "long.wav", folder / "long.mp4", hashes, spec.output.frames_per_s)

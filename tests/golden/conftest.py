"""The song the golden frames are drawn for."""

from __future__ import annotations

import numpy as np
import pytest

from oriel_fx.render.audio import Pcm, Tags, measure_song
from oriel_fx.render.demo_song import ARTIST, TITLE, synthesise, write_demo_song
from oriel_fx.render.prepare import PreparedSong


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory) -> PreparedSong:
    """The demo song, twelve seconds long."""
    folder = tmp_path_factory.mktemp("golden")
    path, pcm_path = folder / "song.wav", folder / "song.pcm"
    write_demo_song(path, 12.0)
    np.round(synthesise(12.0, 7).mean(axis=0) * 32767).astype("<i2").tofile(pcm_path)
    pcm = Pcm.open(pcm_path)
    return PreparedSong(path, pcm, measure_song(pcm), Tags(TITLE, ARTIST), (), 44100)


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-goldens", False))

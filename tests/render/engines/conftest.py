"""A real song, short and with everything in it, decoded and measured once."""

from __future__ import annotations

import numpy as np
import pytest

from oriel_fx.render.audio import Pcm, Tags, measure_song
from oriel_fx.render.demo_song import synthesise, write_demo_song
from oriel_fx.render.prepare import PreparedSong


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory) -> PreparedSong:
    """Eight seconds of the demo song."""
    folder = tmp_path_factory.mktemp("song")
    path, pcm_path = folder / "song.wav", folder / "song.pcm"
    write_demo_song(path, 8.0)
    np.round(synthesise(8.0, 7).mean(axis=0) * 32767).astype("<i2").tofile(pcm_path)
    pcm = Pcm.open(pcm_path)
    return PreparedSong(path, pcm, measure_song(pcm), Tags("Glass Hours", "Oriel FX"), (), 44100)

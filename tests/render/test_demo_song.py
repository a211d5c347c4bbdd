"""The demo song: what it holds, how it is built, and that nothing in it would sound wrong."""

from __future__ import annotations

import subprocess
import wave
from itertools import groupby, pairwise
from pathlib import Path

import imageio_ffmpeg
import mutagen
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt, stft, welch

from oriel_fx.errors import UsageError
from oriel_fx.render.demo_song import (
    BEAT_S,
    CHORDS,
    RATE,
    SWING,
    Form,
    plan_form,
    synthesise,
    write_demo_song,
)

BAR_S = 4 * BEAT_S


@pytest.fixture(scope="module")
def song() -> NDArray[np.float32]:
    return synthesise(24.0, 7)


def decibels(sound: NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.mean(sound.astype(np.float64) ** 2) + 1e-12))


def between(song: NDArray[np.float32], start_s: float, stop_s: float) -> NDArray[np.float32]:
    return song[:, round(start_s * RATE) : round(stop_s * RATE)]


def section_level(song: NDArray[np.float32], form: Form, section: str) -> float:
    bars = [i for i, name in enumerate(form.sections) if name == section]
    return decibels(between(song, bars[0] * BAR_S, (bars[-1] + 1) * BAR_S))


def onset_strength(song: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    _, times, bins = stft(song.mean(0), RATE, nperseg=1024, noverlap=1024 - 220)
    return times[1:], np.maximum(np.diff(np.log1p(100 * np.abs(bins)), axis=1), 0).sum(0)


@pytest.mark.parametrize("duration_s", [1.0, 3.0, 4.9, 12.345])
def test_the_file_is_16_bit_stereo_44100_hz_and_exact_to_the_sample(tmp_path: Path, duration_s: float) -> None:
    path = tmp_path / "song.wav"
    write_demo_song(path, duration_s)
    with wave.open(str(path)) as file:
        assert (file.getsampwidth(), file.getnchannels(), file.getframerate()) == (2, 2, 44_100)
        assert file.getnframes() == round(duration_s * 44_100)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert samples.size == 2 * round(duration_s * 44_100)
    assert 20 * np.log10(np.abs(samples.astype(float)).max() / 32768) == pytest.approx(-1.0, abs=0.01)


def test_ffmpeg_and_mutagen_read_the_title_and_the_artist(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    write_demo_song(path, 1.0)
    shown = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path), "-f", "ffmetadata", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "title=Glass Hours" in shown
    assert "artist=Oriel FX" in shown
    tags = mutagen.File(path).tags
    assert (str(tags["TIT2"]), str(tags["TPE1"])) == ("Glass Hours", "Oriel FX")


def test_the_same_arguments_give_the_same_bytes_and_another_seed_another_performance(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.wav", "b.wav", "c.wav")]
    for path, seed in zip(paths, (3, 3, 4), strict=True):
        write_demo_song(path, 5.0, seed)
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again
    assert first != other


@pytest.mark.parametrize("duration_s", [0.0, 0.5, 901.0, float("nan")])
def test_a_duration_out_of_range_is_a_usage_error_and_writes_nothing(tmp_path: Path, duration_s: float) -> None:
    with pytest.raises(UsageError, match="cannot be"):
        write_demo_song(tmp_path / "song.wav", duration_s)
    assert list(tmp_path.iterdir()) == []


def test_24_seconds_hold_intro_groove_full_and_a_ring_of_one_bar() -> None:
    form = plan_form(24.0)
    assert form.sections == ("intro",) * 2 + ("groove",) * 4 + ("full",) * 4
    assert form.beats == 40
    assert [beat for beat in range(40) if form.is_break(beat)] == [23]
    assert form.chord(2) == 0


@pytest.mark.parametrize("duration_s", [1, 3, 4, 6, 10, 30, 61.7, 180, 600, 900])
def test_every_duration_ends_on_a_full_section_and_leaves_time_to_ring(duration_s: float) -> None:
    form = plan_form(duration_s)
    ring_s = duration_s - form.beats * BEAT_S
    assert form.sections[-1] == "full"
    assert 4 * (len(form.sections) - 1) < form.beats <= 4 * len(form.sections)
    assert min(2.0, 0.4 * duration_s) - 1e-6 <= ring_s < 2.0 + BAR_S
    assert max(len(list(run)) for _, run in groupby(form.sections)) <= 20


def test_no_voice_leaps_from_chord_to_chord() -> None:
    for chord, following in pairwise((*CHORDS, CHORDS[0])):
        assert max(abs(a - b) for a, b in zip(chord, following, strict=True)) <= 3


def test_each_section_is_louder_than_the_one_before(song: NDArray[np.float32]) -> None:
    intro, groove, full = (section_level(song, plan_form(24.0), name) for name in ("intro", "groove", "full"))
    assert intro + 4 < groove < full - 1


def test_the_break_takes_the_weight_away_for_one_beat(song: NDArray[np.float32]) -> None:
    before, breath, after = (decibels(between(song, beat * BEAT_S, (beat + 1) * BEAT_S)) for beat in (22, 23, 24))
    assert breath < min(before, after) - 3


def test_the_last_chord_rings_out_to_silence(song: NDArray[np.float32]) -> None:
    levels = [decibels(between(song, at, at + 0.25)) for at in np.arange(22.0, 24.0, 0.25)]
    assert levels == sorted(levels, reverse=True)
    assert levels[3] > -30
    assert levels[-1] < -60
    assert np.abs(song[:, -1]).max() < 1e-6


def test_nothing_clicks_clips_or_leans(song: NDArray[np.float32]) -> None:
    form = plan_form(24.0)
    intro = between(song, 0, form.sections.count("intro") * BAR_S - 0.01)
    treble = sosfilt(butter(8, 15_000, "highpass", fs=RATE, output="sos"), intro)
    assert np.abs(treble).max() < 2e-4  # nothing plays up there before the hats, but a click would
    assert np.abs(np.diff(song)).max() < 0.5
    assert np.abs(song).max() <= 10 ** (-1 / 20) + 1e-6
    assert np.abs(song.mean(1)).max() < 1e-3
    assert np.abs(song[:, 0]).max() < 1e-6


def test_left_and_right_add_up(song: NDArray[np.float32]) -> None:
    for bar in range(11):
        part = between(song, bar * BAR_S, (bar + 1) * BAR_S)
        assert np.corrcoef(part)[0, 1] > 0.3
        assert decibels(part.mean(0)) > decibels(part) - 2
        assert abs(decibels(part[0]) - decibels(part[1])) < 1.5


def test_the_spectrum_falls_about_as_music_does(song: NDArray[np.float32]) -> None:
    hertz, power = welch(song.mean(0), RATE, nperseg=16_384)
    octaves = np.arange(9)
    levels = [10 * np.log10(power[(hertz >= 31.25 * 2.0**k) & (hertz < 62.5 * 2.0**k)].mean()) for k in octaves]
    assert -5.5 < np.polyfit(octaves, levels, 1)[0] < -3
    assert np.all(np.diff(levels) < 0)


def test_hits_are_on_the_beat_grid_and_swing_late(song: NDArray[np.float32]) -> None:
    times, strength = onset_strength(song)
    groove = range(4 * 2 * 4, 4 * 10 * 4)

    def height(beat: float) -> float:
        return float(strength[np.abs(times - beat * BEAT_S) < 0.012].max())

    on_grid = np.mean([height(step / 4) for step in groove if step % 4 == 0])
    between_steps = np.mean([height(step / 4 + 0.125 + SWING / 2) for step in groove if step % 4 == 0])
    assert on_grid > 2 * between_steps
    full = range(4 * 6 * 4, 4 * 10 * 4)
    late = np.mean([height(step / 4 + SWING) for step in full if step % 2])
    straight = np.mean([height(step / 4) for step in full if step % 2])
    assert late > 1.5 * straight


def test_the_kick_ducks_what_is_under_it(song: NDArray[np.float32]) -> None:
    """Above the kick's own range, the pad just after a beat is softer than at the end of the beat's pump."""
    hertz, times, bins = stft(song.mean(0), RATE, nperseg=4096, noverlap=4096 - 441)
    pad = np.abs(bins[(hertz > 300) & (hertz < 700)]).mean(0)
    beats = np.array([beat for beat in range(24, 40) if beat % 2 == 0]) * BEAT_S
    just_after = np.mean([pad[np.abs(times - at - 0.07).argmin()] for at in beats])
    later = np.mean([pad[np.abs(times - at - 0.27).argmin()] for at in beats])
    assert just_after < 0.8 * later

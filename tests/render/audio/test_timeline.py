"""A frame's features: the right ones, at the right time, however they are reached."""

from __future__ import annotations

import pickle
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from oriel_fx.render.audio import (
    BAND_FREQS_HZ,
    N_BANDS,
    SAMPLE_RATE,
    Pcm,
    Timeline,
    build_timeline,
    measure_song,
)

from .conftest import Synth

FPS = Fraction(30)
SCALARS = ("bass", "mid", "treble", "level", "weight", "sparkle")


def busy_song(synth: Synth, duration_s: float = 40.0) -> Pcm:
    hits = synth.hits(np.arange(0.25, duration_s - 0.1, 0.5), duration_s)
    swell = np.sin(np.arange(len(hits)) / SAMPLE_RATE) ** 2
    return synth.pcm(hits + swell * synth.tone(80, duration_s, 0.3) + synth.tone(880, duration_s, 0.05))


@pytest.mark.parametrize(
    ("duration_s", "fps", "n_frames"), [(2.0, 30, 60), (0.001, 30, 1), (1.0, 60, 60), (0.99, 24, 24)]
)
def test_there_is_a_frame_for_each_step_of_the_song(duration_s: float, fps: int, n_frames: int, synth: Synth) -> None:
    assert build_timeline(synth.pcm(synth.tone(440, duration_s)), Fraction(fps)).n_frames == n_frames


@pytest.mark.parametrize("freq_hz", [60, 250, 1000, 1600, 6000])
def test_a_tone_stands_in_its_band(freq_hz: float, synth: Synth) -> None:
    heights = build_timeline(synth.pcm(synth.tone(freq_hz, 3)), FPS).spectrum(45)
    assert abs(np.log2(BAND_FREQS_HZ[heights.argmax()] / freq_hz)) < 0.12
    assert heights.max() > 0.7
    assert heights.dtype == np.float32


def test_a_frame_is_the_same_alone_in_sequence_and_from_another_timeline(synth: Synth) -> None:
    pcm = busy_song(synth, 20)
    stats = measure_song(pcm)
    forwards, backwards = (
        Timeline(pcm, Fraction(30000, 1001), stats),
        Timeline(pcm, Fraction(30000, 1001), stats),
    )
    frames = np.arange(0, forwards.n_frames, 13)
    walked = [forwards.spectrum(frame) for frame in frames.tolist()]
    assert np.array_equal(walked, [backwards.spectrum(frame) for frame in frames[::-1].tolist()][::-1])
    assert np.array_equal(walked, forwards.spectra(frames))
    unpickled = pickle.loads(pickle.dumps(forwards))
    for frame in (0, 479, 480):
        alone = Timeline(pcm, Fraction(30000, 1001), measure_song(pcm))
        assert np.array_equal(alone.spectrum(frame), forwards.spectrum(frame))
        assert np.array_equal(unpickled.spectrum(frame), forwards.spectrum(frame))
        assert [getattr(alone, name)(frame) for name in SCALARS] == [getattr(forwards, name)(frame) for name in SCALARS]
        assert alone.analyser(frame, 2) == forwards.analyser(frame, 2)


def test_no_seam_shows_between_blocks(synth: Synth) -> None:
    steady = build_timeline(synth.pcm(synth.tone(80, 36, 0.3) + synth.tone(880, 36, 0.1)), Fraction(60))
    across = np.arange(60 * 15, 60 * 17)
    assert np.abs(np.diff(steady.spectra(across), axis=0)).max() < 0.01
    for name in SCALARS:
        values = np.array([getattr(steady, name)(frame) for frame in across.tolist()])
        assert np.abs(np.diff(values)).max() < 0.01, name


@pytest.mark.parametrize("fps", [24, 25, 60])
def test_the_look_does_not_depend_on_the_frame_rate(fps: int, synth: Synth) -> None:
    pcm = busy_song(synth, 12)
    stats = measure_song(pcm)
    usual, other = Timeline(pcm, FPS, stats), Timeline(pcm, Fraction(fps), stats)
    for second in range(1, 12):
        assert np.allclose(usual.spectrum(second * 30), other.spectrum(second * fps), atol=1e-6)
        for name in SCALARS:
            assert getattr(usual, name)(second * 30) == pytest.approx(getattr(other, name)(second * fps), abs=1e-6)
        assert usual.analyser(second * 30, 3) == other.analyser(second * fps, 3)


def test_silence_is_exactly_nothing(synth: Synth) -> None:
    timeline = build_timeline(synth.pcm(np.concatenate([synth.noise(2, 0.3), synth.silence(4)])), FPS)
    assert not timeline.spectrum(150).any()
    assert [getattr(timeline, name)(150) for name in SCALARS] == [0.0] * 6
    assert timeline.spectrum(30).mean() > 0.1
    for outside in (-1, timeline.n_frames, 10**9):
        assert not timeline.spectrum(outside).any()
        assert timeline.bass(outside) == timeline.analyser(outside, 0) == 0.0
        assert not timeline.waveform(outside, 64, 0.05).any()


def test_spectra_takes_frames_in_any_order_and_outside_the_song(synth: Synth) -> None:
    timeline = build_timeline(busy_song(synth, 20), FPS)
    spectra = timeline.spectra(np.array([550, -3, 10, 10**6, 10]))
    assert spectra.shape == (5, N_BANDS)
    assert np.array_equal(spectra[0], timeline.spectrum(550))
    assert np.array_equal(spectra[2], spectra[4])
    assert not spectra[1].any()
    assert not spectra[3].any()


@pytest.mark.parametrize("fps", [24, 30, 60])
def test_light_rises_within_a_frame_of_the_click(fps: int, synth: Synth) -> None:
    times_s = 0.4 + np.cumsum(np.random.default_rng(5).uniform(0.45, 0.8, 25))
    timeline = build_timeline(synth.pcm(synth.hits(times_s, times_s[-1] + 1)), Fraction(fps))
    frames = np.arange(timeline.n_frames)
    spectrum_rise = np.diff(timeline.spectra(frames).mean(axis=1), prepend=0)
    pulse_rise = np.diff([timeline.onset_pulse(frame) for frame in frames.tolist()], prepend=0)
    for time_s in times_s:
        near = frames[np.abs(frames - time_s * fps) < 4]
        assert abs(near[spectrum_rise[near].argmax()] - time_s * fps) < 1.0
        assert abs(near[pulse_rise[near].argmax()] - time_s * fps) <= 0.51


def test_pulses_fall_from_their_events_and_take_the_strongest(synth: Synth) -> None:
    song, times_s = synth.pulse_train(120, 12)
    timeline = build_timeline(synth.pcm(song), FPS)
    frame = round(float(times_s[6]) * 30)
    assert timeline.beat_pulse(frame) == pytest.approx(1.0, abs=0.2)
    assert timeline.beat_pulse(frame + 6, decay_s=0.2) == pytest.approx(timeline.beat_pulse(frame) / np.e, abs=0.01)
    assert timeline.onset_pulse(frame - 1) < 0.2
    assert timeline.beat_pulse(frame + 5, decay_s=10.0) <= 1.0
    assert timeline.beat_index(frame) == timeline.beat_index(frame - 1) + 1
    assert timeline.beat_index(0) == 0
    assert timeline.beat_index(timeline.n_frames - 1) == len(timeline.stats.beats_s)


def test_registers_follow_their_own_part_of_the_sound(synth: Synth) -> None:
    song = np.concatenate([synth.tone(60, 4, 0.6), synth.tone(800, 4, 0.4), synth.tone(8000, 4, 0.3)])
    timeline = build_timeline(synth.pcm(song), FPS)
    heard = {name: [getattr(timeline, name)(frame) for frame in (75, 195, 315)] for name in ("bass", "mid", "treble")}
    assert [int(np.argmax(values)) for values in heard.values()] == [0, 1, 2]
    assert all(max(values) > 0.7 and sorted(values)[1] < 0.1 for values in heard.values())


def test_weight_is_bass_with_mass(synth: Synth) -> None:
    song = np.concatenate([synth.silence(2), synth.tone(60, 2, 0.6), synth.silence(3)])
    timeline = build_timeline(synth.pcm(song), Fraction(60))
    weights = np.array([timeline.weight(frame) for frame in range(timeline.n_frames)])
    assert weights[:115].max() == 0.0
    assert 0.8 < weights.max() <= 1.1001
    assert 4 < weights.argmax() - 120 < 20
    assert np.abs(np.diff(weights)).max() < 0.2
    assert weights[-30:].max() == 0.0


def test_a_loud_passage_uses_the_range_without_sticking_to_its_top(synth: Synth) -> None:
    timeline = build_timeline(busy_song(synth), FPS)
    tallest = timeline.spectra(np.arange(30, 1100)).max(axis=1)
    assert 0.75 < np.percentile(tallest, 90) <= 1.0
    assert (timeline.spectra(np.arange(30, 1100)) > 0.99).mean() < 0.02


def test_the_waveform_is_the_sound_round_the_frame(synth: Synth) -> None:
    timeline = build_timeline(synth.pcm(synth.tone(100, 2, 0.5)), FPS)
    points = timeline.waveform(30, 441, 0.01)
    assert points.dtype == np.float32
    seconds = 1.0 + (np.arange(441) - 220) / SAMPLE_RATE
    assert np.allclose(points, 0.5 * np.sin(2 * np.pi * 100 * seconds), atol=2e-3)


def test_a_decimated_waveform_does_not_alias(synth: Synth) -> None:
    high = build_timeline(synth.pcm(synth.tone(9973, 4, 0.8)), FPS)
    assert np.abs(high.waveform(60, 200, 1.0)).max() < 0.02


@pytest.mark.parametrize("freqs_hz", [(110,), (261.6,), (82.4, 164.8, 247.2)])
def test_a_triggered_waveform_stands_still_on_a_steady_tone(freqs_hz: tuple[float, ...], synth: Synth) -> None:
    chord = sum((synth.tone(freq_hz, 3, 0.25) for freq_hz in freqs_hz), synth.silence(3))
    timeline = build_timeline(synth.pcm(chord), FPS)
    drawn = np.array([timeline.waveform(frame, 300, 0.02, trigger=True) for frame in range(30, 60)])
    assert np.abs(drawn - drawn[0]).max() < 0.03
    assert abs(drawn[0, 149:151].mean()) < 0.03


def test_the_envelope_is_the_outline_of_the_song(synth: Synth) -> None:
    song = np.concatenate([synth.silence(5), synth.tone(300, 5, 0.8), synth.tone(300, 5, 0.2)])
    timeline = build_timeline(synth.pcm(song), FPS)
    for n_points in (15, 300, 9000):
        envelope = timeline.envelope(n_points)
        assert envelope.shape == (n_points,)
        third = n_points // 3
        assert envelope[: third - 1].max() < 0.05
        assert envelope[third + 1 : 2 * third - 1] == pytest.approx(1.0, abs=0.05)
        assert envelope[2 * third + 1 :] == pytest.approx(0.25, abs=0.05)


def test_a_long_song_takes_hardly_more_memory_than_a_short_one(synth: Synth) -> None:
    """The files are sparse, so they cost no disk; what may grow is a few dozen bytes for each 10 ms."""
    peaks = []
    for duration_s in (30, 240):
        path = synth.folder / f"{duration_s}.pcm"
        with path.open("wb") as file:
            file.truncate(duration_s * SAMPLE_RATE * 2)
        tracemalloc.start()
        timeline = build_timeline(Pcm.open(path), FPS)
        timeline.spectra(np.arange(0, timeline.n_frames, timeline.n_frames // 3))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 8_000_000
    assert peaks[1] < 60_000_000


def test_what_is_done_with_a_spectrum_stays_with_whoever_asked_for_it(synth: Synth) -> None:
    timeline = build_timeline(synth.pcm(synth.tone(440, 3)), FPS)
    first = timeline.spectrum(45)
    kept = first.copy()
    first[:] = 7
    timeline.spectra(np.array([45]))[:] = 7
    assert np.array_equal(timeline.spectrum(45), kept)

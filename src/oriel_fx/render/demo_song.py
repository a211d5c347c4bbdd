"""The demo song: "Glass Hours" by Oriel FX, synthesised here, so that `oriel demo` needs nobody's recording.

A pad, a sub bass, drums and a plucked arpeggio over Am9 – Fmaj9 – Cadd9 – G6/9 at 110 BPM. The form stretches
with the duration: intro, groove, a one-beat break, full, a last chord that rings out. The same arguments give
the same samples. Audio inside is float32 of shape (2, samples) or (samples,), full scale ±1, at 44.1 kHz.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from oriel_fx.errors import UsageError
from oriel_fx.render import demo_instruments as instruments
from oriel_fx.render.demo_instruments import RATE, Audio

Section = Literal["intro", "groove", "full"]

TITLE = "Glass Hours"
ARTIST = "Oriel FX"
BPM = 110.0
BEAT_S = 60.0 / BPM
SHORTEST_S, LONGEST_S = 1.0, 900.0
RING_S = 2.0  # the last chord rings at least this long, and up to one bar more

# Every voice moves by a third or less from chord to chord, round the loop too.
CHORDS = (
    (57, 60, 64, 67, 71),  # Am9:    A C E G B
    (57, 60, 64, 67, 72),  # Fmaj9:  A C E G C over F
    (55, 60, 64, 67, 74),  # Cadd9:  G C E G D
    (55, 59, 64, 69, 74),  # G6/9:   G B E A D
)
ROOTS = (33, 29, 36, 31)
LAST_CHORD = (55, 60, 64, 71, 74)  # Cmaj9
LAST_ROOT = 36
GROOVE_KICKS, FULL_KICKS = (0.0, 2.0, 2.5), (0.0, 1.0, 2.0, 3.0)
# Beat within the bar, length in beats, semitones above the root.
BASS_LINE = ((0.0, 0.7, 0), (0.75, 0.5, 0), (1.5, 0.45, 12), (2.0, 0.7, 0), (2.75, 0.45, 0), (3.5, 0.45, 7))
SWING = 0.08  # beats by which every second sixteenth comes late
PAD_RELEASE_S = 0.7
ECHO_BEATS = 0.75


@dataclass(frozen=True)
class Form:
    """Where things happen: one section per bar (the last may be cut short), beats in all, samples in all."""

    sections: tuple[Section, ...]
    beats: int
    samples: int

    def chord(self, bar: int) -> int:
        """Index of the bar's chord; the loop is aligned so that the groove starts on the first one."""
        return (bar - self.sections.count("intro")) % len(CHORDS)

    def is_break(self, beat: float) -> bool:
        """Whether the beat (counted from the start) is in the breath before a full section."""
        bar = int(beat // 4)
        following = self.sections[bar + 1] if bar + 1 < len(self.sections) else None
        return beat % 4 >= 3 and self.sections[bar] == "groove" and following == "full"


def plan_form(duration_s: float) -> Form:
    """Lay the sections out over a duration in seconds (1 … 900)."""
    beats = int((duration_s - min(RING_S, 0.4 * duration_s)) / BEAT_S + 1e-6)
    if beats >= 8:
        beats -= beats % 4
    bars = max(1, -(-beats // 4))
    intro = 0 if bars < 3 else min(8, max(1, round(0.2 * bars)))
    rest = bars - intro
    pairs = max(1, round(rest / 32))
    edges = [round(rest * i / (2 * pairs)) for i in range(2 * pairs + 1)]
    sections: list[Section] = ["intro"] * intro
    for i, (start, stop) in enumerate(pairwise(edges)):
        sections += ["full" if i % 2 else "groove"] * (stop - start)
    return Form(tuple(sections), beats, round(duration_s * RATE))


def _place(bus: Audio, sound: Audio, at_s: float, gain: float | Audio = 1.0) -> None:
    """Add a sound to a bus from a time in seconds on; what reaches past the end is dropped."""
    start = round(at_s * RATE)
    count = min(sound.shape[-1], bus.shape[-1] - start)
    if count > 0:
        bus[..., start : start + count] += sound[..., :count] * gain


def _pan(lean: float, gain: float) -> Audio:
    """Gains (2, 1) that place a sound between left (-1) and right (1)."""
    return np.array([[gain * (1 - lean)], [gain * (1 + lean)]], np.float32)


def _openness(form: Form, beats: NDArray[np.float64]) -> Audio:
    """How open the pad's filter is at each beat: opening in the intro, then breathing every eight bars."""
    intro = 4 * form.sections.count("intro")
    base = np.where(beats < intro, 0.25 + 0.45 * beats / max(1, intro), 0.7)
    full = [form.sections[min(len(form.sections) - 1, int(beat // 4))] == "full" for beat in beats]
    return (base + 0.2 * np.sin(2 * np.pi * beats / 32) + np.where(full, 0.45, 0.0)).astype(np.float32)


def _play_pad(form: Form, bus: Audio, rng: np.random.Generator) -> None:
    """Hold one chord a bar, each crossfading into the next."""
    loops = [instruments.pad_loops(rng, chord) for chord in CHORDS]
    levels = {"intro": 0.07, "groove": 0.1, "full": 0.125}
    for bar, section in enumerate(form.sections):
        length = min(4, form.beats - 4 * bar) * BEAT_S + PAD_RELEASE_S
        openness = _openness(form, 4 * bar + np.linspace(0, 4, 9))
        sound = instruments.pad_note(loops[form.chord(bar)], length, openness)
        _place(bus, instruments.soften_edges(sound, 0.35, PAD_RELEASE_S), bar * 4 * BEAT_S, levels[section])


def _play_bass(form: Form, bus: Audio) -> None:
    """The bass line on the chord's root, in every bar that has drums."""
    for bar, section in enumerate(form.sections):
        for beat, length, up in BASS_LINE:
            at = 4 * bar + beat
            if section == "intro" or at >= form.beats or form.is_break(at):
                continue
            note = ROOTS[form.chord(bar)] + up
            _place(bus, instruments.bass(note, length * BEAT_S), at * BEAT_S, 0.2 if up else 0.24)


def _kicks(form: Form) -> Iterator[float]:
    """The beats on which the kick falls, counted from the start; the last chord gets one too."""
    for bar, section in enumerate(form.sections):
        pattern = {"intro": (), "groove": GROOVE_KICKS, "full": FULL_KICKS}[section]
        for beat in pattern:
            if 4 * bar + beat < form.beats and not form.is_break(4 * bar + beat):
                yield 4 * bar + beat
    yield float(form.beats)


def _duck(form: Form, bus: Audio) -> None:
    """Pull the pad and bass down under each kick and let them swell back (the side-chain pump), in place."""
    t = instruments.time_axis(BEAT_S / 2 - 0.002)
    rise = np.clip((t - 0.012) / (t[-1] - 0.012), 0, 1)
    pump = 1 - 0.62 * np.clip(t / 0.012, 0, 1) * (0.5 + 0.5 * np.cos(np.pi * rise**0.8))
    for beat in _kicks(form):
        start = round(beat * BEAT_S * RATE)
        part = bus[:, start : start + pump.size]
        part *= pump[: part.shape[1]].astype(np.float32)


def _play_drums(form: Form, bus: Audio, send: Audio, rng: np.random.Generator) -> None:
    """Kick, clap on two and four, swung hats that never hit twice alike, a swell out of each break."""
    kick, snare, swell = instruments.kick(), instruments.snare(rng), instruments.swell(rng, BEAT_S)
    closed, opened = [instruments.hat(rng, 0.028) for _ in range(4)], instruments.hat(rng, 0.09)
    for beat in _kicks(form):
        _place(bus, kick, beat * BEAT_S, 0.62)
    for sixteenth in range(4 * form.beats):
        at, section = sixteenth / 4, form.sections[sixteenth // 16]
        velocity = 0.7 + 0.3 * rng.random()
        if section == "intro":
            continue
        if form.is_break(at):
            if at % 1 == 0:
                _place(bus, swell, at * BEAT_S, 0.03)
            continue
        if at % 2 == 1:
            _place(bus, snare, at * BEAT_S, 0.5)
            _place(send, snare, at * BEAT_S, 0.22)
        late = SWING if sixteenth % 2 else 0.0
        accent = (0.5, 0.3, 0.9, 0.36)[sixteenth % 4]
        if section == "full" or sixteenth % 2 == 0:
            pan = _pan(0.2 * (-1) ** sixteenth, 0.3 * accent * velocity)
            _place(bus, closed[sixteenth % 4], (at + late) * BEAT_S, pan)
        if section == "full" and sixteenth % 4 == 2:
            _place(bus, opened, at * BEAT_S, 0.13 * velocity)


def _pluck_echoes(bus: Audio, send: Audio, note: int, at_s: float, level: float, side: int) -> None:
    """One plucked note and its ping-pong echoes: darker, ever softer, on alternate sides (side: -1 or 1)."""
    for echo in range(4):
        lean = (0.65 if echo else 0.35) * side * (-1) ** echo
        gain = level * 0.42**echo
        sound = instruments.pluck(note, echo == 0)
        _place(bus, sound, at_s + echo * ECHO_BEATS * BEAT_S, _pan(lean, gain))
        _place(send, sound, at_s + echo * ECHO_BEATS * BEAT_S, 0.8 * gain)


def _play_arpeggio(form: Form, bus: Audio, send: Audio, rng: np.random.Generator) -> None:
    """Eighths through the chord in the intro, sixteenths with rests later, an octave higher in full."""
    figure = [0, 2, 4, 1, 3, 2, 4, 3, 0, 3, 2, 4, 1, 4, 3, 2]
    shift = int(rng.integers(0, 5))
    for sixteenth in range(4 * form.beats):
        at, bar = sixteenth / 4, sixteenth // 16
        section = form.sections[bar]
        velocity = 0.75 + 0.25 * rng.random()
        skipped = rng.random() < (0.3 if section == "groove" else 0.15)
        if form.is_break(at) or (section == "intro" and sixteenth % 2) or (sixteenth % 2 and skipped):
            continue
        note = CHORDS[form.chord(bar)][(figure[sixteenth % 16] + shift) % 5] + 12
        if section == "full" and sixteenth % 3 == 0:
            note += 12
        level = {"intro": 0.06, "groove": 0.085, "full": 0.1}[section] * velocity
        late = SWING if sixteenth % 2 else 0.0
        _pluck_echoes(bus, send, note, (at + late) * BEAT_S, level, 1 if sixteenth % 4 < 2 else -1)


def _play_last_chord(form: Form, bus: Audio, send: Audio, rng: np.random.Generator) -> None:
    """Cmaj9, strummed, over a long bass note, left to ring to the end of the song."""
    at_s = form.beats * BEAT_S
    seconds = form.samples / RATE - at_s
    openness = np.linspace(1.0, 0.0, 9, dtype=np.float32)
    pad = instruments.pad_note(instruments.pad_loops(rng, LAST_CHORD), seconds, openness)
    pad *= np.exp(-instruments.time_axis(seconds)[: pad.shape[1]] / np.float32(0.6 * seconds))
    _place(bus, instruments.soften_edges(pad, 0.03, 0.5 * seconds), at_s, 0.13)
    _place(bus, instruments.bass(LAST_ROOT, round(0.8 * seconds, 6)), at_s, 0.24)
    for i, note in enumerate(LAST_CHORD):
        _pluck_echoes(bus, send, note + 12, at_s + 0.045 * i * min(1.0, seconds), 0.09, 1 if i % 2 else -1)


def _add_reverb(bus: Audio, send: Audio, rng: np.random.Generator) -> None:
    """Convolve the send with a room of decaying noise and add it to the bus, block by block (overlap-add)."""
    size, t = 1 << 18, instruments.time_axis(1.9)
    fall = np.exp(-t / 0.36) * np.clip((t - 0.012) / 0.02, 0, 1)
    middle, side = (instruments.noise(rng, 1.9, 260, 3800) * fall for _ in range(2))
    room = np.stack([middle + 0.6 * side, middle - 0.6 * side])
    room /= np.sqrt(np.sum(room**2, axis=1, keepdims=True))
    spectrum, hop = np.fft.rfft(room, size), size - t.size
    for start in range(0, send.size, hop):
        wet = np.fft.irfft(np.fft.rfft(send[start : start + hop], size) * spectrum, size)
        part = bus[:, start : start + size]
        part += wet[:, : part.shape[1]]


def _master(bus: Audio, ring_samples: int) -> None:
    """Saturate gently, fade the last ring to silence, bring the peak to -1 dBFS. In place, in blocks."""
    drive, block = 1.3 / float(max(bus.max(), -bus.min())), 1 << 18
    for start in range(0, bus.shape[1], block):
        part = bus[:, start : start + block]
        np.tanh(part * np.float32(drive), out=part)
    tail = bus[:, -max(2, round(0.6 * ring_samples)) :]
    tail *= np.cos(np.linspace(0, np.pi / 2, tail.shape[1], dtype=np.float32)) ** 2
    bus *= np.float32(10 ** (-1 / 20) / float(max(bus.max(), -bus.min())))


def synthesise(duration_s: float, seed: int) -> Audio:
    """The finished song: float32 (2, samples), peak -1 dBFS."""
    form = plan_form(duration_s)
    rng = np.random.default_rng(seed)
    bus, send = np.zeros((2, form.samples), np.float32), np.zeros(form.samples, np.float32)
    _play_pad(form, bus, rng)
    _play_bass(form, bus)
    _duck(form, bus)
    send += np.float32(0.16) * (bus[0] + bus[1])
    _play_arpeggio(form, bus, send, rng)
    _play_drums(form, bus, send, rng)
    _play_last_chord(form, bus, send, rng)
    _add_reverb(bus, send, rng)
    _master(bus, form.samples - round(form.beats * BEAT_S * RATE))
    return bus


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _tags() -> bytes:
    """Title and artist as RIFF INFO, which ffmpeg and most players read, and as ID3, which mutagen reads."""
    info = _chunk(b"INAM", TITLE.encode() + b"\0") + _chunk(b"IART", ARTIST.encode() + b"\0")
    frames = b""
    for name, text in ((b"TIT2", TITLE), (b"TPE1", ARTIST)):
        frames += name + struct.pack(">IH", len(text) + 1, 0) + b"\0" + text.encode("latin-1")
    # ID3 sizes keep seven bits a byte; under 128 that is the plain number.
    id3 = b"ID3\x03\0\0" + struct.pack(">I", len(frames)) + frames
    return _chunk(b"LIST", b"INFO" + info) + _chunk(b"id3 ", id3)


def write_demo_song(path: Path, duration_s: float = 24.0, seed: int = 7) -> None:
    """Write the demo song: a tagged 16-bit stereo 44.1 kHz WAV of exactly round(duration_s × 44100) samples.

    `duration_s`: 1 … 900 seconds. `seed` varies the arpeggio, hats and noise, never harmony or form.
    Raises UsageError for a duration out of range and OSError when the file cannot be written.
    """
    if not SHORTEST_S <= duration_s <= LONGEST_S:
        raise UsageError(
            f"The demo song cannot be {duration_s:g} s long.",
            f"Ask for {SHORTEST_S:g} to {LONGEST_S:g} seconds.",
        )
    song = synthesise(duration_s, seed)
    data_size = 4 * song.shape[1]
    layout = _chunk(b"fmt ", struct.pack("<HHIIHH", 1, 2, RATE, 4 * RATE, 4, 16)) + _tags()
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 4 + len(layout) + 8 + data_size) + b"WAVE" + layout)
        file.write(b"data" + struct.pack("<I", data_size))
        for start in range(0, song.shape[1], 1 << 18):
            block = np.rint(song[:, start : start + (1 << 18)].T * 32767)
            file.write(block.astype("<i2").tobytes())

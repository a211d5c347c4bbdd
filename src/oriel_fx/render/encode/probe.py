"""What a finished file really holds, packet by packet, and whether that is what was asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from oriel_fx.errors import VerifyError
from oriel_fx.render.encode.command import list_packets
from oriel_fx.render.encode.process import find_ffmpeg, run_ffmpeg


@dataclass(frozen=True)
class Stream:
    """One stream's packets: how many, when the first is shown and when the last ends (seconds), and gaps between."""

    packets: int
    start_s: float
    end_s: float
    even: bool


@dataclass(frozen=True)
class Probe:
    video: Stream | None
    audio: Stream | None


_TIME_BASE = re.compile(r"#tb (\d+): (\d+)/(\d+)")
_MEDIA = re.compile(r"#media_type (\d+): (\w+)")


def probe(file: Path) -> Probe:
    """Read every packet's times of a file's first video and audio stream. Raises EncodeError when it cannot be read."""
    text = run_ffmpeg(list_packets(find_ffmpeg(), file), file)
    bases = {int(i): Fraction(int(n), int(d)) for i, n, d in _TIME_BASE.findall(text)}
    kinds = {int(i): kind for i, kind in _MEDIA.findall(text)}
    times: dict[int, list[tuple[int, int]]] = {index: [] for index in bases}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            index, _, pts, duration = (int(part) for part in line.split(",")[:4])
            times[index].append((pts, duration))
    streams = {kinds[index]: _stream(sorted(rows), bases[index]) for index, rows in times.items() if rows}
    return Probe(streams.get("video"), streams.get("audio"))


def _stream(rows: list[tuple[int, int]], base: Fraction) -> Stream:
    steps = {after[0] - before[0] for before, after in pairwise(rows)} or {0}
    # Where times are whole milliseconds, most frame rates do not fall on them.
    uneven = 1 if base == Fraction(1, 1000) else 0
    even = max(steps) - min(steps) <= uneven
    return Stream(len(rows), float(rows[0][0] * base), float((rows[-1][0] + rows[-1][1]) * base), even)


def verify(file: Path, n_frames: int, fps: Fraction, audio_s: float) -> None:
    """Check frame count, even spacing, stream starts and durations. Raises VerifyError saying what differs."""
    found = probe(file)
    frame_s = float(1 / fps)
    faults = []
    if found.video is None or found.audio is None:
        faults.append("a stream is missing")
    else:
        if found.video.packets != n_frames:
            faults.append(f"{found.video.packets} frames instead of {n_frames}")
        if not found.video.even:
            faults.append("frames are not evenly spaced")
        if abs(found.video.start_s) > 1e-3:
            faults.append(f"the picture starts at {found.video.start_s:.3f} s")
        if abs(found.video.end_s - n_frames * frame_s) > frame_s:
            faults.append(f"the picture lasts {found.video.end_s:.3f} s instead of {n_frames * frame_s:.3f} s")
        # AAC codes blocks of 1024 samples: one leads in, and the last one is filled up.
        block_s = 1024 / 44100
        if not -1.1 * block_s <= found.audio.start_s <= 1e-3:
            faults.append(f"the sound starts at {found.audio.start_s:.3f} s")
        if abs(found.audio.end_s - audio_s) > frame_s + block_s:
            faults.append(f"the sound lasts {found.audio.end_s:.3f} s instead of {audio_s:.3f} s")
    if faults:
        raise VerifyError(
            f"{file.name} is not what was asked for: {'; '.join(faults)}.",
            "Run it again with --no-resume; if that does not help, please report this.",
        )

"""Before a render: how many frames it will have, about how long it will take, how many processes suit the machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oriel_fx.render.spec import RenderSpec

# CPU seconds per million pixels of one frame, drawing and encoding, on the two-core server these were measured on.
CPU_S_PER_MEGAPIXEL = {"draft": 0.008, "standard": 0.018, "high": 0.055}
START_S = 1.0


@dataclass(frozen=True)
class Estimate:
    """What a render will be; `seconds` of work, or None where only a page could tell."""

    n_frames: int
    width: int
    height: int
    fps: Fraction
    seconds: float | None


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_jobs() -> int:
    """Each encoder keeps about two cores busy, so more processes only help where there are more cores."""
    return max(1, cores() // 2)


def estimate(song: Path, spec: RenderSpec, filmed: bool = False) -> Estimate:
    """Frames and seconds of work a song needs, from its header. Raises SongError, SpecError.

    `filmed`: it is a page's picture, and how long pages take to draw differs a hundredfold.
    """
    # The server reads the numbers above in processes that never draw.
    from oriel_fx.render.audio import probe_song
    from oriel_fx.render.prepare import frame_range

    width, height = spec.output.size_px
    fps = spec.output.frames_per_s
    duration_s = probe_song(song).duration_s
    first, stop = frame_range(spec, duration_s) if duration_s else (0, 0)
    cpu_s = (stop - first) * width * height / 1e6 * CPU_S_PER_MEGAPIXEL[spec.output.quality]
    return Estimate(stop - first, width, height, fps, None if filmed else START_S + cpu_s / cores())

"""Stills: one frame of a song's video, or a contact sheet of it, without rendering the rest."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from oriel_fx.errors import OutputError, SpecError
from oriel_fx.render.assets import Assets, NoAssets
from oriel_fx.render.audio import measure_song, read_tags
from oriel_fx.render.chunks import write_whole
from oriel_fx.render.colors import hex_to_rgb
from oriel_fx.render.early import EarlySong
from oriel_fx.render.pixels import Planes, to_rgb
from oriel_fx.render.prepare import PreparedSong, moves_on_beats
from oriel_fx.render.scene import Pixels
from oriel_fx.render.setup import build_beside
from oriel_fx.render.spec import RenderSpec
from oriel_fx.render.text import Figures, TextStyle

# OpenCV's options for each kind; it complains aloud about one that belongs to another.
FORMATS = {
    ".png": [cv2.IMWRITE_PNG_COMPRESSION, 1],
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 93],
    ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, 93],
    ".webp": [cv2.IMWRITE_WEBP_QUALITY, 92],
}


def render_frame(
    song: str | Path,
    at_s: float = 0.0,
    spec: RenderSpec | None = None,
    *,
    assets: Assets | None = None,
    early: EarlySong | None = None,
) -> NDArray[np.uint8]:
    """The frame a video of this song shows at a time: RGB uint8, height × width × 3, as a player decodes it.

    `early` is a song that is being decoded already. Raises what render_video raises for the song, the spec and
    the assets, and SpecError past the song's end.
    """
    return render_frames(song, [at_s], spec, assets=assets, early=early)[0]


def render_frames(
    song: str | Path,
    times_s: list[float],
    spec: RenderSpec | None = None,
    *,
    assets: Assets | None = None,
    early: EarlySong | None = None,
) -> list[NDArray[np.uint8]]:
    """Several frames as in `render_frame`, for the price of decoding once."""

    def checked(duration_s: float) -> list[float]:
        if any(not time_s >= 0 for time_s in times_s):
            raise SpecError("A time in the song is 0 seconds or more.", "Count from the song's start.")
        late = next((time_s for time_s in times_s if time_s > duration_s), None)
        if late is not None:
            raise SpecError(f"{late:g} s is past the song's end at {duration_s:.1f} s.", "Choose an earlier time.")
        return times_s

    return _draw(Path(song), checked, spec or RenderSpec.from_config({}), assets, early)[0]


def _draw(
    song: Path,
    choose_times: Callable[[float], list[float]],
    spec: RenderSpec,
    assets: Assets | None,
    early: EarlySong | None = None,
) -> tuple[list[NDArray[np.uint8]], list[float], float]:
    """Frames at the times chosen once the song's true length is known; those times; that length."""
    with nullcontext(early) if early else EarlySong(song) as started, ThreadPoolExecutor(1, "oriel-prepare") as pool:
        preparing = pool.submit(_prepared, started, spec)
        prepared, engine = build_beside(preparing, song, spec, assets or NoAssets())
        fps, duration_s = spec.output.frames_per_s, prepared.pcm.duration_s
        times_s = choose_times(duration_s)
        n_frames = max(1, round(duration_s * fps))
        planes = Planes.empty(*spec.output.size_px)
        pictures = []
        for at_s in times_s:
            engine.draw(min(n_frames - 1, int(Fraction(at_s) * fps + Fraction(1, 1000))), planes)
            pictures.append(to_rgb(planes))
        return pictures, times_s, duration_s


def _prepared(started: EarlySong, spec: RenderSpec) -> PreparedSong:
    decoded, stats = started.result()
    if moves_on_beats(spec):
        stats = measure_song(decoded.pcm)
    tags = read_tags(started.song)
    return PreparedSong(started.song, decoded.pcm, stats, tags, decoded.warnings, decoded.source_rate_hz)


def contact_sheet(
    song: str | Path,
    spec: RenderSpec | None = None,
    *,
    count: int = 9,
    columns: int = 3,
    assets: Assets | None = None,
) -> NDArray[np.uint8]:
    """Frames spread over the song on one picture, each with its time: RGB uint8, about 1,920 pixels wide."""
    from oriel_fx.render.layers.progress import clock
    from oriel_fx.render.scene import Surface

    spec = spec or RenderSpec.from_config({})

    def spread(duration_s: float) -> list[float]:
        return [duration_s * (i + 0.5) / count for i in range(count)]

    pictures, times_s, duration_s = _draw(Path(song), spread, spec, assets)
    gap = 24
    width = (1920 - gap * (columns + 1)) // columns
    height = round(width * pictures[0].shape[0] / pictures[0].shape[1])
    rows = -(-count // columns)
    label = 40
    sheet = np.full((gap + rows * (height + label + gap), 1920, 4), 255, np.uint8)
    sheet[..., :3] = (np.array(hex_to_rgb("#16171c")) * 255).astype(np.uint8)
    surface = Surface(sheet)
    figures = Figures(TextStyle(20, "medium", 0.02, "#f6f3ee", 0.8))
    for number, (time_s, picture) in enumerate(zip(times_s, pictures, strict=True)):
        left = gap + number % columns * (width + gap)
        top = gap + number // columns * (height + label + gap)
        sheet[top : top + height, left : left + width, :3] = cv2.resize(
            picture, (width, height), interpolation=cv2.INTER_AREA
        )
        figures.draw(surface.canvas, clock(time_s, duration_s), left, top + height + label / 2, "left")
    return np.ascontiguousarray(sheet[..., :3])


def write_picture(path: Path, rgb: Pixels) -> None:
    """Write RGB pixels as PNG, JPEG or WebP, whole or not at all. Raises OutputError."""
    if path.suffix.lower() not in FORMATS:
        raise OutputError(f"{path.name} does not end in .png, .jpg or .webp.", "Choose such a name with -o.")
    done, data = cv2.imencode(path.suffix.lower(), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), FORMATS[path.suffix.lower()])
    assert done
    write_whole(path, data.tobytes(), durable=False)

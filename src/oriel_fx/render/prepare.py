"""A song made ready to be drawn: decoded, measured, and cut to the frames that are shown.

Nothing heavy is imported here, so that decoding can start while the rest of the library is still being loaded.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from oriel_fx.errors import OutputError, SpecError
from oriel_fx.render.audio import DecodedSong, Pcm, SongStats, Tags, decode_song, measure_song, read_tags
from oriel_fx.render.cancel import Cancelled, never
from oriel_fx.render.early import EarlySong
from oriel_fx.render.spec import RenderSpec


@dataclass(frozen=True)
class PreparedSong:
    """A song ready to be drawn, on any process that sees its PCM file."""

    path: Path
    pcm: Pcm
    stats: SongStats
    tags: Tags
    warnings: tuple[str, ...]
    source_rate_hz: int


def prepare_song(
    song: Path, folder: Path, rhythm: bool = True, cancelled: Cancelled = never, early: EarlySong | None = None
) -> PreparedSong:
    """Decode a song into `folder` and measure it, its rhythm only where asked for.

    `early` is the song being decoded already, somewhere else.

    Raises SongError, OutputError, DependencyError, RenderCancelledError.
    """
    decoded = _decode(song, folder, cancelled, early)
    stats = measure_song(decoded.pcm, rhythm, cancelled)
    return PreparedSong(song, decoded.pcm, stats, read_tags(song), decoded.warnings, decoded.source_rate_hz)


def _decode(song: Path, folder: Path, cancelled: Cancelled, early: EarlySong | None) -> DecodedSong:
    if early:
        # Where it is decoded to may be full when `folder` is not.
        with suppress(OutputError):
            return early.move_to(folder, cancelled)
    return decode_song(song, folder, cancelled)


def moves_on_beats(spec: RenderSpec) -> bool:
    """Whether anything in a spec follows the song's onsets or beats, rather than its spectrum."""
    on_beats = any(effect.type in ("flash", "shake", "zoom") for effect in spec.effects)
    pulsing = any(effect.type == "bloom" and effect.pulse > 0 for effect in spec.effects)
    return on_beats or pulsing or spec.background.beat_zoom > 0


def first_frame(spec: RenderSpec) -> int:
    """The first frame of the song that is shown, where the song is long enough."""
    return round(Fraction(spec.output.start) * spec.output.frames_per_s)


def frame_range(spec: RenderSpec, duration_s: float) -> tuple[int, int]:
    """First frame of the song that is shown, and the one past the last. Raises SpecError when none are left."""
    fps = spec.output.frames_per_s
    n_frames = max(1, round(duration_s * fps))
    first = first_frame(spec)
    if first >= n_frames:
        raise SpecError(
            f"The start, {spec.output.start:g} s, is past the song's end at {duration_s:.1f} s.",
            "Choose an earlier --start.",
            "output.start",
        )
    wanted = n_frames if spec.output.duration is None else max(1, round(Fraction(spec.output.duration) * fps))
    return first, min(n_frames, first + wanted)

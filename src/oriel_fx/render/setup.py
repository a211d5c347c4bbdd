"""From a song and a spec to an engine: decode, measure, gather the scene."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from oriel_fx.errors import AssetError, OutputError, SpecError
from oriel_fx.render.assets import Assets, decode_image
from oriel_fx.render.audio import (
    Pcm,
    SongStats,
    Tags,
    Timeline,
    decode_song,
    measure_song,
    read_cover,
    read_tags,
)
from oriel_fx.render.colors import hex_to_rgb, mix, srgb_to_oklab
from oriel_fx.render.engines.native import NativeEngine
from oriel_fx.render.layout import Layout
from oriel_fx.render.scene import Palette, Pixels, Scene
from oriel_fx.render.spec import RenderSpec

COVER = "cover"


@dataclass(frozen=True)
class PreparedSong:
    """A song ready to be drawn, on any process that sees its PCM file."""

    path: Path
    pcm: Pcm
    stats: SongStats
    tags: Tags
    cover: bytes | None
    warnings: tuple[str, ...]


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder for what is read once and thrown away. Raises OutputError when there is no place for one."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="oriel-")
    except OSError as error:
        raise OutputError(
            f"No temporary folder can be made: {error.strerror}.",
            "Free some space, or set TMPDIR to a folder that has some.",
        ) from None
    with folder as path:
        yield Path(path)


def prepare_song(song: Path, folder: Path) -> PreparedSong:
    """Decode a song into `folder` and measure it. Raises SongError, OutputError, DependencyError."""
    decoded = decode_song(song, folder)
    return PreparedSong(
        song, decoded.pcm, measure_song(decoded.pcm), read_tags(song), read_cover(song), decoded.warnings
    )


def frame_range(spec: RenderSpec, duration_s: float) -> tuple[int, int]:
    """First frame of the song that is shown, and the one past the last. Raises SpecError when none are left."""
    fps = spec.output.frames_per_s
    n_frames = max(1, round(duration_s * fps))
    first = round(Fraction(spec.output.start) * fps)
    if first >= n_frames:
        raise SpecError(
            f"The start, {spec.output.start:g} s, is past the song's end at {duration_s:.1f} s.",
            "Choose an earlier --start.",
            "output.start",
        )
    wanted = n_frames if spec.output.duration is None else max(1, round(Fraction(spec.output.duration) * fps))
    return first, min(n_frames, first + wanted)


def build_scene(song: PreparedSong, spec: RenderSpec, assets: Assets) -> Scene:
    """Everything the layers need to know. Raises AssetError for a picture or font that cannot be used."""
    width, height = spec.output.size_px
    named = {key: value for key, value in spec.tags.model_dump().items() if value is not None}
    tags = replace(song.tags, **named)
    images: dict[str, Pixels] = {}

    def load_image(name: str) -> Pixels:
        if name not in images:
            images[name] = _cover(song, tags, spec.seed) if name == COVER else _asset_image(assets, name)
        return images[name]

    return Scene(
        layout=Layout(width, height),
        timeline=Timeline(song.pcm, spec.output.frames_per_s, song.stats),
        tags=tags,
        palette=_palette(spec, load_image),
        seed=spec.seed,
        range_frames=frame_range(spec, song.pcm.duration_s),
        load_image=load_image,
        load_font=assets.find,
    )


def build_engine(song: PreparedSong, spec: RenderSpec, assets: Assets) -> NativeEngine:
    """The engine that draws this spec for this song."""
    return NativeEngine(spec, build_scene(song, spec, assets))


def _asset_image(assets: Assets, name: str) -> Pixels:
    path = assets.find(name)
    return decode_image(path.read_bytes(), str(path))


def _cover(song: PreparedSong, tags: Tags, seed: int) -> Pixels:
    """The song's own cover art, or one drawn from its title."""
    if song.cover:
        try:
            return decode_image(song.cover, "the cover art")
        except AssetError:
            # Broken art in a file is not the user's mistake in the spec; the drawn cover stands in.
            pass
    from oriel_fx.render.generative_cover import draw_cover

    return draw_cover(tags.title, tags.artist, seed)


def _palette(spec: RenderSpec, load_image: object) -> Palette:
    """The spec's colours; what it leaves open comes from the cover."""
    from oriel_fx.render.palette import INK, palette_of

    wanted = spec.palette
    hues = wanted.hues
    if hues and wanted.ground:
        ground = wanted.ground
    else:
        assert callable(load_image)
        found = palette_of(load_image(COVER))
        hues = hues or list(found.hues)
        ground = wanted.ground or found.ground
    dark_ground = float(srgb_to_oklab(np.array(hex_to_rgb(ground), np.float32))[0]) < 0.6
    ink = wanted.ink or (INK if dark_ground else mix(ground, "#0b0d12", 0.93))
    return Palette((hues[0], hues[min(1, len(hues) - 1)], hues[-1]), ground, ink)

"""From a prepared song and a spec to an engine: artwork, scene, layers."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from oriel_fx.errors import AssetError
from oriel_fx.render.assets import Assets
from oriel_fx.render.audio import (
    Tags,
    Timeline,
    read_cover,
    read_tags,
)
from oriel_fx.render.background import Ground
from oriel_fx.render.colors import hex_to_rgb, mix, srgb_to_oklab
from oriel_fx.render.engines.native import NativeEngine
from oriel_fx.render.layers.text import PLACEHOLDERS
from oriel_fx.render.layout import Layout
from oriel_fx.render.pictures import decode_image
from oriel_fx.render.prepare import PreparedSong, frame_range
from oriel_fx.render.scene import Artwork, Palette, Pixels, Scene
from oriel_fx.render.spec import RenderSpec
from oriel_fx.render.text import fill_template, missing_characters

COVER = "cover"
# Sizes covers are drawn at; one for colours alone, so that they do not depend on the size of the video.
SMALLEST_COVER_PX, LARGEST_COVER_PX, PALETTE_COVER_PX = 256, 1024, 128


def gather_artwork(song: Path, spec: RenderSpec, assets: Assets) -> Artwork:
    """Tags, cover, colours and pictures. Raises AssetError for a picture that cannot be used."""
    tags = _with_own_words(read_tags(song), spec)
    images: dict[str, Pixels] = {}
    size_px = _cover_size_px(spec)

    def cover(at_px: int) -> Pixels:
        if assets.cover:
            return decode_image(assets.cover.read_bytes(), "the cover")
        return _cover(song, tags, spec.seed, at_px)

    def load_image(name: str) -> Pixels:
        if name not in images:
            images[name] = cover(size_px) if name == COVER else _asset_image(assets, name)
        return images[name]

    return Artwork(
        layout=Layout(*spec.output.size_px),
        tags=tags,
        palette=_palette(spec, lambda: cover(PALETTE_COVER_PX)),
        seed=spec.seed,
        load_image=load_image,
        load_font=assets.find,
    )


def _with_own_words(tags: Tags, spec: RenderSpec) -> Tags:
    """The song's tags, those that the spec gives in their place."""
    return replace(tags, **{key: value for key, value in spec.tags.model_dump().items() if value is not None})


def undrawn_characters(spec: RenderSpec, song_tags: Tags, assets: Assets) -> str:
    """The characters in the spec's type, tags put in, that no font on this machine can draw. Raises AssetError."""
    tags = _with_own_words(song_tags, spec)
    missing = ""
    for layer in spec.layers:
        if layer.type == "text":
            text = fill_template(layer.text, {name: getattr(tags, name) for name in PLACEHOLDERS})
            if not text.isascii():
                missing += missing_characters(text, assets.find(layer.font) if layer.font else None)
    # Marks and joiners that stand on others or show nothing are not missed.
    return "".join(c for c in dict.fromkeys(missing) if unicodedata.category(c) not in ("Cf", "Cc", "Mn"))


def build_scene(song: PreparedSong, spec: RenderSpec, artwork: Artwork) -> Scene:
    """Everything the layers need to know."""
    return Scene(
        **{field.name: getattr(artwork, field.name) for field in fields(Artwork)},
        timeline=Timeline(song.pcm, spec.output.frames_per_s, song.stats),
        range_frames=frame_range(spec, song.pcm.duration_s),
    )


def build_engine(song: PreparedSong, spec: RenderSpec, assets: Assets) -> NativeEngine:
    """The engine that draws this spec for this song. Raises AssetError."""
    artwork = gather_artwork(song.path, spec, assets)
    return NativeEngine(spec, build_scene(song, spec, artwork), Ground(spec.background, artwork))


def build_beside(
    preparing: Future[PreparedSong], song: Path, spec: RenderSpec, assets: Assets
) -> tuple[PreparedSong, NativeEngine]:
    """The song that another thread prepares, ffmpeg's work mostly, and its engine; artwork is made meanwhile."""
    artwork = gather_artwork(song, spec, assets)
    ground = Ground(spec.background, artwork)
    prepared = preparing.result()
    return prepared, NativeEngine(spec, build_scene(prepared, spec, artwork), ground)


def _asset_image(assets: Assets, name: str) -> Pixels:
    path = assets.find(name)
    return decode_image(path.read_bytes(), str(path))


def _cover_size_px(spec: RenderSpec) -> int:
    """How large a drawn cover is needed: as the largest layer shows it, and small where only its blur is seen."""
    unit = min(spec.output.size_px)
    widths = [layer.width * unit * 1.1 for layer in spec.layers if layer.type == "image" and layer.source == COVER]
    background = spec.background
    if background.type == "image" and background.source == COVER and background.blur < 0.02:
        widths.append(LARGEST_COVER_PX)
    return min(LARGEST_COVER_PX, max([SMALLEST_COVER_PX, *(round(width) for width in widths)]))


def _cover(song: Path, tags: Tags, seed: int, size_px: int) -> Pixels:
    """The song's own cover art, or one drawn from its title."""
    if data := read_cover(song):
        try:
            return decode_image(data, "the cover art")
        except AssetError:
            # Broken art in a file is not the user's mistake in the spec; the drawn cover stands in.
            pass
    from oriel_fx.render.generative_cover import draw_cover

    return draw_cover(tags.title, tags.artist, seed, size_px)


def _palette(spec: RenderSpec, load_cover: Callable[[], Pixels]) -> Palette:
    """The spec's colours; what it leaves open comes from the cover."""
    from oriel_fx.render.palette import INK, palette_of

    wanted = spec.palette
    hues = wanted.hues
    if hues and wanted.ground:
        ground = wanted.ground
    else:
        found = palette_of(load_cover())
        hues = hues or list(found.hues)
        ground = wanted.ground or found.ground
    dark_ground = float(srgb_to_oklab(np.array(hex_to_rgb(ground), np.float32))[0]) < 0.6
    ink = wanted.ink or (INK if dark_ground else mix(ground, "#0b0d12", 0.93))
    return Palette((hues[0], hues[min(1, len(hues) - 1)], hues[-1]), ground, ink)

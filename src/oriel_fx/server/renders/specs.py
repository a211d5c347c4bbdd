"""Configs from the API: the library's spec, bounded, and naming no file but the job's own uploads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

from oriel_fx.errors import DependencyError, SpecError
from oriel_fx.render.prepare import frame_range
from oriel_fx.render.spec import RenderSpec
from oriel_fx.server.errors import InvalidConfigError
from oriel_fx.server.settings import Settings

COVER, BACKGROUND = "cover", "background"


def read_spec(config: Any, settings: Settings, uploaded: set[str]) -> RenderSpec:
    """The spec of a config, the original frontend's flat kind too. Raises InvalidConfigError with every fault."""
    try:
        spec = RenderSpec.from_config(config)
    except SpecError as error:
        raise invalid(error, *error.others) from None
    if faults := [*_size_faults(spec, settings), *_file_faults(spec, uploaded), *_page_faults(spec)]:
        raise invalid(*faults)
    return spec


def count_frames(spec: RenderSpec, song_s: float) -> int:
    """How many frames the video has. Raises InvalidConfigError where it starts past the song's end."""
    try:
        first, stop = frame_range(spec, song_s)
    except SpecError as error:
        raise invalid(error) from None
    return stop - first


def invalid(*faults: SpecError) -> InvalidConfigError:
    """The API's answer for these faults."""
    lines = [{"path": fault.path, "message": fault.message, "hint": fault.hint} for fault in faults]
    return InvalidConfigError(faults[0].message, faults=lines)


def _size_faults(spec: RenderSpec, settings: Settings) -> Iterator[SpecError]:
    longest = max(spec.output.size_px)
    if longest > settings.max_size_px:
        yield _fault("output.size", f"The longer side is {longest} pixels; at most {settings.max_size_px} are allowed.")
    if spec.output.frames_per_s > settings.max_fps:
        yield _fault("output.fps", f"At most {settings.max_fps:g} frames per second are allowed.")
    for name, entries in (("layers", spec.layers), ("effects", spec.effects)):
        if len(entries) > settings.max_layers:
            yield _fault(name, f"There are {len(entries)} {name}; at most {settings.max_layers} are allowed.")
    for number, layer in enumerate(spec.layers):
        if layer.type == "text" and len(layer.text) > settings.max_text_chars:
            yield _fault(f"layers.{number}.text", f"A text has at most {settings.max_text_chars} characters.")


def _file_faults(spec: RenderSpec, uploaded: set[str]) -> Iterator[SpecError]:
    """Sources that are no upload, and fonts: a path or an address is only a name here, and names nothing."""
    named = [(f"layers.{n}.source", layer.source) for n, layer in enumerate(spec.layers) if layer.type == "image"]
    if spec.background.type == "image":
        named.append(("background.source", spec.background.source))
    for path, source in named:
        if source == BACKGROUND and BACKGROUND not in uploaded:
            yield _fault(path, "The config uses the picture 'background', which was not uploaded.", "Add that part.")
        elif source not in (COVER, BACKGROUND):
            yield _fault(path, "A source is 'cover' or 'background', not a file or an address.", "Upload the picture.")
    for number, layer in enumerate(spec.layers):
        if layer.type == "text" and layer.font is not None:
            yield _fault(f"layers.{number}.font", "Fonts cannot be chosen here.", "Leave it out.")


def _page_faults(spec: RenderSpec) -> Iterator[SpecError]:
    """What the bundled page cannot show is said now, and not once it is paid for."""
    if spec.page is None:
        return
    from oriel_fx.render.engines.browser.build import classic_config

    try:
        classic_config(spec)
    except SpecError as error:
        yield error
    if not _can_film():
        yield _fault("page", "Pages are not filmed here.", "Leave it out: the preset 'classic' draws the same.")


@cache
def _can_film() -> bool:
    """Whether there are Playwright and a Chromium on this machine, and so on the workers': they share an image."""
    from oriel_fx.render.engines.browser.chromium import find_chromium

    try:
        find_chromium()
    except DependencyError:
        return False
    return find_spec("playwright") is not None


def _fault(path: str, message: str, hint: str = "") -> SpecError:
    return SpecError(message, hint, path)

"""From a spec and a song to a page being filmed; and what a page depends on, for resuming."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from oriel_fx.errors import SpecError
from oriel_fx.render.classic import KEYS
from oriel_fx.render.colors import hex_to_rgb
from oriel_fx.render.engines.browser.options import PageOptions

if TYPE_CHECKING:
    from oriel_fx.render.cancel import Cancelled
    from oriel_fx.render.engines.browser.engine import BrowserEngine
    from oriel_fx.render.prepare import PreparedSong
    from oriel_fx.render.spec import RenderSpec

# Of a page's folder, so many files are looked at to see whether it is still the same.
MOST_FILES = 5000


def page_of(spec: RenderSpec, page: PageOptions | None) -> PageOptions | None:
    """The page that is filmed, if one is: the one given, or the bundled one that the spec names."""
    if page and not page.bundled:
        return page
    if page is None and spec.page is None:
        return None
    return replace(page or PageOptions("classic"), config=classic_config(spec))


def classic_config(spec: RenderSpec) -> dict[str, Any]:
    """The bundled page's settings, under the original frontend's names. Raises SpecError."""
    layer = next((layer for layer in spec.layers if layer.type == "wireframe"), None)
    if layer is None:
        raise SpecError(
            "The page `classic` shows a wireframe layer, and this config has none.",
            "Start from the preset `classic`, or leave the page out.",
            "page",
        )
    named = {flat: getattr(layer, own) for flat, own in KEYS.items()}
    for flat in ("baseColor", "glowColor"):
        named[flat] = _plain_color(str(named[flat]), spec)
    return named | {"thickness": layer.thickness}


def _plain_color(color: str, spec: RenderSpec) -> str:
    """A colour as the page takes it. Raises SpecError for one that only a cover could tell."""
    if color.startswith("palette."):
        hues = spec.palette.hues or []
        known = {"ground": spec.palette.ground, "ink": spec.palette.ink}
        known |= {str(number): hues[min(number, len(hues) - 1)] for number in range(3) if hues}
        found = known.get(color.removeprefix("palette."))
        if not found:
            raise SpecError(
                f"The page `classic` cannot take {color} from the cover.", "Write the colour as #rrggbb.", "page"
            )
        color = found
    return "#" + "".join(f"{round(part * 255):02x}" for part in hex_to_rgb(color))


def open_page(page: PageOptions, song: PreparedSong, spec: RenderSpec, cancelled: Cancelled) -> BrowserEngine:
    """The page open and ready for its first frame. Raises PageError, UsageError, DependencyError."""
    from oriel_fx.render.engines.browser.engine import BrowserEngine, SongFacts
    from oriel_fx.render.prepare import frame_range

    stop = frame_range(spec, song.pcm.duration_s)[1]
    return BrowserEngine(page, SongFacts(song.path, song.pcm.duration_s), spec, stop, cancelled)


def page_key(page: PageOptions) -> dict[str, str]:
    """What a finished part of a film depends on besides song and spec: the page, its options, its files."""
    place = page.place()
    options = {key: value for key, value in asdict(page).items() if key != "timeout_s"}
    digest = hashlib.blake2b(json.dumps(options, sort_keys=True, default=str).encode(), digest_size=16)
    if place.folder:
        for file in islice(sorted(place.folder.rglob("*")), MOST_FILES):
            if file.is_file() and file.suffix in (".html", ".js", ".mjs", ".css", ".json", ".glsl", ".svg", ".wasm"):
                digest.update(f"{file}{file.stat().st_size}{file.stat().st_mtime_ns}".encode())
    return {"page": f"{place.url} {digest.hexdigest()}"}

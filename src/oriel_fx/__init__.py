"""Oriel FX turns a song into a video: the public API.

Names are imported at their first use, so that `import oriel_fx` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oriel_fx.errors import (
        AssetError,
        DependencyError,
        EncodeError,
        OrielError,
        OutputError,
        PageError,
        RenderCancelledError,
        SongError,
        SpecError,
        UsageError,
        VerifyError,
    )
    from oriel_fx.render.analysis import SongAnalysis, analyze_song
    from oriel_fx.render.assets import Assets, LocalAssets
    from oriel_fx.render.engines.browser.options import PageOptions
    from oriel_fx.render.pipeline import Progress, RenderResult, render_video
    from oriel_fx.render.spec import RenderSpec
    from oriel_fx.render.stills import contact_sheet, render_frame, render_frames

_HOMES = {
    "oriel_fx.errors": (
        "AssetError",
        "DependencyError",
        "EncodeError",
        "OrielError",
        "OutputError",
        "PageError",
        "RenderCancelledError",
        "SongError",
        "SpecError",
        "UsageError",
        "VerifyError",
    ),
    "oriel_fx.render.analysis": ("SongAnalysis", "analyze_song"),
    "oriel_fx.render.assets": ("Assets", "LocalAssets"),
    "oriel_fx.render.engines.browser.options": ("PageOptions",),
    "oriel_fx.render.pipeline": ("Progress", "RenderResult", "render_video"),
    "oriel_fx.render.spec": ("RenderSpec",),
    "oriel_fx.render.stills": ("contact_sheet", "render_frame", "render_frames"),
}

__all__ = [
    "AssetError",
    "Assets",
    "DependencyError",
    "EncodeError",
    "LocalAssets",
    "OrielError",
    "OutputError",
    "PageError",
    "PageOptions",
    "Progress",
    "RenderCancelledError",
    "RenderResult",
    "RenderSpec",
    "SongAnalysis",
    "SongError",
    "SpecError",
    "UsageError",
    "VerifyError",
    "analyze_song",
    "contact_sheet",
    "render_frame",
    "render_frames",
    "render_video",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

"""A program of its own that draws one preview still, so that it can be limited in time and memory.

    python -I -m oriel_fx.server.renders.draw_still '{"song": …, "spec": …, "at_s": …, "to": …, …}'

Beside the song it keeps the decoded sound and its measures, so that the next still of the job comes sooner.
"""

from __future__ import annotations

import contextlib
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from oriel_fx.render.assets import FoundAssets
from oriel_fx.render.audio import Pcm, SongStats, read_tags
from oriel_fx.render.chunks import write_whole
from oriel_fx.render.pixels import Planes, to_rgb
from oriel_fx.render.prepare import PreparedSong, moves_on_beats, prepare_song
from oriel_fx.render.scene import Pixels
from oriel_fx.render.setup import build_engine
from oriel_fx.render.spec import RenderSpec
from oriel_fx.server.renders.watermark import draw_watermark

_KEPT = "measured.json"


def main(argument: str) -> None:
    """Draw what the JSON argument asks for."""
    task = json.loads(argument)
    song, spec = Path(task["song"]), RenderSpec.model_validate(task["spec"])
    assets = FoundAssets(
        {name: Path(path) for name, path in task["assets"].items()}, Path(task["cover"]) if task["cover"] else None
    )
    prepared = _prepared(song, spec)
    rgb = _frame(prepared, spec, assets, task["at_s"])
    if task["watermark"]:
        rgb = draw_watermark(rgb)
    quality = cv2.IMWRITE_WEBP_QUALITY if task["suffix"] == ".webp" else cv2.IMWRITE_JPEG_QUALITY
    done, data = cv2.imencode(task["suffix"], cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [quality, 88])
    assert done
    write_whole(Path(task["to"]), data.tobytes(), durable=False)


def _frame(prepared: PreparedSong, spec: RenderSpec, assets: FoundAssets, at_s: float) -> Pixels:
    """The frame at a time of the song, as a player decodes it from the video."""
    engine = build_engine(prepared, spec, assets)
    fps = spec.output.frames_per_s
    n_frames = max(1, round(prepared.pcm.duration_s * fps))
    planes = Planes.empty(*spec.output.size_px)
    engine.draw(min(n_frames - 1, int(Fraction(at_s) * fps + Fraction(1, 1000))), planes)
    return np.asarray(to_rgb(planes), np.uint8)


def _prepared(song: Path, spec: RenderSpec) -> PreparedSong:
    """The song decoded and measured, as an earlier still left it or anew."""
    kept, rhythm = song.with_name(_KEPT), moves_on_beats(spec)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        facts: dict[str, Any] = json.loads(kept.read_text())
        pcm = Pcm(song.with_name("song.pcm"), facts["n_samples"])
        if pcm.path.stat().st_size == 2 * pcm.n_samples and facts["rhythm"] == rhythm:
            stats = SongStats.from_dict(facts["stats"])
            return PreparedSong(song, pcm, stats, read_tags(song), (), facts["source_rate_hz"])
    prepared = prepare_song(song, song.parent, rhythm)
    facts = {
        "n_samples": prepared.pcm.n_samples,
        "stats": prepared.stats.to_dict(),
        "rhythm": rhythm,
        "source_rate_hz": prepared.source_rate_hz,
    }
    write_whole(kept, json.dumps(facts).encode(), durable=False)
    return prepared


if __name__ == "__main__":
    main(sys.argv[1])

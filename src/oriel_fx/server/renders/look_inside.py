"""A program of its own that reads an upload's tags and pictures, because hostile ones can crash or fill a process.

    python -I -m oriel_fx.server.renders.look_inside '{"song": …, "pictures": {name: [from, to]}, …}'

It prints one JSON line before each step, and one with what it found; the last line says where it died, if it did.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from oriel_fx.errors import AssetError

LONGEST_SIDE_PX = 4096


def main(argument: str) -> None:
    """Do what the JSON argument asks for."""
    task = json.loads(argument)
    found: dict[str, Any] = {}
    for name, (source, target) in task["pictures"].items():
        _say(step=name)
        found[name] = _reencode(Path(source), Path(target), task["max_pixels"])
    _say(step="audio")
    found["audio"] = _read_song(Path(task["song"]), task["max_bytes"], task["max_pixels"])
    _say(found=found)


def _say(**values: Any) -> None:
    print(json.dumps(values), flush=True)


def _reencode(source: Path, target: Path, max_pixels: int) -> dict[str, Any]:
    """Decode a picture and write it anew, without metadata, no larger than any video needs."""
    import cv2
    import numpy as np

    from oriel_fx.render.pictures import decode_image, picture_size

    data = source.read_bytes()
    size = picture_size(data)
    if size is None:
        return {"fault": "broken"}
    if size[0] * size[1] > max_pixels:
        return {"fault": "pixels"}
    try:
        pixels = decode_image(data, "picture")
    except AssetError:
        return {"fault": "broken"}
    scale = LONGEST_SIDE_PX / max(pixels.shape[:2])
    if scale < 1:
        smaller = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        pixels = np.asarray(cv2.resize(pixels, smaller, interpolation=cv2.INTER_AREA), np.uint8)
    alpha = pixels[..., 3:].astype(np.float32)
    if alpha.min() == 255:
        kind, options = "jpeg", [cv2.IMWRITE_JPEG_QUALITY, 94]
        done, encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGR), options)
    else:
        kind, options = "png", [cv2.IMWRITE_PNG_COMPRESSION, 3]
        # Decoding multiplied the colours by alpha; files hold them as they are.
        pixels[..., :3] = np.clip(pixels[..., :3] * (255 / np.maximum(alpha, 1)) + 0.5, 0, 255).astype(np.uint8)
        done, encoded = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA), options)
    if not done:
        return {"fault": "broken"}
    target.write_bytes(encoded.tobytes())
    return {"kind": kind}


def _read_song(song: Path, max_bytes: int, max_pixels: int) -> dict[str, Any]:
    """The song's own title and artist, and what is wrong with the picture inside it."""
    from oriel_fx.render.audio import read_cover, read_tags
    from oriel_fx.render.audio.tags import title_from_name
    from oriel_fx.render.pictures import decode_image, picture_size

    tags = read_tags(song)
    found: dict[str, Any] = {
        "title": "" if tags.title == title_from_name(song) else tags.title,
        "artist": tags.artist,
    }
    if art := read_cover(song):
        size = picture_size(art)
        if len(art) > max_bytes:
            return found | {"fault": "bytes"}
        if size and size[0] * size[1] > max_pixels:
            return found | {"fault": "pixels"}
        # For one that is broken the renderer draws a cover; decoded here to see whether it does harm.
        with contextlib.suppress(AssetError):
            decode_image(art, "cover art")
    return found


if __name__ == "__main__":
    main(sys.argv[1])

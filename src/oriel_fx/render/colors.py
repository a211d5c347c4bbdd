"""Colours: parsing, and mixing in a perceptual space.

OKLab is Björn Ottosson's (https://bottosson.github.io/posts/oklab/, 2020).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from oriel_fx.render.nearest import did_you_mean

Rgb = tuple[float, float, float]

NAMED = {
    "black": "#000000",
    "white": "#ffffff",
    "red": "#ff0000",
    "green": "#008000",
    "blue": "#0000ff",
    "yellow": "#ffff00",
    "cyan": "#00ffff",
    "magenta": "#ff00ff",
    "orange": "#ffa500",
    "purple": "#800080",
    "pink": "#ffc0cb",
    "gray": "#808080",
    "grey": "#808080",
    "gold": "#ffd700",
    "coral": "#ff7f50",
    "crimson": "#dc143c",
    "indigo": "#4b0082",
    "ivory": "#fffff0",
    "lavender": "#e6e6fa",
    "lime": "#00ff00",
    "maroon": "#800000",
    "navy": "#000080",
    "olive": "#808000",
    "salmon": "#fa8072",
    "silver": "#c0c0c0",
    "teal": "#008080",
    "tomato": "#ff6347",
    "turquoise": "#40e0d0",
    "violet": "#ee82ee",
}
PALETTE_NAMES = ("palette.0", "palette.1", "palette.2", "palette.ground", "palette.ink")
_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})\Z")


def normalise_color(value: object) -> str:
    """Return `#rrggbb` or a `palette.…` name from `#rgb`, `#rrggbb`, a colour name or an integer 0xRRGGBB.

    Raises ValueError saying what a colour looks like.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0xFFFFFF:
        return f"#{value:06x}"
    if isinstance(value, str):
        text = value.strip().lower()
        text = NAMED.get(text, text)
        if text in PALETTE_NAMES:
            return text
        if _HEX.match(text):
            return text if len(text) == 7 else "#" + "".join(c * 2 for c in text[1:])
    guess = did_you_mean(value, [*NAMED, *PALETTE_NAMES]) if isinstance(value, str) else ""
    palette = ", ".join(PALETTE_NAMES)
    raise ValueError(f"{value!r} is not a colour{guess}; write #rrggbb, a name such as 'white', or {palette}")


def _color_schema(names: Iterable[str], words: str) -> dict[str, Any]:
    return {
        "anyOf": [
            {"type": "string", "pattern": "^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"},
            {"enum": list(names)},
            {"type": "integer", "minimum": 0, "maximum": 0xFFFFFF},
        ],
        "description": f"#rrggbb, a colour name, {words}or an integer 0xRRGGBB",
    }


def _plain_color(color: str) -> str:
    if color in PALETTE_NAMES:
        raise ValueError(f"{color!r} is what a palette defines; write a plain colour here")
    return color


Color = Annotated[
    str,
    BeforeValidator(normalise_color),
    WithJsonSchema(_color_schema([*NAMED, *PALETTE_NAMES], "a palette colour, ")),
]
PlainColor = Annotated[
    str,
    BeforeValidator(normalise_color),
    AfterValidator(_plain_color),
    WithJsonSchema(_color_schema(NAMED, "")),
]


def hex_to_rgb(color: str) -> Rgb:
    """`#rrggbb` → red, green, blue in 0..1 (sRGB)."""
    return (int(color[1:3], 16) / 255, int(color[3:5], 16) / 255, int(color[5:7], 16) / 255)


def rgb_to_hex(rgb: Rgb | NDArray[np.float32]) -> str:
    """Red, green, blue in 0..1 → `#rrggbb`."""
    return "#" + "".join(f"{round(min(1.0, max(0.0, float(c))) * 255):02x}" for c in rgb)


def srgb_to_linear(srgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """sRGB 0..1 → linear light 0..1, any shape (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


def linear_to_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear light → sRGB, clipped to 0..1, any shape (IEC 61966-2-1)."""
    clipped = np.clip(linear, 0.0, 1.0)
    return np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055).astype(np.float32)


_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
CONES_TO_RGB = np.linalg.inv(_LMS.astype(np.float64)).astype(np.float32)
LAB_TO_CONES = np.linalg.inv(_LAB.astype(np.float64)).astype(np.float32)


def srgb_to_oklab(srgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """sRGB 0..1, shape (…, 3) → OKLab, same shape: lightness 0..1, then a and b."""
    return np.asarray(np.cbrt(srgb_to_linear(srgb) @ _LMS.T) @ _LAB.T, np.float32)


def oklab_to_srgb(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """OKLab, shape (…, 3) → sRGB clipped to 0..1, same shape."""
    return linear_to_srgb(np.asarray((lab @ LAB_TO_CONES.T) ** 3 @ CONES_TO_RGB.T, np.float32))


def ramp(colors: list[str] | tuple[str, ...], positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mix evenly spaced colour stops in OKLab.

    `positions`: any shape, 0..1 along the stops (clipped). Returns sRGB 0..1 of shape positions.shape + (3,).
    """
    stops = srgb_to_oklab(np.array([hex_to_rgb(c) for c in colors], np.float32))
    if len(stops) == 1:
        stops = np.repeat(stops, 2, axis=0)
    where = np.clip(positions, 0.0, 1.0) * (len(stops) - 1)
    low = np.minimum(where.astype(np.int32), len(stops) - 2)
    part = (where - low)[..., None]
    return oklab_to_srgb(stops[low] * (1 - part) + stops[low + 1] * part)


def ramp_hex(colors: list[str] | tuple[str, ...], count: int) -> list[str]:
    """`count` colours evenly spaced along the stops, mixed in OKLab."""
    if count == 1:
        return [colors[0]]
    return [rgb_to_hex(rgb) for rgb in ramp(colors, np.linspace(0, 1, count, dtype=np.float32))]


@lru_cache(maxsize=4096)
def mix(first: str, second: str, amount: float) -> str:
    """The colour `amount` (0..1) of the way from first to second, in OKLab. Remembered: round what changes often."""
    return rgb_to_hex(ramp([first, second], np.array([amount], np.float32))[0])


def skia_color(color: str, opacity: float = 1.0) -> int:
    """`#rrggbb` and an opacity 0..1 as Skia's 0xAARRGGBB."""
    return (round(min(1.0, max(0.0, opacity)) * 255) << 24) | int(color[1:], 16)


@lru_cache(maxsize=4096)
def blend(first: str, second: str, amount: float) -> str:
    """The colour `amount` (0..1) of the way from first to second in sRGB, as transparency mixes. Remembered too."""
    pairs = zip(hex_to_rgb(first), hex_to_rgb(second), strict=True)
    red, green, blue = (a + (b - a) * min(1.0, max(0.0, amount)) for a, b in pairs)
    return rgb_to_hex((red, green, blue))

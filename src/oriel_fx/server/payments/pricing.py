"""What a render costs."""

from __future__ import annotations

import math

from oriel_fx.server.settings import Settings, SizeClass

# A class by the number of pixels, so that square and vertical videos cost what their size is worth.
_LIMITS: tuple[tuple[int, SizeClass], ...] = (
    (1280 * 720, "720p"),
    (1920 * 1080, "1080p"),
    (2560 * 1440, "1440p"),
)


def size_class(width_px: int, height_px: int) -> SizeClass:
    """The price class of a video's size."""
    pixels = width_px * height_px
    return next((name for limit, name in _LIMITS if pixels <= limit), "4k")


def price_cents(settings: Settings, width_px: int, height_px: int, duration_s: float) -> int:
    """The price in cents of `settings.currency`: for each started minute, at least one."""
    minutes = max(1, math.ceil(round(duration_s, 3) / 60))
    return minutes * settings.prices_cents[size_class(width_px, height_px)]

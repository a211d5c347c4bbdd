"""Where things stand: rectangles in pixels, and a layout relative to the short side of the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Anchor = Literal[
    "top-left",
    "top",
    "top-right",
    "left",
    "center",
    "right",
    "bottom-left",
    "bottom",
    "bottom-right",
    "middle",
]
Aspect = Literal["landscape", "square", "portrait"]

SAFE_MARGIN = 0.05
# Where the apps lay their own buttons over a vertical video.
PORTRAIT_TOP, PORTRAIT_BOTTOM = 0.10, 0.18


@dataclass(frozen=True)
class Rect:
    """A rectangle of whole pixels: left and top inside, right and bottom outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return max(0, self.right - self.left)

    @property
    def height(self) -> int:
        return max(0, self.bottom - self.top)

    @property
    def area(self) -> int:
        return self.width * self.height

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows, then columns, to index a picture with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def overlaps(self, other: Rect) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def union(self, other: Rect) -> Rect:
        return Rect(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def intersect(self, other: Rect) -> Rect:
        left, top = max(self.left, other.left), max(self.top, other.top)
        return Rect(left, top, max(left, min(self.right, other.right)), max(top, min(self.bottom, other.bottom)))

    def grow(self, pixels: int) -> Rect:
        return Rect(self.left - pixels, self.top - pixels, self.right + pixels, self.bottom + pixels)

    def align(self, step: int) -> Rect:
        """The smallest rectangle round this one whose edges are multiples of `step`."""
        return Rect(
            self.left // step * step,
            self.top // step * step,
            -(-self.right // step) * step,
            -(-self.bottom // step) * step,
        )

    @staticmethod
    def around(left: float, top: float, right: float, bottom: float) -> Rect:
        """The whole pixels touched by a rectangle given in fractions of pixels."""
        return Rect(math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))


def aspect_of(width: int, height: int) -> Aspect:
    """Which of the three kinds of picture this size is."""
    ratio = width / height
    return "landscape" if ratio > 1.15 else "portrait" if ratio < 0.85 else "square"


@dataclass(frozen=True)
class Layout:
    """Turns anchors and short-side fractions into pixels, so that each aspect ratio is composed, not cropped."""

    width: int
    height: int

    @property
    def unit(self) -> float:
        """Pixels in the short side; every length in a spec is a fraction of it."""
        return float(min(self.width, self.height))

    @property
    def frame(self) -> Rect:
        return Rect(0, 0, self.width, self.height)

    @property
    def safe(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the area where type and subjects stay, in pixels."""
        margin = SAFE_MARGIN * self.unit
        tall = self.height / self.width > 1.5
        top = PORTRAIT_TOP * self.height if tall else margin
        bottom = PORTRAIT_BOTTOM * self.height if tall else margin
        return margin, top, self.width - margin, self.height - bottom

    def place(self, anchor: Anchor, x: float, y: float) -> tuple[float, float]:
        """The pixel `x`, `y` short sides right of and below an anchor of the safe area.

        `center` is the safe area's centre; `middle` is the picture's, which differs in a vertical video.
        """
        if anchor == "middle":
            return self.width / 2 + x * self.unit, self.height / 2 + y * self.unit
        left, top, right, bottom = self.safe
        across = left if "left" in anchor else right if "right" in anchor else (left + right) / 2
        down = top if "top" in anchor else bottom if "bottom" in anchor else (top + bottom) / 2
        return across + x * self.unit, down + y * self.unit

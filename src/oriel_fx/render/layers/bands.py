"""From the timeline's bands to the values of a layer's bars."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.scene import Frame

Order = Literal["plain", "mirror", "ring"]

# A peak mark stands, then falls this much of the full height a second.
PEAK_FALL_PER_S = 0.55
PEAK_MEMORY_S = 1.6


class BandPicker:
    """Resamples a spectrum (128 bands, 0..1) to `count` bars: means where bars are wider than a band, else between.

    Orders: `plain` low to high; `mirror` high-low-high; `ring` low at the bottom, high at the top, both sides alike.
    """

    def __init__(self, count: int, order: Order, n_bands: int = 128) -> None:
        if order == "plain":
            matrix = _resampler(count, n_bands)
        else:
            half = _resampler((count + 1) // 2, n_bands)
            fall = half[::-1] if count % 2 == 0 else half[:0:-1]
            matrix = np.concatenate([fall, half]) if order == "mirror" else np.concatenate([half, fall])
        self._matrix = matrix

    def pick(self, spectrum: NDArray[np.float32]) -> NDArray[np.float32]:
        """Spectrum (128,) → float32 (count,), 0..1."""
        # Not a matrix product: OpenBLAS would wake a thread per core for it, beside the encoder's.
        picked: NDArray[np.float32] = np.einsum("ij,j->i", self._matrix, spectrum)
        return picked


def _resampler(count: int, n_bands: int) -> NDArray[np.float32]:
    """A (count, n_bands) matrix whose rows sum to one: triangles as wide as a bar, at least a band wide."""
    centres = (np.arange(count) + 0.5) * n_bands / count - 0.5
    reach = max(1.0, n_bands / count)
    weights = np.maximum(0.0, 1 - np.abs(np.arange(n_bands)[None, :] - centres[:, None]) / reach)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def peaks(frame: Frame) -> NDArray[np.float32]:
    """Height each band's peak mark has fallen to, float32 (128,): looked up in the past, so any frame stands alone."""
    fps = float(frame.timeline.fps)
    ages = np.arange(round(PEAK_MEMORY_S * fps))
    history = frame.timeline.spectra(frame.index - ages)
    fallen: NDArray[np.float32] = (history - (PEAK_FALL_PER_S * ages / fps)[:, None].astype(np.float32)).max(axis=0)
    return np.maximum(fallen, 0.0)

"""Weighted sums over frequency bins, without BLAS.

BLAS would spread these small products over all cores and let its threads spin for each other. Beside an
encoder that keeps every core busy that was measured at five times the CPU time of one thread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.audio.pcm import Floats

# OpenBLAS stays on one thread up to 262 144 multiplications.
_MOST_PRODUCTS = 131_072


@dataclass(frozen=True)
class SparseWeights:
    """A (bins, bands) matrix with few non-zeros, as the bins that count, band after band.

    `starts` is where each band's begin, `empty` the bands without any, `n_bins` how many bins are read.
    """

    bins: NDArray[np.int64]
    weights: Floats
    starts: NDArray[np.int64]
    empty: NDArray[np.int64]
    n_bins: int

    @classmethod
    def of(cls, matrix: NDArray[np.float64]) -> SparseWeights:
        kept = matrix != 0
        empty = np.flatnonzero(~kept.any(axis=0))
        # A sum needs at least one term: a band without any takes the first bin's and is zeroed after.
        kept[0, empty] = True
        bands, bins = np.nonzero(kept.T)
        starts = np.searchsorted(bands, np.arange(matrix.shape[1]))
        return cls(bins, matrix[bins, bands].astype(np.float32), starts, empty, int(bins.max()) + 1)

    def sum(self, values: Floats) -> Floats:
        """values (n, bins) → (n, bands)."""
        sums: Floats = np.add.reduceat(values[:, self.bins] * self.weights, self.starts, axis=1)
        sums[:, self.empty] = 0.0
        return sums


def multiply(rows: Floats, matrix: Floats) -> Floats:
    """rows (n, k) @ matrix (k, m) → (n, m), a few rows at a time."""
    n, k = rows.shape
    step = max(1, _MOST_PRODUCTS // matrix.size)
    whole = n // step * step
    product = np.empty((n, matrix.shape[1]), np.float32)
    np.matmul(rows[:whole].reshape(-1, step, k), matrix, out=product[:whole].reshape(-1, step, matrix.shape[1]))
    np.matmul(rows[whole:], matrix, out=product[whole:])
    return product

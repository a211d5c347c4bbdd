"""Arrays as the C files see them."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.raster.library import Plane

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

# As in pixels.h.
LANES = 8


class Targets:
    """Planes (height, width) or pictures (height, width, channels) to draw on or to read; their rows may be apart.

    Worth keeping for arrays that are drawn on again and again: finding out where one lies takes a microsecond.
    """

    def __init__(self, *arrays: Bytes) -> None:
        self.arrays = arrays
        self.table = (Plane * len(arrays))(*[_plane(array) for array in arrays])
        self.alike = all(array.shape == arrays[0].shape for array in arrays)
        self.height, self.width = arrays[0].shape[:2]

    def __len__(self) -> int:
        return len(self.arrays)


def _plane(array: Bytes) -> Plane:
    height, width = array.shape[:2]
    channels = array.shape[2] if array.ndim == 3 else 1
    assert array.strides[1] == channels
    return Plane(array.ctypes.data, array.strides[0], width, height, channels)


def address(array: NDArray[Any]) -> int:
    """Where an array without gaps lies. In a quarter of the time of `array.ctypes.data` where it may be written to."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array.data))
    except (TypeError, ValueError):
        return array.ctypes.data


class _Scratch(threading.local):
    """Memory that is used again and again, each thread's own."""

    def __init__(self) -> None:
        self._row = np.empty(1, np.uint8)
        self._mask = np.empty(1, np.uint8)

    def row_of(self, n_bytes: int) -> int:
        """The address of so many bytes that may hold anything."""
        if self._row.size < n_bytes:
            self._row = np.empty(n_bytes, np.uint8)
        return address(self._row)

    def mask_of(self, n_bytes: int) -> int:
        """The address of so many zeros, which whoever uses them leaves zeros."""
        if self._mask.size < n_bytes:
            self._mask = np.zeros(n_bytes, np.uint8)
        return address(self._mask)


scratch = _Scratch()

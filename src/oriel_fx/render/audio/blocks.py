"""A small cache of blocks of rows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from oriel_fx.render.audio.pcm import Floats


class BlockCache:
    """Keeps the last few blocks of `compute(index)`; threads may share it, and none computes one twice."""

    def __init__(self, compute: Callable[[int], Floats], n_kept: int) -> None:
        self._compute = compute
        self._n_kept = n_kept
        self._blocks: OrderedDict[int, Floats] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, index: int) -> Floats:
        with self._lock:
            block = self._blocks.get(index)
            if block is None:
                block = self._blocks[index] = self._compute(index)
                if len(self._blocks) > self._n_kept:
                    self._blocks.popitem(last=False)
            else:
                self._blocks.move_to_end(index)
            return block

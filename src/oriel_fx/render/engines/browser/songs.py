"""The song as the page's Web Audio hears it: stretches of float samples, decoded as they are asked for."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.audio.child import start_child
from oriel_fx.render.audio.ffmpeg import ffmpeg_exe, input_args, parse_header, run_ffmpeg

Floats = NDArray[np.float32]
# What is kept behind the newest sample read: a stretch and its pre-roll look back that far at most.
KEPT_S = 60
BYTES_PER_SAMPLE = 8


class SongReader:
    """Reads any part of a song as left and right float32 at a rate; memory stays flat however long it is.

    One ffmpeg decodes onwards from where it is; going back further than what is kept starts it again.
    """

    def __init__(self, song: Path, rate_hz: int) -> None:
        self._song, self._rate_hz = song, rate_hz
        self._child: subprocess.Popen[bytes] | None = None
        self._kept = np.zeros((0, 2), np.float32)
        self._kept_from = 0
        self._ended = False
        self._lock = threading.Lock()

    def read(self, start: int, count: int) -> Floats:
        """Samples start..start + count as float32 (2, count); silence before and after the song."""
        with self._lock:
            if self._child is None or (start < self._kept_from and self._kept_from > 0):
                self._restart()
            self._read_to(start + count)
            result = np.zeros((count, 2), np.float32)
            first, stop = max(start, self._kept_from), min(start + count, self._kept_from + len(self._kept))
            if stop > first:
                result[first - start : stop - start] = self._kept[first - self._kept_from : stop - self._kept_from]
            return np.ascontiguousarray(result.T)

    def _restart(self) -> None:
        self.close()
        # ffmpeg takes 3 dB off a mono song that it makes stereo; Chromium does not.
        mono = parse_header(run_ffmpeg(input_args(self._song))[1]).channels == 1
        chain = "asetpts=N/SR/TB" + (",pan=stereo|c0=c0|c1=c0" if mono else "")
        command = [
            ffmpeg_exe(), "-v", "error", "-nostdin", *input_args(self._song), "-map", "0:a:0",
            "-af", chain, "-ac", "2", "-ar", str(self._rate_hz), "-f", "f32le", "pipe:1",
        ]  # fmt: skip
        self._child = start_child(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._kept, self._kept_from, self._ended = np.zeros((0, 2), np.float32), 0, False

    def _read_to(self, stop: int) -> None:
        assert self._child and self._child.stdout
        while not self._ended and self._kept_from + len(self._kept) < stop:
            missing = min(stop - self._kept_from - len(self._kept), 10 * self._rate_hz)
            data = self._child.stdout.read(missing * BYTES_PER_SAMPLE)
            self._ended = len(data) < missing * BYTES_PER_SAMPLE
            new = np.frombuffer(data[: len(data) // 8 * 8], "<f4").reshape(-1, 2)
            self._kept = np.concatenate([self._kept, new])
            spare = len(self._kept) - max(KEPT_S * self._rate_hz, stop - self._kept_from)
            if spare > 0:
                self._kept, self._kept_from = self._kept[spare:], self._kept_from + spare

    def close(self) -> None:
        if self._child:
            self._child.kill()
            self._child.communicate()
            self._child = None

"""Render a song from Python: progress, a clean stop on Ctrl-C, and a hash of one frame.

    python examples/library.py song.mp3 video.mp4 --size 720p

The hash is of the frame as a player shows it; the same song, spec and machine give the same one every time.
"""

from __future__ import annotations

import argparse
import hashlib
import signal
import sys
import threading
from pathlib import Path

from oriel_fx import OrielError, Progress, RenderSpec, render_frame, render_video


def main() -> int:
    parser = argparse.ArgumentParser(description="Render a song to a video.")
    parser.add_argument("song", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--preset", default="scope")
    parser.add_argument("--size", default="720p")
    options = parser.parse_args()

    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        spec = RenderSpec.from_config({"preset": options.preset, "output": {"size": options.size}})
        still = render_frame(options.song, 1.0, spec)
        digest = hashlib.sha256(still.tobytes()).hexdigest()
        print(f"frame at 1 s: {still.shape[1]}×{still.shape[0]}, {digest[:16]}")
        result = render_video(options.song, options.output, spec, force=True, on_progress=tell, cancelled=stop.is_set)
    except OrielError as error:
        print(f"{error.message} {error.hint}", file=sys.stderr)
        return error.exit_code
    print(f"{result.output}: {result.n_frames} frames in {result.elapsed_s:.1f} s")
    return 0


def tell(progress: Progress) -> None:
    pace = f" at {progress.fps:.0f} fps" if progress.fps else ""
    print(f"{progress.stage} {progress.frames}/{progress.n_frames}{pace}")


if __name__ == "__main__":
    sys.exit(main())

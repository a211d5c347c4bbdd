"""The benchmark: how close a whole render comes to the encoder alone.

Both read the same frames and run the same ffmpeg command; the rounds alternate, so that a noisy machine is as
unfair to one as to the other. Ratios taken in one run are what to compare; frames per second are not.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from oriel_fx.errors import EncodeError
from oriel_fx.render.assets import Assets, NoAssets
from oriel_fx.render.encode.command import VideoFormat, encode_video
from oriel_fx.render.encode.encoder import Encoder
from oriel_fx.render.encode.process import find_ffmpeg
from oriel_fx.render.engines.native import NativeEngine
from oriel_fx.render.pixels import Planes
from oriel_fx.render.prepare import PreparedSong, prepare_song
from oriel_fx.render.setup import build_engine
from oriel_fx.render.spec import RenderSpec

Result = TypeVar("Result")

MEMORY_FOLDER = Path("/dev/shm")


@dataclass(frozen=True)
class BenchResult:
    """One preset's figures: frames per second of the whole pipeline and of the encoder alone (medians of the rounds),
    CPU milliseconds a frame takes in each stage, and seconds of start-up before the first frame."""

    preset: str
    pipeline_fps: float
    encode_fps: float
    stage_ms: dict[str, float]
    prepare_s: float
    engine_s: float

    @property
    def ratio(self) -> float:
        return self.pipeline_fps / self.encode_fps


def run_benchmark(
    song: Path,
    spec: RenderSpec,
    *,
    seconds: float = 20.0,
    rounds: int = 3,
    assets: Assets | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> BenchResult:
    """Measure one spec on one song. Needs room in memory for the raw frames (3.1 MB each at 1080p)."""
    with tempfile.TemporaryDirectory(
        prefix="oriel-bench-", dir=MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None
    ) as folder:
        place = Path(folder)
        on_step("prepare")
        prepared, prepare_s = _timed(lambda: prepare_song(song, place))
        engine, engine_s = _timed(lambda: build_engine(prepared, spec, assets or NoAssets()))
        frames = _frames(prepared, spec, seconds)
        output = spec.output
        video = VideoFormat(*output.size_px, output.frames_per_s, output.quality)
        raw = place / "frames.yuv"
        on_step("draw")
        _dump(engine, frames, video, raw)
        engine.stage_s.clear()
        whole: list[float] = []
        alone: list[float] = []
        for number in range(rounds):
            on_step(f"round {number + 1} of {rounds}")
            whole.append(_pipeline_s(engine, frames, video, place / "whole.mp4"))
            alone.append(_encode_s(video, raw, place / "alone.mp4"))
        drawn = len(frames) * rounds
        return BenchResult(
            spec.preset,
            len(frames) / statistics.median(whole),
            len(frames) / statistics.median(alone),
            {stage: total / drawn * 1000 for stage, total in engine.stage_s.items()},
            prepare_s,
            engine_s,
        )


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def _frames(prepared: PreparedSong, spec: RenderSpec, seconds: float) -> range:
    """Frames from the middle of the song, where it is in full swing."""
    fps = spec.output.frames_per_s
    there = max(1, round(prepared.pcm.duration_s * fps))
    wanted = min(there, round(seconds * fps))
    first = (there - wanted) // 2
    return range(first, first + wanted)


def _dump(engine: NativeEngine, frames: range, video: VideoFormat, raw: Path) -> None:
    planes = Planes.empty(video.width, video.height)
    with raw.open("wb") as file:
        for index in frames:
            engine.draw(index, planes)
            file.write(planes.data.tobytes())


def _pipeline_s(engine: NativeEngine, frames: range, video: VideoFormat, target: Path) -> float:
    began = time.perf_counter()
    encoder = Encoder(encode_video(find_ffmpeg(), video, "pipe:0", target), target, video.width, video.height)
    for index in frames:
        planes = encoder.take()
        engine.draw(index, planes)
        encoder.put(planes)
    encoder.finish()
    return time.perf_counter() - began


def _encode_s(video: VideoFormat, raw: Path, target: Path) -> float:
    command = encode_video(find_ffmpeg(), video, str(raw), target)
    began = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        raise EncodeError(f"ffmpeg failed: {done.stderr.decode('utf-8', 'replace').strip()}")
    return time.perf_counter() - began

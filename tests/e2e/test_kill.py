"""A render that is killed or stopped goes on where it was, and nothing of it is left running."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import ORIEL
from tests.conftest import PLAIN, Finished
from tests.processes import heeding_ctrl_c, processes_naming, wait_until
from tests.songs import frame_md5s


@pytest.fixture
def command(finished: Finished, tmp_path: Path) -> list[str]:
    """The command that makes the finished render again, in the test's own folder."""
    (tmp_path / "plain.json").write_text(json.dumps(PLAIN))
    words = ["--config", tmp_path / "plain.json", "-o", tmp_path / "a.mp4", "--frame-hashes", tmp_path / "h", "--json"]
    return [str(word) for word in (ORIEL, "render", finished.song, *words)]


@contextmanager
def start(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """The command under way."""
    with heeding_ctrl_c():
        render = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
    try:
        yield render
    finally:
        render.kill()
        render.communicate()


def read_until_frames(render: subprocess.Popen[str], wanted: int) -> None:
    """Read events until that many frames are drawn."""
    assert render.stdout is not None
    for line in render.stdout:
        if json.loads(line).get("frames", 0) >= wanted:
            return
    pytest.fail(f"the render ended before {wanted} frames")


def last_event(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    event: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, event
    return event


def assert_is_finished(finished: Finished, folder: Path) -> None:
    assert (folder / "h").read_text() == finished.hashes
    assert frame_md5s(folder / "a.mp4") == frame_md5s(finished.video)
    assert {file.name for file in folder.iterdir()} == {"plain.json", "a.mp4", "h"}


@pytest.mark.parametrize(("jobs", "frames", "reused"), [(1, 20, 0), (1, 300, 133), (2, 350, 133)])
def test_a_killed_render_goes_on(
    finished: Finished, command: list[str], tmp_path: Path, jobs: int, frames: int, reused: int
) -> None:
    with start([*command, "--jobs", str(jobs)]) as render:
        read_until_frames(render, frames)
        render.kill()
    wait_until(lambda: not processes_naming(str(tmp_path)))
    assert not (tmp_path / "a.mp4").exists()
    assert last_event(command)["reused_frames"] >= reused
    assert_is_finished(finished, tmp_path)


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_keeps_what_is_done_and_says_so(
    finished: Finished, command: list[str], tmp_path: Path, jobs: int
) -> None:
    with start([*command, "--jobs", str(jobs)]) as render:
        read_until_frames(render, 200)
        os.killpg(render.pid, signal.SIGINT)
        out, err = render.communicate(timeout=90)
    event = json.loads(out.splitlines()[-1])
    assert render.returncode == event["exit_code"] == 130
    assert event["code"] == "CANCELLED"
    assert f"kept in {tmp_path / 'a.mp4.oriel-work'}; the same command goes on from there" in event["hint"]
    assert err == ""
    wait_until(lambda: not processes_naming(str(tmp_path)))
    last_event(command)
    assert_is_finished(finished, tmp_path)


def test_two_renders_of_one_video_do_not_disturb_each_other(
    finished: Finished, command: list[str], tmp_path: Path
) -> None:
    with start(command) as render:
        read_until_frames(render, 5)
        other = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (other.returncode, json.loads(other.stdout.splitlines()[-1])["code"]) == (5, "OUTPUT")
        render.communicate(timeout=60)
    assert_is_finished(finished, tmp_path)


@pytest.mark.soak
def test_ctrl_c_at_any_moment_stops_a_render(finished: Finished, command: list[str], tmp_path: Path) -> None:
    dice = random.Random(2)
    for _ in range(40):
        with start([*command, "--jobs", str(dice.choice([1, 3]))]) as render:
            time.sleep(dice.uniform(0.6, 2.0))
            os.killpg(render.pid, signal.SIGINT)
            render.communicate(timeout=10)
        # Done already, stopped, or not yet past its imports.
        assert render.returncode in (0, 130, -signal.SIGINT)
        wait_until(lambda: not processes_naming(str(tmp_path)))
        (tmp_path / "a.mp4").unlink(missing_ok=True)
    last_event(command)
    assert_is_finished(finished, tmp_path)


@pytest.mark.soak
def test_a_render_killed_again_and_again_at_random(finished: Finished, command: list[str], tmp_path: Path) -> None:
    dice = random.Random(1)
    for _ in range(25):
        with start([*command, "--jobs", str(dice.choice([1, 3]))]) as render:
            try:
                render.communicate(timeout=dice.uniform(0.1, 2.5))
            except subprocess.TimeoutExpired:
                render.kill()
        wait_until(lambda: not processes_naming(str(tmp_path)))
        if (tmp_path / "a.mp4").exists():
            assert_is_finished(finished, tmp_path)
            (tmp_path / "a.mp4").unlink()
    last_event(command)
    assert_is_finished(finished, tmp_path)

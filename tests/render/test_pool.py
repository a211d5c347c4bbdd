"""Several processes drawing one render."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.conftest import PLAIN, Finished
from tests.processes import processes_naming

from oriel_fx import EncodeError, Progress, RenderCancelledError, RenderSpec, render_video
from oriel_fx.errors import AssetError


def test_a_worker_that_is_killed_is_an_error_and_its_chunks_are_drawn_next_time(
    finished: Finished, tmp_path: Path
) -> None:
    spec = RenderSpec.from_config(PLAIN)

    def kill_one(progress: Progress) -> None:
        if progress.stage == "draw" and progress.frames:
            # Asked again for what was drawn before the kill is noticed; then none may be left.
            for pid in processes_naming("oriel_fx.render.worker"):
                if parent_of(pid) == os.getpid():
                    os.kill(pid, signal.SIGKILL)
                    return

    with pytest.raises(EncodeError, match="ended unexpectedly"):
        render_video(finished.song, tmp_path / "a.mp4", spec, jobs=2, on_progress=kill_one)
    assert not children_of(os.getpid())
    render_video(finished.song, tmp_path / "a.mp4", spec, jobs=2, frame_hashes=tmp_path / "h")
    assert (tmp_path / "h").read_text() == finished.hashes


def test_cancelling_ends_every_worker(finished: Finished, tmp_path: Path) -> None:
    seen: list[Progress] = []
    with pytest.raises(RenderCancelledError):
        render_video(
            finished.song, tmp_path / "a.mp4", RenderSpec.from_config(PLAIN), jobs=2,
            on_progress=seen.append, cancelled=lambda: bool(seen) and seen[-1].frames > 0,
        )  # fmt: skip
    assert not children_of(os.getpid())


def test_what_a_worker_raises_arrives_as_it_was(finished: Finished, tmp_path: Path) -> None:
    text = [{"type": "text", "text": "a", "font": "font.ttf"}]
    spec = RenderSpec.from_config({**PLAIN, "layers": text})
    with pytest.raises(AssetError, match=r"font\.ttf"):
        render_video(finished.song, tmp_path / "a.mp4", spec, jobs=2, assets=BadFont(tmp_path))


def test_the_current_folder_is_not_where_a_worker_finds_its_modules(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('this is the user\\'s own json.py')")
    monkeypatch.chdir(tmp_path)
    render_video(finished.song, tmp_path / "a.mp4", RenderSpec.from_config(PLAIN), jobs=2)


class BadFont:
    """Assets whose every file exists and is no font."""

    cover: Path | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, name: str) -> Path:
        path = self.folder / name
        path.write_text("no font")
        return path


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def children_of(pid: int) -> list[int]:
    """Drawing processes and encoders this one started that still run; servers of other tests are none of them."""
    ours = {*processes_naming("oriel_fx.render.worker"), *processes_naming("ffmpeg")}
    return [child for child in ours if parent_of(child) == pid]

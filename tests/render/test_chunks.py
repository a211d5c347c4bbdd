"""Chunks: how a render is cut, and a work folder that survives whatever happens to it."""

from __future__ import annotations

import errno
import os
from fractions import Fraction
from pathlib import Path

import pytest

from oriel_fx.errors import OutputError, RenderCancelledError
from oriel_fx.render.chunks import CHUNK_S, Chunk, WorkFolder, plan_chunks, render_key, write_whole
from oriel_fx.render.spec import RenderSpec


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    return WorkFolder.beside(tmp_path / "song.mp4")


def finish(work: WorkFolder, number: int = 0) -> Path:
    """Leave the file of a finished chunk."""
    file = work.chunk_file(Chunk(number, 0, 1))
    file.write_bytes(b"a chunk")
    return file


@pytest.mark.parametrize("fps", [Fraction(30), Fraction(24000, 1001), Fraction(1), Fraction(120)])
@pytest.mark.parametrize(("first", "seconds"), [(0, 1), (0, 17), (7, 18), (0, 245), (90, 3 * 3600)])
def test_chunks_follow_each_other_and_are_nearly_equal(fps: Fraction, first: int, seconds: int) -> None:
    stop = first + round(seconds * fps)
    chunks = plan_chunks(first, stop, fps)
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    assert [chunks[0].first, *(chunk.stop for chunk in chunks)] == [*(c.first for c in chunks), stop]
    lengths = [chunk.n_frames for chunk in chunks]
    assert max(lengths) - min(lengths) <= 1
    assert max(lengths) <= 1.5 * CHUNK_S * fps + 1


def test_a_single_frame_is_a_chunk() -> None:
    assert plan_chunks(5, 6, Fraction(30)) == [Chunk(0, 5, 6)]


def test_the_same_render_finds_its_chunks_again(work: WorkFolder) -> None:
    with work.claimed("key", resume=True):
        chunk = finish(work)
    with work.claimed("key", resume=True):
        assert chunk.exists()


@pytest.mark.parametrize(("key", "resume"), [("another", True), ("key", False)])
def test_what_belongs_to_another_render_is_cleared(work: WorkFolder, key: str, resume: bool) -> None:
    with work.claimed("key", resume=True):
        chunk = finish(work)
    with work.claimed(key, resume=resume):
        assert not chunk.exists()


def test_a_folder_without_a_whole_manifest_is_cleared(work: WorkFolder) -> None:
    with work.claimed("key", resume=True):
        chunk = finish(work)
        (work.path / "manifest.json").write_text('{"key": "ke')
    with work.claimed("key", resume=True):
        assert not chunk.exists()


def test_two_renders_do_not_share_a_folder(work: WorkFolder) -> None:
    other = WorkFolder(work.path)
    with work.claimed("key", resume=True):
        chunk = finish(work)
        with pytest.raises(OutputError, match=r"Another render is writing song\.mp4"), other.claimed("k", True):
            pass
        assert chunk.exists()


def test_what_a_link_leads_to_is_never_cleared(work: WorkFolder, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    work.path.symlink_to("mine")
    with pytest.raises(OutputError, match="is in the way"), work.claimed("a", resume=True):
        pass
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["letter.txt"]
    work.path.unlink()
    work.path.write_text("a file")
    with pytest.raises(OutputError, match="is in the way"), work.claimed("a", resume=True):
        pass
    assert work.path.read_text() == "a file"


def test_a_folder_that_is_taken_away_is_told(work: WorkFolder) -> None:
    with pytest.raises(OutputError, match="something removed it"), work.claimed("a", resume=True):
        work.remove()
        finish(work)


def test_an_error_before_the_first_chunk_leaves_nothing(work: WorkFolder) -> None:
    with pytest.raises(OutputError), work.claimed("key", resume=True):
        (work.path / "song.pcm").write_bytes(b"decoded")
        raise OutputError("full")
    assert not work.path.exists()


def test_an_error_later_keeps_the_chunks(work: WorkFolder) -> None:
    with pytest.raises(OutputError), work.claimed("key", resume=True):
        chunk = finish(work)
        raise OutputError("full")
    assert chunk.exists()


@pytest.mark.parametrize("stop", [RenderCancelledError("stop"), KeyboardInterrupt()])
def test_who_stops_a_render_can_go_on_with_it(work: WorkFolder, stop: BaseException) -> None:
    with pytest.raises(type(stop)), work.claimed("key", resume=True):
        raise stop
    assert (work.path / "manifest.json").exists()


def test_the_folder_of_the_longest_name_can_be_made(tmp_path: Path) -> None:
    names = ["東" * 83 + ".mp4", "木" * 83 + ".mp4"]
    folders = [WorkFolder.beside(tmp_path / name) for name in names]
    with folders[0].claimed("key", True), folders[1].claimed("key", True):
        assert folders[0].path != folders[1].path


def test_the_key_follows_song_name_spec_and_assets(tmp_path: Path) -> None:
    spec = RenderSpec.from_config({})
    (tmp_path / "a.wav").write_bytes(b"one")
    (tmp_path / "b.wav").write_bytes(b"one")
    (tmp_path / os.fsdecode(b"\xff.wav")).write_bytes(b"one")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "a.wav").write_bytes(b"one")
    key = render_key(tmp_path / "a.wav", spec, {})
    others = {
        render_key(tmp_path / "b.wav", spec, {}),
        render_key(tmp_path / os.fsdecode(b"\xff.wav"), spec, {}),
        render_key(tmp_path / "a.wav", RenderSpec.from_config({"seed": 8}), {}),
        render_key(tmp_path / "a.wav", spec, {"photo.jpg": "0123"}),
    }
    assert render_key(tmp_path / "copy" / "a.wav", spec, {}) == key
    assert len(others | {key}) == 5
    (tmp_path / "a.wav").write_bytes(b"two")
    assert render_key(tmp_path / "a.wav", spec, {}) != key


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "a", b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="disk is full"):
        write_whole(tmp_path / "a", b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"

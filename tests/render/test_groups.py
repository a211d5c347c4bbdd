"""Groups of chunks: how they are cut, drawn anywhere, and joined into the file that one process makes."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from tests.conftest import PLAIN, Finished

from oriel_fx import RenderCancelledError, RenderSpec, UsageError, render_video
from oriel_fx.render import kept_song
from oriel_fx.render.assets import NoAssets
from oriel_fx.render.cancel import Cancelled
from oriel_fx.render.chunks import Chunk, WorkFolder, plan_chunks
from oriel_fx.render.drawing import ChunkJob
from oriel_fx.render.groups import LARGEST_GROUP, draw_group, plan_groups
from oriel_fx.render.kept_song import prepare_once
from oriel_fx.render.prepare import prepare_song

SPEC = RenderSpec.from_config(PLAIN)


@pytest.mark.parametrize("seconds", [1, 12, 20, 60, 600, 7200])
def test_groups_are_all_chunks_in_order_large_ones_first(seconds: int) -> None:
    chunks = plan_chunks(100, 100 + 30 * seconds, Fraction(30))
    groups = plan_groups(chunks)
    assert [chunk for group in groups for chunk in group] == chunks
    sizes = [len(group) for group in groups]
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) <= LARGEST_GROUP and sizes[-1] == 1


def test_groups_drawn_apart_are_joined_into_the_same_file(finished: Finished, tmp_path: Path) -> None:
    drawn: dict[Chunk, Path] = {}
    told = 0

    def on_frames(count: int) -> None:
        nonlocal told
        told += count

    for number, group in enumerate(plan_groups(plan_chunks(0, 400, Fraction(10)))):
        folder = tmp_path / f"machine {number}"
        folder.mkdir()
        for chunk in draw_group(finished.song, SPEC, NoAssets(), folder, group, on_frames):
            drawn[chunk] = WorkFolder(folder).chunk_file(chunk)
    assert told == 400

    def fetch(
        job: ChunkJob, chunks: list[Chunk], on_frames: Callable[[int], None], cancelled: Cancelled
    ) -> Iterator[Chunk]:
        for chunk in chunks:
            shutil.copy(drawn[chunk], WorkFolder(job.folder).chunk_file(chunk))
            on_frames(chunk.n_frames)
            yield chunk

    place = tmp_path / "machine 0"
    render_video(finished.song, tmp_path / "v.mp4", SPEC, draw=fetch, prepared_in=place)
    assert (tmp_path / "v.mp4").read_bytes() == finished.video.read_bytes()


def test_what_is_drawn_already_is_not_drawn_again(finished: Finished, tmp_path: Path) -> None:
    chunks = plan_chunks(0, 400, Fraction(10))[:2]
    for _ in draw_group(finished.song, SPEC, NoAssets(), tmp_path, chunks[:1], lambda count: None):
        pass
    before = WorkFolder(tmp_path).chunk_file(chunks[0]).stat()
    asked: list[int] = []

    def stops_at_the_second() -> bool:
        asked.append(1)
        return True

    got = []
    with pytest.raises(RenderCancelledError):
        for chunk in draw_group(
            finished.song, SPEC, NoAssets(), tmp_path, chunks, lambda count: None, stops_at_the_second
        ):
            got.append(chunk)
    assert got == chunks[:1]
    assert WorkFolder(tmp_path).chunk_file(chunks[0]).stat() == before


def test_of_several_processes_one_prepares_the_song(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def counted(*words: object, **named: object) -> object:
        calls.append(threading.current_thread().name)
        return prepare_song(*words, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(kept_song, "prepare_song", counted)
    threads = [threading.Thread(target=prepare_once, args=(songs / "short.wav", SPEC, tmp_path)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_a_page_is_not_shared_out(songs: Path, tmp_path: Path) -> None:
    def nobody(*_: object) -> Iterator[Chunk]:
        raise AssertionError

    with pytest.raises(UsageError, match="one machine"):
        render_video(songs / "short.wav", tmp_path / "v.mp4", RenderSpec.from_config({"page": "classic"}), draw=nobody)

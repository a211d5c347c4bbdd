"""The pipeline: from a song to a finished file, resumable, and the same however it was cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import PLAIN, Finished
from tests.songs import ffmpeg, ffmpeg_banner, frame_md5s

from oriel_fx import (
    EncodeError,
    OutputError,
    Progress,
    RenderCancelledError,
    RenderSpec,
    SongError,
    SpecError,
    UsageError,
    render_frame,
    render_video,
)
from oriel_fx.render import chunks
from oriel_fx.render.assets import NoAssets
from oriel_fx.render.chunks import hash_file
from oriel_fx.render.drawing import hash_frame
from oriel_fx.render.early import EarlySong
from oriel_fx.render.encode.probe import probe
from oriel_fx.render.outputs import default_output
from oriel_fx.render.pixels import Planes
from oriel_fx.render.prepare import prepare_song
from oriel_fx.render.setup import build_engine


def plain(**output: Any) -> RenderSpec:
    return RenderSpec.from_config({**PLAIN, "output": {**PLAIN["output"], **output}})


def left_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_finished_render_leaves_the_video_and_nothing_else(finished: Finished) -> None:
    assert left_in(finished.video.parent) == ["hashes", "long.mp4"]


def test_one_hash_per_frame_in_order(finished: Finished) -> None:
    rows = [line.split() for line in finished.hashes.splitlines()]
    assert [int(index) for index, _ in rows] == list(range(400))
    assert len({digest for _, digest in rows}) > 100


def test_progress_goes_through_the_stages_to_the_last_frame(songs: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    result = render_video(songs / "short.wav", tmp_path / "a.mp4", plain(), on_progress=seen.append)
    stages = list(dict.fromkeys(progress.stage for progress in seen))
    assert stages == ["decode", "draw", "join", "verify", "done"]
    frames = [progress.frames for progress in seen if progress.stage == "draw"]
    assert frames == sorted(frames)
    assert frames[-1] == seen[-1].n_frames == result.n_frames == 20
    assert result.output == tmp_path / "a.mp4"
    assert result.size_bytes == (tmp_path / "a.mp4").stat().st_size
    assert result.duration_s == 2.0
    assert result.warnings == ()


def test_a_cancelled_render_goes_on_where_it_was(finished: Finished, tmp_path: Path) -> None:
    target, seen = tmp_path / "long.mp4", []

    def stop_in_the_last_chunk() -> bool:
        return bool(seen) and seen[-1].frames > 300

    with pytest.raises(RenderCancelledError, match="stopped"):
        render_video(
            finished.song, target, plain(), frame_hashes=tmp_path / "h", on_progress=seen.append,
            cancelled=stop_in_the_last_chunk,
        )  # fmt: skip
    assert left_in(tmp_path) == ["long.mp4.oriel-work"]
    kept = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "long.mp4.oriel-work").glob("chunk*.mp4")}
    assert sorted(kept) == ["chunk-00000.mp4", "chunk-00001.mp4"]

    result = render_video(finished.song, target, plain(), frame_hashes=tmp_path / "h")
    assert result.reused_frames == 266
    assert (tmp_path / "h").read_text() == finished.hashes
    assert hash_file(target) == hash_file(finished.video)
    assert left_in(tmp_path) == ["h", "long.mp4"]


def test_three_processes_draw_what_one_does(finished: Finished, tmp_path: Path) -> None:
    render_video(finished.song, tmp_path / "a.mp4", plain(), jobs=3, frame_hashes=tmp_path / "h")
    assert (tmp_path / "h").read_text() == finished.hashes
    assert frame_md5s(tmp_path / "a.mp4") == frame_md5s(finished.video)


def test_any_frame_alone_is_that_frame_of_the_video(finished: Finished, tmp_path: Path) -> None:
    hashes = dict(line.split() for line in finished.hashes.splitlines())
    prepared = prepare_song(finished.song, tmp_path)
    planes = Planes.empty(96, 54)
    for index in (399, 0, 134, 133, 257):
        build_engine(prepared, plain(), NoAssets()).draw(index, planes)
        assert hash_frame(planes) == hashes[str(index)]


@pytest.mark.parametrize("start", [0.5, 1.25])
def test_a_part_shows_the_frames_of_the_whole(finished: Finished, tmp_path: Path, start: float) -> None:
    render_video(finished.song, tmp_path / "a.mp4", plain(start=start, duration=2), frame_hashes=tmp_path / "h")
    first = round(start * 10)
    assert (tmp_path / "h").read_text().splitlines() == finished.hashes.splitlines()[first : first + 20]


def test_the_last_part_ends_with_the_song(songs: Path, tmp_path: Path) -> None:
    result = render_video(songs / "short.wav", tmp_path / "a.mp4", plain(start=1.5, duration=60))
    assert result.n_frames == 5
    video = probe(tmp_path / "a.mp4").video
    assert video is not None
    assert video.end_s == pytest.approx(0.5)


def test_an_existing_file_is_kept_unless_forced(songs: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    target.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        render_video(songs / "short.wav", target, plain())
    assert (left_in(tmp_path), target.read_bytes()) == (["a.mp4"], b"mine")
    render_video(songs / "short.wav", target, plain(), force=True)
    assert target.read_bytes() != b"mine"


def test_a_file_that_appears_meanwhile_is_kept(songs: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"

    def appear(progress: Progress) -> None:
        if progress.stage == "verify":
            target.write_bytes(b"mine")

    with pytest.raises(OutputError, match="exists already"):
        render_video(songs / "short.wav", target, plain(), on_progress=appear)
    assert target.read_bytes() == b"mine"


def test_places_that_cannot_hold_a_video_are_refused_at_once(songs: Path, tmp_path: Path) -> None:
    song = songs / "short.wav"
    (tmp_path / "folder.mp4").mkdir()
    for target, kind, sentence in [
        (tmp_path / "a.mov", UsageError, "does not end in .mp4"),
        (tmp_path / "folder.mp4", OutputError, "is a folder"),
        (tmp_path / "nowhere" / "a.mp4", OutputError, "There is no folder"),
        (Path("/proc/a.mp4"), OutputError, "/proc"),
    ]:
        with pytest.raises(kind, match=sentence):
            render_video(song, target, plain())


def test_hashes_never_land_on_the_song_or_the_video(songs: Path, tmp_path: Path) -> None:
    song = songs / "short.wav"
    (tmp_path / "link").symlink_to(song)
    for place in (song, tmp_path / "link", tmp_path / "a.mp4", tmp_path, tmp_path / "nowhere" / "h"):
        with pytest.raises(OutputError, match=r"is the song or the video|not a place"):
            render_video(song, tmp_path / "a.mp4", plain(), frame_hashes=place)


def test_what_is_no_song_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_text("words")
    with pytest.raises(SongError, match="not an audio file"):
        render_video(tmp_path / "a.mp3", spec=plain())
    assert left_in(tmp_path) == ["a.mp3"]


def test_a_song_cut_short_renders_what_is_there_with_a_warning(songs: Path, tmp_path: Path) -> None:
    whole = (songs / "long.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 20])
    result = render_video(tmp_path / "cut.wav", spec=plain())
    assert result.n_frames == 20
    assert len(result.warnings) == 1
    assert "cut short" in result.warnings[0]


def test_a_resumed_render_still_warns(songs: Path, tmp_path: Path) -> None:
    whole = (songs / "long.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 20])
    with pytest.raises(RenderCancelledError):
        render_video(tmp_path / "cut.wav", spec=plain(), cancelled=lambda: True)
    assert "cut short" in render_video(tmp_path / "cut.wav", spec=plain()).warnings[0]


def test_title_and_artist_are_carried_over(songs: Path, tmp_path: Path) -> None:
    render_video(songs / "tagged.mp3", tmp_path / "a.mp4", plain())
    banner = ffmpeg_banner(tmp_path / "a.mp4")
    assert "title           : Glass — Hours" in banner
    assert "artist          : Ö & Co" in banner


def test_the_specs_own_words_win_over_the_songs(songs: Path, tmp_path: Path) -> None:
    spec = RenderSpec.from_config({**PLAIN, "tags": {"title": "Mine = yours; #1"}})
    render_video(songs / "tagged.mp3", tmp_path / "a.mp4", spec)
    banner = ffmpeg_banner(tmp_path / "a.mp4")
    assert "title           : Mine = yours; #1" in banner
    assert "artist          : Ö & Co" in banner


@pytest.mark.parametrize("fps", ["24000/1001", "60", "1"])
def test_the_video_is_as_long_as_the_song(tmp_path: Path, songs: Path, fps: str) -> None:
    result = render_video(songs / "short.wav", tmp_path / "a.mp4", plain(fps=fps))
    assert result.duration_s == pytest.approx(2.0, abs=float(1 / plain(fps=fps).output.frames_per_s))


@pytest.mark.parametrize("fps", ["30", "24000/1001"])
def test_many_chunks_join_without_a_seam(
    tmp_path: Path, songs: Path, monkeypatch: pytest.MonkeyPatch, fps: str
) -> None:
    # The lengths of these chunks are no whole milliseconds, nor microseconds.
    monkeypatch.setattr(chunks, "CHUNK_S", 0.37)
    render_video(songs / "long.wav", tmp_path / "a.mp4", plain(fps=fps, duration=7))
    video = probe(tmp_path / "a.mp4").video
    assert video is not None
    assert video.even
    assert video.end_s == pytest.approx(video.packets / plain(fps=fps).output.frames_per_s, abs=1e-6)


@pytest.mark.parametrize("rate_hz", [8000, 22050, 96000])
def test_songs_of_any_sample_rate_stay_in_step(tmp_path: Path, songs: Path, rate_hz: int) -> None:
    ffmpeg("-i", songs / "short.wav", "-ar", str(rate_hz), "-ac", "6", tmp_path / "a.wav")
    assert render_video(tmp_path / "a.wav", spec=plain()).n_frames == 20


def test_a_video_made_of_a_video_does_not_take_its_name() -> None:
    assert default_output(Path("a/b.mp3")) == Path("a/b.mp4")
    assert default_output(Path("a/b.MP4")) == Path("a/b.oriel.mp4")
    assert default_output(Path("a/b")) == Path("a/b.mp4")


def test_a_render_cancelled_while_decoding_stops_there(songs: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    with pytest.raises(RenderCancelledError):
        render_video(
            songs / "short.wav",
            tmp_path / "a.mp4",
            plain(),
            on_progress=lambda progress: seen.append(progress.stage),
            cancelled=lambda: "decode" in seen,
        )
    assert seen == ["decode"]


def test_a_song_decoded_early_makes_the_same_video(songs: Path, tmp_path: Path) -> None:
    usual = render_video(songs / "short.wav", tmp_path / "a.mp4", plain())
    with EarlySong(songs / "short.wav", measured=False) as early:
        render_video(songs / "short.wav", tmp_path / "b.mp4", plain(), early=early)
    assert (tmp_path / "b.mp4").read_bytes() == usual.output.read_bytes()


@pytest.mark.parametrize("stage", ["draw", "verify"])
def test_a_song_that_changes_meanwhile_is_told(songs: Path, tmp_path: Path, stage: str) -> None:
    song = tmp_path / "a.wav"
    song.write_bytes((songs / "short.wav").read_bytes())

    def change(progress: Progress) -> None:
        if progress.stage == stage:
            song.write_bytes((songs / "tagged.mp3").read_bytes())

    with pytest.raises(SongError, match="changed while it was being rendered"):
        render_video(song, spec=plain(), on_progress=change)
    assert not (tmp_path / "a.mp4").exists()


def test_a_damaged_part_of_an_earlier_run_is_suspected(finished: Finished, tmp_path: Path) -> None:
    target = tmp_path / "long.mp4"

    def stop_late() -> bool:
        return any(tmp_path.glob("*/chunk-00000.mp4"))

    with pytest.raises(RenderCancelledError):
        render_video(finished.song, target, plain(), cancelled=stop_late)
    for part in tmp_path.glob("*/chunk-*.mp4"):
        part.write_bytes(b"damaged")
    with pytest.raises(EncodeError) as raised:
        render_video(finished.song, target, plain())
    assert "--no-resume" in raised.value.hint
    render_video(finished.song, target, plain(), resume=False)


@pytest.mark.parametrize("time_s", [-1.0, float("nan")])
def test_a_still_of_no_moment_is_refused(songs: Path, time_s: float) -> None:
    with pytest.raises(SpecError, match="0 seconds or more"):
        render_frame(songs / "short.wav", time_s, plain())


def test_a_missing_song_is_told_by_the_library_too(tmp_path: Path) -> None:
    with pytest.raises(SongError, match="There is no file"):
        render_video(tmp_path / "missing.wav", spec=plain())
    assert left_in(tmp_path) == []


def test_characters_that_no_font_has_are_named(songs: Path, tmp_path: Path) -> None:
    # Unassigned for ever, so that no machine has them.
    config = {**PLAIN, "layers": [{"type": "text", "text": "{title}"}]}
    for title, sentences in [("Ö\U0010ffff\u200d", 1), ("Ö\u200d", 0)]:
        spec = RenderSpec.from_config({**config, "tags": {"title": title}})
        warnings = render_video(songs / "short.wav", tmp_path / "a.mp4", spec, force=True).warnings
        assert len(warnings) == sentences
        assert all("No font on this machine has \U0010ffff," in warning for warning in warnings)

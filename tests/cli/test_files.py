"""Which songs are rendered, and where the videos go."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from tests.cli.conftest import Oriel, one_sentence

from oriel_fx.cli.render import find_songs, name_outputs
from oriel_fx.errors import SongError, UsageError


def touch(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return [folder / name for name in names]


def named(places: list[Path], output: Path | None = None) -> list[str]:
    return [path.name for path in name_outputs(find_songs(places), output)]


def test_a_folder_means_the_songs_in_it_but_not_what_was_made_of_them(tmp_path: Path) -> None:
    touch(tmp_path / "s", "b.MP3", "a.wav", "a.mp4", "b.MP3.mp4", "film.mp4", "film.oriel.mp4", "x.txt", "cfg.json")
    (tmp_path / "s" / "deeper.mp3").mkdir()
    found = [song.name for song in find_songs([tmp_path / "s"])]
    assert found == ["a.wav", "b.MP3", "film.mp4"]


def test_a_folder_without_songs_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path / "s", "readme.txt")
    with pytest.raises(SongError, match="no songs in the folder"):
        find_songs([tmp_path / "s"])


def test_a_song_named_twice_is_rendered_once(tmp_path: Path) -> None:
    [song] = touch(tmp_path / "s", "a.wav")
    assert find_songs([song, tmp_path / "s", song]) == [song]


def test_songs_of_one_stem_keep_their_endings(tmp_path: Path) -> None:
    songs = touch(tmp_path / "s", "a.mp3", "a.wav", "b.wav")
    assert named(songs) == ["a.mp3.mp4", "a.wav.mp4", "b.mp4"]


def test_songs_of_one_name_are_counted_in_a_common_folder(tmp_path: Path) -> None:
    songs = touch(tmp_path / "s", "a.mp3") + touch(tmp_path / "t", "a.mp3") + touch(tmp_path / "u", "a.mp3")
    assert named(songs, tmp_path / "out") == ["a.mp3.mp4", "a.mp3 2.mp4", "a.mp3 3.mp4"]


def test_no_video_takes_the_place_of_a_song(tmp_path: Path) -> None:
    songs = touch(tmp_path / "s", "a.mp3", "a.mp4")
    assert named(songs) == ["a.mp3.mp4", "a.oriel.mp4"]


def test_one_file_for_several_songs_is_refused(tmp_path: Path) -> None:
    songs = touch(tmp_path / "s", "a.mp3", "b.mp3")
    with pytest.raises(UsageError, match="is one file, but there are 2 songs"):
        name_outputs(songs, tmp_path / "x.mp4")


def test_a_folder_of_one_song_takes_a_folder_too(tmp_path: Path) -> None:
    [song] = touch(tmp_path / "s", "a.mp3")
    assert name_outputs([song], tmp_path / "out", many=True) == [tmp_path / "out" / "a.mp4"]
    assert name_outputs([song], tmp_path / "b.mp4", many=True) == [tmp_path / "b.mp4"]
    (tmp_path / "c.mp4").mkdir()
    assert name_outputs([song], tmp_path / "c.mp4") == [tmp_path / "c.mp4" / "a.mp4"]


def test_the_sound_of_films_in_a_folder_is_song_enough(tmp_path: Path) -> None:
    touch(tmp_path / "s", "a.AVI", "b.mpg", "c.m4b", "d.ts", "e.jpg")
    assert [song.name for song in find_songs([tmp_path / "s"])] == ["a.AVI", "b.mpg", "c.m4b"]


def test_a_batch_goes_on_after_a_bad_song(oriel: Oriel, songs: Path, tmp_path: Path, plain: list[str]) -> None:
    (tmp_path / "bad.mp3").write_text("no song")
    (tmp_path / "taken.wav").symlink_to(songs / "short.wav")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "taken.mp4").write_text("mine")
    names = ["bad.mp3", "missing.mp3", "taken.wav", songs / "short.wav", songs / "tagged.mp3"]
    done = oriel("render", *names, "-o", "out", *plain, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    outcomes = [event["code"] if event["event"] == "error" else event["event"] for event in events]
    outcomes = [outcome for outcome in outcomes if outcome not in ("start", "progress")]
    assert outcomes == ["INVALID_SONG", "INVALID_SONG", "OUTPUT", "done", "done"]
    assert done.returncode == 4
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"taken.mp4", "short.mp4", "tagged.mp4"}
    assert (tmp_path / "out" / "taken.mp4").read_text() == "mine"


def test_a_folder_renders_beside_its_songs(oriel_here: Oriel, songs: Path, tmp_path: Path, plain: list[str]) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    shutil.copy(songs / "short.wav", folder / "one.wav")
    shutil.copy(songs / "tagged.mp3", folder / "two.mp3")
    assert oriel_here("render", "album", *plain, "--quiet").returncode == 0
    made = {"one.mp4", "two.mp4"}
    assert {file.name for file in folder.iterdir()} == {"one.wav", "two.mp3"} | made
    again = oriel_here("render", "album", *plain, "--quiet")
    assert again.returncode == 5
    assert again.stderr.count("exists already") == 2


ODD_NAMES = [
    "two  spaces.wav",
    'it\'s "quoted".wav',
    "new\nline.wav",
    "emoji 🎹 東京.wav",
    "-dash.wav",
    "100% %03d %s.wav",
    "what? #1 & more.wav",
    "pipe:0.wav",
    "back\\slash.wav",
    "{title} [red].wav",
    os.fsdecode(b"latin-\xe9.wav"),
    "木" * 83 + ".wav",
]


def test_songs_of_any_name(oriel_here: Oriel, songs: Path, tmp_path: Path, plain: list[str]) -> None:
    for name in ODD_NAMES:
        shutil.copy(songs / "short.wav", tmp_path / name)
    done = oriel_here("render", *plain, "--json", "--duration", "0.5", "--", *ODD_NAMES)
    assert done.returncode == 0, done.stdout[-400:]
    events = [json.loads(line) for line in done.stdout.splitlines()]
    outputs = [event["output"] for event in events if event["event"] == "done"]
    assert outputs == [str(Path(name).with_suffix(".mp4")) for name in ODD_NAMES]
    assert all((tmp_path / output).stat().st_size > 1000 for output in outputs)
    assert not list(tmp_path.glob("*oriel-work*"))


def test_names_are_printed_in_a_log_that_knows_only_ascii(
    oriel: Oriel, songs: Path, tmp_path: Path, plain: list[str]
) -> None:
    shutil.copy(songs / "short.wav", tmp_path / "東.wav")
    done = oriel("render", "東.wav", *plain, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "\\u6771.mp4" in done.stdout


def test_a_song_in_a_folder_that_cannot_be_written_renders_elsewhere(
    oriel_here: Oriel, songs: Path, tmp_path: Path, plain: list[str]
) -> None:
    # A descriptor's folder in /proc: readable through, and nobody can create a file in it.
    with (songs / "short.wav").open("rb") as song:
        place = f"/proc/{os.getpid()}/fd/{song.fileno()}"
        assert oriel_here("render", place, *plain, "-o", "a.mp4", "--quiet").returncode == 0
        done = oriel_here("render", place, *plain, "--quiet")
    assert done.returncode == 5
    assert "/proc/" in one_sentence(done)


def test_the_song_itself_is_never_the_output(oriel_here: Oriel, songs: Path, tmp_path: Path, plain: list[str]) -> None:
    shutil.copy(songs / "short.wav", tmp_path / "a.mp4")
    before = (tmp_path / "a.mp4").read_bytes()
    for words in (["-o", "a.mp4"], ["-o", "./a.mp4", "--force"], ["--frame-hashes", "a.mp4", "-o", "b.mp4"]):
        done = oriel_here("render", "a.mp4", *plain, *words, "--quiet")
        assert done.returncode == 5
        assert "song" in one_sentence(done)
    assert (tmp_path / "a.mp4").read_bytes() == before
    assert oriel_here("render", "a.mp4", *plain, "--quiet").returncode == 0
    assert (tmp_path / "a.oriel.mp4").exists()

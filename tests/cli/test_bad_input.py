"""Bad input: one clear sentence, a hint, an exit code of its own, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.cli.conftest import ORIEL, Oriel, one_sentence
from tests.songs import ffmpeg, silence, write_wav


def left_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A folder of things that are no songs."""
    folder = tmp_path / "bad"
    (folder / "empty folder").mkdir(parents=True)
    (folder / "empty.mp3").touch()
    (folder / "text.mp3").write_text("Dear diary, today I made no music.\n" * 40)
    (folder / "random.mp3").write_bytes(os.urandom(200_000))
    write_wav(folder / "zero.wav", silence(0))
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-an", folder / "video.mp4")
    return folder


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing.mp3", "There is no file"),
        ("empty folder", "There are no songs in the folder"),
        ("empty.mp3", "is empty"),
        ("text.mp3", "is not an audio file"),
        ("random.mp3", "is not an audio file"),
        ("zero.wav", "holds no sound"),
        ("video.mp4", "has no audio stream"),
    ],
)
def test_what_is_no_song(oriel: Oriel, bad: Path, name: str, sentence: str) -> None:
    before = left_in(bad)
    done = oriel("render", bad / name, "--quiet")
    assert done.returncode == 4
    assert sentence in one_sentence(done)
    assert done.stdout == ""
    assert left_in(bad) == before


@pytest.mark.parametrize("command", ["frame", "sheet", "analyze"])
def test_the_other_commands_refuse_it_too(oriel_here: Oriel, bad: Path, command: str) -> None:
    before = left_in(bad)
    done = oriel_here(command, bad / "random.mp3")
    assert done.returncode == 4
    assert "is not an audio file" in one_sentence(done)
    assert left_in(bad) == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--preset", "hallo"], "There is no preset 'hallo'."),
        (["--set", "layerz=3"], "Unknown key 'layerz'."),
        (["--set", "layers.0.colour=red"], "Unknown key 'colour' in layers.0."),
        (["--set", "seed=many"], "seed takes a whole number"),
        (["--set", "palette.ground=blurple"], "palette.ground: 'blurple' is not a colour"),
        (["--set", "layers.99.color=red"], "layers.99 does not exist"),
        (["--set", "layers.²=1"], "layers.² does not exist"),
        (["--set", "layers.-1.color=red"], "layers.-1 does not exist"),
        (["--set", "layers.0.count.deep.er=1"], "layers.0.count"),
        (["--size", "1081p"], "'1081p' is not a size (did you mean '1080p'?)"),
        (["--size", "161x91"], "has an odd side"),
        (["--fps", "0"], "is out of range"),
        (["--quality", "best"], "'best' is not one of its values"),
        (["--start", "2"], "is past the song's end"),
        (["--start", "-1"], "is not a time"),
        (["--duration", "nan"], "is not a time"),
        (["--config", "missing.json"], "There is no config file"),
    ],
)
def test_what_cannot_be_made(oriel_here: Oriel, songs: Path, tmp_path: Path, words: list[str], sentence: str) -> None:
    done = oriel_here("render", songs / "short.wav", "-o", "a.mp4", *words)
    assert done.returncode == 3
    assert sentence in one_sentence(done)
    assert left_in(tmp_path) == set()


@pytest.mark.parametrize(
    "words",
    [["--set", "seed"], ["--set", "=3"], ["--jobs", "-1"], ["--nope"], ["-o", "a.mov"], ["x.wav", "-o", "a.mp4"]],
)
def test_a_command_line_that_makes_no_sense(oriel_here: Oriel, songs: Path, words: list[str]) -> None:
    done = oriel_here("render", songs / "short.wav", *words)
    assert done.returncode == 2
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_config_that_is_not_well_formed_is_placed(oriel_here: Oriel, songs: Path, tmp_path: Path) -> None:
    for name, text in [("a.json", '{"seed": 7,}'), ("b.yaml", "seed: [7"), ("c.toml", "seed = "), ("d.json", "[7]")]:
        (tmp_path / name).write_text(text)
        done = oriel_here("render", songs / "short.wav", "--config", name)
        assert done.returncode == 3
        assert name in one_sentence(done)


def test_places_that_cannot_be_written(oriel_here: Oriel, songs: Path) -> None:
    for target in ("/proc/a.mp4", "nowhere/a.mp4"):
        done = oriel_here("render", songs / "short.wav", "-o", target, "--quiet")
        assert done.returncode == 5
        assert str(target).split("/a.mp4", maxsplit=1)[0] in one_sentence(done)


def test_a_name_too_long_is_told_before_the_work(oriel_here: Oriel, songs: Path, tmp_path: Path) -> None:
    name = "x" * 260
    for words, code in [
        (["render", songs / "short.wav", "-o", f"{name}.mp4"], 5),
        (["render", songs / "short.wav", "-o", f"{name}/a.mp4"], 5),
        (["frame", songs / "short.wav", "-o", f"{name}.png"], 5),
        (["render", f"{name}.mp3"], 4),
        (["analyze", f"{name}.mp3"], 4),
    ]:
        done = oriel_here(*words)
        assert done.returncode == code
        one_sentence(done)
    assert left_in(tmp_path) == set()


@pytest.mark.parametrize("command", ["render", "frame", "sheet", "analyze"])
def test_a_pipe_or_a_device_is_no_song(oriel_here: Oriel, tmp_path: Path, command: str) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    for place in ("pipe.mp3", "/dev/zero"):
        words = ["-o", "a.mp4"] if command == "render" else [] if command == "analyze" else ["-o", "a.png"]
        done = oriel_here(command, place, *words)
        assert done.returncode == 4
        assert one_sentence(done) == f"{place} is no file but a pipe or a device."
    assert left_in(tmp_path) == {"pipe.mp3"}


def test_what_stands_where_the_output_should(oriel_here: Oriel, songs: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "nowhere.mp4").symlink_to("gone.mp4")
    before = left_in(tmp_path)
    for words, sentence in [
        (["-o", "pipe.mp4", "--force"], "pipe.mp4 is no file but a pipe or a device."),
        (["-o", "nowhere.mp4"], "nowhere.mp4 exists already."),
        (["-o", "a.mp4", "--frame-hashes", "/dev/null"], "/dev/null is not a place for a file."),
        (["-o", "a.mp4", "--frame-hashes", "pipe.mp4"], "pipe.mp4 is not a place for a file."),
    ]:
        done = oriel_here("render", songs / "short.wav", *words, "--quiet")
        assert done.returncode == 5
        assert one_sentence(done) == sentence
    assert left_in(tmp_path) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_somebody_elses(songs: Path, tmp_path: Path) -> None:
    # A plain user needs a way to the venv and to the songs: pytest's folders are root's alone.
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]
    folder = Path("/tmp") / f"oriel-{tmp_path.parent.name}-{tmp_path.name}"
    shutil.copytree(songs, folder)
    try:
        folder.chmod(0o755)
        if subprocess.run([*nobody, ORIEL, "--version"], capture_output=True, check=False).returncode:
            pytest.skip("this environment is root's alone")
        before = left_in(folder)
        words = ["render", folder / "short.wav", "--quiet"]
        done = subprocess.run([*nobody, ORIEL, *words], capture_output=True, text=True, cwd="/", timeout=60)
        assert done.returncode == 5
        assert f"{folder} cannot be written to" in one_sentence(done)
        (folder / "short.wav").chmod(0)
        done = subprocess.run([*nobody, ORIEL, *words], capture_output=True, text=True, cwd="/", timeout=60)
        assert done.returncode == 4
        assert "Permission denied" in one_sentence(done)
        assert left_in(folder) == before
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("command", ["render", "frame", "analyze"])
def test_without_ffmpeg(oriel: Oriel, songs: Path, tmp_path: Path, command: str) -> None:
    done = oriel(command, songs / "short.wav", env={"IMAGEIO_FFMPEG_EXE": "/nowhere/ffmpeg"})
    assert done.returncode == 6
    assert "ffmpeg cannot be found" in one_sentence(done)
    assert left_in(tmp_path) == set()


def fake_skia(folder: Path, message: str) -> dict[str, str]:
    """Stands in for a skia-python that cannot be loaded: a module of its name that fails as it does."""
    folder.mkdir()
    (folder / "skia.py").write_text(f"raise ImportError({message!r})")
    return {"PYTHONPATH": str(folder)}


@pytest.mark.parametrize("library", ["libGL.so.1", "libEGL.so.1"])
def test_without_libgl_the_apt_package_is_named(oriel: Oriel, songs: Path, tmp_path: Path, library: str) -> None:
    # Simulated: the message is the one skia-python 144 gives on a bare python:3.11-slim.
    message = f"{library}: cannot open shared object file: No such file or directory"
    env = fake_skia(tmp_path / "fake", message)
    done = oriel("render", songs / "short.wav", "-o", "a.mp4", "--quiet", env=env)
    assert done.returncode == 6
    assert library in one_sentence(done)
    assert "apt-get install libgl1 libegl1" in done.stderr
    assert left_in(tmp_path) == {"fake"}
    done = oriel("doctor", env=env)
    assert done.returncode == 1
    assert "apt-get install libgl1 libegl1" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("kilobytes", [100, 4200, 5000])
def test_a_disk_that_is_too_small(oriel: Oriel, songs: Path, tmp_path: Path, plain: list[str], kilobytes: int) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount here")
    try:
        words = ["--size", "320x180", "--quality", "high", "--quiet", "--set", 'effects=[{"type":"flash"}]']
        done = oriel("render", songs / "long.wav", "-o", disk / "a.mp4", *plain, *words)
        assert done.returncode == 5
        assert "disk is full" in one_sentence(done)
        left = [file.name for file in disk.rglob("*")]
        assert not [name for name in left if name.endswith((".part", "a.mp4"))]
    finally:
        subprocess.run(["umount", disk], check=True)

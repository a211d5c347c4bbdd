"""The commands themselves: what each prints, writes and leaves alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from tests.cli.conftest import ORIEL, Oriel, one_sentence

from oriel_fx import RenderSpec
from oriel_fx.cli.options import assign, read_spec

COMMANDS = ["render", "demo", "frame", "sheet", "presets", "schema", "init", "analyze", "doctor", "bench"]


def test_help_names_every_command_and_imports_nothing_heavy(oriel: Oriel) -> None:
    done = oriel("--help", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0
    assert all(f"  {command} " in done.stdout for command in COMMANDS)
    heavy = ("numpy", "cv2", "skia", "scipy", "pydantic", "flask", "rich.progress")
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert not imported.intersection(heavy)


def test_every_command_has_help(oriel_here: Oriel) -> None:
    for command in COMMANDS:
        done = oriel_here(command, "--help")
        assert done.returncode == 0
        assert "Usage: oriel" in done.stdout


def test_version(oriel: Oriel) -> None:
    assert oriel("--version").stdout.startswith("oriel-fx 0.")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_installed(oriel: Oriel, shell: str) -> None:
    script = oriel("--show-completion", shell).stdout
    assert "_ORIEL_COMPLETE" in script or "complete_" in script


def test_completion_knows_commands_and_options(oriel: Oriel) -> None:
    env = {"_ORIEL_COMPLETE": "complete_bash", "COMP_CWORD": "1"}
    assert oriel(env={**env, "COMP_WORDS": "oriel re"}).stdout.split() == ["render"]
    options = oriel(env={**env, "COMP_WORDS": "oriel render --fr", "COMP_CWORD": "2"}).stdout.split()
    assert options == ["--frame-hashes"]


def test_presets_are_listed_and_printed(oriel_here: Oriel, songs: Path) -> None:
    names = [row["name"] for row in json.loads(oriel_here("presets", "--json").stdout)]
    assert names[0] == "halo"
    assert len(names) >= 6
    listed = oriel_here("presets").stdout.splitlines()
    assert [line.split()[0] for line in listed] == names
    printed = json.loads(oriel_here("presets", "wave").stdout)
    assert RenderSpec.from_config(printed) == RenderSpec.from_config({"preset": "wave"})
    assert oriel_here("presets", "waev").returncode == 3


def test_schema_is_one_object(oriel_here: Oriel) -> None:
    schema = json.loads(oriel_here("schema").stdout)
    assert {"preset", "output", "layers"} <= schema["properties"].keys()


def test_a_reader_that_goes_away_is_no_error(songs: Path) -> None:
    piped = subprocess.run(f"{ORIEL} schema | head -1", shell=True, capture_output=True, text=True, timeout=90)
    assert (piped.stdout, piped.stderr) == ("{\n", "")


@pytest.mark.parametrize("words", [["init"], ["init", "--yaml"], ["init", "mine.yml"], ["init", "looks/night.json"]])
def test_a_starter_config_renders_as_it_is(oriel_here: Oriel, tmp_path: Path, words: list[str]) -> None:
    done = oriel_here(*words)
    written = done.stdout.split()[0]
    assert (tmp_path / written).with_name("oriel.schema.json").exists()
    assert read_spec(tmp_path / written, None, {}, None).preset == "halo"
    (tmp_path / written).write_text("mine")
    assert oriel_here(*words).returncode == 5
    assert (tmp_path / written).read_text() == "mine"


def test_doctor_finds_everything_the_main_job_needs(oriel: Oriel) -> None:
    checks = json.loads(oriel("doctor", "--json").stdout)
    assert all(check["found"] for check in checks if check["needed"])
    assert {"ffmpeg", "skia-python", "numpy"} <= {check["name"] for check in checks if check["needed"]}


def test_doctor_fails_when_ffmpeg_is_missing(oriel: Oriel) -> None:
    done = oriel("doctor", env={"IMAGEIO_FFMPEG_EXE": "/nowhere"})
    assert done.returncode == 1
    assert "MISSING  ffmpeg" in done.stdout
    assert "pip install imageio-ffmpeg" in done.stdout


def test_quiet_prints_nothing(oriel: Oriel, songs: Path, tmp_path: Path, plain: list[str]) -> None:
    done = oriel("render", songs / "short.wav", "-o", "a.mp4", *plain, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "a.mp4").exists()


def test_plain_lines_where_there_is_no_terminal(oriel: Oriel, songs: Path, plain: list[str]) -> None:
    lines = oriel("render", songs / "short.wav", "-o", "a.mp4", *plain).stdout.splitlines()
    assert lines[0].endswith("short.wav → a.mp4")
    assert lines[1].startswith("20 frames at 96×54, 10 fps; about ")
    assert lines[-1].startswith("a.mp4  ")
    assert "× real time" in lines[-1]
    assert not any("\x1b" in line or "\r" in line for line in lines)


def test_a_bar_on_a_terminal(songs: Path, tmp_path: Path, plain: list[str]) -> None:
    try:
        main, end = os.openpty()
    except OSError as error:
        # A bare chroot has no /dev/pts; there is no other way to stand in for a terminal.
        pytest.skip(f"this machine has no pseudo-terminals: {error}")
    command = [ORIEL, "render", songs / "short.wav", "-o", tmp_path / "a.mp4", *plain]
    with subprocess.Popen(command, stdout=end, stderr=end, stdin=end, env={**os.environ, "TERM": "xterm"}) as render:
        os.close(end)
        shown = b""
        while True:
            try:
                part = os.read(main, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
    os.close(main)
    assert render.returncode == 0
    text = shown.decode()
    assert "\x1b[" in text
    assert "frames" in text
    assert "fps" in text
    assert "× real time)" in text


def test_each_event_is_an_object_on_a_line(oriel_here: Oriel, songs: Path, plain: list[str]) -> None:
    events = [
        json.loads(line)
        for line in oriel_here("render", songs / "short.wav", "-o", "a.mp4", *plain, "--json").stdout.splitlines()
    ]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "start"
    assert set(kinds[1:-1]) == {"progress"}
    assert kinds[-1] == "done"
    assert events[0]["n_frames"] == events[-1]["n_frames"] == 20
    assert events[-1]["output"] == "a.mp4"


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (["render", "missing.wav"], "INVALID_SONG", 4),
        (["render"], "USAGE", 2),
        (["render", "missing.wav", "--fps", "0"], "INVALID_SPEC", 3),
        (["render", "missing.wav", "--nope"], "USAGE", 2),
        (["analyze", "missing.wav"], "INVALID_SONG", 4),
        (["demo", "--preset", "x"], "INVALID_SPEC", 3),
    ],
)
def test_errors_are_events_too(oriel_here: Oriel, words: list[str], code: str, exit_code: int) -> None:
    done = oriel_here(*words, "--json")
    event = json.loads(done.stdout)
    assert (event["event"], event["code"]) == ("error", code)
    assert event["exit_code"] == done.returncode == exit_code
    assert event["message"]
    assert done.stderr == ""


def test_a_warning_is_an_event(oriel_here: Oriel, songs: Path, tmp_path: Path, plain: list[str]) -> None:
    whole = (songs / "short.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    done = oriel_here("render", "cut.wav", *plain, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events][-2:] == ["warning", "done"]
    assert "cut short" in events[-2]["message"]
    assert oriel_here("render", "cut.wav", *plain, "--force", "--quiet").stderr.startswith(
        "Warning: cut.wav is cut short"
    )


def test_a_render_goes_on_when_nobody_reads_its_progress(songs: Path, tmp_path: Path, plain: list[str]) -> None:
    command = [ORIEL, "render", songs / "long.wav", "-o", tmp_path / "a.mp4", *plain, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as render:
        assert render.stdout is not None
        assert render.stderr is not None
        render.stdout.readline()
        render.stdout.close()
        assert render.stderr.read() == ""
    assert render.returncode == 0
    assert (tmp_path / "a.mp4").exists()


def test_a_closed_output_stops_nothing(songs: Path, tmp_path: Path, plain: list[str]) -> None:
    words = f"{ORIEL} render {songs / 'short.wav'} -o a.mp4 {' '.join(plain)}"
    assert subprocess.run(f"{words} >&- 2>&-", shell=True, cwd=tmp_path, timeout=60).returncode == 0
    assert (tmp_path / "a.mp4").exists()
    assert subprocess.run(f"{words} >&- 2>&-", shell=True, cwd=tmp_path, timeout=60).returncode == 5


def test_a_frame_is_drawn_and_not_replaced_unasked(
    oriel_here: Oriel, songs: Path, tmp_path: Path, plain: list[str]
) -> None:
    assert oriel_here("frame", songs / "short.wav", "--at", "0:01", "-o", "a.png", *plain).stdout == "a.png\n"
    picture = cv2.imread(str(tmp_path / "a.png"))
    assert picture is not None
    assert picture.shape == (54, 96, 3)
    done = oriel_here("frame", songs / "short.wav", "-o", "a.png", *plain)
    assert done.returncode == 5
    assert "exists already" in one_sentence(done)
    assert oriel_here("frame", songs / "short.wav", "--at", "3", "-o", "b.png", *plain).returncode == 3
    assert oriel_here("frame", songs / "short.wav", "--at", "soon", "-o", "b.png", *plain).returncode == 2
    assert oriel_here("frame", songs / "short.wav", "-o", "b.gif", *plain).returncode == 5
    assert oriel_here("frame", songs / "short.wav", "-o", "/proc/b.png", *plain).returncode == 5


def test_a_sheet(oriel_here: Oriel, songs: Path, tmp_path: Path, plain: list[str]) -> None:
    assert (
        oriel_here("sheet", songs / "short.wav", "-o", "a.jpg", "--count", "4", "--columns", "2", *plain).returncode
        == 0
    )
    picture = cv2.imread(str(tmp_path / "a.jpg"))
    assert picture is not None
    assert picture.shape[1] == 1920


def test_demo(oriel: Oriel, tmp_path: Path) -> None:
    words = ["demo", "--duration", "3", "--size", "160x90", "--fps", "10", "--preset", "scope"]
    assert oriel(*words, "--quiet").returncode == 0
    assert [file.name for file in tmp_path.iterdir()] == ["demo.mp4"]
    again = oriel(*words)
    assert again.returncode == 5
    assert "demo.mp4 exists already" in one_sentence(again)


def test_classic_configs_are_taken_as_they_are(oriel_here: Oriel, songs: Path, tmp_path: Path) -> None:
    flat = {"shape": "cube", "size": 4, "baseColor": 16777215, "glowColor": "#00ffff", "rotationSpeed": 0.1}
    (tmp_path / "flat.json").write_text(json.dumps(flat))
    done = oriel_here("frame", songs / "short.wav", "--at", "1", "--size", "160x90", "-c", "flat.json", "-o", "a.png")
    assert done.returncode == 0, done.stderr


def test_the_command_line_wins_over_the_config_and_that_over_the_preset(tmp_path: Path) -> None:
    (tmp_path / "cfg.json").write_text('{"preset": "wave", "seed": 3, "output": {"size": "square", "fps": 24}}')
    spec = read_spec(tmp_path / "cfg.json", "skyline", {"size": "720p", "fps": None}, ["seed=5"])
    assert (spec.preset, spec.seed, spec.output.size, spec.output.fps) == ("skyline", 5, "720p", "24")


def test_a_preset_that_is_set_is_taken_as_if_named() -> None:
    named = read_spec(None, "wave", {}, ["seed=5"])
    assert read_spec(None, None, {}, ["preset=wave", "seed=5"]) == named
    assert read_spec(None, None, {}, ["seed=5", "preset=wave"]) == named


@pytest.mark.parametrize("flip", [False, True])
def test_another_type_replaces_what_was_there(flip: bool) -> None:
    sets = ["background.type=color", "background.color=#123456"]
    spec = read_spec(None, "halo", {}, sets[::-1] if flip else sets)
    assert spec.background.model_dump()["color"] == "#123456"


@pytest.mark.parametrize(
    ("assignment", "wanted"),
    [
        ("a.0.b=7", {"a": [{"b": 7}, 2]}),
        ("a.1=x y", {"a": [{"b": 1}, "x y"]}),
        ("a=[]", {"a": []}),
        ("c.d.e=null", {"a": [{"b": 1}, 2], "c": {"d": {"e": None}}}),
        ("c=a=b", {"a": [{"b": 1}, 2], "c": "a=b"}),
        ('c="7"', {"a": [{"b": 1}, 2], "c": "7"}),
    ],
)
def test_one_value_is_changed(assignment: str, wanted: object) -> None:
    data = {"a": [{"b": 1}, 2]}
    assert assign(data, assignment) == wanted
    assert data == {"a": [{"b": 1}, 2]}


def test_analyze_prints_a_table(oriel_here: Oriel, songs: Path) -> None:
    lines = dict(line.split(maxsplit=1) for line in oriel_here("analyze", songs / "tagged.mp3").stdout.splitlines())
    assert lines["Title"] == "Glass — Hours"
    assert lines["Artist"] == "Ö & Co"
    assert lines["Sound"] == "mp3, 44.1 kHz, mono"
    assert lines["Length"].startswith("0:02 ")
    assert lines["Tempo"].startswith("120")


def test_analyze_prints_all_of_it_as_json(oriel_here: Oriel, songs: Path) -> None:
    facts = json.loads(oriel_here("analyze", songs / "long.wav", "--json").stdout)
    assert facts["tempo_bpm"] == pytest.approx(120, abs=1)
    assert facts["duration_s"] == 40
    assert facts["beats_s"][:4] == pytest.approx([0.25, 0.75, 1.25, 1.75], abs=0.03)
    assert len(facts["beats_s"]) == len(facts["beat_strengths"])
    assert len(facts["onsets_s"]) == len(facts["onset_strengths"])
    assert facts["warnings"] == []


def test_analyze_draws_a_picture(oriel_here: Oriel, songs: Path, tmp_path: Path) -> None:
    assert oriel_here("analyze", songs / "short.wav", "--plot", "a.png").returncode == 0
    picture = cv2.imread(str(tmp_path / "a.png"))
    assert picture is not None
    assert picture.shape == (1080, 1920, 3)
    assert oriel_here("analyze", songs / "short.wav", "--plot", "a.png").returncode == 5
    assert oriel_here("analyze", songs / "short.wav", "--plot", "a.tiff").returncode == 5


@pytest.mark.soak
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["analyze", "long.wav", "--plot", "a.png"], "Length    3:00:00"),
        (["render", "long.wav", "--start", "2:59:30", "--duration", "20", "--quality", "draft"], "600 frames"),
    ],
)
def test_a_three_hour_song_takes_little_memory(tmp_path: Path, words: list[str], says: str) -> None:
    from tests.songs import ffmpeg, music, write_wav

    write_wav(tmp_path / "part.wav", music(60))
    ffmpeg("-stream_loop", "179", "-i", tmp_path / "part.wav", "-c", "copy", tmp_path / "long.wav")
    script = (
        "import sys; from oriel_fx.cli import main; "
        f"sys.argv = {['oriel', *words]!r}\n"
        "try: main.run()\nfinally: print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert says in done.stdout
    assert int(done.stdout.split()[-1]) < 700_000


def test_set_changes_a_flat_config_by_its_own_keys(tmp_path: Path) -> None:
    config = tmp_path / "classic.json"
    config.write_text('{"shape": "torus", "size": 4}')
    spec = read_spec(config, None, {}, ["size=5", "seed=3"])
    assert spec.layers[0].type == "wireframe"
    assert (spec.layers[0].shape, spec.layers[0].size, spec.seed) == ("torus", 5, 3)

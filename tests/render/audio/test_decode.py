"""Any song becomes mono 44.1 kHz PCM; what is no song is refused in one sentence."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from oriel_fx.errors import DependencyError, OutputError, SongError
from oriel_fx.render.audio import SAMPLE_RATE, Pcm, decode_song, probe_song
from oriel_fx.render.audio import ffmpeg as ffmpeg_module
from oriel_fx.render.audio.decode import _decode
from oriel_fx.render.cancel import never

Ffmpeg = Callable[..., None]
SINE = ("-f", "lavfi", "-i", "sine=frequency=1000:duration=2:sample_rate=48000")

FORMATS = {
    "cbr.mp3": ("-b:a", "128k"),
    "vbr.mp3": ("-q:a", "4"),
    "8.wav": ("-c:a", "pcm_u8"),
    "16.wav": ("-c:a", "pcm_s16le"),
    "24.wav": ("-c:a", "pcm_s24le"),
    "32.wav": ("-c:a", "pcm_s32le"),
    "float.wav": ("-c:a", "pcm_f32le"),
    "aac.m4a": ("-c:a", "aac"),
    "alac.m4a": ("-c:a", "alac"),
    "raw.aac": ("-c:a", "aac"),
    "a.flac": (),
    "vorbis.ogg": ("-c:a", "libvorbis"),
    "a.opus": ("-c:a", "libopus"),
    "a.aiff": (),
    "mono.wav": ("-ac", "1"),
    "surround.wav": ("-ac", "6"),
    "surround.flac": ("-ac", "6"),
    "8k.wav": ("-ar", "8000"),
    "192k.wav": ("-ar", "192000"),
}


def loudest_hz(pcm: Pcm) -> float:
    heard = pcm.read(SAMPLE_RATE // 2, SAMPLE_RATE * 3 // 2)
    return float(np.argmax(np.abs(np.fft.rfft(heard * np.hanning(len(heard))))))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_decodes_to_the_same_tone(name: str, tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    song = tmp_path / name
    ffmpeg(*SINE, "-ac", "2", *FORMATS[name], song)
    decoded = decode_song(song, tmp_path / "work")
    assert decoded.warnings == ()
    assert decoded.pcm.path == tmp_path / "work" / "song.pcm"
    assert decoded.pcm.duration_s == pytest.approx(2.0, abs=0.07)
    assert loudest_hz(decoded.pcm) == pytest.approx(1000, abs=1)
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["song.pcm"]


def test_the_sound_of_a_video_is_decoded(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    video = tmp_path / "clip.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=size=64x64:duration=2", *SINE, "-c:v", "libx264", "-c:a", "aac", video)
    assert loudest_hz(decode_song(video, tmp_path).pcm) == pytest.approx(1000, abs=1)
    assert probe_song(video).codec == "aac"


@pytest.mark.parametrize("name", ["-start.wav", "日本語 ñ ß 🎵.wav", "a'b\"c.wav", "%03d.wav", "concat:x|y.wav"])
def test_a_file_may_have_any_name(name: str, tmp_path: Path, ffmpeg: Ffmpeg, monkeypatch: pytest.MonkeyPatch) -> None:
    ffmpeg(*SINE, tmp_path / "plain.wav")
    (tmp_path / "plain.wav").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert decode_song(Path(name), tmp_path / "work").pcm.duration_s == pytest.approx(2.0, abs=0.01)


def test_stereo_is_mixed_half_and_half(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    song = tmp_path / "left.wav"
    ffmpeg("-f", "lavfi", "-i", "aevalsrc=0.8*sin(2*PI*1000*t)|0:d=1", song)
    assert np.abs(decode_song(song, tmp_path).pcm.read(0, SAMPLE_RATE)).max() == pytest.approx(0.4, abs=0.01)


def test_the_first_decoded_sample_is_sample_zero_whatever_the_container_says(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    ffmpeg(*SINE, tmp_path / "plain.flac")
    ffmpeg("-i", tmp_path / "plain.flac", "-c", "copy", "-output_ts_offset", "1.5", tmp_path / "late.mka")
    plain = decode_song(tmp_path / "plain.flac", tmp_path / "a").pcm
    late = decode_song(tmp_path / "late.mka", tmp_path / "b").pcm
    assert plain.path.read_bytes() == late.path.read_bytes()


def test_probe_reads_the_header(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    ffmpeg(*SINE, "-ac", "6", "-ar", "96000", tmp_path / "a.flac")
    info = probe_song(tmp_path / "a.flac")
    assert (info.codec, info.sample_rate_hz, info.channels) == ("flac", 96_000, 6)
    assert info.duration_s == pytest.approx(2.0, abs=0.01)


def refuse(song: Path, folder: Path, saying: str) -> None:
    with pytest.raises(SongError, match=saying) as caught:
        decode_song(song, folder / "work")
    assert caught.value.hint
    assert "\n" not in caught.value.message
    assert not list((folder / "work").glob("*")) if (folder / "work").exists() else True


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    refuse(tmp_path / "none.mp3", tmp_path, "There is no file")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    refuse(tmp_path, tmp_path, "is a folder")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").touch()
    refuse(tmp_path / "a.mp3", tmp_path, "is empty")


def test_text_named_mp3_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_text("I am not a song.\n" * 500)
    refuse(tmp_path / "a.mp3", tmp_path, "not an audio file")


@pytest.mark.parametrize("suffix", ["mp3", "aac", "wav", "flac"])
@pytest.mark.parametrize("seed", range(4))
def test_random_bytes_are_refused(seed: int, suffix: str, tmp_path: Path) -> None:
    song = tmp_path / f"a.{suffix}"
    song.write_bytes(np.random.default_rng(seed).bytes(200_000 * (seed + 1)))
    refuse(song, tmp_path, "is not an audio file|zero seconds")


def test_a_video_without_sound_is_refused(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=size=64x64:duration=1", tmp_path / "mute.mp4")
    refuse(tmp_path / "mute.mp4", tmp_path, "has no audio stream")


def test_zero_seconds_of_audio_are_refused(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    ffmpeg("-f", "lavfi", "-i", "anullsrc", "-t", "0", tmp_path / "zero.wav")
    refuse(tmp_path / "zero.wav", tmp_path, "zero seconds|not an audio file")


REFERRERS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{secret}'\n",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{secret}" width="9" height="9"/></svg>',
    "dash": '<?xml version="1.0"?><MPD><Period><AdaptationSet><Representation id="1">'
    "<BaseURL>{secret}</BaseURL></Representation></AdaptationSet></Period></MPD>",
}


@pytest.mark.parametrize("suffix", ["mp3", "m3u8", "wav"])
@pytest.mark.parametrize("kind", REFERRERS)
def test_what_names_other_files_does_not_open_them(kind: str, suffix: str, tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    ffmpeg(*SINE, tmp_path / "secret.wav")
    song = tmp_path / f"song.{suffix}"
    song.write_text(REFERRERS[kind].format(secret=tmp_path / "secret.wav"))
    refuse(song, tmp_path, "not an audio file")


@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.flac", "a.m4a", "a.ogg", "a.aiff"])
def test_a_truncated_song_renders_what_is_there_and_says_so(name: str, tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    whole, cut = tmp_path / name, tmp_path / f"cut-{name}"
    ffmpeg("-f", "lavfi", "-i", "anoisesrc=duration=20:amplitude=0.1", "-movflags", "+faststart", whole)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    decoded = decode_song(cut, tmp_path)
    assert 7 < decoded.pcm.duration_s < 13
    assert len(decoded.warnings) == 1
    assert "cut short" in decoded.warnings[0]


def test_damage_in_the_middle_is_a_warning(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    song = tmp_path / "a.flac"
    ffmpeg("-f", "lavfi", "-i", "anoisesrc=duration=20:amplitude=0.1", song)
    data = bytearray(song.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    song.write_bytes(data)
    assert len(decode_song(song, tmp_path).warnings) == 1


def test_a_missing_ffmpeg_is_named(tmp_path: Path, ffmpeg: Ffmpeg, monkeypatch: pytest.MonkeyPatch) -> None:
    ffmpeg(*SINE, tmp_path / "a.wav")
    monkeypatch.setattr(ffmpeg_module, "ffmpeg_exe", lambda: "/nowhere/ffmpeg")
    with pytest.raises(DependencyError, match="ffmpeg") as caught:
        decode_song(tmp_path / "a.wav", tmp_path)
    assert "pip install" in caught.value.hint


def test_a_full_disk_is_an_output_error(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    ffmpeg(*SINE, tmp_path / "a.wav")
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="disk is full"):
        _decode(tmp_path / "a.wav", tmp_path / "full", never)


def test_a_folder_that_cannot_be_written_is_an_output_error(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    ffmpeg(*SINE, tmp_path / "a.wav")
    with pytest.raises(OutputError, match="Cannot write"):
        decode_song(tmp_path / "a.wav", tmp_path / "a.wav")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_the_child_dies_with_its_parent() -> None:
    script = (
        "import time; from oriel_fx.render.audio.child import start_child\n"
        "child = start_child(['sleep', '60'], stdin=None, stdout=None, stderr=None)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        # It is on its leash once the command it was started for runs.
        while Path(f"/proc/{child}/comm").read_text().strip() != "sleep":
            time.sleep(0.01)
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]:
            return
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the child outlived its parent")


def test_pcm_reads_blocks_with_silence_around_the_song(tmp_path: Path) -> None:
    path = tmp_path / "a.pcm"
    np.array([-32768, 16384, 0, 32767], "<i2").tofile(path)
    pcm = pickle.loads(pickle.dumps(Pcm.open(path)))
    assert pcm.n_samples == 4
    assert pcm.read(-2, 6).tolist() == pytest.approx([0, 0, -1.0, 0.5, 0, 32767 / 32768, 0, 0])
    assert pcm.read(10, 12).tolist() == [0, 0]
    assert pcm.read(3, 3).shape == (0,)
    assert pcm.read(0, 4).dtype == np.float32

"""ffmpeg as this package uses it to read songs: where it is, how it is called, what it says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oriel_fx.errors import DependencyError
from oriel_fx.render.audio.child import start_child
from oriel_fx.render.cancel import Cancelled, never, stop_if

# Containers that hold their sound themselves. Playlists, scripts, manifests and pictures are not among them,
# because they make ffmpeg open other files than the one it was given.
FORMATS = (
    "3gp,aa,aac,ac3,ac4,act,aiff,amr,amrnb,amrwb,ape,asf,ast,au,avi,caf,dff,dsf,dts,dtshd,dv,eac3,f4v,flac,flv,gsm,"
    "iamf,iff,ircam,ivf,loas,m4v,matroska,webm,mlp,mp4,mov,m4a,mp3,mpc,mpc8,mpeg,mpegts,mxf,nut,oga,ogg,oma,qoa,rm,"
    "rf64,shn,sox,spdif,swf,tak,truehd,tta,voc,w64,wav,wsd,wtv,wv"
)

# Containers without a header of their own, which ffmpeg may see in random bytes.
BARE_FORMATS = frozenset(
    {
        "mp3",
        "aac",
        "ac3",
        "ac4",
        "eac3",
        "dts",
        "dtshd",
        "loas",
        "mlp",
        "truehd",
        "mpeg",
        "gsm",
        "spdif",
        "act",
    }
)

_INPUT = re.compile(r"^Input #0, (.+), from ")
_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)")
_AUDIO = re.compile(r"^\s+Stream #0:\d+.*?: Audio: ([\w.-]+).*?, (\d+) Hz, ([^,]+)")
_STREAM = re.compile(r"^\s+Stream #0:\d+.*?: (Audio|Video|Subtitle|Data|Attachment): (.*)")
_CHANNELS = {"mono": 1, "stereo": 2, "downmix": 2, "quad": 4, "hexagonal": 6, "octagonal": 8, "cube": 8}


@dataclass(frozen=True)
class Header:
    """What ffmpeg says of a file before it decodes it.

    `duration_s` is None where the file does not say; `codec` is empty where there is no audio stream.
    """

    format: str
    duration_s: float | None
    codec: str
    sample_rate_hz: int
    channels: int
    has_streams: bool


def ffmpeg_exe() -> str:
    """Path of imageio-ffmpeg's ffmpeg. Raises DependencyError where there is none."""
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError, OSError) as error:
        raise missing_ffmpeg() from error


def missing_ffmpeg() -> DependencyError:
    return DependencyError(
        "ffmpeg cannot be found or started.",
        "Install the package that brings it: pip install --force-reinstall imageio-ffmpeg",
    )


def input_args(song: Path) -> list[str]:
    """Options that make ffmpeg read this one file and nothing else, whatever its name or its bytes say."""
    return ["-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-i", f"file:{song.absolute()}"]


def run_ffmpeg(args: Sequence[str], cancelled: Cancelled = never) -> tuple[int, str]:
    """Runs ffmpeg to its end: its exit status and what it wrote to stderr.

    The child is killed if this call is interrupted or cancelled, and dies with this process.
    Raises DependencyError, RenderCancelledError.
    """
    command = [ffmpeg_exe(), "-hide_banner", "-nostdin", "-nostats", *args]
    try:
        child = start_child(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    except (OSError, subprocess.SubprocessError) as error:
        raise missing_ffmpeg() from error
    try:
        stderr = _read_errors(child, cancelled)
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
    return child.returncode, stderr.decode("utf-8", "replace")


def _read_errors(child: subprocess.Popen[bytes], cancelled: Cancelled) -> bytes:
    while True:
        try:
            return child.communicate(timeout=0.2)[1]
        except subprocess.TimeoutExpired:
            stop_if(cancelled)


def parse_header(stderr: str) -> Header:
    """Reads the lines ffmpeg prints about its first input."""
    container, duration_s, codec, rate, channels, has_streams = "", None, "", 0, 0, False
    for line in stderr.splitlines():
        if line.startswith(("Output #", "Stream mapping")):
            break
        if match := _INPUT.match(line):
            container = match[1]
        elif match := _DURATION.match(line):
            duration_s = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
        elif match := _STREAM.match(line):
            has_streams = True
            if match[1] == "Audio" and not codec:
                codec = match[2].split(",")[0].split(" ")[0]
            if (audio := _AUDIO.match(line)) and not rate:
                rate, channels = int(audio[2]), _count_channels(audio[3])
    return Header(container, duration_s, codec, rate, channels, has_streams)


def _count_channels(layout: str) -> int:
    """Channels of ffmpeg's name for a layout: `stereo`, `5.1(side)`, `7.1.4`, `3 channels`."""
    name = layout.split("(")[0].strip()
    if name in _CHANNELS:
        return _CHANNELS[name]
    if match := re.match(r"(\d+) channels?", name):
        return int(match[1])
    return sum(int(digit) for digit in re.findall(r"\d+", name)) or 1

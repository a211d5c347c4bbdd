"""Songs for tests, whose every tone and hit is known, and what ffmpeg says of finished files."""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.audio import SAMPLE_RATE
from oriel_fx.render.audio.ffmpeg import ffmpeg_exe

Signal = NDArray[np.float64]


def silence(duration_s: float) -> Signal:
    return np.zeros(round(duration_s * SAMPLE_RATE))


def tone(freq_hz: float, duration_s: float, amplitude: float = 0.3) -> Signal:
    at_s = np.arange(round(duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    return amplitude * np.sin(2 * np.pi * freq_hz * at_s)


def clicks(times_s: Any, duration_s: float, amplitude: float = 0.5, length_s: float = 0.01) -> Signal:
    """A burst of noise, falling, at each time, on silence."""
    length = round(length_s * SAMPLE_RATE)
    signal = np.zeros(round(duration_s * SAMPLE_RATE) + length)
    burst = np.random.default_rng(1).uniform(-1, 1, length) * np.exp(-5 * np.arange(length) / length)
    for start in np.round(np.asarray(times_s) * SAMPLE_RATE).astype(int):
        signal[start : start + length] += amplitude * burst
    return signal[:-length]


def music(duration_s: float) -> Signal:
    """Something of everything: a chord that moves, and a click every half second from 0.25 s."""
    at_s = np.arange(round(duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    chord = sum(np.sin(2 * np.pi * hz * at_s * (1 + 0.01 * np.sin(at_s))) for hz in (55, 220, 440, 1760))
    swell = 0.1 * (0.6 + 0.4 * np.sin(2 * np.pi * 0.3 * at_s))
    return np.asarray(swell * chord + clicks(np.arange(0.25, duration_s - 0.05, 0.5), duration_s))


def write_wav(path: Path, signal: Signal) -> Path:
    """A mono 16-bit WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.round(np.clip(signal, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def ffmpeg(*args: str | Path) -> bytes:
    """Run ffmpeg with these arguments and return what it printed, or fail."""
    command = [ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *map(str, args)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def ffmpeg_banner(file: Path) -> str:
    """What ffmpeg prints about a file: container, tags, streams."""
    command = [ffmpeg_exe(), "-hide_banner", "-i", f"file:{file.absolute()}"]
    return subprocess.run(command, capture_output=True, text=True, errors="replace").stderr


def frame_md5s(video: Path) -> list[str]:
    """A hash of each decoded frame of a video."""
    text = ffmpeg("-i", f"file:{video.absolute()}", "-map", "0:v", "-f", "framemd5", "pipe:1").decode()
    return [line.split(",")[-1].strip() for line in text.splitlines() if not line.startswith("#")]


def decoded_frames(video: Path, width: int, height: int) -> NDArray[np.uint8]:
    """All frames of a video as a player shows them: RGB uint8, (n, height, width, 3)."""
    raw = ffmpeg("-i", f"file:{video.absolute()}", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1")
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def decoded_light(video: Path) -> NDArray[np.float64]:
    """How bright each frame of a video is: luma, 0..1."""
    chain = "format=gray16le,scale=1:1:flags=area"
    raw = ffmpeg("-i", f"file:{video.absolute()}", "-vf", chain, "-f", "rawvideo", "-pix_fmt", "gray16le", "pipe:1")
    return np.frombuffer(raw, "<u2") / 65535


def decoded_sound(video: Path) -> NDArray[np.float32]:
    """The sound of a video as a player plays it from time zero on: mono float32 at 44.1 kHz."""
    chain = "aresample=44100:async=1:first_pts=0"
    raw = ffmpeg("-i", f"file:{video.absolute()}", "-vn", "-af", chain, "-ac", "1", "-f", "f32le", "pipe:1")
    return np.frombuffer(raw, "<f4")

"""Uploaded songs: what they are and how long they play, found by decoding them within limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from oriel_fx.render.audio.decode import FILTERS
from oriel_fx.render.audio.ffmpeg import Header, ffmpeg_exe, input_args, parse_header
from oriel_fx.render.audio.pcm import BYTES_PER_SAMPLE, SAMPLE_RATE
from oriel_fx.server.errors import AudioTooLongError, InvalidAudioError, InvalidAudioFormatError
from oriel_fx.server.renders.formats import SUPPORTED, sniff_audio
from oriel_fx.server.renders.limited import Limits, Ran, run_limited

# Decoding a song of 15 minutes takes 3 s on the machine this was measured on.
_DECODING = Limits(wall_s=60, cpu_s=60)
_PROBING = Limits(wall_s=10, cpu_s=10)
_DEMUXERS = {"mp3": "mp3", "wav": "wav", "m4a": "mov"}
_CODECS = {"mp3": ("mp3", "mp3float")}
_PICTURE = re.compile(r"Stream #0:\d+.*?: Video: .*\(attached pic\)")
_VIDEO = re.compile(r"Stream #0:\d+.*?: Video: ")
_MAX_LOG_BYTES = 200_000
CONTENT_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "m4a": "audio/mp4"}


@dataclass(frozen=True)
class Song:
    """An upload that is a song: `mp3`, `wav` or `m4a`, and the length of what could be decoded."""

    kind: str
    duration_s: float


def check_song(path: Path, max_s: float) -> Song:
    """What the file is and how long it plays, by decoding it with the demuxer of its kind and no other.

    Raises InvalidAudioFormatError (no MP3, WAV or M4A), InvalidAudioError (empty, broken, no sound),
    AudioTooLongError.
    """
    if path.stat().st_size == 0:
        raise InvalidAudioError("The song is empty.")
    kind = sniff_audio(path)
    if kind not in SUPPORTED:
        raise _unsupported(kind)
    duration_s = _decode(path, kind, max_s)
    _require_no_other_reading(path, kind)
    return Song(kind, duration_s)


def _decode(path: Path, kind: str, max_s: float) -> float:
    """Seconds of sound in the file, decoded as the renderer decodes it."""
    log = path.with_name(f"{path.name}.log")
    max_bytes = int(max_s * SAMPLE_RATE) * BYTES_PER_SAMPLE
    ran = run_limited(_command(path, kind), _DECODING, errors=log, max_output_bytes=max_bytes, keep_output=False)
    header = parse_header(_read(log))
    if header.codec:
        _require_codec(header, kind, _read(log))
    if ran.too_much:
        raise AudioTooLongError(f"The song is longer than {max_s / 60:g} minutes.", max_s=max_s)
    if ran.timed_out:
        raise InvalidAudioError("The song takes too long to decode.")
    return _length(ran, header)


def _length(ran: Ran, header: Header) -> float:
    if header.has_streams and not header.codec:
        raise InvalidAudioError("The file has no sound in it.")
    if ran.n_bytes < BYTES_PER_SAMPLE:
        raise InvalidAudioError("The song cannot be decoded; check that it plays.")
    return ran.n_bytes // BYTES_PER_SAMPLE / SAMPLE_RATE


def _command(path: Path, kind: str) -> list[str]:
    # The demuxer is named, so that a playlist or a script dressed as a song is read as broken sound, not obeyed.
    source = ["-protocol_whitelist", "file,pipe", "-f", _DEMUXERS[kind], "-i", f"file:{path.absolute()}"]
    sound = ["-map", "0:a:0", "-vn", "-sn", "-dn", "-af", FILTERS, "-f", "s16le", "pipe:1"]
    return [ffmpeg_exe(), "-hide_banner", "-nostdin", "-nostats", *source, *sound]


def _require_codec(header: Header, kind: str, log: str) -> None:
    if len(_VIDEO.findall(log)) > len(_PICTURE.findall(log)) and kind == "m4a":
        raise _unsupported("mp4 video")
    if kind in _CODECS and header.codec not in _CODECS[kind]:
        raise _unsupported(header.codec)


def _require_no_other_reading(path: Path, kind: str) -> None:
    """The renderer lets ffmpeg find the container by itself: what it finds must be what was measured here."""
    log = path.with_name(f"{path.name}.log")
    command = [ffmpeg_exe(), "-hide_banner", "-nostdin", *input_args(path)]
    run_limited(command, _PROBING, errors=log, max_output_bytes=0, keep_output=False)
    found = parse_header(_read(log)).format.split(",")
    if _DEMUXERS[kind] not in found:
        raise _unsupported(found[0] or "unknown")


def _unsupported(received: str) -> InvalidAudioFormatError:
    return InvalidAudioFormatError(received_format=received, supported_formats=list(SUPPORTED))


def _read(log: Path) -> str:
    with log.open("rb") as file:
        return file.read(_MAX_LOG_BYTES).decode("utf-8", "replace")

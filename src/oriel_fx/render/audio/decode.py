"""Any song to mono 44.1 kHz PCM on disk."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from oriel_fx.errors import OutputError, SongError
from oriel_fx.render.audio.ffmpeg import BARE_FORMATS, Header, input_args, parse_header, run_ffmpeg
from oriel_fx.render.audio.pcm import SAMPLE_RATE, Pcm
from oriel_fx.render.audio.sniff import has_mpeg_frames, is_cut_short
from oriel_fx.render.cancel import Cancelled, never

__all__ = ["SAMPLE_RATE", "DecodedSong", "Pcm", "SongInfo", "check_song", "decode_song", "probe_song"]

# Sample 0 is the first one decoded, whatever start time the container claims; large frames save half of
# ffmpeg's time.
FILTERS = f"asetpts=N/SR/TB,aresample={SAMPLE_RATE}:ochl=mono:osf=s16,asetnsamples=n=32768:p=0"

# A header may round, and an encoder's padding comes and goes.
_SHORT_BY_S = 0.5

_DAMAGE = re.compile(
    r"Decoding error|Error submitting packet|corrupt input packet|Header missing|decode_frame\(\) failed"
)
_CUT = re.compile(r"filesize and duration do not match|partial file|File ended prematurely|invalid concatenated file")
_CHECK = "Check that it is a song (mp3, wav, flac, m4a, ogg …) and that it plays."


@dataclass(frozen=True)
class SongInfo:
    """What a song's header says; `duration_s` is 0.0 where it says nothing."""

    duration_s: float
    codec: str
    sample_rate_hz: int
    channels: int


@dataclass(frozen=True)
class DecodedSong:
    """A song's PCM, one sentence for each thing that was wrong but could be lived with, and the file's own rate."""

    pcm: Pcm
    warnings: tuple[str, ...]
    source_rate_hz: int


def probe_song(song: Path) -> SongInfo:
    """Reads a song's header, about 50 ms. Raises SongError, DependencyError."""
    check_song(song)
    _, stderr = run_ffmpeg(input_args(song))
    header = _require_audio(song, stderr)
    return SongInfo(header.duration_s or 0.0, header.codec, header.sample_rate_hz, header.channels)


def decode_song(song: Path, folder: Path, cancelled: Cancelled = never) -> DecodedSong:
    """Decodes the first audio stream of `song` to `folder/song.pcm`: mono, 16-bit, 44.1 kHz.

    The file appears whole or not at all. Raises SongError (missing, empty, not audio, no sound), OutputError
    (folder cannot be written, disk full), DependencyError (no ffmpeg), RenderCancelledError.
    """
    check_song(song)
    target = folder / "song.pcm"
    partial = folder / f".song-{os.getpid()}.pcm.part"
    try:
        stderr = _decode(song, partial, cancelled)
        header = _require_audio(song, stderr)
        pcm = _require_sound(song, partial, stderr)
        partial.replace(target)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return DecodedSong(Pcm(target, pcm.n_samples), _find_warnings(song, header, pcm, stderr), header.sample_rate_hz)


def _decode(song: Path, partial: Path, cancelled: Cancelled) -> str:
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.touch()
    except OSError as error:
        raise OutputError(
            f"Cannot write to {partial.parent}: {error.strerror}.", "Choose a folder you may write to."
        ) from error
    output = [
        "-map",
        "0:a:0",
        "-vn",
        "-sn",
        "-dn",
        "-af",
        FILTERS,
        "-f",
        "s16le",
        "-y",
        f"file:{partial.absolute()}",
    ]
    status, stderr = run_ffmpeg([*input_args(song), *output], cancelled)
    if status and re.search(r"No space left on device|Disk quota exceeded|File too large", stderr):
        raise OutputError(
            f"The disk is full: {partial.parent} has no room for the decoded song.",
            "An hour of song needs 320 MB while it renders; free some space or choose another folder.",
        )
    return stderr


def check_song(song: Path) -> None:
    """Whether there is a file to read, asked before anything else opens it. Raises SongError."""
    try:
        kind = song.stat().st_mode
        if stat.S_ISDIR(kind):
            raise SongError(f"{song} is a folder, not a song.", "Name one of the songs in it.")
        if not stat.S_ISREG(kind):
            # A song is read several times over, and a pipe may never say anything.
            raise SongError(f"{song} is no file but a pipe or a device.", "Save its sound in a file first.")
        with song.open("rb") as file:
            first = file.read(1)
    except FileNotFoundError as error:
        raise SongError(f"There is no file {song}.", "Check the name and the folder.") from error
    except OSError as error:
        raise SongError(f"{song} cannot be read: {error.strerror}.", "Check its name and its permissions.") from error
    if not first:
        raise SongError(f"{song} is empty.", "Copy or download it again.")


def _require_audio(song: Path, stderr: str) -> Header:
    header = parse_header(stderr)
    if header.has_streams and not header.codec:
        raise SongError(f"{song} has no audio stream.", "Name a file with sound in it.")
    if not header.codec:
        raise SongError(f"{song} is not an audio file that can be read.", _CHECK)
    if header.format == "mp3" and not has_mpeg_frames(song):
        raise SongError(f"{song} is not an audio file: no MPEG audio frames in it.", _CHECK)
    return header


def _require_sound(song: Path, partial: Path, stderr: str) -> Pcm:
    pcm = Pcm.open(partial)
    bare, damage = parse_header(stderr).format in BARE_FORMATS - {"mp3"}, _count_damage(stderr)
    if bare and (damage > 2 * pcm.duration_s or pcm.n_samples == 0):
        raise SongError(f"{song} is not an audio file: what could be read of it as sound is noise.", _CHECK)
    if pcm.n_samples == 0:
        raise SongError(f"{song} holds no sound: zero seconds of audio could be decoded.", _CHECK)
    return pcm


def _find_warnings(song: Path, header: Header, pcm: Pcm, stderr: str) -> tuple[str, ...]:
    warnings = []
    claimed_s = header.duration_s or 0.0
    if pcm.duration_s < claimed_s - _SHORT_BY_S:
        warnings.append(
            f"{song.name} is cut short: its header says {claimed_s:.1f} s, {pcm.duration_s:.1f} s could be decoded."
        )
    elif _CUT.search(stderr) or is_cut_short(song):
        warnings.append(f"{song.name} is cut short: {pcm.duration_s:.1f} s could be decoded.")
    elif damage := _count_damage(stderr):
        warnings.append(f"{song.name} is damaged: {damage} errors while decoding; it may jump or stutter.")
    return tuple(warnings)


def _count_damage(stderr: str) -> int:
    return len(_DAMAGE.findall(stderr))

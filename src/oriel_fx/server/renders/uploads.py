"""What a user sends for a job, received into a folder and checked, all of it, before anything is kept."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from flask import Request

from oriel_fx.render.audio.tags import title_from_name
from oriel_fx.render.spec import RenderSpec
from oriel_fx.server import errors
from oriel_fx.server.json_body import parse_json, storable_text
from oriel_fx.server.renders.formats import sniff_picture
from oriel_fx.server.renders.limited import MB, Limits, run_limited
from oriel_fx.server.renders.parts import Part, PartLimit, PartsTooLargeError, receive_parts
from oriel_fx.server.renders.songs import CONTENT_TYPES, check_song
from oriel_fx.server.renders.specs import count_frames, read_spec
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import AssetKind

_SCAN_S = 60
# An opaque 40-megapixel picture takes 0.6 GB while its colours are multiplied by its alpha.
_LOOKING = Limits(wall_s=30, cpu_s=30, memory_bytes=1500 * MB, file_bytes=200 * MB)
_REQUIRED = (AssetKind.AUDIO.value, "config")
_PICTURES = (AssetKind.COVER, AssetKind.BACKGROUND)
_MAX_PAYMENT_ID = 64
_MAX_ANSWER_BYTES = 1 << 20
# Boundaries, headers and the small parts.
_SLACK_BYTES = 64_000
_log = structlog.get_logger("oriel_fx.renders")


@dataclass(frozen=True)
class UploadedFile:
    """One checked file: what it is for, where it is, what its sender called it, its content type and its suffix."""

    kind: AssetKind
    path: Path
    filename: str
    content_type: str
    suffix: str


@dataclass(frozen=True)
class Upload:
    """All that a job is made from."""

    files: tuple[UploadedFile, ...]
    spec: RenderSpec
    duration_s: float  # of the video
    n_frames: int
    title: str
    payment_id: str | None


def max_upload_bytes(settings: Settings) -> int:
    """The largest body of a submission."""
    pictures = len(_PICTURES) * settings.max_image_bytes
    return settings.max_audio_bytes + pictures + settings.max_lyrics_bytes + settings.max_body_bytes + _SLACK_BYTES


def receive_upload(request: Request, settings: Settings, folder: Path) -> Upload:
    """Everything the request brings, in `folder`, checked. Raises the ApiError that says what is wrong."""
    try:
        parts = receive_parts(request, folder, _limits(settings))
    except PartsTooLargeError:
        raise errors.AudioTooLargeError(max_bytes=settings.max_audio_bytes) from None
    return check_upload(parts, settings, folder)


def check_upload(parts: dict[str, Part], settings: Settings, folder: Path) -> Upload:
    """The parts as what a job is made from. Cheap checks come first."""
    _require(parts)
    # A form in a browser sends a field that nobody filled as an empty part.
    parts = {name: part for name, part in parts.items() if part.n_bytes or name in _REQUIRED}
    config = _read_config(parts["config"].path, settings)
    spec = read_spec(config, settings, parts.keys() & {*_PICTURES})
    payment_id = _read_payment_id(parts.get("payment_id"))
    lyrics = _check_lyrics(parts[AssetKind.LYRICS].path) if AssetKind.LYRICS in parts else None
    pictures = {kind: parts[kind] for kind in _PICTURES if kind in parts}
    for kind, part in pictures.items():
        _require_picture(kind, part.path)
    for kind in AssetKind:
        if kind in parts:
            _scan(parts[kind].path, settings)
    audio = parts[AssetKind.AUDIO]
    song = check_song(audio.path, settings.max_song_s)
    n_frames = count_frames(spec, song.duration_s)
    # Tags are found by content, but some readers ask the name too.
    named = audio.path.rename(folder / f"upload.{song.kind}")
    found = _look_inside(named, pictures, settings, folder)
    files = [UploadedFile(AssetKind.AUDIO, named, audio.filename, CONTENT_TYPES[song.kind], song.kind)]
    for kind, part in pictures.items():
        suffix = found[kind]["kind"]
        path = _rewritten(folder, kind)
        files.append(UploadedFile(kind, path, part.filename, f"image/{suffix}", suffix))
    if lyrics is not None:
        part = parts[AssetKind.LYRICS]
        files.append(UploadedFile(AssetKind.LYRICS, lyrics, part.filename, "text/plain; charset=utf-8", "txt"))
    title = spec.tags.title or _storable(found["audio"]["title"]) or title_from_name(Path(audio.filename or "Untitled"))
    # The renderer would name a song without tags after its file, which has another name in storage.
    spec = spec.model_copy(update={"tags": spec.tags.model_copy(update={"title": title[:300]})})
    duration_s = float(n_frames / spec.output.frames_per_s)
    return Upload(tuple(files), spec, duration_s, n_frames, title, payment_id)


def _limits(settings: Settings) -> dict[str, PartLimit]:
    picture = PartLimit(settings.max_image_bytes, errors.ImageTooLargeError)
    return {
        AssetKind.AUDIO: PartLimit(settings.max_audio_bytes, errors.AudioTooLargeError),
        "config": PartLimit(settings.max_body_bytes, errors.BodyTooLargeError),
        "payment_id": PartLimit(_MAX_PAYMENT_ID, errors.PaymentNotFoundError),
        AssetKind.COVER: picture,
        AssetKind.BACKGROUND: picture,
        AssetKind.LYRICS: PartLimit(settings.max_lyrics_bytes, errors.LyricsTooLargeError),
    }


def _require(parts: dict[str, Part]) -> None:
    missing = [name for name in _REQUIRED if name not in parts]
    if missing:
        faults = [{"path": name, "message": "This part is missing."} for name in missing]
        raise errors.ValidationFailedError(f"The part {' and the part '.join(missing)} is missing.", faults=faults)


def _read_config(path: Path, settings: Settings) -> Any:
    try:
        return parse_json(path.read_bytes(), settings.max_json_depth)
    except errors.MalformedJsonError as error:
        raise errors.MalformedJsonError(error.message.replace("body", "config"), **error.details) from None


def _read_payment_id(part: Part | None) -> str | None:
    if part is None:
        return None
    text = part.path.read_bytes().decode("utf-8", "replace").strip()
    if text and not storable_text(text):
        raise errors.PaymentNotFoundError
    return text or None


def _check_lyrics(path: Path) -> Path:
    """The lyrics as plain UTF-8 without a byte order mark. Raises InvalidLyricsError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise errors.InvalidLyricsError("The lyrics are not UTF-8 text.") from None
    if any(ord(letter) < 32 and letter not in "\t\r\n" for letter in text):
        raise errors.InvalidLyricsError("The lyrics have characters that no text has.")
    path.write_text(text, "utf-8", newline="")
    return path


def _require_picture(kind: AssetKind, path: Path) -> None:
    with path.open("rb") as file:
        found = sniff_picture(file.read(4096))
    supported = ["jpeg", "png", "webp"]
    if found not in supported:
        raise errors.InvalidImageFormatError(part=kind.value, received_format=found, supported_formats=supported)


def _scan(path: Path, settings: Settings) -> None:
    """Ask the configured scanner about a file. It fails closed: a scanner that cannot run lets nothing through."""
    if not settings.scan_command:
        return
    command = [*shlex.split(settings.scan_command), str(path)]
    try:
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SCAN_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.error("the scanner does not work", reason=type(error).__name__)
        raise errors.UnavailableError("Uploads cannot be checked right now; try again soon.") from None
    if ran.returncode:
        raise errors.UploadRefusedError(part=path.name)


def _look_inside(song: Path, pictures: dict[AssetKind, Part], settings: Settings, folder: Path) -> dict[str, Any]:
    """Tags and rewritten pictures, from a program of its own that may crash. Raises InvalidImageError and its kin."""
    task = {
        "song": str(song),
        "pictures": {kind: [str(part.path), str(_rewritten(folder, kind))] for kind, part in pictures.items()},
        "max_bytes": settings.max_image_bytes,
        "max_pixels": settings.max_image_pixels,
    }
    command = [sys.executable, "-I", "-m", "oriel_fx.server.renders.look_inside", json.dumps(task)]
    log = folder / "look-inside.log"
    ran = run_limited(command, _LOOKING, errors=log, max_output_bytes=_MAX_ANSWER_BYTES, keep_output=True)
    lines = [json.loads(line) for line in ran.output.splitlines() if line.endswith(b"}")]
    last = lines[-1] if lines else {}
    if "found" not in last:
        _log.warning("an upload broke its reader", step=last.get("step"), status=ran.status, timed_out=ran.timed_out)
        if last.get("step") in pictures:
            raise errors.InvalidImageError(part=last["step"])
        raise errors.InvalidAudioError("The song's tags cannot be read.")
    found: dict[str, Any] = last["found"]
    for name, facts in found.items():
        _raise_fault(name, facts.get("fault"), settings)
    return found


def _raise_fault(part: str, fault: str | None, settings: Settings) -> None:
    if fault == "broken":
        raise errors.InvalidImageError(part=part)
    whose = "The cover art inside the song" if part == "audio" else "The picture"
    if fault == "bytes":
        raise errors.ImageTooLargeError(f"{whose} is too large.", part=part, max_bytes=settings.max_image_bytes)
    if fault == "pixels":
        limit = settings.max_image_pixels
        raise errors.ImageTooLargeError(f"{whose} has too many pixels.", part=part, max_pixels=limit)


def _rewritten(folder: Path, kind: AssetKind) -> Path:
    return folder / f"{kind.value}-rewritten"


def _storable(text: str) -> str:
    return text if storable_text(text) else ""

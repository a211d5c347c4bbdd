"""A song decoded and measured once: kept in a folder for a later run, or for another process, to go on with."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path

from oriel_fx.render.audio import Pcm, SongStats, read_tags
from oriel_fx.render.cancel import Cancelled, never
from oriel_fx.render.chunks import cannot_write, write_whole
from oriel_fx.render.prepare import PreparedSong, moves_on_beats, prepare_song
from oriel_fx.render.spec import RenderSpec

SONG_FILE = "song.json"


def kept_song(song: Path, folder: Path) -> PreparedSong | None:
    """The song as `keep_song` noted it in this folder; None where it is not there whole."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        facts = json.loads((folder / SONG_FILE).read_text())
        pcm = Pcm(folder / facts["pcm"], facts["n_samples"])
        if pcm.path.stat().st_size == 2 * pcm.n_samples:
            stats = SongStats.from_dict(facts["stats"])
            return PreparedSong(song, pcm, stats, read_tags(song), tuple(facts["warnings"]), facts["source_rate_hz"])
    return None


def keep_song(prepared: PreparedSong) -> None:
    """Note beside the decoded sound what was measured, once that sound is safe on the disk. Raises OutputError."""
    kept = prepared.pcm.path.with_name(SONG_FILE)
    if kept.exists():
        return
    facts = {
        "pcm": prepared.pcm.path.name,
        "n_samples": prepared.pcm.n_samples,
        "stats": prepared.stats.to_dict(),
        "warnings": prepared.warnings,
        "source_rate_hz": prepared.source_rate_hz,
    }
    with prepared.pcm.path.open("rb") as file:
        os.fsync(file.fileno())
    write_whole(kept, json.dumps(facts).encode())


def prepare_once(song: Path, spec: RenderSpec, folder: Path, cancelled: Cancelled = never) -> PreparedSong:
    """The song ready to be drawn, from `folder`: of several processes one decodes and measures, the others wait.

    Raises SongError, OutputError, DependencyError, RenderCancelledError.
    """
    if kept := kept_song(song, folder):
        return kept
    try:
        lock = (folder / "song.lock").open("w")
    except OSError as error:
        raise cannot_write(folder, error) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept := kept_song(song, folder):
            return kept
        prepared = prepare_song(song, folder, moves_on_beats(spec), cancelled)
        keep_song(prepared)
        return prepared

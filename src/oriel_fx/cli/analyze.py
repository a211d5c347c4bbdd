"""`oriel analyze`: what a song is like, as a table, as JSON, or as a picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oriel_fx.cli.options import ForceOption
from oriel_fx.errors import UsageError

if TYPE_CHECKING:
    from oriel_fx.render.analysis import SongAnalysis

SHADES = "▁▂▃▄▅▆▇█"
SHADES_ACROSS = 60


def add_to(app: typer.Typer) -> None:
    app.command()(analyze)


def analyze(
    song: Annotated[Path, typer.Argument(help="The song.", metavar="SONG", readable=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw waveform, beats and spectrum: a .png, .jpg or .webp file."),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Measure a song: length, tempo, beats, onsets, loudness."""
    if plot is None:
        from oriel_fx.render.analysis import analyze_song

        analysis = analyze_song(song)
    else:
        from oriel_fx.cli.options import check_picture
        from oriel_fx.render.analysis_plot import plot_song
        from oriel_fx.render.stills import write_picture

        check_picture(plot, force)
        if plot.exists() and song.exists() and plot.samefile(song):
            raise UsageError(f"{plot} is the song itself.", "Choose another name for --plot.")
        analysis, picture = plot_song(song)
        write_picture(plot, picture)
    if as_json:
        typer.echo(json.dumps(analysis.to_dict(), ensure_ascii=False))
        return
    for warning in analysis.warnings:
        sys.stderr.write(f"Warning: {warning}\n")
    for label, text in _rows(analysis):
        typer.echo(f"{label:<10}{text}")
    if plot is not None:
        typer.echo(f"{'Plot':<10}{plot}")


def _rows(analysis: SongAnalysis) -> list[tuple[str, str]]:
    from oriel_fx.render.layers.progress import clock

    tags = analysis.tags
    channels = {1: "mono", 2: "stereo"}.get(analysis.channels, f"{analysis.channels} channels")
    rows = [
        ("Title", tags.title),
        ("Artist", tags.artist),
        ("Album", tags.album),
        ("Date", tags.date),
        ("Genre", tags.genre),
    ]
    rows = [(label, text) for label, text in rows if text]
    rows += [
        ("Cover", "in the file" if analysis.has_cover else "none; one is drawn from the title"),
        ("Sound", f"{analysis.codec}, {analysis.sample_rate_hz / 1000:g} kHz, {channels}"),
        ("Length", f"{clock(analysis.duration_s, analysis.duration_s)}  ({analysis.duration_s:.3f} s)"),
        ("Tempo", _tempo(analysis)),
        ("Onsets", _onsets(analysis)),
        ("Loudness", f"{analysis.loudness_db:.1f} dBFS, peak {analysis.peak_db:.1f} dBFS"),
        ("Waveform", _sparkline(analysis)),
    ]
    return rows


def _tempo(analysis: SongAnalysis) -> str:
    if not analysis.tempo_bpm:
        return "no beat found"
    return f"{analysis.tempo_bpm:.1f} BPM, {len(analysis.beats_s)} beats, the first at {analysis.beats_s[0]:.2f} s"


def _onsets(analysis: SongAnalysis) -> str:
    return f"{len(analysis.onsets_s)}, {len(analysis.onsets_s) / max(analysis.duration_s, 1e-6):.1f} a second"


def _sparkline(analysis: SongAnalysis) -> str:
    """The waveform's height in equal parts of the song, in characters."""
    import numpy as np

    parts = [
        float(part.mean()) for part in np.array_split(analysis.envelope, min(SHADES_ACROSS, len(analysis.envelope)))
    ]
    tallest = max(max(parts), 1e-6)
    return "".join(SHADES[round(part / tallest * (len(SHADES) - 1))] for part in parts)

"""`oriel bench`: how close each preset comes to the encoder's own speed on this machine."""

from __future__ import annotations

import json
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from oriel_fx.cli.options import FpsOption, SizeOption


def add_to(app: typer.Typer) -> None:
    app.command()(bench)


def bench(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[PRESET]...", help="Presets to measure; all by default.")
    ] = None,
    song: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A song to measure with; the demo song by default.")
    ] = None,
    size: SizeOption = None,
    fps: FpsOption = None,
    seconds: Annotated[
        float, typer.Option(metavar="NUMBER", min=1, max=600, help="Seconds of video in each round.")
    ] = 20.0,
    rounds: Annotated[
        int, typer.Option(metavar="NUMBER", min=1, max=20, help="Rounds, of which the median counts.")
    ] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per preset.")] = False,
) -> None:
    """Measure each preset's whole pipeline against the encoder alone."""
    from oriel_fx.cli.options import read_spec
    from oriel_fx.render import presets
    from oriel_fx.render.benchmark import run_benchmark
    from oriel_fx.render.demo_song import write_demo_song

    specs = [read_spec(None, name, {"size": size, "fps": fps}, None) for name in names or presets.names()]
    with tempfile.TemporaryDirectory(prefix="oriel-bench-") as folder:
        if song is None:
            song = Path(folder) / "Glass Hours.wav"
            write_demo_song(song, seconds + 4)
        if not as_json:
            typer.echo(f"{'preset':<10} ratio  pipeline  encode only   ms per frame, by stage")
        for spec in specs:
            result = run_benchmark(song, spec, seconds=seconds, rounds=rounds, on_step=partial(_tell, spec.preset))
            _tell("", "")
            stages = {stage: round(ms, 2) for stage, ms in result.stage_ms.items()}
            if as_json:
                facts = {
                    "preset": result.preset,
                    "ratio": round(result.ratio, 3),
                    "pipeline_fps": round(result.pipeline_fps, 2),
                    "encode_fps": round(result.encode_fps, 2),
                    "stage_ms": stages,
                    "prepare_s": round(result.prepare_s, 3),
                    "engine_s": round(result.engine_s, 3),
                }
                typer.echo(json.dumps(facts))
                continue
            split = "  ".join(f"{stage} {ms:.1f}" for stage, ms in stages.items())
            typer.echo(
                f"{result.preset:<10} {result.ratio:5.2f}  {result.pipeline_fps:4.0f} fps  "
                f"{result.encode_fps:7.0f} fps   {split}  "
                f"(decode and measure {result.prepare_s:.2f} s, build {result.engine_s:.2f} s)"
            )


def _tell(preset: str, step: str) -> None:
    """A passing word on a terminal's last line."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{preset} {step}".rstrip())
        sys.stderr.flush()

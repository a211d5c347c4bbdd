"""What the package promises: its names, and that importing it or asking for help costs nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources

import oriel_fx

HEAVY = {"numpy", "cv2", "skia", "scipy", "pydantic", "mutagen", "imageio_ffmpeg"}


def modules_after(code: str) -> set[str]:
    """Top-level modules loaded once a fresh Python has run some code."""
    code += "\nimport sys; print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(ran.stderr.split())


def test_the_public_names() -> None:
    assert oriel_fx.__all__ == [
        "AssetError",
        "Assets",
        "DependencyError",
        "EncodeError",
        "LocalAssets",
        "OrielError",
        "OutputError",
        "PageError",
        "PageOptions",
        "Progress",
        "RenderCancelledError",
        "RenderResult",
        "RenderSpec",
        "SongAnalysis",
        "SongError",
        "SpecError",
        "UsageError",
        "VerifyError",
        "analyze_song",
        "contact_sheet",
        "render_frame",
        "render_frames",
        "render_video",
    ]


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    for name in oriel_fx.__all__:
        assert getattr(oriel_fx, name).__doc__ or issubclass(getattr(oriel_fx, name), oriel_fx.OrielError), name
    assert dir(oriel_fx) == oriel_fx.__all__


def test_no_function_has_the_name_of_the_subpackage() -> None:
    import oriel_fx.render

    assert "render" not in oriel_fx.__all__
    assert oriel_fx.render.__name__ == "oriel_fx.render"


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert not modules_after("import oriel_fx") & HEAVY


def test_errors_come_without_the_heavy_modules() -> None:
    assert not modules_after("from oriel_fx import OrielError, SongError") & HEAVY


def help_of(*words: str) -> set[str]:
    """Modules loaded once `oriel WORDS` has answered."""
    return modules_after(f"""
import sys
sys.argv = ["oriel", *{words!r}]
from oriel_fx.cli.main import run
try:
    run()
except SystemExit as done:
    assert not done.code, done.code
""")


def test_help_imports_nothing_heavy() -> None:
    assert not help_of("--help") & HEAVY
    assert not help_of("--version") & HEAVY
    # Typer itself asks pydantic how a command's own options are read.
    assert not help_of("render", "--help") & (HEAVY - {"pydantic"})


def test_the_package_is_typed() -> None:
    assert resources.files("oriel_fx").joinpath("py.typed").is_file()

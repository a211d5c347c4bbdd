"""`oriel doctor`: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated

import typer


@dataclass(frozen=True)
class Check:
    """One dependency: whether it works, its version, how to install it, and whether rendering needs it."""

    name: str
    found: bool
    version: str
    install: str
    needed: bool


def add_to(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Check every dependency. Exit code 1 if rendering cannot work."""
    checks = run_checks()
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            mark = "ok     " if check.found else "MISSING" if check.needed else "absent "
            note = check.version if check.found else f"{check.version}  →  {check.install}".strip()
            typer.echo(f"{mark}  {check.name:<{width}}  {note}")
    if any(check.needed and not check.found for check in checks):
        typer.echo("Rendering cannot work until what is MISSING is installed.", err=True)
        raise typer.Exit(1)


def run_checks() -> list[Check]:
    """Every dependency, tried for real rather than only looked up."""
    checks = [Check("python", True, platform.python_version(), "", True)]
    for package in (
        "numpy",
        "scipy",
        "pydantic",
        "mutagen",
        "typer",
        "rich",
        "pyyaml",
        "font-hanken-grotesk",
    ):
        checks.append(_package(package, needed=True))
    checks.append(_tried("opencv-python-headless", _opencv, "pip install opencv-python-headless", True))
    checks.append(_tried("skia-python", _skia, "apt-get install libgl1 libegl1  (and pip install skia-python)", True))
    checks.append(_tried("rasteriser", _rasteriser, "pip install --force-reinstall --no-deps oriel-fx", True))
    checks.append(_tried("ffmpeg", _ffmpeg, "pip install imageio-ffmpeg", True))
    checks.append(_tried("fonts for other scripts", _system_fonts, "apt-get install fonts-noto fonts-noto-cjk", False))
    checks.append(_package("flask", False, "pip install 'oriel-fx[server]'", "server (flask)"))
    checks.append(_package("playwright", False, "pip install 'oriel-fx[browser]'", "browser (playwright)"))
    checks.append(_tried("chromium", _chromium, "apt-get install chromium-headless-shell libatomic1", False))
    return checks


def _package(package: str, needed: bool, install: str = "", label: str = "") -> Check:
    # Slow to import, and this module is there for every command's help.
    from importlib import metadata

    try:
        return Check(label or package, True, metadata.version(package), install, needed)
    except metadata.PackageNotFoundError:
        return Check(label or package, False, "", install or f"pip install {package}", needed)


def _tried(name: str, version_of: Callable[[], str], install: str, needed: bool) -> Check:
    try:
        return Check(name, True, version_of(), install, needed)
    except Exception as error:
        return Check(name, False, " ".join(str(error).split())[:120], install, needed)


def _opencv() -> str:
    import cv2

    return str(cv2.__version__)


def _skia() -> str:
    from oriel_fx.render.lazy import skia

    return str(skia.__version__)


def _rasteriser() -> str:
    from oriel_fx.render.raster.library import VERSION, raster

    raster()
    return str(VERSION)


def _ffmpeg() -> str:
    from oriel_fx.render.encode.process import find_ffmpeg

    path = find_ffmpeg()
    shown = subprocess.run([path, "-hide_banner", "-encoders"], capture_output=True, text=True, check=True, timeout=20)
    missing = [name for name in ("libx264", "aac") if name not in shown.stdout]
    if missing:
        raise RuntimeError(f"{path} lacks {', '.join(missing)}")
    version = subprocess.run([path, "-version"], capture_output=True, text=True, check=True, timeout=20).stdout
    return f"{version.split()[2]}  {path}"


def _system_fonts() -> str:
    from oriel_fx.render.text import missing_characters

    scripts = {
        "Cyrillic": "Ж",
        "Greek": "Ω",
        "Arabic": "ع",
        "Hebrew": "א",
        "Devanagari": "ह",
        "Chinese": "東",
        "Korean": "한",
    }
    lacking = [name for name, letter in scripts.items() if missing_characters(letter)]
    if lacking:
        raise RuntimeError(f"none for {', '.join(lacking)}")
    return "all there"


def _chromium() -> str:
    from oriel_fx.render.engines.browser.chromium import find_chromium, version_of

    found = find_chromium()
    return f"{version_of(found)}  {found.path}"

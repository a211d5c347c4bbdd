"""Builds the rasteriser, which is written in C, into the package.

The compiler comes from PyPI (ziglang, which is Clang): no machine needs one of its own, and all get the same code.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("src/oriel_fx/render/raster")
SOURCES = ("shapes.c", "planes.c", "bloom.c")
# No contraction of floats: every machine is to draw the same bytes.
FLAGS = ["-O3", "-shared", "-fPIC", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-nostdlib"]
# File name → processor it is for. render/raster/library.py decides which one is loaded.
BUILDS = {"x86_64": {"raster-avx2.so": "x86_64_v3", "raster.so": "x86_64"}}


class RasterBuildHook(BuildHookInterface[Any]):
    """Compiles before the files are gathered; an editable install gets the libraries into the source folder."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        folder = Path(self.root) / FOLDER
        for name, processor in BUILDS.get(platform.machine(), {"raster.so": "baseline"}).items():
            compile_library([folder / source for source in SOURCES], folder / name, processor)
            build_data["artifacts"].append(f"/{FOLDER}/{name}")
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")


def compile_library(sources: list[Path], target: Path, processor: str) -> None:
    """Compile C files to a library for one processor, whole or not at all. Raises RuntimeError."""
    part = target.with_suffix(".part")
    command = [sys.executable, "-m", "ziglang", "cc", f"-mcpu={processor}", "-fno-sanitize=all", *FLAGS]
    with tempfile.TemporaryDirectory(prefix="oriel-zig-") as cache:
        places = {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
        done = subprocess.run(
            [*command, "-o", str(part), *map(str, sources)], env=os.environ | places, capture_output=True, text=True
        )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
    # A program that is running keeps the file it has loaded.
    part.replace(target)

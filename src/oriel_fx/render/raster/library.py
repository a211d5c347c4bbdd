"""Finding and loading the compiled rasteriser."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

from oriel_fx.errors import DependencyError

VERSION = 7
_FOLDER = Path(__file__).parent


class Plane(ctypes.Structure):
    """What pixels.h calls a plane."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("stride", ctypes.c_ssize_t),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("channels", ctypes.c_int32),
    )


@cache
def raster() -> ctypes.CDLL:
    """The library, in the form for this processor. Raises DependencyError where it is missing or of another version."""
    hint = "Install the package again: pip install --force-reinstall --no-deps <where it came from>"
    wanted = ["raster-avx2.so"] if _has_avx2() else []
    found = next((file for name in [*wanted, "raster.so"] if (file := _FOLDER / name).exists()), None)
    if found is None:
        raise DependencyError("The compiled part of Oriel FX is missing.", hint)
    try:
        library = ctypes.CDLL(str(found))
        version = library.raster_version()
    except (OSError, AttributeError) as error:
        raise DependencyError(f"The compiled part of Oriel FX cannot be loaded: {error}.", hint) from error
    if version != VERSION:
        raise DependencyError("The compiled part of Oriel FX is of another version than the rest.", hint)
    _declare(library)
    return library


def _has_avx2() -> bool:
    """Whether the processor has what -march=x86-64-v3 takes for granted."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return False
    flags = next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())
    return {"avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"} <= flags


def _declare(library: ctypes.CDLL) -> None:
    pointer, number, stride, plane = ctypes.c_void_p, ctypes.c_int32, ctypes.c_ssize_t, ctypes.POINTER(Plane)
    arguments = {
        "fill_capsules": [plane, number, number, pointer, pointer, pointer, number, number, pointer],
        "stroke_runs": [plane, number, number, pointer, pointer, pointer, pointer, number, pointer, pointer],
        "draw_ridges": [plane, number, number, pointer, number, *[pointer] * 4, ctypes.c_float, pointer, pointer],
        "add_glow": [pointer, stride, number, number, pointer, *[number] * 4, pointer],
        "shrink_by_4": [pointer, stride, number, number, pointer, number],
        "shrink_by_2": [pointer, stride, number, number, pointer, number],
        "gather_light": [plane, plane, *[number] * 5, *[pointer] * 3],
        "mix_glow": [pointer, number, number, pointer, *[number] * 5, pointer, pointer],
        "mix_shades": [pointer, pointer, *[number] * 3, pointer],
        "copy_part": [plane, *[number] * 5, plane],
        "fade_out": [plane, *[number] * 5, plane, plane],
        "add_digits": [pointer, number, number, pointer, number, number],
        "look_up": [pointer, stride, number, number, pointer, pointer],
        "reflect": [pointer, stride, number, number, *[pointer, stride, pointer] * 2, number],
        "lay_over": [plane, *[number] * 3, plane, plane],
    }
    for name, types in arguments.items():
        function = getattr(library, name)
        function.argtypes, function.restype = types, None

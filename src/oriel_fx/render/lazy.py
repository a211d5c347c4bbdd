"""Modules that are slow or may be missing, imported at their first use."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from oriel_fx.errors import DependencyError

_HINTS = {
    "libGL": "Install Skia's system libraries: apt-get install libgl1 libegl1",
    "libEGL": "Install Skia's system libraries: apt-get install libgl1 libegl1",
}


class LazyModule:
    """Stands for a module and imports it when an attribute is first read.

    Raises DependencyError, naming the package to install, when the import fails.
    """

    def __init__(self, name: str, package: str) -> None:
        self._name = name
        self._package = package
        self._module: ModuleType | None = None

    def __getattr__(self, attribute: str) -> Any:
        if self._module is None:
            self._module = self._load()
        return getattr(self._module, attribute)

    def _load(self) -> ModuleType:
        try:
            with quiet_stderr():
                return importlib.import_module(self._name)
        except ImportError as error:
            hint = next((hint for library, hint in _HINTS.items() if library in str(error)), None)
            raise DependencyError(
                f"{self._package} cannot be loaded: {error}.", hint or f"Install it: pip install {self._package}"
            ) from error


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Skia's fontconfig complains at load about files it does not need, past Python, straight to descriptor 2."""
    try:
        kept = os.dup(2)
    except OSError:
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


skia = LazyModule("skia", "skia-python")

"""Checks, one nox session each.

They run in the environment that nox itself is in; `bash scripts/setup.sh dev` makes one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "tests"]

# The environment's own tools, also where it is not activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and which package may import which."""
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """mypy in strict mode."""
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Every test but the slow ones, three files at a time. Arguments after `--` go on to pytest."""
    session.run("pytest", "-m", "not soak", "-n", "3", "--dist", "loadfile", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """What is slow by nature: a three-hour song, ten minutes of sync, renders killed again and again."""
    session.run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("-c", "constraints.txt", "-e", ".[dev,soak]"),
    )
    session.run("pytest", "-m", "soak", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Each preset's speed against the encoder alone. Arguments after `--` go on to `oriel bench`."""
    session.run("oriel", "bench", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documents' commands, tables, links and pictures, and the examples."""
    session.run("pytest", "tests/test_docs.py", "tests/test_public_api.py", *session.posargs)

"""Temporary folders go, also those of processes that were killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from oriel_fx.errors import OutputError
from oriel_fx.render.scratch import PREFIX, scratch_folder

HOLD = "from oriel_fx.render.scratch import scratch_folder\nwith scratch_folder() as f: print(f, flush=True); input()"


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_it_is_there_and_then_gone() -> None:
    with scratch_folder() as folder:
        (folder / "a").touch()
    assert not folder.exists()


def hold(folder: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that holds a scratch folder until it is told to end, and that folder."""
    environment = {**os.environ, "TMPDIR": str(folder)}
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=pipe, stdout=pipe, text=True, env=environment)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_left_is_cleared_and_what_is_held_is_not(tmp_path: Path) -> None:
    (killed, left), (alive, held) = hold(tmp_path), hold(tmp_path)
    with killed, alive:
        killed.kill()
        killed.wait()
        strange = tmp_path / f"{PREFIX}file"
        strange.touch()
        for place in (left, held, strange):
            os.utime(place, (0, 0))
        with scratch_folder():
            assert not left.exists()
            assert held.exists()
            assert strange.exists()
        alive.communicate("\n")
    assert not held.exists()


def test_one_that_is_just_being_made_is_left_alone(tmp_path: Path) -> None:
    young = tmp_path / f"{PREFIX}young"
    young.mkdir()
    with scratch_folder():
        assert young.exists()


def test_no_place_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(OutputError, match="No temporary folder"), scratch_folder():
        pass

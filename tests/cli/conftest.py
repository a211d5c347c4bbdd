"""The `oriel` command as a user runs it, as a process of its own, or quicker: the same entry point, here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import PLAIN

from oriel_fx.cli import main

ORIEL = Path(sys.executable).parent / "oriel"
Done = subprocess.CompletedProcess[str]
Oriel = Callable[..., Done]


@pytest.fixture
def oriel(tmp_path: Path) -> Oriel:
    """Runs `oriel` with these words in the test's own folder; more environment as `env`."""

    def run(*words: str | Path, env: dict[str, str] | None = None, **options: Any) -> Done:
        return subprocess.run(
            [ORIEL, *map(str, words)],
            cwd=tmp_path,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=60,
            **options,
        )

    return run


@pytest.fixture
def oriel_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Oriel:
    """Runs the installed command's entry point in this process, in the test's own folder."""

    def run(*words: str | Path) -> Done:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["oriel", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.run()
        out, err = capfd.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Done(sys.argv, code, out, err)

    return run


@pytest.fixture
def plain(tmp_path: Path) -> list[str]:
    """Words that make a render small and quick."""
    config = tmp_path / "plain.config"
    config.write_text(json.dumps(PLAIN))
    return ["--config", str(config)]


def one_sentence(done: Done) -> str:
    """What a failed command said: a sentence, a hint, and no traceback. Returns the sentence."""
    lines = done.stderr.splitlines()
    assert len(lines) == 2, done.stderr
    assert lines[0].startswith("Error: ")
    assert lines[0].endswith(".")
    assert lines[1].startswith("  ")
    assert lines[1].strip()
    return lines[0].removeprefix("Error: ")

"""Programs that read what strangers send have limits, or the operator hears that they have none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from oriel_fx.server.renders import limited
from oriel_fx.server.renders.limited import Limits


@pytest.fixture(autouse=True)
def looked_for_anew() -> Iterator[None]:
    limited._has_prlimit.cache_clear()
    yield
    limited._has_prlimit.cache_clear()


def test_a_program_has_its_limits() -> None:
    words = limited._leash(Limits(wall_s=5, cpu_s=3))
    assert words[0] == "prlimit" and f"--data={512_000_000}" in words and "--cpu=3" in words


def test_without_prlimit_the_log_says_once_that_memory_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with capture_logs() as logs:
        assert limited._leash(Limits(wall_s=5, cpu_s=3)) == limited._leash(Limits(wall_s=5, cpu_s=3)) == []
    assert ["without a limit of memory" in log["event"] for log in logs] == [True]

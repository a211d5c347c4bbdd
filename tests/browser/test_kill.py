"""A render killed without warning leaves no browser behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.browser.pages import canvas_page
from tests.processes import wait_until


def command_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def family(parent: int) -> dict[int, str]:
    """Processes that descend from one, each with its command line."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                above = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(above, []).append(int(entry.name))
    found: dict[int, str] = {}
    todo = children.get(parent, [])
    while todo:
        pid = todo.pop()
        found[pid] = command_of(pid)
        todo += children.get(pid, [])
    return found


def runs_still(pid: int, command: str) -> bool:
    return bool(command) and command_of(pid) == command


def test_no_chromium_outlives_a_killed_render(song: Path, tmp_path: Path) -> None:
    # The page's own process is busy for ever: it will not notice by itself that nobody listens.
    page = tmp_path / "page.html"
    page.write_text(canvas_page("let n = 0; run(() => { if (n++ > 3) while (true); return '#fff'; })"))
    words = ["render", song, "--page", page, "-o", tmp_path / "out.mp4", "--size", "96x54"]
    code = "from oriel_fx.cli.entry import run; run()"
    command = [sys.executable, "-c", code, *words]
    child = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        # The driver, the browser, its zygote, its renderer.
        wait_until(lambda: sum("chromium" in name for name in family(child.pid).values()) >= 4, 30)
        left = family(child.pid)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    wait_until(lambda: not any(runs_still(pid, name) for pid, name in left.items()), 15)


def test_what_a_killed_render_left_is_swept_up(tmp_path: Path) -> None:
    from oriel_fx.render.engines.browser.session import PREFIX, _sweep

    ended = subprocess.Popen(["true"])
    ended.wait()
    left, used = tmp_path / f"{PREFIX}{ended.pid}-abc", tmp_path / f"{PREFIX}{os.getpid()}-abc"
    left.mkdir(), used.mkdir()
    _sweep(tmp_path)
    assert used.exists() and not left.exists()

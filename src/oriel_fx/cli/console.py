"""Printing: errors as one sentence and a hint, and progress as a bar, as lines, or as JSON events."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from oriel_fx.errors import OrielError

if TYPE_CHECKING:
    from oriel_fx.render.estimate import Estimate
    from oriel_fx.render.pipeline import Progress, RenderResult

LINE_EVERY_S = 5.0
# What a render does, for people; JSON events have the bare names.
DOING = {"decode": "reading the song", "draw": "drawing", "join": "joining", "verify": "checking", "done": "done"}
# Control characters and those that turn text round: a song's name or tags must not play with the terminal.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Text on one line that a terminal only shows; what it would act on is escaped."""
    return _UNSEEN.sub(lambda unseen: unseen[0].encode("unicode_escape").decode(), text)


def fail(error: OrielError) -> int:
    """Print an error to standard error and return its exit code."""
    # Lists of what is wrong have lines of their own, but nobody's file name or tag begins one at the margin.
    message = "\n  ".join(printable(line) for line in error.message.split("\n  "))
    sys.stderr.write(f"Error: {message}\n")
    if error.hint:
        sys.stderr.write(f"  {printable(error.hint)}\n")
    return error.exit_code


def say(text: str) -> None:
    """Print a line at once. Where it cannot be read (`| head`) or kept (a full disk), the render goes on unheard."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def minutes(seconds: float) -> str:
    """Seconds as a person says them: 8 s, 3 min 20 s, 1 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e5 else f"{n_bytes / 1e3:.0f} kB"


def describe(result: RenderResult) -> str:
    """The line a finished render ends with."""
    return (
        f"{printable(str(result.output))}  {megabytes(result.size_bytes)}, {minutes(result.duration_s)} of video "
        f"in {minutes(result.elapsed_s)} ({result.times_realtime:.1f}× real time)"
    )


def announce(song: str, output: str, guess: Estimate) -> str:
    """The lines a render starts with: from where to where, and what to expect."""
    return f"{printable(song)} → {printable(output)}\n{_expect(guess)}"


def _expect(guess: Estimate) -> str:
    """What a render will be and about how long it takes."""
    shape = f"{guess.width}×{guess.height}, {guess.fps} fps"
    if not guess.n_frames:
        return f"{shape}; the song does not say how long it is"
    about = "" if guess.seconds is None else f"; about {minutes(guess.seconds)}"
    return f"{guess.n_frames} frames at {shape}{about}"


def count_made(n_made: int, n_songs: int) -> str:
    """The line a batch ends with."""
    if n_made == n_songs:
        return f"All {n_songs} videos are made."
    return f"{n_made} of {n_songs} videos are made; the errors above say what happened to the others."


class Reporter(Protocol):
    """Tells the user how renders go. Used as a context manager round all of them."""

    def __enter__(self) -> Reporter: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def begin(self, song: str, output: str, guess: Estimate) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def warn(self, message: str) -> None: ...
    def finish(self, result: RenderResult) -> None: ...
    def error(self, song: str, error: OrielError) -> None: ...
    def sum_up(self, n_made: int, n_songs: int) -> None: ...


class _Plain:
    """Common to all: nothing to open or close."""

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def error(self, song: str, error: OrielError) -> None:
        fail(error)

    def warn(self, message: str) -> None:
        sys.stderr.write(f"Warning: {printable(message)}\n")

    def sum_up(self, n_made: int, n_songs: int) -> None: ...


class QuietReporter(_Plain):
    """Says nothing but warnings and errors."""

    def begin(self, song: str, output: str, guess: Estimate) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def finish(self, result: RenderResult) -> None: ...


class JsonReporter(_Plain):
    """One JSON object a line, on standard output."""

    def _say(self, event: str, **facts: Any) -> None:
        say(json.dumps({"event": event, **facts}, ensure_ascii=False))

    def begin(self, song: str, output: str, guess: Estimate) -> None:
        seconds = None if guess.seconds is None else round(guess.seconds, 1)
        self._say("start", song=song, output=output, n_frames=guess.n_frames, estimate_s=seconds)

    def progress(self, progress: Progress) -> None:
        self._say(
            "progress",
            stage=progress.stage,
            frames=progress.frames,
            n_frames=progress.n_frames,
            elapsed_s=round(progress.elapsed_s, 3),
            fps=progress.fps and round(progress.fps, 2),
            eta_s=progress.eta_s and round(progress.eta_s, 1),
            times_realtime=progress.times_realtime and round(progress.times_realtime, 3),
        )

    def warn(self, message: str) -> None:
        self._say("warning", message=message)

    def finish(self, result: RenderResult) -> None:
        self._say(
            "done",
            output=str(result.output),
            size_bytes=result.size_bytes,
            n_frames=result.n_frames,
            duration_s=round(result.duration_s, 6),
            elapsed_s=round(result.elapsed_s, 3),
            times_realtime=round(result.times_realtime, 3),
            reused_frames=result.reused_frames,
        )

    def error(self, song: str, error: OrielError) -> None:
        self._say(
            "error",
            song=song,
            code=error.code,
            message=error.message,
            hint=error.hint,
            exit_code=error.exit_code,
        )


class LineReporter(_Plain):
    """Plain lines, for logs: one every few seconds and at each stage."""

    def __init__(self) -> None:
        self._stage = ""
        self._spoke_at = 0.0

    def begin(self, song: str, output: str, guess: Estimate) -> None:
        say(announce(song, output, guess))

    def progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage == "done" or (progress.stage == self._stage and now - self._spoke_at < LINE_EVERY_S):
            return
        self._stage, self._spoke_at = progress.stage, now
        words = DOING[progress.stage]
        if progress.stage == "draw":
            words += f": {progress.frames} of {progress.n_frames} frames"
            if progress.fps:
                words += f", {progress.fps:.0f} fps, {minutes(progress.eta_s or 0)} left"
        say(words)

    def finish(self, result: RenderResult) -> None:
        say(describe(result))

    def sum_up(self, n_made: int, n_songs: int) -> None:
        say(count_made(n_made, n_songs))


class BarReporter(_Plain):
    """A progress bar, for a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        self._console = Console()
        self._bar = Bar(
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[pace]}"),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, pace="")

    def __enter__(self) -> Any:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def begin(self, song: str, output: str, guess: Estimate) -> None:
        self._print(announce(song, output, guess))
        self._bar.reset(self._task, total=None, description=DOING["decode"], pace="")

    def progress(self, progress: Progress) -> None:
        pace = ""
        if progress.fps and progress.stage == "draw":
            pace = (
                f"{progress.frames}/{progress.n_frames} frames  {progress.fps:.0f} fps  "
                f"{progress.times_realtime:.1f}×  {minutes(progress.eta_s or 0)} left"
            )
        self._bar.update(
            self._task,
            description=DOING[progress.stage],
            completed=progress.frames,
            total=progress.n_frames or None,
            pace=pace,
        )

    def warn(self, message: str) -> None:
        self._print(f"Warning: {printable(message)}")

    def finish(self, result: RenderResult) -> None:
        self._print(describe(result))

    def sum_up(self, n_made: int, n_songs: int) -> None:
        self._print(count_made(n_made, n_songs))

    def error(self, song: str, error: OrielError) -> None:
        self._bar.stop()
        fail(error)
        self._bar.start()


def make_reporter(as_json: bool, quiet: bool) -> Reporter:
    """The reporter that fits the options and whether a terminal is there to see a bar."""
    if as_json:
        return JsonReporter()
    if quiet:
        return QuietReporter()
    return BarReporter() if sys.stdout.isatty() else LineReporter()

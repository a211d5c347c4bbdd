"""How the benchmarks measure: alternatives take turns, and the least CPU time of many turns counts."""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time


def least_ms(alternatives: dict[str, Callable[[], object]], turns: int = 60) -> dict[str, float]:
    """The least CPU milliseconds of each alternative over interleaved turns."""
    best = dict.fromkeys(alternatives, float("inf"))
    for _ in range(turns):
        for name, work in alternatives.items():
            began = thread_time()
            work()
            best[name] = min(best[name], (thread_time() - began) * 1000)
    return best


def print_ratios(title: str, figures: dict[str, float]) -> None:
    """One line per alternative, as a ratio to the first."""
    print(title)
    first = next(iter(figures.values()))
    for name, ms in figures.items():
        print(f"  {name:<44} {ms:6.2f} ms   {ms / first:5.2f}×")

"""What goes wrong in pages and browsers, as errors a user can act on."""

from __future__ import annotations

from oriel_fx.errors import DependencyError, PageError


class WebGpuWantedError(PageError):
    """The page asks for WebGPU in a browser started without it; never told, but answered by another browser."""


def no_playwright() -> DependencyError:
    return DependencyError(
        "Filming a page needs Playwright, which is not installed.", "pip install 'oriel-fx[browser]'"
    )


def explain(error: Exception, doing: str, timeout_s: float) -> PageError:
    """An exception from the browser's side as one sentence and a hint."""
    if isinstance(error, PageError):
        return error
    if isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError":
        return too_slow(doing, timeout_s)
    text = str(error)
    if "ORIEL-WEBGPU" in text:
        return WebGpuWantedError("The page asks for WebGPU.", "It is opened anew in a browser that has it.")
    if "ORIEL-FAULT " in text:
        thrown = text.split("ORIEL-FAULT ")[1].splitlines()[0]
        return PageError(f"The page threw an error: {thrown}", "Open it in a browser and look at its console.")
    if "ORIEL-AWAY " in text:
        place = text.split("ORIEL-AWAY ")[1].splitlines()[0]
        return PageError(f"The page went away to {place}.", "Film that page itself, or keep it from leaving.")
    if "Execution context was destroyed" in text or "navigat" in text.lower():
        return PageError("The page went away while it was filmed.", "Keep it from reloading or leaving.")
    if "crashed" in text or "has been closed" in text:
        return PageError("The browser ended unexpectedly.", "It may lack memory; `oriel doctor` shows which one it is.")
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    first = first.removeprefix("Page.evaluate:").strip().removeprefix("Error:").strip()
    return PageError(f"The page failed while {doing}: {first[:300]}", "Open it in a browser and look at its console.")


def too_slow(doing: str, timeout_s: float) -> PageError:
    return PageError(
        f"The page took longer than {timeout_s:g} s {doing}.",
        "Does it wait for something, or loop without end? --page-timeout gives it more time.",
    )

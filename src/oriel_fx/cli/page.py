"""What `oriel render` takes for filming a web page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oriel_fx.cli.config_file import read_config
from oriel_fx.cli.options import assign, read_spec
from oriel_fx.errors import UsageError
from oriel_fx.render.nearest import did_you_mean

if TYPE_CHECKING:
    from oriel_fx.render.engines.browser.options import PageOptions
    from oriel_fx.render.spec import RenderSpec

PageOption = Annotated[
    str | None,
    typer.Option(metavar="PAGE", help="Film this web page instead: an HTML file, a folder, a URL, or `classic`."),
]
ClickOption = Annotated[
    list[str] | None, typer.Option("--click", metavar="SELECTOR", help="Click this in the page before filming.")
]
InputOption = Annotated[
    list[str] | None, typer.Option("--input", metavar="SELECTOR", help="Give the song to this file input of the page.")
]
WaitForOption = Annotated[
    str | None, typer.Option("--wait-for", metavar="SELECTOR", help="Film once the page has such an element.")
]
CaptureOption = Annotated[
    str | None,
    typer.Option("--capture", metavar="NAME", help="How a page's picture is taken: auto, canvas, screenshot or fast."),
]
AllowNetworkOption = Annotated[bool, typer.Option("--allow-network", help="Let the page load things from the network.")]
PageTimeoutOption = Annotated[
    float,
    typer.Option(
        "--page-timeout",
        metavar="SECONDS",
        min=1,
        max=3600,
        help="Seconds the page may take to get ready, or for a frame.",
    ),
]
# What of a page's config is also Oriel's.
SHARED_KEYS = ("output", "seed")


def read_page(
    source: str,
    config: Path | None,
    chosen: dict[str, Any],
    sets: list[str] | None,
    clicks: list[str] | None,
    inputs: list[str] | None,
    wait_for: str | None,
    capture: str | None,
    allow_network: bool,
    timeout_s: float,
) -> tuple[RenderSpec, PageOptions]:
    """The spec and the page to film. A page's config is its own: any keys, given to it as they are.

    Raises UsageError, SpecError.
    """
    from oriel_fx.render.engines.browser.options import CAPTURES, PageOptions
    from oriel_fx.render.spec import RenderSpec

    if capture is not None and capture not in CAPTURES:
        guess = did_you_mean(capture, CAPTURES)
        raise UsageError(f"--capture {capture!r} is not a way to film{guess}.", f"It is {', '.join(CAPTURES)}.")
    data: dict[str, Any] = {}
    if PageOptions(source).bundled:
        named = config is not None and "preset" in read_config(config)
        spec = read_spec(config, None if named else source, chosen, sets)
    else:
        data = read_config(config) if config else {}
        for assignment in sets or []:
            data = assign(data, assignment)
        output = data.get("output", {})
        shared = {key: data[key] for key in SHARED_KEYS if key in data}
        over = {key: value for key, value in chosen.items() if value is not None}
        shared["output"] = (output if isinstance(output, dict) else {}) | over
        spec = RenderSpec.from_config(shared)
    page = PageOptions(
        source,
        data,
        tuple(clicks or ()),
        tuple(inputs or ()),
        wait_for,
        capture or "auto",  # type: ignore[arg-type]
        allow_network,
        timeout_s,
    )
    page.place()
    return spec, page


def refuse_page_options(given: dict[str, object]) -> None:
    """Options that mean something with --page only. Raises UsageError."""
    for name, value in given.items():
        if value:
            raise UsageError(f"{name} is for pages; there is no --page.", "Name the page with --page, or drop it.")

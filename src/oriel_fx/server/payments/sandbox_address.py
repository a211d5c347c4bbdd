"""Where the sandbox of a data folder is: a file it writes, so that commands and workers beside it find it."""

from __future__ import annotations

from pathlib import Path


def address_file(data_dir: Path) -> Path:
    """The file with the running sandbox's URL."""
    return data_dir / "stripe-sandbox.url"


def read_address(data_dir: Path) -> str:
    """The sandbox's URL; empty where none has run."""
    try:
        return address_file(data_dir).read_text("utf-8").strip()
    except FileNotFoundError:
        return ""

"""The data folder, and the random secrets development keeps in it."""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
from pathlib import Path


def default_data_dir() -> Path:
    """The user's data folder for Oriel FX, as the platform names it; it need not exist."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "oriel-fx"
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base else Path.home() / ".local" / "share") / "oriel-fx"


def development_secrets(data_dir: Path) -> dict[str, str]:
    """`secret_key` and `stripe_webhook_secret` of this data folder, made at first use; the file is the user's alone."""
    path = data_dir / "secrets.json"
    if not path.exists():
        _write_once(
            path, {"secret_key": secrets.token_hex(32), "stripe_webhook_secret": f"whsec_{secrets.token_hex(24)}"}
        )
    return {str(name): str(value) for name, value in json.loads(path.read_text("utf-8")).items()}


def _write_once(path: Path, data: dict[str, str]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp makes the file 0600; linking it fails where another process was first, and then its secrets count.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".secrets-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file)
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        Path(name).unlink()

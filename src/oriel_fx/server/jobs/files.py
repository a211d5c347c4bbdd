"""A job's folder while it is rendered, under the data folder: kept for as long as the job may go on."""

from __future__ import annotations

import shutil
from pathlib import Path

from oriel_fx.server.settings import Settings


def work_root(settings: Settings) -> Path:
    """Where all jobs' folders are."""
    return settings.data_dir / "work"


def work_folder(settings: Settings, public_id: str) -> Path:
    """One job's folder. It is the same at every attempt, so that finished chunks are found again."""
    return work_root(settings) / public_id


def groups_folder(folder: Path) -> Path:
    """In a split job's folder, where this machine draws its groups; several workers of it may be there at a time."""
    return folder / "groups"


def remove_work(folder: Path) -> None:
    """Remove a job's folder; nothing happens where there is none."""
    shutil.rmtree(folder, ignore_errors=True)

"""What is particular to storage in a folder."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from oriel_fx.server.errors import StorageUnavailableError
from oriel_fx.server.settings import Settings, load_settings
from oriel_fx.server.storage.local import LocalStorage


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(env="development", data_dir=tmp_path / "data")


@pytest.fixture
def storage(settings: Settings) -> LocalStorage:
    return LocalStorage(settings)


def test_files_lie_in_the_folder_under_their_keys(storage: LocalStorage, tmp_path: Path) -> None:
    storage.save("videos/1.mp4", io.BytesIO(b"x"), "video/mp4")
    assert (tmp_path / "data" / "files" / "videos" / "1.mp4").read_bytes() == b"x"


def test_the_content_type_is_that_of_the_last_save(storage: LocalStorage) -> None:
    storage.save("a", io.BytesIO(b"x"), "video/mp4")
    storage.save("a", io.BytesIO(b"x"), "image/webp")
    assert storage.path_and_type("a")[1] == "image/webp"


def test_a_file_put_there_by_hand_is_served_as_bytes(storage: LocalStorage) -> None:
    storage.save("a", io.BytesIO(b"x"), "video/mp4")
    (storage.folder / "b").write_bytes(b"y")
    assert storage.path_and_type("b")[1] == "application/octet-stream"


def test_deleting_leaves_nothing_behind(storage: LocalStorage) -> None:
    storage.save("uploads/1/audio.mp3", io.BytesIO(b"x"), "audio/mpeg")
    storage.save("uploads/2/audio.mp3", io.BytesIO(b"x"), "audio/mpeg")
    storage.delete("uploads/1/audio.mp3")
    left = {str(path.relative_to(storage.folder)) for path in storage.folder.rglob("*")}
    assert left == {
        ".unfinished",
        "uploads",
        "uploads/2",
        "uploads/2/audio.mp3",
        "uploads/2/.audio.mp3.type",
    }
    storage.delete("uploads/2/audio.mp3")
    assert [path.name for path in storage.folder.iterdir()] == [".unfinished"]


def test_a_key_that_is_a_folder_is_a_mistake_of_the_caller(storage: LocalStorage) -> None:
    storage.save("a/b", io.BytesIO(b"x"), "text/plain")
    for key in ("a", "a/b/c"):
        with pytest.raises(ValueError, match="folder"):
            storage.save(key, io.BytesIO(b"y"), "text/plain")
    assert [found.key for found in storage.list("")] == ["a/b"]


def test_a_link_out_of_the_folder_is_not_followed_by_lists(storage: LocalStorage, tmp_path: Path) -> None:
    storage.save("a/b", io.BytesIO(b"x"), "text/plain")
    (storage.folder / "out").symlink_to(tmp_path)
    assert [found.key for found in storage.list("")] == ["a/b"]


def test_what_a_killed_process_left_is_invisible_and_removed_later(settings: Settings) -> None:
    storage = LocalStorage(settings)
    code = (
        "import io, os, signal, sys\n"
        "from pathlib import Path\n"
        "from oriel_fx.server.settings import load_settings\n"
        "from oriel_fx.server.storage.local import LocalStorage\n"
        "class Dying(io.RawIOBase):\n"
        "    def read(self, n=-1):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "settings = load_settings(env='development', data_dir=Path(sys.argv[1]))\n"
        "LocalStorage(settings).save('videos/1.mp4', Dying(), 'video/mp4')\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(settings.data_dir)], check=False, timeout=90)
    assert killed.returncode == -9
    (left,) = (storage.folder / ".unfinished").iterdir()
    assert not storage.exists("videos/1.mp4") and list(storage.list("")) == []
    LocalStorage(settings)
    assert left.exists()  # it might still be written
    os.utime(left, (time.time() - 90_000,) * 2)
    LocalStorage(settings)
    assert not left.exists()


def test_a_disk_that_fails_is_a_storage_that_is_away(settings: Settings) -> None:
    # A file where the folder should be: what a test can do to root, who may write everywhere.
    settings.data_dir.mkdir(exist_ok=True)
    (settings.data_dir / "files").write_bytes(b"")
    storage = LocalStorage(settings)
    with pytest.raises(StorageUnavailableError):
        storage.ping()


def test_a_full_disk_is_a_storage_that_is_away_and_keeps_what_was_there(storage: LocalStorage, tmp_path: Path) -> None:
    storage.save("a", io.BytesIO(b"before"), "text/plain")
    code = (
        "import io, resource, signal, sys\n"
        "from pathlib import Path\n"
        "from oriel_fx.server.errors import StorageUnavailableError\n"
        "from oriel_fx.server.settings import load_settings\n"
        "from oriel_fx.server.storage.local import LocalStorage\n"
        "storage = LocalStorage(load_settings(env='development', data_dir=Path(sys.argv[1])))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "try:\n"
        "    storage.save('a', io.BytesIO(bytes(5_000_000)), 'text/plain')\n"
        "except StorageUnavailableError:\n"
        "    print('away')\n"
    )
    # The file size limit is the disk's end of this process.
    command = [sys.executable, "-c", code, str(tmp_path / "data")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)
    assert "away" in ran.stdout
    assert storage.path_and_type("a")[0].read_bytes() == b"before"
    assert list((storage.folder / ".unfinished").iterdir()) == []

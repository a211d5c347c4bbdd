"""Tags and cover come out of any container, and never stop a render."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggvorbis import OggVorbis

from oriel_fx.render.audio import read_cover, read_tags
from oriel_fx.render.audio.tags import title_from_name

Ffmpeg = Callable[..., None]
COVER = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
TAGS = {
    "title": "Nächte 夜",
    "artist": "The Band",
    "album": "An Album",
    "date": "2024",
    "genre": "Rock",
    "comment": "hi",
}


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a.flac", "a.ogg", "a.opus"])
def test_tags_are_read_from_any_container(name: str, tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    words = [word for key, value in TAGS.items() for word in ("-metadata", f"{key}={value}")]
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.3", *words, tmp_path / name)
    tags = read_tags(tmp_path / name)
    assert {key: getattr(tags, key) for key in TAGS} == TAGS


def put_cover(song: Path) -> None:
    picture = Picture()  # type: ignore[no-untyped-call]
    picture.type, picture.mime, picture.data = 3, "image/png", COVER
    if song.suffix == ".mp3":
        tags = ID3()
        tags.add(APIC(encoding=3, mime="image/png", type=4, desc="back", data=b"back"))
        tags.add(APIC(encoding=3, mime="image/png", type=3, desc="front", data=COVER))
        tags.save(song)
    elif song.suffix == ".m4a":
        mp4 = MP4(song)
        mp4["covr"] = [MP4Cover(COVER, MP4Cover.FORMAT_PNG)]
        mp4.save()
    elif song.suffix == ".flac":
        flac = FLAC(song)
        flac.add_picture(picture)
        flac.save()
    else:
        ogg = OggVorbis(song)
        ogg["metadata_block_picture"] = [base64.b64encode(picture.write()).decode()]
        ogg.save()


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a.flac", "a.ogg"])
def test_the_front_cover_is_read_as_it_was_embedded(name: str, tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.3", tmp_path / name)
    assert read_cover(tmp_path / name) is None
    put_cover(tmp_path / name)
    assert read_cover(tmp_path / name) == COVER


def test_a_song_without_tags_is_named_after_its_file(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.3", "-bitexact", tmp_path / "07 - night_drive.wav")
    tags = read_tags(tmp_path / "07 - night_drive.wav")
    assert (tags.title, tags.artist) == ("night drive", "")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("01 - my_song.mp3", "my song"),
        ("1. Intro.mp3", "Intro"),
        ("03 Third.flac", "Third"),
        ("99 Luftballons.mp3", "99 Luftballons"),
        ("1999.mp3", "1999"),
        ("7-11.mp3", "7-11"),
        ("a_b__c.wav", "a b c"),
        ("01.mp3", "01"),
        (".mp3", ".mp3"),
        ("夜に駆ける.mp3", "夜に駆ける"),
    ],
)
def test_a_title_from_a_name_loses_its_track_number_and_nothing_else(name: str, title: str) -> None:
    assert title_from_name(Path(name)) == title


@pytest.mark.parametrize("head", [b"", b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f", b"fLaC\xff\xff", b"OggS", b"\x00" * 64])
def test_broken_tags_never_raise(head: bytes, tmp_path: Path) -> None:
    song = tmp_path / "Some Song.mp3"
    song.write_bytes(head + bytes(range(256)) * 4)
    assert read_tags(song).title == "Some Song"
    assert read_cover(song) is None


def test_a_cover_of_more_than_20_mb_is_ignored(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    song = tmp_path / "a.mp3"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.3", song)
    tags = ID3()
    tags.add(APIC(encoding=3, mime="image/png", type=3, desc="", data=bytes(20_000_001)))
    tags.save(song)
    assert read_cover(song) is None

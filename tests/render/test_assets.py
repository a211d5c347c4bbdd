"""Assets: files found by name, and pictures decoded without trusting them."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from oriel_fx.errors import AssetError
from oriel_fx.render.assets import FoundAssets, LocalAssets, NoAssets
from oriel_fx.render.pictures import decode_image, picture_size
from oriel_fx.render.setup import gather_artwork
from oriel_fx.render.spec import RenderSpec

PICTURE = np.random.default_rng(0).integers(0, 256, (37, 53, 4), dtype=np.uint8)


def encode(extension: str, picture: np.ndarray = PICTURE[..., :3], *flags: int) -> bytes:
    return bytes(cv2.imencode(extension, picture, flags)[1].tobytes())


@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp", ".bmp", ".gif"])
def test_pictures_become_opaque_rgba(extension: str) -> None:
    data = encode(extension)
    assert picture_size(data) == (53, 37)
    decoded = decode_image(data, "x")
    assert (decoded.shape, decoded.dtype) == ((37, 53, 4), np.uint8)
    assert (decoded[..., 3] == 255).all()


@pytest.mark.parametrize("quality", [50, 101])
def test_both_kinds_of_webp_with_alpha_are_measured(quality: int) -> None:
    assert picture_size(encode(".webp", PICTURE, cv2.IMWRITE_WEBP_QUALITY, quality)) == (53, 37)


def test_colours_come_out_in_order() -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 2] = 255
    assert decode_image(encode(".png", red), "x")[0, 0].tolist() == [255, 0, 0, 255]


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_grey_and_deep_pngs_are_read(depth: type, channels: int) -> None:
    picture = (PICTURE[..., :channels].astype(depth) * (257 if depth is np.uint16 else 1)).squeeze()
    assert decode_image(encode(".png", picture), "x").shape == (37, 53, 4)


def test_alpha_is_premultiplied() -> None:
    picture = np.full((2, 2, 4), (200, 100, 50, 128), np.uint8)
    assert decode_image(encode(".png", picture), "x")[0, 0].tolist() == [25, 50, 100, 128]


def test_a_photograph_is_turned_as_its_camera_says() -> None:
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    plain = encode(".jpg")
    turned = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]
    assert picture_size(turned) == (53, 37)
    assert decode_image(turned, "x").shape == (53, 37, 4)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"not a picture at all",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0",
        b"\xff\xd8" + b"\xff" * 500,
        b"\x89PNG\r\n\x1a\n",
        b"BM",
        b"GIF89a",
        b"RIFF0000WEBPVP8 ",
        b"RIFF0000WEBPVP8X",
        encode(".png")[:60],
        encode(".jpg")[:200],
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n" + bytes(4),
    ],
    ids=range(14),
)
def test_anything_else_is_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(AssetError, match=r"^the cover is not a picture that can be read\.$"):
        decode_image(data, "the cover")


def test_a_small_file_with_a_giant_picture_is_refused_before_it_is_decoded() -> None:
    bomb = bytearray(encode(".png"))
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)
    with pytest.raises(AssetError, match="more than 40 megapixels"):
        decode_image(bytes(bomb), "x")


def test_names_are_paths_beside_the_config(tmp_path: Path) -> None:
    file = tmp_path / "sub" / "ä b.png"
    file.parent.mkdir()
    file.write_bytes(b"")
    assets = LocalAssets(tmp_path)
    assert assets.find("sub/ä b.png") == file
    assert assets.find(str(file)) == file


@pytest.mark.parametrize("name", ["nothing.png", "", ".", "\0", "x" * 255, "ü" * 255, "~nobody-at-all/x.png"])
def test_a_name_without_a_file_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(AssetError, match="There is no file"):
        LocalAssets(tmp_path).find(name)


def test_a_spec_may_be_allowed_no_files() -> None:
    with pytest.raises(AssetError, match=r"'x\.png'"):
        NoAssets().find("x.png")


def test_a_given_cover_stands_in_for_the_songs_own(songs: Path, tmp_path: Path) -> None:
    red = np.zeros((40, 40, 3), np.uint8)
    red[..., 2] = 255
    (tmp_path / "red.png").write_bytes(encode(".png", red))
    spec = RenderSpec.from_config({})
    artwork = gather_artwork(songs / "tagged.mp3", spec, FoundAssets({}, tmp_path / "red.png"))
    assert (artwork.load_image("cover") == (255, 0, 0, 255)).all()
    drawn = gather_artwork(songs / "tagged.mp3", spec, NoAssets())
    assert artwork.palette.hues != drawn.palette.hues

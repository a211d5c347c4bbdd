"""Golden frames: what each preset looks like. `pytest tests/golden --update-goldens` draws them anew."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.golden.compare import Rgb, check_frame, compare, read, write

from oriel_fx.render import presets
from oriel_fx.render.assets import NoAssets
from oriel_fx.render.pixels import Planes, to_rgb
from oriel_fx.render.prepare import PreparedSong
from oriel_fx.render.setup import build_engine
from oriel_fx.render.spec import RenderSpec

FOLDER = Path(__file__).parent / "frames"
AT_FRAME = 195
LANDSCAPE, PORTRAIT = "320x180", "180x320"
CASES = [(name, LANDSCAPE) for name in presets.names()] + [("halo", PORTRAIT), ("ridge", PORTRAIT)]


def draw_preset(song: PreparedSong, name: str, size: str) -> Rgb:
    spec = RenderSpec.from_config({"preset": name, "output": {"size": size}})
    planes = Planes.empty(*spec.output.size_px)
    build_engine(song, spec, NoAssets()).draw(AT_FRAME, planes)
    return to_rgb(planes)


@pytest.mark.parametrize(("name", "size"), CASES, ids=lambda part: part)
def test_preset(song: PreparedSong, name: str, size: str, update_goldens: bool, tmp_path: Path) -> None:
    check_frame(draw_preset(song, name, size), FOLDER / f"{name}-{size}.png", update_goldens, tmp_path)


def test_no_golden_frame_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*")} <= {f"{name}-{size}" for name, size in CASES}


class TestComparing:
    """The comparison itself: it forgives what nobody sees and nothing else."""

    @pytest.fixture
    def picture(self) -> Rgb:
        picture = np.full((180, 320, 3), (20, 22, 40), np.uint8)
        cv2.putText(picture, "Glass Hours", (40, 100), cv2.FONT_HERSHEY_SIMPLEX, 1, (240, 240, 230), 2, cv2.LINE_AA)
        return picture

    def test_a_level_of_noise_is_forgiven(self, picture: Rgb) -> None:
        noise = np.random.default_rng(0).integers(-1, 2, picture.shape)
        assert compare((picture + noise).astype(np.uint8), picture).allowed

    def test_another_anti_aliasing_is_forgiven(self, picture: Rgb) -> None:
        quarter = np.array([[1, 0, 0.2], [0, 1, 0]], np.float32)
        moved = cv2.warpAffine(picture, quarter, (320, 180), borderMode=cv2.BORDER_REPLICATE)
        assert compare(np.asarray(moved, np.uint8), picture).allowed

    @pytest.mark.parametrize("change", ["letter gone", "colour", "moved", "brighter"])
    def test_what_is_seen_is_not(self, picture: Rgb, change: str) -> None:
        changed = picture.copy()
        if change == "letter gone":
            changed[70:110, 40:62] = picture[0, 0]
        elif change == "colour":
            changed[70:110, 40:62, 2] //= 2
        elif change == "moved":
            changed = np.roll(changed, 4, axis=1)
        else:
            changed += np.uint8(2)
        assert not compare(changed, picture).allowed

    def test_a_failure_leaves_both_pictures_and_says_where(self, picture: Rgb, tmp_path: Path) -> None:
        golden = tmp_path / "frame.png"
        write(golden, picture)
        assert np.array_equal(read(golden), picture)
        check_frame(picture, golden, False, tmp_path)
        with pytest.raises(AssertionError, match="differs from its golden frame") as caught:
            check_frame(np.roll(picture, 9, axis=0), golden, False, tmp_path)
        assert "frame-difference.png" in str(caught.value)
        assert np.array_equal(read(tmp_path / "frame-actual.png"), np.roll(picture, 9, axis=0))
        assert read(tmp_path / "frame-difference.png").std() > 5
        with pytest.raises(AssertionError, match="--update-goldens"):
            check_frame(picture, tmp_path / "new.png", False, tmp_path)
        check_frame(picture, tmp_path / "new.png", True, tmp_path)
        assert np.array_equal(read(tmp_path / "new.png"), picture)

"""Type: templates that take nothing but tags, and paragraphs that fit whatever is written in them."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from tests.render.scenes import draw, make_scene, prepare

from oriel_fx.errors import AssetError
from oriel_fx.render import presets
from oriel_fx.render.layers.text import PLACEHOLDERS, TextDrawer
from oriel_fx.render.scene import Surface
from oriel_fx.render.spec import RenderSpec
from oriel_fx.render.text import (
    Align,
    Figures,
    TextStyle,
    check_template,
    fill_template,
    missing_characters,
    set_text,
)

TAGS = {"title": "Song", "artist": "Band", "album": "", "date": "", "genre": ""}


class TestTemplates:
    @pytest.mark.parametrize(
        ("template", "filled"),
        [
            ("{title}", "Song"),
            ("{title} — {artist}", "Song — Band"),
            ("{title}{title}", "SongSong"),
            ("no tags", "no tags"),
            ("", ""),
            ("{title} — {album}", "Song"),
            ("{album} / {title}", "Song"),
            ("{album}", ""),
            ("- {title} -", "- Song -"),
        ],
    )
    def test_tags_take_their_places_and_lone_separators_go(self, template: str, filled: str) -> None:
        assert fill_template(template, TAGS) == filled

    def test_what_a_tag_says_is_not_read_as_a_template(self) -> None:
        assert fill_template("{title}", TAGS | {"title": "{artist} {x}"}) == "{artist} {x}"

    @pytest.mark.parametrize(
        "template",
        [
            "{titel}",
            "{}",
            "{0}",
            "{title.__class__}",
            "{title[0]}",
            "{title!r}",
            "{title:>10}",
            "{ title }",
            "{{title}}",
            "{{}}",
            "{title",
            "title}",
            "{title}}",
            "{{{title}}}",
            "{ti{title}tle}",
        ],
    )
    def test_nothing_else_goes_between_braces(self, template: str) -> None:
        with pytest.raises(ValueError, match=r"is not a tag|brace without"):
            check_template(template, PLACEHOLDERS)
        with pytest.raises(ValueError, match=r"is not a tag|brace without"):
            fill_template(template, TAGS)


LONG = {
    "long": "The very long name of a song that goes on and on, " * 4,
    "one word": "Donaudampfschifffahrtsgesellschaftskapitän" * 2,
    "wide": "W" * 80,
    "lines": "one\ntwo\nthree",
    "hebrew": "שיר ארוך מאוד עם שם שלא נגמר " * 4,
    "arabic": "أغنية طويلة جدا باسم لا ينتهي أبدا " * 4,
    "chinese": "一首名字很长很长的歌曲永远也不会结束" * 5,
    "emoji": "😀👩‍👩‍👧‍👦🎵" * 10,
    "both ways": "abc שלום 123 مرحبا def " * 6,
    "nothing seen": "\u200b\u200d \u2060",
    "unassigned": "\U000e0fff\ue000",
}


class TestFitting:
    @pytest.mark.parametrize("align", ["left", "center", "right"])
    @pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
    def test_any_text_fits_its_box(self, text: str, align: Align) -> None:
        for tracking, width in product((-0.05, 0, 0.3), (90.0, 400.0)):
            laid = set_text(text, TextStyle(40, "bold", tracking), width, 2, align, 160)
            assert laid.width <= width + 0.01
            assert laid.height <= 160

    def test_a_short_text_keeps_its_size(self) -> None:
        laid = set_text("Song", TextStyle(40), 400)
        assert laid.size_px == 40
        assert laid.height == pytest.approx(40 * 1.15, abs=1)

    def test_a_longer_one_shrinks_before_it_wraps(self) -> None:
        laid = set_text("A song with a middling name", TextStyle(40), 440)
        assert 40 * 0.7 < laid.size_px < 40
        assert laid.height < 60

    def test_a_long_one_wraps_into_lines_of_about_one_length(self) -> None:
        text = "A song that has rather a long name, and then some more"
        laid = set_text(text, TextStyle(40), 440, 2)
        assert laid.size_px < 40 * 0.72
        assert 1.5 < laid.height / (laid.size_px * 1.15) < 2.5
        alone = set_text(text, TextStyle(laid.size_px), 1e5)
        assert laid.width < alone.width * 0.62

    def test_words_break_only_as_the_last_resort(self) -> None:
        word = "Donaudampfschifffahrt"
        laid = set_text(word, TextStyle(40), 200, 3)
        assert laid.height < 2 * laid.size_px

    def test_text_is_set_alike_at_every_size_of_picture(self) -> None:
        small, large = (set_text(LONG["long"], TextStyle(s), 10 * s) for s in (20, 80))
        assert small.size_px * 4 == pytest.approx(large.size_px, rel=0.07)

    def test_a_font_that_is_none_is_told(self, tmp_path: Path) -> None:
        file = tmp_path / "broken.otf"
        file.write_bytes(b"no font")
        with pytest.raises(AssetError, match=r"broken\.otf is not a font"):
            set_text("x", TextStyle(10, font_file=file), 100)

    def test_characters_no_font_can_draw_are_known(self) -> None:
        assert missing_characters("Ägypten — Song 1") == ""
        assert missing_characters("a\U000e0fffb") == "\U000e0fff"


@pytest.mark.parametrize("size", [(320, 180), (200, 200), (180, 320), (216, 270), (512, 64)])
@pytest.mark.parametrize("name", presets.names())
def test_no_title_is_clipped_in_any_preset(name: str, size: tuple[int, int]) -> None:
    spec = RenderSpec.from_config({"preset": name, "output": {"size": f"{size[0]}x{size[1]}"}})
    for text in LONG.values():
        scene = make_scene(*size, title=text, artist=text)
        left, top, right, bottom = scene.layout.safe
        for layer in spec.layers:
            drawer = layer.prepare(scene)
            if not isinstance(drawer, TextDrawer) or drawer.text is None:
                continue
            text_right, text_bottom = drawer.left_px + drawer.text.width, drawer.top_px + drawer.text.height
            assert drawer.left_px >= left - 0.01
            assert drawer.top_px >= top - 0.01
            assert text_right <= right + 0.01
            assert text_bottom <= bottom + 0.01


@pytest.mark.parametrize("anchor", ["top-left", "top", "right", "center", "middle", "bottom-left"])
def test_text_hung_out_of_the_picture_is_moved_into_it(anchor: str) -> None:
    scene = make_scene(240, 240)
    left, top, right, bottom = scene.layout.safe
    for x, y in product((-3, 0, 3), repeat=2):
        drawer = prepare({"type": "text", "anchor": anchor, "x": x, "y": y, "text": LONG["long"]}, scene)
        assert isinstance(drawer, TextDrawer)
        assert drawer.text
        assert left - 0.01 <= drawer.left_px <= right - drawer.text.width + 0.01
        assert top - 0.01 <= drawer.top_px <= bottom - drawer.text.height + 0.01


@pytest.mark.parametrize(("anchor", "edge"), [("left", 0), ("right", -1)])
def test_lines_stand_at_the_margin_they_hang_on_tracking_or_not(anchor: str, edge: int) -> None:
    scene = make_scene(400, 200)
    margin = scene.layout.safe[0 if anchor == "left" else 2]
    for tracking in (0.0, 0.4):
        drawer = prepare({"type": "text", "anchor": anchor, "tracking": tracking, "text": "HIH"}, scene)
        columns = np.flatnonzero((draw(drawer, scene, 0)[0][..., :3] > 60).any(axis=(0, 2)))
        assert columns[edge] == pytest.approx(margin, abs=2.5)


def test_centred_text_with_tracking_stays_in_the_middle() -> None:
    scene = make_scene(400, 200)
    drawer = prepare({"type": "text", "tracking": 0.5, "text": "HIH"}, scene)
    columns = np.flatnonzero((draw(drawer, scene, 0)[0][..., :3] > 60).any(axis=(0, 2)))
    assert (columns[0] + columns[-1]) / 2 == pytest.approx(199.5, abs=1)


def test_an_empty_tag_draws_nothing() -> None:
    scene = make_scene(title="")
    drawer = prepare({"type": "text", "text": "{title}"}, scene)
    assert drawer.bounds.area == 0
    assert (draw(drawer, scene, 0)[0][..., :3] == 0).all()


def test_figures_are_all_of_one_width() -> None:
    figures = Figures(TextStyle(40, tracking_em=0.02))
    assert figures.width("1:11") == figures.width("0:48")
    surface = Surface(np.zeros((60, 200, 4), np.uint8))
    figures.draw(surface.canvas, "1:23", 100, 30, "right")
    assert np.flatnonzero(surface.pixels[..., 3].any(axis=0)).max() <= 101

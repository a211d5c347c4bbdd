"""Setting type: the bundled typeface, paragraphs that shrink and wrap to fit, and figures of one width."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from oriel_fx.errors import AssetError
from oriel_fx.render.colors import skia_color
from oriel_fx.render.lazy import quiet_stderr, skia
from oriel_fx.render.nearest import nearest

Weight = Literal["light", "regular", "medium", "semibold", "bold"]
Align = Literal["left", "center", "right"]

_WEIGHTS: dict[str, int] = {"light": 300, "regular": 400, "medium": 500, "semibold": 600, "bold": 700}
_FILES = {"light": "Light", "regular": "Regular", "medium": "Medium", "semibold": "SemiBold", "bold": "Bold"}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# All but the line feed.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
# Shares of a text's own size: below the first it may wrap, below the second words may break, below the last
# it stays as it is.
_WRAP_BELOW, _BREAK_BELOW, _SMALLEST = 0.72, 0.4, 0.02
_ENDLESS = 1e6


@dataclass(frozen=True)
class TextStyle:
    """How type looks: size in pixels, weight, tracking in ems, colour `#rrggbb`, opacity 0..1, own font file."""

    size_px: float
    weight: Weight = "regular"
    tracking_em: float = 0.0
    color: str = "#ffffff"
    opacity: float = 1.0
    leading: float = 1.15
    font_file: Path | None = None


@dataclass(frozen=True)
class SetText:
    """A paragraph laid out: its size in pixels from first to last letter, and the Skia paragraph to paint."""

    paragraph: Any
    width: float
    height: float
    size_px: float
    overhang: float

    def paint(self, canvas: Any, left: float, top: float) -> None:
        """Paint with the first line's top and the longest line's first letter at these pixels."""
        self.paragraph.paint(canvas, left - self.overhang, top)


def _as_text(value: object) -> object:
    """A title such as 1999, or a date, which JSON, YAML and `--set` read as other than text.

    Control characters become spaces, as in a song's own tags: neither type nor ffmpeg can take them.
    """
    is_plain = isinstance(value, int | float | date) and not isinstance(value, bool)
    text = str(value) if is_plain else value
    if not isinstance(text, str):
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it holds bytes that are no text in UTF-8") from None
    return _CONTROL.sub(" ", text.replace("\r\n", "\n"))


Words = Annotated[str, BeforeValidator(_as_text)]


def check_template(template: str, names: Iterable[str]) -> None:
    """Raise ValueError for a placeholder that is none of `names`, and for a brace that belongs to none.

    Templates are not `str.format`: no attributes, no formats, no doubled braces.
    """
    names = list(names)
    known = ", ".join(f"{{{name}}}" for name in names)
    for name in _PLACEHOLDER.findall(template):
        if name not in names:
            close = nearest(name, names)
            guess = f" (did you mean {{{close}}}?)" if close else ""
            raise ValueError(f"{{{name}}} is not a tag{guess}; tags are {known}")
    if re.search(r"[{}]", _PLACEHOLDER.sub("", template)):
        raise ValueError(f"{template!r} has a brace without its partner; braces stand round a tag's name only: {known}")


def fill_template(template: str, values: dict[str, str]) -> str:
    """Put tags into `{title}`-like places; separators left dangling by an empty tag go.

    Raises ValueError where `check_template` would.
    """
    check_template(template, values)
    filled = _PLACEHOLDER.sub(lambda match: values[match[1]], template)
    if not all(values[name] for name in _PLACEHOLDER.findall(template)):
        filled = re.sub(r"^\s*[—–\-·|/]\s+|\s+[—–\-·|/]\s*$", "", filled)
    return filled.strip()


@cache
def _bundled_typefaces() -> dict[str, Any]:
    import font_hanken_grotesk

    folder = Path(font_hanken_grotesk.__file__).parent
    files = {weight: next(folder.rglob(f"HankenGrotesk-{name}.otf")) for weight, name in _FILES.items()}
    with quiet_stderr():
        return {weight: skia.Typeface.MakeFromFile(str(file)) for weight, file in files.items()}


@cache
def _system_fonts() -> Any:
    with quiet_stderr():
        return skia.FontMgr.RefDefault()


@cache
def _system_face(character: str, weight: Weight) -> Any:
    """One of the system's faces with a glyph for the character, or None. Asking takes milliseconds."""
    return _system_fonts().matchFamilyStyleCharacter("", _font_style(weight), [], ord(character))


def _own_typeface(file: Path) -> Any:
    with quiet_stderr():
        typeface = skia.Typeface.MakeFromFile(str(file))
    if typeface is None:
        raise AssetError(f"{file} is not a font that can be used.", "Give a .ttf or .otf file.")
    return typeface


def _typefaces_for(text: str, style: TextStyle) -> list[Any]:
    """The faces to try in turn: the style's own, then one of the system's for each character still without a glyph."""
    faces = [_own_typeface(style.font_file)] if style.font_file else []
    faces.append(_bundled_typefaces()[style.weight])
    for character in dict.fromkeys(text):
        if character.isspace() or any(face.unicharToGlyph(ord(character)) for face in faces):
            continue
        found = _system_face(character, style.weight)
        if found is not None:
            faces.append(found)
    return faces


def missing_characters(text: str, font_file: Path | None = None) -> str:
    """The characters of a text that no font on this machine can draw."""
    faces = _typefaces_for(text, TextStyle(10, font_file=font_file))
    missing = (c for c in dict.fromkeys(text) if not c.isspace() and not any(f.unicharToGlyph(ord(c)) for f in faces))
    return "".join(missing)


def _font_style(weight: Weight) -> Any:
    return skia.FontStyle(_WEIGHTS[weight], skia.FontStyle.kNormal_Width, skia.FontStyle.kUpright_Slant)


def _build(text: str, style: TextStyle, align: Align) -> Any:
    provider = skia.textlayout.TypefaceFontProvider()
    families = []
    for number, face in enumerate(_typefaces_for(text, style)):
        # A name of its own for each file: the faces of one family would be matched by style, less exactly.
        families.append(f"face {number}")
        provider.registerTypeface(face, families[-1])
    collection = skia.textlayout.FontCollection()
    collection.setDefaultFontManager(provider)
    text_style = skia.textlayout.TextStyle()
    text_style.setFontFamilies(families)
    text_style.setFontSize(style.size_px)
    text_style.setLetterSpacing(style.tracking_em * style.size_px)
    text_style.setFontStyle(_font_style(style.weight))
    text_style.setForegroundPaint(skia.Paint(AntiAlias=True, Color=skia_color(style.color, style.opacity)))
    text_style.setHeight(style.leading)
    text_style.setHeightOverride(True)
    paragraph_style = skia.textlayout.ParagraphStyle()
    paragraph_style.setTextStyle(text_style)
    paragraph_style.setTextAlign(
        {
            "left": skia.textlayout.TextAlign.kLeft,
            "center": skia.textlayout.TextAlign.kCenter,
            "right": skia.textlayout.TextAlign.kRight,
        }[align]
    )
    builder = skia.textlayout.ParagraphBuilder.make(paragraph_style, collection, skia.Unicodes.ICU.Make())
    builder.pushStyle(text_style)
    builder.addText(text)
    return builder.Build()


def set_text(
    text: str,
    style: TextStyle,
    max_width: float,
    max_lines: int = 2,
    align: Align = "left",
    max_height: float = math.inf,
) -> SetText:
    """Lay out text within so many pixels: it shrinks first, then wraps, then shrinks on until it fits.

    Lines the text itself breaks stay lines; the others are made about equally long. Words are only broken
    where the type would get too small otherwise.
    """
    size = style.size_px
    own_lines = text.count("\n") + 1
    while True:
        paragraph = _build(text, replace(style, size_px=size), align)
        paragraph.layout(_ENDLESS)
        tracking, line_px = style.tracking_em * size, max(1.0, paragraph.Height / own_lines)
        share = size / style.size_px
        if paragraph.MaxIntrinsicWidth - tracking > max_width and share <= _WRAP_BELOW:
            # Skia keeps the space after a line's last letter, which needs no room.
            _balance(paragraph, max_width + max(0.0, tracking))
        words_fit = paragraph.MinIntrinsicWidth - tracking <= max_width or share < _BREAK_BELOW
        lines = round(paragraph.Height / line_px)
        wide = paragraph.LongestLine - tracking <= max_width
        if wide and words_fit and lines <= max(own_lines, max_lines) and paragraph.Height <= max_height:
            break
        if share < _SMALLEST:
            break
        size *= 0.94
    longest = paragraph.LongestLine
    slack = math.ceil(longest) + 1 - longest
    paragraph.layout(longest + slack)
    # Skia puts half a tracking on each side of a letter, and moves lines that are not left-aligned by half of one.
    overhang = {"left": tracking / 2, "center": slack / 2, "right": slack}[align]
    return SetText(paragraph, longest - tracking, paragraph.Height, size, overhang)


def _balance(paragraph: Any, max_width: float) -> None:
    """Lay a paragraph out in as few lines as fit the width, and then as narrow as it gets in so many lines."""
    paragraph.layout(max_width)
    height, narrow, wide = paragraph.Height, max_width / 2, max_width
    for _ in range(7):
        middle = (narrow + wide) / 2
        paragraph.layout(middle)
        fits = paragraph.Height <= height and paragraph.LongestLine <= middle
        narrow, wide = (narrow, middle) if fits else (middle, wide)
    paragraph.layout(wide)


class Figures:
    """Times set with figures of one width, so that they do not dance as they count."""

    def __init__(self, style: TextStyle) -> None:
        self._font = skia.Font(_bundled_typefaces()[style.weight], style.size_px)
        self._font.setSubpixel(True)
        self._font.setEdging(skia.Font.Edging.kAntiAlias)
        self._paint = skia.Paint(AntiAlias=True, Color=skia_color(style.color, style.opacity))
        self._tracking = style.tracking_em * style.size_px
        self._figure = max(self._font.measureText(figure) for figure in "0123456789")
        self._cap_height = self._font.getMetrics().fCapHeight

    def _advance(self, character: str) -> float:
        width = self._figure if character.isdigit() else self._font.measureText(character)
        return float(width + self._tracking)

    def width(self, text: str) -> float:
        """Pixels from the first figure's left edge to the last one's right."""
        return sum(map(self._advance, text)) - self._tracking

    def draw(self, canvas: Any, text: str, x: float, middle_y: float, align: Literal["left", "right"]) -> None:
        """Draw with the left or right end at x, the figures' middle on middle_y."""
        left = x if align == "left" else x - self.width(text)
        for character in text:
            own = self._font.measureText(character)
            inset = (self._figure - own) / 2 if character.isdigit() else 0.0
            canvas.drawString(character, left + inset, middle_y + self._cap_height / 2, self._font, self._paint)
            left += self._advance(character)

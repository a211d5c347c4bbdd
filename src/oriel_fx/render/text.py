"""Setting type: the bundled typeface, paragraphs that shrink and wrap to fit, and figures of one width."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from oriel_fx.errors import AssetError, SpecError
from oriel_fx.render.colors import skia_color
from oriel_fx.render.lazy import quiet_stderr, skia

Weight = Literal["light", "regular", "medium", "semibold", "bold"]
Align = Literal["left", "center", "right"]

_WEIGHTS: dict[str, int] = {"light": 300, "regular": 400, "medium": 500, "semibold": 600, "bold": 700}
_FILES = {"light": "Light", "regular": "Regular", "medium": "Medium", "semibold": "SemiBold", "bold": "Bold"}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SMALLEST = 0.55


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
    """A paragraph laid out: its size in pixels, and the Skia paragraph to paint."""

    paragraph: Any
    width: float
    height: float
    size_px: float
    overhang: float

    def paint(self, canvas: Any, left: float, top: float) -> None:
        self.paragraph.paint(canvas, left - self.overhang, top)


def fill_template(template: str, values: dict[str, str]) -> str:
    """Put tags into `{title}`-like places; separators left dangling by an empty tag go.

    Raises SpecError naming a placeholder that does not exist.
    """
    unknown = [name for name in _PLACEHOLDER.findall(template) if name not in values]
    if unknown:
        known = ", ".join("{" + name + "}" for name in values)
        raise SpecError(
            f"The text {template!r} has an unknown placeholder {{{unknown[0]}}}.", f"Known: {known}."
        )
    filled = _PLACEHOLDER.sub(lambda match: values[match[1]], template)
    if filled != template:
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


def _own_typeface(file: Path) -> Any:
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
        found = _system_fonts().matchFamilyStyleCharacter("", _font_style(style), [], ord(character))
        if found is not None:
            faces.append(found)
    return faces


def missing_characters(text: str, font_file: Path | None = None) -> str:
    """The characters of a text that no font on this machine can draw."""
    faces = _typefaces_for(text, TextStyle(10, font_file=font_file))
    missing = (
        c for c in dict.fromkeys(text) if not c.isspace() and not any(f.unicharToGlyph(ord(c)) for f in faces)
    )
    return "".join(missing)


def _font_style(style: TextStyle) -> Any:
    return skia.FontStyle(_WEIGHTS[style.weight], skia.FontStyle.kNormal_Width, skia.FontStyle.kUpright_Slant)


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
    text_style.setFontStyle(_font_style(style))
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
    text: str, style: TextStyle, max_width: float, max_lines: int = 2, align: Align = "left"
) -> SetText:
    """Lay out text no wider than `max_width` pixels: it shrinks first, then wraps, then shrinks on."""
    size = style.size_px
    while True:
        trial = replace(style, size_px=size)
        paragraph = _build(text, trial, align)
        paragraph.layout(1e6)
        lines_allowed = 1 if size > style.size_px * _SMALLEST * 1.3 else max_lines
        tracking = trial.tracking_em * size
        if paragraph.MaxIntrinsicWidth <= max_width * lines_allowed * (1 if lines_allowed == 1 else 0.85):
            break
        if size < 6:
            break
        size *= 0.94
    wide = min(max_width, paragraph.MaxIntrinsicWidth + 1) if lines_allowed == 1 else max_width
    paragraph.layout(wide)
    return SetText(paragraph, wide, paragraph.Height, size, -tracking / 2 if align == "center" else 0.0)


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

    def draw(
        self, canvas: Any, text: str, x: float, middle_y: float, align: Literal["left", "right"]
    ) -> None:
        """Draw with the left or right end at x, the figures' middle on middle_y."""
        left = x if align == "left" else x - self.width(text)
        for character in text:
            own = self._font.measureText(character)
            inset = (self._figure - own) / 2 if character.isdigit() else 0.0
            canvas.drawString(
                character, left + inset, middle_y + self._cap_height / 2, self._font, self._paint
            )
            left += self._advance(character)

"""RenderSpec: what to make. Everything a video depends on, apart from the song.

A spec is read from plain data (a preset, then the user's config, then the command line, each merged over the
one before), checked, and frozen. It never opens a file: pictures and fonts are names the caller resolves.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema, field_validator

from oriel_fx.errors import SpecError
from oriel_fx.render import presets
from oriel_fx.render.background import Background, ColorBackground
from oriel_fx.render.classic import PATHS, from_classic, is_classic
from oriel_fx.render.colors import PlainColor
from oriel_fx.render.effects import Effect
from oriel_fx.render.layers import Layer
from oriel_fx.render.layout import Aspect, aspect_of
from oriel_fx.render.nearest import did_you_mean
from oriel_fx.render.scene import Params
from oriel_fx.render.text import Words

SIZES: dict[str, tuple[int, int]] = {
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "1440p": (2560, 1440),
    "4k": (3840, 2160),
    "square": (1080, 1080),
    "vertical": (1080, 1920),
}
ASPECTS: tuple[str, ...] = get_args(Aspect)
Quality = Literal["draft", "standard", "high"]
DEFAULT_PRESET = "halo"
SMALLEST_PX, LARGEST_PX = 16, 8192
_WXH = re.compile(r"([0-9]{1,5})\s*[x×]\s*([0-9]{1,5})\Z")
_RATE = re.compile(r"[0-9]{1,6}(?:\.[0-9]{0,9}|/[0-9]{1,6})?\Z")
_CLOCK = re.compile(r"(?:(?:([0-9]{1,4}):)?([0-9]{1,2}):)?([0-9]{1,9}(?:\.[0-9]*)?|\.[0-9]+)\Z")
_NTSC = (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001))


def parse_size(value: object) -> tuple[int, int]:
    """`1080p`, `square`, `1280x720` … → width and height in pixels. Raises ValueError saying what is allowed."""
    text = str(value).strip().lower()
    if text in SIZES:
        return SIZES[text]
    match = _WXH.match(text)
    if not match:
        guess = did_you_mean(text, SIZES)
        raise ValueError(f"{value!r} is not a size{guess}; write {', '.join(SIZES)}, or WIDTHxHEIGHT")
    width, height = int(match[1]), int(match[2])
    if not all(SMALLEST_PX <= side <= LARGEST_PX for side in (width, height)):
        raise ValueError(f"{value!r} is out of range; sides are {SMALLEST_PX} to {LARGEST_PX} pixels")
    if width % 2 or height % 2:
        even = f"{width // 2 * 2}x{height // 2 * 2}"
        raise ValueError(f"{value!r} has an odd side; video needs even ones, such as {even}")
    return width, height


def parse_fps(value: object) -> Fraction:
    """30, 23.976, "30000/1001" → frames per second as a fraction. Raises ValueError."""
    text = str(value).strip()
    try:
        # Only what the pattern allows is computed: Fraction("1e999999999") would never return.
        fps = Fraction(text) if _RATE.match(text) else None
    except ZeroDivisionError:
        fps = None
    if fps is None:
        raise ValueError(f"{value!r} is not a frame rate; write a number such as 30, or 30000/1001")
    for exact in _NTSC:
        if abs(fps - exact) < Fraction(1, 100) and fps.denominator != 1:
            fps = exact
    if not 1 <= fps <= 120:
        raise ValueError(f"{value!r} frames per second is out of range; it is 1 to 120")
    return fps.limit_denominator(1001)


def parse_time(value: object) -> float:
    """Seconds, "75.5", "1:15.5" or "1:01:15" → seconds. Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9:
        return float(value)
    match = _CLOCK.match(str(value).strip())
    if not match:
        raise ValueError(f"{value!r} is not a time; write seconds, m:ss or h:mm:ss")
    return int(match[1] or 0) * 3600 + int(match[2] or 0) * 60 + float(match[3])


def _fps_text(value: object) -> str:
    return str(parse_fps(value))


def _size_text(value: object) -> str:
    """One spelling for each size, so that the same picture has the same spec."""
    width, height = parse_size(value)
    text = str(value).strip().lower()
    return text if text in SIZES else f"{width}x{height}"


_TIME_SCHEMA = WithJsonSchema(
    {
        "anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}],
        "description": "seconds, m:ss or h:mm:ss",
    }
)
Time = Annotated[float, BeforeValidator(parse_time), _TIME_SCHEMA]
Size = Annotated[
    str,
    BeforeValidator(_size_text),
    WithJsonSchema(
        {
            "anyOf": [{"enum": list(SIZES)}, {"type": "string", "pattern": r"^\d{2,4}x\d{2,4}$"}],
            "description": "a name, or WIDTHxHEIGHT in even pixels",
        }
    ),
]
Fps = Annotated[
    str,
    BeforeValidator(_fps_text),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 1, "maximum": 120},
                {"type": "string", "pattern": r"^\d+(\.\d*|/\d+)?$"},
            ]
        }
    ),
]


class Output(Params):
    """The file: its size, frame rate and quality, and which part of the song it shows."""

    size: Size = "1080p"
    fps: Fps = "30"
    quality: Quality = "standard"
    start: Time = 0.0
    duration: Time | None = None

    @property
    def size_px(self) -> tuple[int, int]:
        return parse_size(self.size)

    @property
    def frames_per_s(self) -> Fraction:
        return Fraction(self.fps)

    @field_validator("duration")
    @classmethod
    def _positive(cls, value: float | None) -> float | None:
        if value is not None and value <= 0:
            raise ValueError("a duration is more than 0 seconds")
        return value


class PaletteSpec(Params):
    """The colours `palette.0` … `palette.ink` stand for. What is not given is taken from the cover art."""

    hues: list[PlainColor] | None = Field(None, min_length=1, max_length=3)
    ground: PlainColor | None = None
    ink: PlainColor | None = None


class TagsSpec(Params):
    """Words to use in place of the song's own tags."""

    title: Words | None = Field(None, max_length=300)
    artist: Words | None = Field(None, max_length=300)
    album: Words | None = Field(None, max_length=300)
    date: Words | None = Field(None, max_length=50)
    genre: Words | None = Field(None, max_length=100)


class RenderSpec(Params):
    """What to make: the output, and a composition of background, layers and effects."""

    preset: str = DEFAULT_PRESET
    output: Output = Output()
    palette: PaletteSpec = PaletteSpec()
    tags: TagsSpec = TagsSpec()
    background: Background = ColorBackground()
    layers: list[Layer] = Field(default_factory=list, max_length=64)
    effects: list[Effect] = Field(default_factory=list, max_length=32)
    seed: int = Field(27, ge=0, le=2**31 - 1)
    page: Literal["classic"] | None = None

    @staticmethod
    def from_config(*configs: dict[str, Any]) -> RenderSpec:
        """A spec from plain data, each config merged over the one before and all over the preset they name.

        Accepts the original frontend's flat config as well. Raises SpecError naming the key, its path and
        the nearest valid name.
        """
        plain = [_plain_data(config) for config in configs]
        name: object = DEFAULT_PRESET
        for config in plain:
            name = config.get("preset", name)
        known: list[SpecError] = []
        # After a fault something right stands in, so that what else is wrong is told as well.
        try:
            layered = [presets.load(name), *plain]
        except SpecError as error:
            known.append(error)
            layered = [presets.load(DEFAULT_PRESET), *plain]
        try:
            size_px = _size_of(layered)
        except SpecError as error:
            known.append(error)
            size_px = Output().size_px
            layered.append({"output": {"size": Output().size}})
        aspect = aspect_of(*size_px)
        data: dict[str, Any] = {}
        faults: list[Any] = []
        try:
            for config in layered:
                data = merge(data, {key: for_aspect(part, aspect) for key, part in config.items()})
            spec = RenderSpec.model_validate(data | {"preset": DEFAULT_PRESET if known else name})
        except ValidationError as error:
            faults = error.errors(include_url=False)
        except RecursionError:
            raise SpecError("The config is nested without end.", "Check its lists and objects.") from None
        if faults or known:
            from oriel_fx.render.spec_errors import describe

            raise describe(faults, known, PATHS if any(map(is_classic, configs)) else None)
        return spec


def _plain_data(config: Any) -> dict[str, Any]:
    """One config without what only editors read, and in this version's words."""
    if not isinstance(config, dict):
        raise SpecError("The config is not a JSON object.", 'Write one such as {"preset": "halo"}.')
    plain = {key: value for key, value in config.items() if key != "$schema"}
    if is_classic(plain):
        return from_classic(plain)
    # The bundled page shows what the preset of its name does.
    return {"preset": plain["page"]} | plain if plain.get("page") == "classic" else plain


def _size_of(configs: list[dict[str, Any]]) -> tuple[int, int]:
    """The picture's size, before anything else is known to be right."""
    size: object = Output().size
    for config in configs:
        output = config.get("output")
        size = output.get("size", size) if isinstance(output, dict) else size
    try:
        return parse_size(size)
    except ValueError as error:
        raise SpecError(f"output.size: {error}.", "See `oriel render --help` for the sizes.", "output.size") from None


def merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` merged over `under`: objects key by key, unless their `type` differs; everything else replaces."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            changed = "type" in value and value["type"] != below.get("type")
            result[key] = dict(value) if changed else merge(below, value)
        else:
            result[key] = value
    return result


def for_aspect(value: Any, aspect: Aspect) -> Any:
    """Replace each `{"landscape": …, "square": …, "portrait": …}` in plain data by the one for this picture's shape.

    `square` may be left out: it then takes the landscape value.
    """
    if isinstance(value, list):
        return [for_aspect(item, aspect) for item in value]
    if not isinstance(value, dict):
        return value
    if value and set(value) <= set(ASPECTS) and {"landscape", "portrait"} <= set(value):
        return for_aspect(value.get(aspect, value["landscape"]), aspect)
    return {key: for_aspect(item, aspect) for key, item in value.items()}

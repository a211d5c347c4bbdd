"""ffmpeg's arguments, as pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from oriel_fx.render.audio.ffmpeg import input_args

# Part of the plan: another number of threads makes other bytes, so it never follows the machine.
X264_THREADS = 3
KEYFRAME_S = 4
_QUALITY = {"draft": ("ultrafast", 26), "standard": ("veryfast", 20), "high": ("medium", 17)}
# ProRes: the quantiser. VP9: how much may be skipped for speed, and the quality aimed at.
_PRORES_QUALITY = {"draft": 16, "standard": 9, "high": 4}
_VP9_QUALITY = {"draft": (8, 34), "standard": (6, 24), "high": (4, 16)}
_BT709 = ["-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
_QUIET = ["-hide_banner", "-nostdin", "-loglevel", "error", "-y"]


@dataclass(frozen=True)
class Container:
    """What a file's ending stands for: ffmpeg's name for it, whether its video may be clear, how its sound is coded."""

    muxer: str
    with_alpha: bool
    sound: tuple[str, ...]


_AAC = ("-c:a", "aac", "-b:a", "192k")
CONTAINERS = {
    ".mp4": Container("mp4", False, _AAC),
    ".mov": Container("mov", True, _AAC),
    ".webm": Container("webm", True, ("-c:a", "libopus", "-b:a", "160k")),
}


@dataclass(frozen=True)
class VideoFormat:
    """What is encoded: size in pixels, frames per second, quality, and the ending of the file it is for."""

    width: int
    height: int
    fps: Fraction
    quality: str
    ending: str = ".mp4"

    @property
    def container(self) -> Container:
        return CONTAINERS[self.ending]


def encode_video(ffmpeg: str, video: VideoFormat, source: str, target: Path) -> list[str]:
    """Raw I420 frames from `source` (a file or pipe:0) → H.264 High in an MP4, closed GOPs, tagged BT.709.

    With an alpha plane → ProRes 4444 in a MOV, or VP9 in a WebM.
    """
    pixels = "yuva420p" if video.container.with_alpha else "yuv420p"
    return [
        ffmpeg, *_QUIET,
        "-f", "rawvideo", "-pix_fmt", pixels, "-s", f"{video.width}x{video.height}", "-framerate", str(video.fps),
        *_BT709, "-i", source, "-an", *_codec(video), *_BT709, "-chroma_sample_location", "center",
        *(_exact(video.fps) if video.ending != ".webm" else ()), "-f", video.container.muxer, local_file(target),
    ]  # fmt: skip


def _codec(video: VideoFormat) -> list[str]:
    keyframes = str(round(video.fps * KEYFRAME_S))
    if video.ending == ".mov":
        quantiser = str(_PRORES_QUALITY[video.quality])
        return [
            "-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le", "-alpha_bits", "16",
            "-qscale:v", quantiser, "-vendor", "apl0",
        ]  # fmt: skip
    if video.ending == ".webm":
        speed, crf = _VP9_QUALITY[video.quality]
        return [
            "-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-crf", str(crf), "-b:v", "0", "-g", keyframes,
            "-deadline", "realtime", "-cpu-used", str(speed), "-auto-alt-ref", "0", "-lag-in-frames", "0",
            "-row-mt", "1", "-tile-columns", "2", "-threads", str(X264_THREADS),
        ]  # fmt: skip
    preset, crf = _QUALITY[video.quality]
    # ultrafast drops 8x8 transforms, and with them the High profile.
    params = f"threads={X264_THREADS}:8x8dct=1:open-gop=0:aq-mode=3"
    return [
        "-c:v", "libx264", "-preset", preset, "-crf", str(crf), "-profile:v", "high", "-pix_fmt", "yuv420p",
        "-g", keyframes, "-x264-params", params,
    ]  # fmt: skip


def timescale(fps: Fraction) -> int:
    """Ticks a second in which every frame is a whole number of ticks."""
    factor = max(1, -(-12000 // fps.numerator))
    return fps.numerator * factor


def _exact(fps: Fraction) -> list[str]:
    """Times in the file exact to the frame; ffmpeg's own choice for the whole file's is milliseconds."""
    return ["-video_track_timescale", str(timescale(fps)), "-movie_timescale", str(timescale(fps))]


def encode_audio(
    ffmpeg: str,
    song: Path,
    start_s: Fraction,
    duration_s: Fraction,
    rate_hz: int,
    target: Path,
    container: Container = CONTAINERS[".mp4"],
) -> list[str]:
    """Part of a song's first audio stream → stereo. Time zero is the first sample, whatever the container says."""
    chain = (
        f"asetpts=N/SR/TB,atrim=start={float(start_s):.9f}:end={float(start_s + duration_s):.9f},asetpts=PTS-STARTPTS"
    )
    return [
        ffmpeg, *_QUIET, *input_args(song),
        "-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1", "-af", chain,
        "-ac", "2", "-ar", str(rate_hz), *container.sound, "-f", "mp4", local_file(target),
    ]  # fmt: skip


def join(
    ffmpeg: str,
    chunk_list: Path,
    audio: Path,
    tags: dict[str, str],
    fps: Fraction,
    target: Path,
    container: Container = CONTAINERS[".mp4"],
) -> list[str]:
    """Chunks named in a concat list, and the audio → one file, nothing encoded again, index at the front.

    To be run in the list's own folder: ffmpeg reads the names in it as parts of a URL, where ? and # in the
    folder's own name would mean something.
    """
    # Where one chunk ends and the next begins, ffmpeg counts in microseconds; in an hour that adds up to ticks.
    ticks = timescale(fps) / fps
    on_grid = f"setts=pts=round(PTS/{ticks})*{ticks}:dts=round(DTS/{ticks})*{ticks}:duration={ticks}"
    finish = ["-movflags", "+faststart", *_exact(fps)]
    if container.muxer == "webm":
        # Its clock has milliseconds: each frame at the nearest one, counted from the start.
        on_grid = f"setts=ts=round(N*{fps.denominator}/{fps.numerator}/TB)"
        finish = ["-metadata:s:v:0", "alpha_mode=1", "-cues_to_front", "1"]
    metadata = [part for key, value in tags.items() if value for part in ("-metadata", f"{key}={value}")]
    return [
        ffmpeg, *_QUIET, "-f", "concat", "-safe", "0", "-i", f"file:{chunk_list.name}", "-i", local_file(audio),
        "-map", "0:v:0", "-map", "1:a:0", "-c", "copy", "-bsf:v", on_grid, "-map_metadata", "-1", *metadata,
        *finish, "-f", container.muxer, local_file(target),
    ]  # fmt: skip


def list_packets(ffmpeg: str, file: Path) -> list[str]:
    """One line per packet of the first video and audio stream: stream, dts, pts, duration."""
    return [
        ffmpeg, *_QUIET, "-i", local_file(file), "-map", "0:v:0?", "-map", "0:a:0?",
        "-c", "copy", "-f", "framecrc", "pipe:1",
    ]  # fmt: skip


def local_file(path: Path) -> str:
    """A path as ffmpeg takes it, whatever characters it holds: never an option, a protocol or a pattern."""
    return "file:" + str(path.absolute())

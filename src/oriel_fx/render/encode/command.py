"""ffmpeg's arguments, as pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from oriel_fx.render.audio.ffmpeg import input_args

# Part of the plan: another number of threads makes other bytes, so it never follows the machine.
X264_THREADS = 3
KEYFRAME_S = 4
AUDIO_BITRATE = "192k"
_QUALITY = {"draft": ("ultrafast", 26), "standard": ("veryfast", 20), "high": ("medium", 17)}
_BT709 = ["-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
_QUIET = ["-hide_banner", "-nostdin", "-loglevel", "error", "-y"]


@dataclass(frozen=True)
class VideoFormat:
    """What is encoded: size in pixels, frames per second, quality."""

    width: int
    height: int
    fps: Fraction
    quality: str


def encode_video(ffmpeg: str, video: VideoFormat, source: str, target: Path) -> list[str]:
    """Raw I420 frames from `source` (a file or pipe:0) → H.264 High in an MP4, closed GOPs, tagged BT.709."""
    preset, crf = _QUALITY[video.quality]
    # ultrafast drops 8x8 transforms, and with them the High profile.
    params = f"threads={X264_THREADS}:8x8dct=1:open-gop=0:aq-mode=3"
    return [
        ffmpeg, *_QUIET,
        "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{video.width}x{video.height}", "-framerate", str(video.fps),
        *_BT709, "-i", source,
        "-an", "-c:v", "libx264", "-preset", preset, "-crf", str(crf), "-profile:v", "high", "-pix_fmt", "yuv420p",
        "-g", str(round(video.fps * KEYFRAME_S)), "-x264-params", params, *_BT709,
        "-chroma_sample_location", "center",
        *_exact(video.fps), "-f", "mp4", local_file(target),
    ]  # fmt: skip


def timescale(fps: Fraction) -> int:
    """Ticks a second in which every frame is a whole number of ticks."""
    factor = max(1, -(-12000 // fps.numerator))
    return fps.numerator * factor


def _exact(fps: Fraction) -> list[str]:
    """Times in the file exact to the frame; ffmpeg's own choice for the whole file's is milliseconds."""
    return ["-video_track_timescale", str(timescale(fps)), "-movie_timescale", str(timescale(fps))]


def encode_audio(
    ffmpeg: str, song: Path, start_s: Fraction, duration_s: Fraction, rate_hz: int, target: Path
) -> list[str]:
    """Part of a song's first audio stream → AAC stereo. Time zero is the first sample, whatever the container says."""
    chain = (
        f"asetpts=N/SR/TB,atrim=start={float(start_s):.9f}:end={float(start_s + duration_s):.9f},asetpts=PTS-STARTPTS"
    )
    return [
        ffmpeg, *_QUIET, *input_args(song),
        "-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1", "-af", chain,
        "-ac", "2", "-ar", str(rate_hz), "-c:a", "aac", "-b:a", AUDIO_BITRATE, "-f", "mp4", local_file(target),
    ]  # fmt: skip


def join(ffmpeg: str, chunk_list: Path, audio: Path, tags: dict[str, str], fps: Fraction, target: Path) -> list[str]:
    """Chunks named in a concat list, and the audio → one MP4, nothing encoded again, index at the front.

    To be run in the list's own folder: ffmpeg reads the names in it as parts of a URL, where ? and # in the
    folder's own name would mean something.
    """
    # Where one chunk ends and the next begins, ffmpeg counts in microseconds; in an hour that adds up to ticks.
    ticks = timescale(fps) / fps
    on_grid = f"setts=pts=round(PTS/{ticks})*{ticks}:dts=round(DTS/{ticks})*{ticks}:duration={ticks}"
    metadata = [part for key, value in tags.items() if value for part in ("-metadata", f"{key}={value}")]
    return [
        ffmpeg, *_QUIET, "-f", "concat", "-safe", "0", "-i", f"file:{chunk_list.name}", "-i", local_file(audio),
        "-map", "0:v:0", "-map", "1:a:0", "-c", "copy", "-bsf:v", on_grid, "-map_metadata", "-1", *metadata,
        "-movflags", "+faststart", *_exact(fps), "-f", "mp4", local_file(target),
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

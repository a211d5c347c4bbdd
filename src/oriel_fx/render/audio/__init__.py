"""A song's sound: decoded to disk, measured, and looked up frame by frame."""

from oriel_fx.render.audio.decode import DecodedSong, SongInfo, check_song, decode_song, probe_song
from oriel_fx.render.audio.pcm import SAMPLE_RATE, Pcm
from oriel_fx.render.audio.spectrum import BAND_FREQS_HZ, N_BANDS
from oriel_fx.render.audio.stats import SongStats, measure_song
from oriel_fx.render.audio.tags import Tags, read_cover, read_tags
from oriel_fx.render.audio.timeline import Timeline, build_timeline

__all__ = [
    "BAND_FREQS_HZ",
    "N_BANDS",
    "SAMPLE_RATE",
    "DecodedSong",
    "Pcm",
    "SongInfo",
    "SongStats",
    "Tags",
    "Timeline",
    "build_timeline",
    "check_song",
    "decode_song",
    "measure_song",
    "probe_song",
    "read_cover",
    "read_tags",
]

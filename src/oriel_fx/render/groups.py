"""A render shared out: runs of its chunks, drawn by whoever takes them.

    for group in plan_groups(plan_chunks(first, stop, fps)):
        for chunk in draw_group(song, spec, assets, folder, group):  # on any machine
            ...                                                      # its file is folder/chunk-00000.mp4

The files are those `render_video` would make, byte for byte. It joins them: its `draw` fetches them then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from oriel_fx.render.assets import Assets
from oriel_fx.render.cancel import Cancelled, never
from oriel_fx.render.chunks import Chunk, WorkFolder
from oriel_fx.render.joining import Sound
from oriel_fx.render.kept_song import prepare_once
from oriel_fx.render.prepare import frame_range
from oriel_fx.render.spec import RenderSpec

# Starting on a group takes about a second: a new process, the engine.
LARGEST_GROUP = 4


def plan_groups(chunks: Sequence[Chunk]) -> list[list[Chunk]]:
    """Runs of chunks, large ones first, small ones last: so that nobody waits long for the last to end.

    >>> [len(group) for group in plan_groups(plan_chunks(0, 18000, Fraction(30)))]
    [4, 4, 4, 4, 4, 4, 4, 4, 4, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1]
    """
    groups, left = [], list(chunks)
    while left:
        size = max(1, min(LARGEST_GROUP, len(left) // 4))
        groups.append(left[:size])
        left = left[size:]
    return groups


def draw_group(
    song: Path,
    spec: RenderSpec,
    assets: Assets,
    folder: Path,
    chunks: Sequence[Chunk],
    on_frames: Callable[[int], None],
    cancelled: Cancelled = never,
    with_hashes: bool = False,
    with_sound: bool = False,
) -> Iterator[Chunk]:
    """Draw some of a render's chunks into `folder`; yields each when its file is whole, those found there first.

    The song is decoded and measured in `folder` too, unless it is there. Several processes may work in one folder.
    `with_sound`: SOUND_FILE is encoded there meanwhile, and whole at the end, so that whoever joins need not do it.
    Raises SongError, AssetError, OutputError, EncodeError, DependencyError, RenderCancelledError.
    """
    from oriel_fx.render.drawing import ChunkJob, draw_chunks

    prepared = prepare_once(song, spec, folder, cancelled)
    sound = None
    if with_sound:
        sound = Sound(prepared, folder, *frame_range(spec, prepared.pcm.duration_s), spec.output.frames_per_s)
    work = WorkFolder(folder)
    todo = []
    try:
        for chunk in chunks:
            if work.is_done(chunk, with_hashes):
                on_frames(chunk.n_frames)
                yield chunk
            else:
                todo.append(chunk)
        if todo:
            job = ChunkJob(prepared, spec, assets, folder, tuple(todo), with_hashes)
            yield from draw_chunks(job, todo, on_frames, cancelled)
        if sound:
            sound.wait()
    finally:
        if sound:
            sound.stop()

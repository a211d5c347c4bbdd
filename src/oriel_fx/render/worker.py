"""A process that draws chunks: `python -m oriel_fx.render.worker`, driven over its standard input and output.

Reads one pickled ChunkJob, then a chunk number a line; answers one JSON object a line.
"""

from __future__ import annotations

import json
import pickle
import sys

from oriel_fx.errors import OrielError
from oriel_fx.render.drawing import ChunkJob, draw_chunks


def main() -> int:
    job: ChunkJob = pickle.load(sys.stdin.buffer)
    out = sys.stdout

    def say(**event: object) -> None:
        out.write(json.dumps(event) + "\n")
        out.flush()

    chunks = {chunk.number: chunk for chunk in job.chunks}
    try:
        numbers = (chunks[int(line)] for line in iter(sys.stdin.buffer.readline, b""))
        drawn = draw_chunks(job, numbers, lambda n: say(frames=n), on_warnings=lambda found: say(warnings=found))
        for chunk in drawn:
            say(done=chunk.number)
    except OrielError as error:
        say(error=type(error).__name__, message=error.message, hint=error.hint)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

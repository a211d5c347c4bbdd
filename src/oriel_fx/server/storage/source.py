"""What is saved: a path or an open file, read in full blocks, its own failures told from the storage's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

BLOCK = 1 << 20


class SourceFailedError(Exception):
    """Reading the source failed, not the storage; `cause` is what happened."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Source:
    """Reads what is saved. Positions count from where the source stood at first."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._n_read = 0

    def read(self, n_bytes: int = -1) -> bytes:
        """`n_bytes` bytes, fewer only at the end. Raises SourceFailedError."""
        blocks: list[bytes] = []
        missing = n_bytes
        while missing != 0:
            try:
                block = self._file.read(missing)
            except Exception as error:
                raise SourceFailedError(error) from error
            if not block:
                break
            blocks.append(block)
            missing -= len(block) if n_bytes > 0 else 0
        whole = blocks[0] if len(blocks) == 1 else b"".join(blocks)
        self._n_read += len(whole)
        return whole

    def tell(self) -> int:
        """How many bytes were read."""
        return self._n_read


@contextmanager
def reading(source: BinaryIO | Path) -> Iterator[Source]:
    """The source, opened if it is a path; a failure to read it comes out as it was."""
    try:
        if isinstance(source, Path):
            with source.open("rb") as file:
                yield Source(file)
        else:
            yield Source(source)
    except SourceFailedError as error:
        raise error.cause from None

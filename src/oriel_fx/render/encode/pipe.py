"""Frames into a pipe, without a copy where the kernel can: vmsplice(2) lends it the pages instead."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
from collections.abc import Callable
from functools import cache
from typing import Any

from oriel_fx.render.pixels import Planes

PIPE_BYTES = 1 << 20
# What vmsplice says where it is not built in, not allowed, or no pipe is at the other end.
_NOT_HERE = (errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.EBADF)


class FramePipe:
    """Writes frames to a pipe; each returned by `write` is the caller's again.

    A lent frame must stay as it is until it is read. The pipe holds less than one frame, so a frame has been read
    once the next is all in; the last one has to be kept until the reader ends.
    """

    def __init__(self, descriptor: int, frame_bytes: int) -> None:
        self._descriptor = descriptor
        self._lend = _find_vmsplice() if _set_size(descriptor) <= frame_bytes else None
        self._lent: Planes | None = None

    def write(self, planes: Planes) -> Planes | None:
        """Writes one frame; returns a frame that may be drawn on again, if there is one. Raises OSError."""
        if self._lend and self._splice(self._lend, planes):
            free, self._lent = self._lent, planes
            return free
        view = planes.data.data
        while view:
            view = view[os.write(self._descriptor, view) :]
        return planes

    def _splice(self, lend: Callable[..., int], planes: Planes) -> bool:
        """Lends a whole frame; False, and nothing written, where that turns out not to work here."""
        at, left = planes.data.ctypes.data, planes.data.nbytes
        while left:
            count = lend(self._descriptor, ctypes.byref(_Block(at, left)), 1, 0)
            if count < 0:
                number = ctypes.get_errno()
                if number == errno.EINTR:
                    continue
                if number in _NOT_HERE and left == planes.data.nbytes and self._lent is None:
                    self._lend = None
                    return False
                raise OSError(number, os.strerror(number))
            at, left = at + count, left - count
        return True


class _Block(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def _set_size(descriptor: int) -> int:
    """Makes the pipe as large as is allowed, up to PIPE_BYTES; returns how many bytes it holds."""
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    try:
        return fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)
    except (OSError, AttributeError):
        return PIPE_BYTES


@cache
def _find_vmsplice() -> Any:
    """libc's vmsplice, or None."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "vmsplice", None)
    if function is not None:
        function.argtypes = [ctypes.c_int, ctypes.POINTER(_Block), ctypes.c_ulong, ctypes.c_uint]
        function.restype = ctypes.c_ssize_t
    return function

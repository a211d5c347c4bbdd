"""Asking this process to stop: a signal sets `STOPPING`, and whoever works looks at it; a second one sets `HURRY`."""

from __future__ import annotations

import ctypes
import os
import signal
import threading

# One for the process, as signals are.
STOPPING, HURRY = threading.Event(), threading.Event()
_PR_SET_PDEATHSIG = 1


def stop_on(*signals: signal.Signals) -> None:
    """From now on these signals set `STOPPING`, then `HURRY`, and do nothing else."""
    for one in signals:
        signal.signal(one, lambda *_: (HURRY if STOPPING.is_set() else STOPPING).set())


def die_with(parent_pid: int) -> None:
    """Be killed when the parent dies, or end now if it has. Source: prctl(2), PR_SET_PDEATHSIG; nothing off Linux."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)

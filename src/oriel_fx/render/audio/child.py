"""What a child process does between fork and exec."""

from __future__ import annotations

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1

# Loaded here because a forked child of a threaded parent must not import or allocate more than it has to.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Asks the kernel to kill this process when its parent dies: pass it to Popen as `preexec_fn`.

    Linux only, nothing elsewhere. The kernel watches the *thread* that forked, so spawn from one that
    outlives the child. Source: prctl(2), PR_SET_PDEATHSIG.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)

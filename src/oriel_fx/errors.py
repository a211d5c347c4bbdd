"""Every error Oriel FX raises on purpose.

    OrielError                    exit code  1
    ├── UsageError                exit code  2   a wrong option, or two that do not go together
    ├── SpecError                 exit code  3   an unknown key, preset, colour, size; a value out of range
    ├── SongError                 exit code  4   missing, empty, not audio, no audio stream
    ├── OutputError               exit code  5   exists already, cannot be written, disk full
    ├── DependencyError           exit code  6   ffmpeg, libGL or a package is missing
    ├── EncodeError               exit code  7   ffmpeg failed while encoding
    ├── VerifyError               exit code  8   the finished file is not what was asked for
    ├── AssetError                exit code  9   an image or font named by the spec cannot be used
    ├── PageError                 exit code 10   a web page that cannot be filmed
    └── RenderCancelledError      exit code 130  stopped by the user; the work folder can be resumed

Each carries one sentence saying what is wrong and where, and a hint saying what to do.
"""

from __future__ import annotations


class OrielError(Exception):
    """Base of all errors a caller can act on: `message` (one sentence), `hint` (what to do), `exit_code`."""

    exit_code = 1
    code = "ERROR"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(OrielError):
    exit_code = 2
    code = "USAGE"


class SpecError(OrielError):
    """`path` is where in the spec the fault is, as in `layers.0.color`; empty when it is the whole.

    `others` are the spec's further faults, where it has several.
    """

    exit_code = 3
    code = "INVALID_SPEC"

    def __init__(self, message: str, hint: str = "", path: str = "") -> None:
        super().__init__(message, hint)
        self.path = path
        self.others: tuple[SpecError, ...] = ()


class SongError(OrielError):
    exit_code = 4
    code = "INVALID_SONG"


class OutputError(OrielError):
    exit_code = 5
    code = "OUTPUT"


class DependencyError(OrielError):
    exit_code = 6
    code = "MISSING_DEPENDENCY"


class EncodeError(OrielError):
    exit_code = 7
    code = "ENCODE"


class VerifyError(OrielError):
    exit_code = 8
    code = "VERIFY"


class AssetError(OrielError):
    exit_code = 9
    code = "ASSET"


class PageError(OrielError):
    """A page that does not get ready, throws, goes away, asks questions or never ends."""

    exit_code = 10
    code = "PAGE"


class RenderCancelledError(OrielError):
    exit_code = 130
    code = "CANCELLED"

"""The way into the installed command, quiet when Ctrl-C comes while the rest is still being imported."""

from __future__ import annotations

import signal


def run() -> None:
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:
        # Nothing is under way yet: ending is all there is to do, and a traceback would tell nobody anything.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from oriel_fx.cli import main

    signal.signal(signal.SIGINT, usual)
    main.run()

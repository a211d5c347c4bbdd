"""Names that senders give their files."""

from __future__ import annotations

import pytest

from oriel_fx.server.renders.parts import plain_name


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("/etc/passwd", "passwd"),
        ("C:\\songs\\a b.mp3", "a b.mp3"),
        ("a\0b\n.mp3", "ab.mp3"),
        ("\u202e3pm.exe", "3pm.exe"),
        ("x" * 400 + ".mp3", "x" * 251 + ".mp3"),
        ("..", ""),
        ("\ud800.mp3", ".mp3"),
    ],
)
def test_a_name_keeps_nothing_but_its_letters(given: str, kept: str) -> None:
    assert plain_name(given) == kept

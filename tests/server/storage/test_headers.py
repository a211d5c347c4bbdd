"""What a browser saves a file as."""

from __future__ import annotations

import pytest

from oriel_fx.server.storage.headers import attachment, safe_filename


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.mp4", "attachment; filename=\"a.mp4\"; filename*=UTF-8''a.mp4"),
        ("Glück.mp4", "attachment; filename=\"Gluck.mp4\"; filename*=UTF-8''Gl%C3%BCck.mp4"),
        ('"a"%;.mp4', "attachment; filename=\"_a__;.mp4\"; filename*=UTF-8''%22a%22%25%3B.mp4"),
        ("日本.mp4", "attachment; filename=\"__.mp4\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.mp4"),
    ],
)
def test_the_header_is_plain_for_old_clients_and_exact_for_others(name: str, header: str) -> None:
    assert attachment(name) == header


@pytest.mark.parametrize("name", ["a\r\nb", "a\0b", "a\x85b", "a\u2028b", "a\ud800b", "/", "..", "a" * 9999, "\u202e"])
def test_no_name_breaks_a_header_or_leaves_a_folder(name: str) -> None:
    safe = safe_filename(name)
    assert safe and "/" not in safe and safe not in (".", "..") and len(safe) <= 150
    header = attachment(name)
    assert header.isascii() and header.isprintable()

"""How much may be uploaded, how often, by whom, and what a scanner says to it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from tests.server.renders.conftest import error_of, sqlite_only, stored_files
from tests.songs import ffmpeg
from werkzeug.test import TestResponse

from oriel_fx.server.models import RenderJob
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings

Send = Callable[..., TestResponse]
Jobs = Callable[[], list[RenderJob]]


@sqlite_only
class TestLimits:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(
            update={
                "max_audio_bytes": 400_000,
                "max_image_bytes": 50_000,
                "max_lyrics_bytes": 1000,
                "max_song_s": 3.5,
                "max_unpaid_uploads": 2,
            }
        )

    @pytest.mark.parametrize(
        ("parts", "code"),
        [
            ({"audio": b"ID3" + bytes(400_000)}, "AUDIO_TOO_LARGE"),
            ({"audio": b"ID3" + bytes(5_000_000)}, "AUDIO_TOO_LARGE"),
            ({"cover": b"\x89PNG" + bytes(50_000)}, "IMAGE_TOO_LARGE"),
            ({"background": b"\x89PNG" + bytes(50_000)}, "IMAGE_TOO_LARGE"),
            ({"lyrics": b"la " * 400}, "LYRICS_TOO_LARGE"),
            ({"config": '{"preset": "' + "x" * 300_000 + '"}'}, "BODY_TOO_LARGE"),
        ],
        ids=lambda value: value if isinstance(value, str) else next(iter(value)),
    )
    def test_each_part_has_its_own(self, send: Send, jobs: Jobs, parts: dict[str, Any], code: str) -> None:
        assert error_of(send(**parts))[:2] == (413, code)
        assert jobs() == []

    def test_length_is_what_can_be_decoded(self, send: Send, uploads: Path, tmp_path: Path) -> None:
        ffmpeg("-stream_loop", "1", "-i", uploads / "song.mp3", "-c", "copy", tmp_path / "six.mp3")
        status, code, details = error_of(send(audio=(tmp_path / "six.mp3").read_bytes()))
        assert (status, code, details) == (422, "AUDIO_TOO_LONG", {"max_s": 3.5})

    def test_unpaid_uploads_are_counted_and_paid_ones_are_not(
        self, send: Send, jobs: Jobs, pay: Callable[..., str], settings: Settings
    ) -> None:
        assert [send().status_code for _ in range(2)] == [402, 402]
        kept = stored_files(settings.data_dir)
        refused = send()
        assert error_of(refused) == (429, "UPLOAD_QUOTA_EXCEEDED", {"max_uploads": 2})
        # When the first of them goes by itself.
        assert settings.unpaid_upload_s - 60 < int(refused.headers["Retry-After"]) <= settings.unpaid_upload_s
        assert stored_files(settings.data_dir) == kept
        assert send(payment_id=pay()).status_code == 202
        assert len(jobs()) == 3


@sqlite_only
class TestScanner:
    @pytest.fixture
    def settings(self, settings: Settings, tmp_path: Path) -> Settings:
        script = tmp_path / "scan me.py"
        script.write_text("import sys; sys.exit(b'EICAR' in open(sys.argv[1], 'rb').read())")
        return settings.model_copy(update={"scan_command": f"{sys.executable} -I '{script}'"})

    def test_it_can_refuse_any_file(self, send: Send, jobs: Jobs) -> None:
        assert send(lyrics=b"hello").status_code == 402
        status, code, details = error_of(send(lyrics=b"EICAR"))
        assert (status, code, details) == (422, "UPLOAD_REFUSED", {"part": "lyrics"})
        assert len(jobs()) == 1

    def test_one_that_cannot_run_lets_nothing_through(self, send: Send, services: Services) -> None:
        services.__dict__["settings"] = services.settings.model_copy(update={"scan_command": "/no/such/scanner"})
        response = send()
        assert error_of(response)[:2] == (503, "UNAVAILABLE")
        assert "Retry-After" in response.headers


@sqlite_only
class TestRates:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(
            update={"rate_limits": True, "rate_submit": "2 per hour", "rate_submit_ip": "3 per hour"}
        )

    def test_of_an_account_and_of_a_place(
        self, client: FlaskClient, make_user: Callable[..., int], bearer: Callable[[int], dict[str, str]]
    ) -> None:
        one, other, third = (bearer(make_user()) for _ in range(3))

        def status(who: dict[str, str], place: str = "127.0.0.1") -> int:
            return client.post("/api/render/submit", headers=who, environ_base={"REMOTE_ADDR": place}).status_code

        assert [status(who) for who in (one, one, other, other)] == [415, 415, 415, 429], "the place has had its three"
        assert status(third, "203.0.113.9") == 415
        assert status(one, "203.0.113.9") == 429, "the account has had its two"


@sqlite_only
def test_a_user_has_only_so_many_uploads_under_way(send: Send, app: OpenAPI, user_id: int, jobs: Jobs) -> None:
    assert send().status_code == 402
    places = app.extensions["oriel_uploads"]
    assert len(places) == 0
    with places.held(user_id), places.held(user_id):
        refused = send()
        assert error_of(refused)[:2] == (429, "RATE_LIMITED")
        assert refused.headers["Retry-After"] == "5"
    assert send().status_code == 402
    assert len(jobs()) == 2

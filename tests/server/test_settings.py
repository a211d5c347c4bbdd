"""Settings: names, what follows from them, secrets, and what production demands."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from oriel_fx.server.payments.pricing import price_cents, size_class
from oriel_fx.server.settings import Settings, SettingsError, load_settings, read_settings, reveal
from oriel_fx.server.settings_report import describe, services

COMPLETE = {
    "SECRET_KEY": "Zq3vX8pLr6Tn1Wc9Yb4Hd7Kg2Mf5Js0Q",
    "DATABASE_URL": "postgres://oriel:pass-word@db/oriel",
    "REDIS_URL": "redis://:hidden@redis:6379",
    "GCS_BUCKET": "videos",
    "SENDGRID_API_KEY": "SG.abc",
    "ORIEL_MAIL_FROM": "Oriel FX <hello@oriel.example>",
    "ORIEL_PUBLIC_URL": "https://oriel.example/",
    "STRIPE_SECRET_KEY": "sk_live_1234",
    "STRIPE_WEBHOOK_SECRET": "whsec_9fK2mQ7xV4tB8nL1pZ6cW3sR5yH0",
}


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name, value in {**COMPLETE, "ORIEL_ENV": "production", "ORIEL_DATA_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_bare_machine_has_everything_embedded(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    assert not settings.production
    assert settings.sandbox
    assert settings.database == f"sqlite:///{tmp_path}/oriel.db"
    assert (settings.queue_kind, settings.storage_kind, settings.mail_kind) == ("embedded", "local", "eml")
    assert settings.redis == f"unix://{tmp_path}/queue.sock"


def test_development_secrets_are_random_lasting_and_private(tmp_path: Path) -> None:
    first, again = load_settings(data_dir=tmp_path / "a"), load_settings(data_dir=tmp_path / "a")
    other = load_settings(data_dir=tmp_path / "b")
    assert reveal(first.secret_key) == reveal(again.secret_key) != reveal(other.secret_key)
    assert reveal(first.stripe_webhook_secret).startswith("whsec_")
    assert first.derived_key("jwt") != first.derived_key("storage")
    assert stat.S_IMODE((tmp_path / "a" / "secrets.json").stat().st_mode) == 0o600


def test_production_takes_the_platforms_names(production: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    assert settings.database == "postgresql+psycopg://oriel:pass-word@db/oriel"
    assert settings.public == "https://oriel.example"
    assert (settings.queue_kind, settings.storage_kind, settings.mail_kind) == ("redis", "gcs", "sendgrid")
    assert settings.live_key
    assert not settings.sandbox


def test_our_names_come_before_the_platforms(production: pytest.MonkeyPatch) -> None:
    production.setenv("ORIEL_REDIS_URL", "redis://ours")
    assert load_settings().redis == "redis://ours"


def test_production_names_everything_it_lacks_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ORIEL_ENV", "production")
    with pytest.raises(SettingsError) as caught:
        load_settings(data_dir=tmp_path / "new")
    for name in COMPLETE:
        assert name in str(caught.value)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("weak", ["short", "change-me-" * 5, "a" * 64])
@pytest.mark.parametrize("name", ["SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "ORIEL_METRICS_TOKEN"])
def test_a_default_secret_does_not_start_production(production: pytest.MonkeyPatch, name: str, weak: str) -> None:
    production.setenv(name, weak)
    with pytest.raises(SettingsError, match=name):
        load_settings()


def test_a_placeholder_is_no_key_of_stripes(production: pytest.MonkeyPatch) -> None:
    production.setenv("STRIPE_SECRET_KEY", "todo")
    with pytest.raises(SettingsError, match="STRIPE_SECRET_KEY"):
        load_settings()


def test_one_machine_may_say_that_it_wants_the_embedded_parts(production: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", "GCS_BUCKET", "SENDGRID_API_KEY"):
        production.delenv(name)
    for name, value in {"ORIEL_QUEUE": "embedded", "ORIEL_STORAGE": "local", "ORIEL_MAIL": "eml"}.items():
        production.setenv(name, value)
    assert load_settings().production


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RAILWAY_ENVIRONMENT", "production"),
        ("RAILWAY_ENVIRONMENT_NAME", "production"),
        ("RAILWAY_ENVIRONMENT_ID", "4a1c"),
        ("STRIPE_SECRET_KEY", "sk_live_1"),
        ("ORIEL_HOST", "0.0.0.0"),
    ],
)
def test_what_means_production_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert read_settings().production
    assert not read_settings().sandbox
    monkeypatch.setenv("ORIEL_ENV", "development")
    assert not read_settings().production


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORIEL_TRUSTED_PROXIES", "many")
    with pytest.raises(SettingsError, match=r"trusted_proxies|ORIEL_TRUSTED_PROXIES"):
        read_settings()


@pytest.mark.parametrize(("name", "value"), [("CORS_ORIGINS", "https://a.example"), ("PRICES_CENTS", "{bad")])
def test_a_list_that_is_not_json_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"ORIEL_{name}", value)
    with pytest.raises(SettingsError, match=f"ORIEL_{name} is not JSON") as raised:
        read_settings()
    assert value not in str(raised.value)


def test_a_chosen_service_needs_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORIEL_STORAGE", "gcs")
    with pytest.raises(SettingsError, match="GCS_BUCKET"):
        read_settings()


def test_the_report_shows_no_secret(production: pytest.MonkeyPatch) -> None:
    production.setenv("DATABASE_URL", "postgresql://user:in-front@db/x?sslmode=require&password=behind")
    production.setenv("REDIS_URL", "redis://h:6379/0?password=in-redis")
    settings = read_settings()
    report = f"{describe(settings)} {services(settings)} {settings!r}"
    for secret in (COMPLETE["SECRET_KEY"], "sk_live_1234", COMPLETE["STRIPE_WEBHOOK_SECRET"], "SG.abc"):
        assert secret not in report
    assert "sslmode=require" in report
    for password in ("in-front", "behind", "in-redis"):
        assert password not in f"{describe(settings)} {services(settings)}"
    shown = f"{describe(settings)} {services(settings)}"
    assert "pass-word" not in shown
    assert "hidden" not in shown
    assert describe(settings)["secret_key"] == "*** (set)"


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1280, 720), "720p"),
        ((1080, 1080), "1080p"),
        ((1080, 1920), "1080p"),
        ((2560, 1440), "1440p"),
        ((3840, 2160), "4k"),
    ],
)
def test_sizes_have_a_price_class(size: tuple[int, int], expected: str) -> None:
    assert size_class(*size) == expected


@pytest.mark.parametrize(("seconds", "minutes"), [(1, 1), (60, 1), (60.0001, 1), (60.5, 2), (900, 15)])
def test_each_started_minute_is_paid(tmp_path: Path, seconds: float, minutes: int) -> None:
    settings = Settings(data_dir=tmp_path)
    assert price_cents(settings, 1920, 1080, seconds) == minutes * 149

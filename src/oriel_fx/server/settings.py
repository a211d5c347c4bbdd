"""Settings: one frozen model, read from the environment here and nowhere else.

`ORIEL_…` names come first; the platform's own (`DATABASE_URL`, `STRIPE_SECRET_KEY` …) are understood too.
`load_settings()` is what programs call: it checks production's secrets and makes development's.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import tempfile
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSettingError

from oriel_fx.errors import UsageError
from oriel_fx.server.settings_files import default_data_dir, development_secrets

SizeClass = Literal["720p", "1080p", "1440p", "4k"]
MB = 1_000_000
_MIN_SECRET = 32
_LONGEST_SOCKET = 100  # sockaddr_un holds 108 bytes, and some systems fewer
_DEFAULT_SECRETS = ("change", "default", "example", "password", "secret-key", "your-")


class SettingsError(UsageError):
    """A setting is wrong, or production lacks some; the message names all of them."""

    code = "SETTINGS"


def _platform(name: str) -> AliasChoices:
    """Our name first, then the one platforms set by themselves."""
    return AliasChoices(f"ORIEL_{name}", name)


class Settings(BaseSettings):
    """Everything the server can be told, in cents, seconds, bytes and pixels where a name ends so."""

    model_config = SettingsConfigDict(
        env_prefix="ORIEL_", frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True
    )

    # Where and what it is
    env: Literal["development", "production"] | None = None
    railway_environment: str = Field(
        "", validation_alias=AliasChoices("RAILWAY_ENVIRONMENT_NAME", "RAILWAY_ENVIRONMENT_ID", "RAILWAY_ENVIRONMENT")
    )
    railway_public_domain: str = Field("", validation_alias="RAILWAY_PUBLIC_DOMAIN")
    data_dir: Path = Field(default_factory=default_data_dir)
    host: str = "127.0.0.1"
    port: int = Field(8000, validation_alias=_platform("PORT"), ge=0, le=65535)
    public_url: str = ""
    trusted_proxies: int = Field(0, ge=0, le=8, description="Reverse proxies in front whose X-Forwarded-For counts.")
    cors_origins: tuple[str, ...] = ()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    # Services; `auto` is the real one where it is configured, else the embedded one
    database_url: str = Field("", validation_alias=_platform("DATABASE_URL"))
    redis_url: str = Field("", validation_alias=_platform("REDIS_URL"))
    queue: Literal["auto", "embedded", "redis"] = "auto"
    storage: Literal["auto", "local", "gcs"] = "auto"
    gcs_bucket: str = Field("", validation_alias=_platform("GCS_BUCKET"))
    gcs_credentials_json: SecretStr | None = Field(None, validation_alias=_platform("GCS_CREDENTIALS_JSON"))
    gcs_endpoint: str = Field("", description="Another address of Google Cloud Storage: an emulator's.")
    mail: Literal["auto", "eml", "smtp", "sendgrid"] = "auto"
    mail_from: str = "Oriel FX <no-reply@localhost>"
    admin_mail: str = ""
    sendgrid_api_key: SecretStr | None = Field(None, validation_alias=_platform("SENDGRID_API_KEY"))
    sendgrid_host: str = "https://api.sendgrid.com"
    smtp_url: SecretStr | None = Field(None, description="smtp://user:password@host:587 (STARTTLS) or smtps://…")
    stripe_secret_key: SecretStr | None = Field(None, validation_alias=_platform("STRIPE_SECRET_KEY"))
    stripe_webhook_secret: SecretStr | None = Field(None, validation_alias=_platform("STRIPE_WEBHOOK_SECRET"))
    stripe_api_url: str = Field("", description="Another address of Stripe's API; the sandbox's by itself.")
    stripe_webhook_tolerance_s: int = Field(300, gt=0)

    # Secrets
    secret_key: SecretStr | None = Field(None, validation_alias=_platform("SECRET_KEY"))
    metrics_token: SecretStr | None = None

    # Money
    currency: str = Field("usd", pattern="^[a-z]{3}$")
    prices_cents: dict[SizeClass, int] = Field(
        default={"720p": 99, "1080p": 149, "1440p": 249, "4k": 399}, description="For each started minute."
    )

    # Limits
    max_audio_bytes: int = 100 * MB
    max_image_bytes: int = 10 * MB
    max_image_pixels: int = 40 * MB
    max_lyrics_bytes: int = 256_000
    max_body_bytes: int = Field(256_000, description="Of a JSON body. Uploads have their own limits.")
    max_json_depth: int = 32
    max_song_s: float = 15 * 60
    max_size_px: int = Field(3840, description="The longer side of a video.")
    max_fps: float = 60
    max_layers: int = 24
    max_text_chars: int = 500
    max_unpaid_uploads: int = Field(5, description="Of one account at a time.")
    preview_max_px: int = Field(640, description="The longer side of a still until the job is paid.")
    preview_timeout_s: float = 20
    scan_command: str = Field("", description="Run with an upload's path; any exit code but 0 refuses it.")
    request_timeout_s: float = Field(5, description="For each call to another service inside a request.")

    # How long things live
    access_token_s: int = 15 * 60
    refresh_token_s: int = 30 * 86400
    reset_token_s: int = 3600
    unpaid_upload_s: int = 24 * 3600
    checkout_session_s: int = Field(3600, ge=1800, le=86400, description="Stripe allows 30 minutes to 24 hours.")
    download_url_s: int = 15 * 60
    video_s: int = 30 * 86400
    refund_after_s: int = Field(24 * 3600, description="A failed job's refund, unless a retry succeeds before.")

    # Jobs
    render_workers: int = Field(1, ge=0, le=64)
    job_attempts: int = Field(3, ge=1)
    job_timeout_min_s: int = 600
    job_crashes: int = Field(20, ge=1, description="Lost workers after which a job is given up.")
    retry_base_s: float = Field(15, gt=0, description="The first wait after a failure; each next one is four times it.")
    lease_s: int = Field(20, ge=3, description="A job whose worker was not heard of for so long is given to another.")
    drain_s: int = Field(45, ge=0, description="How long a worker told to stop may take to end its chunk.")
    reconcile_every_s: float = Field(3, gt=0)
    shared_dir: Path | None = Field(None, description="Where `oriel worker --queue` may draw; set by its --shared.")
    web_workers: int = Field(2, ge=1, le=64)
    web_threads: int = Field(16, ge=1, le=256)
    fan_out_s: float = Field(600, ge=0, description="A longer video is rendered in groups of chunks on any worker.")

    # Rates, as Flask-Limiter writes them
    rate_limits: bool = True
    rate_default: str = "600 per minute"
    rate_register: str = "10 per hour"
    rate_login_ip: str = "30 per minute"
    rate_login_pair: str = "5 per minute"
    rate_reset: str = "5 per hour"
    rate_submit: str = "20 per hour"
    rate_submit_ip: str = "60 per hour"
    rate_preview: str = "60 per minute"
    rate_preview_ip: str = "180 per minute"
    rate_payment: str = "30 per hour"

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        # Railway and Heroku write postgres://; SQLAlchemy must be told which driver.
        for prefix in ("postgres://", "postgresql://"):
            if value.startswith(prefix):
                return "postgresql+psycopg://" + value.removeprefix(prefix)
        return value

    @field_validator("public_url", "gcs_endpoint", "stripe_api_url", "sendgrid_host")
    @classmethod
    def _url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for chosen, needs, there in (
            (self.queue == "redis", "REDIS_URL", self.redis_url),
            (self.storage == "gcs", "GCS_BUCKET", self.gcs_bucket),
            (self.mail == "smtp", "ORIEL_SMTP_URL", self.smtp_url),
            (self.mail == "sendgrid", "SENDGRID_API_KEY", self.sendgrid_api_key),
        ):
            if chosen and not there:
                raise ValueError(f"the service that was chosen needs {needs}")
        short = {"720p", "1080p", "1440p", "4k"} - self.prices_cents.keys()
        if short or min(self.prices_cents.values()) < 0:
            raise ValueError(f"prices_cents needs a price of 0 or more for each size; missing: {sorted(short)}")
        return self

    # What follows from them

    @property
    def production(self) -> bool:
        """As ORIEL_ENV says; else Railway, a live Stripe key or an address others can reach mean production."""
        if self.env:
            return self.env == "production"
        return bool(self.railway_environment) or self.live_key or not is_loopback(self.host)

    @property
    def live_key(self) -> bool:
        """Whether Stripe would move real money."""
        return reveal(self.stripe_secret_key).startswith(("sk_live_", "rk_live_"))

    @property
    def sandbox(self) -> bool:
        """Whether payments go to the local sandbox: in development, where no Stripe key is set."""
        return not self.production and not self.stripe_secret_key

    @property
    def database(self) -> str:
        """The SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.data_dir / 'oriel.db'}"

    @property
    def queue_kind(self) -> Literal["embedded", "redis"]:
        """Which queue `auto` means."""
        if self.queue == "auto":
            return "redis" if self.redis_url else "embedded"
        return self.queue

    @property
    def redis(self) -> str:
        """Where Redis is: the configured URL, or the embedded server's socket in the data folder."""
        return self.redis_url if self.queue_kind == "redis" else f"unix://{quote(str(self.redis_socket))}"

    @property
    def redis_socket(self) -> Path:
        """The embedded queue server's socket: in the data folder, or in one for it where that name is too long."""
        inside = self.data_dir / "queue.sock"
        if len(os.fsencode(inside)) <= _LONGEST_SOCKET:
            return inside
        name = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"oriel-{os.getuid()}-{name}" / "queue.sock"

    @property
    def storage_kind(self) -> Literal["local", "gcs"]:
        """Which storage `auto` means."""
        if self.storage == "auto":
            return "gcs" if self.gcs_bucket else "local"
        return self.storage

    @property
    def mail_kind(self) -> Literal["eml", "smtp", "sendgrid"]:
        """Which mail service `auto` means; SendGrid falls back to SMTP where both are set."""
        if self.mail == "auto":
            return "sendgrid" if self.sendgrid_api_key else "smtp" if self.smtp_url else "eml"
        return self.mail

    @property
    def public(self) -> str:
        """The address in mails and redirects, without a slash at the end; never the Host header."""
        if self.public_url:
            return self.public_url
        if self.railway_public_domain:
            return f"https://{self.railway_public_domain}"
        host = "127.0.0.1" if self.host in ("", "0.0.0.0", "::") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def derived_key(self, purpose: str) -> str:
        """A key of its own for each use of the secret (`jwt`, `storage` …), as 64 hex digits."""
        return hmac.new(reveal(self.secret_key).encode(), purpose.encode(), hashlib.sha256).hexdigest()

    def missing(self) -> list[str]:
        """What production still needs, one line each; empty in development."""
        if not self.production:
            return []
        redis_set = self.queue == "embedded" or self.redis_url
        storage_set = self.storage == "local" or self.gcs_bucket
        mail_set = self.mail == "eml" or self.sendgrid_api_key or self.smtp_url
        wanted = {
            "SECRET_KEY: 32 or more random characters, not a default": not is_weak(reveal(self.secret_key)),
            "DATABASE_URL: PostgreSQL's address (or sqlite:///… on a single machine)": self.database_url,
            "REDIS_URL: Redis's address (or ORIEL_QUEUE=embedded on a single machine)": redis_set,
            "GCS_BUCKET: the storage bucket (or ORIEL_STORAGE=local on a single machine)": storage_set,
            "SENDGRID_API_KEY or ORIEL_SMTP_URL: how mail is sent": mail_set,
            "ORIEL_MAIL_FROM: the sender's address": not self.mail_from.endswith("@localhost>"),
            "ORIEL_PUBLIC_URL: the address users see": self.public_url or self.railway_public_domain,
            "STRIPE_SECRET_KEY: Stripe's key, sk_… or rk_…": reveal(self.stripe_secret_key).startswith(("sk_", "rk_")),
            # Who knows this one can pay for anything with a letter of their own.
            "STRIPE_WEBHOOK_SECRET: the webhook's signing secret, whsec_… and no default": not is_weak(
                reveal(self.stripe_webhook_secret)
            ),
            "ORIEL_METRICS_TOKEN: 32 or more random characters, or none": not self.metrics_token
            or not is_weak(reveal(self.metrics_token)),
        }
        return [name for name, there in wanted.items() if not there]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to `host`."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def is_weak(secret: str) -> bool:
    """Whether a secret is short, has few different characters, or reads like an example's."""
    low = secret.lower()
    return len(secret) < _MIN_SECRET or len(set(secret)) < 8 or any(word in low for word in _DEFAULT_SECRETS)


def reveal(secret: SecretStr | None) -> str:
    """A secret's text; empty where there is none."""
    return secret.get_secret_value() if secret else ""


def read_settings(**overrides: Any) -> Settings:
    """The environment's settings, unchecked for production and without touching the disk. Raises SettingsError."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        faults = [f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()]
        raise SettingsError(f"Settings are wrong: {'; '.join(faults)}.", "Run `oriel config check`.") from None
    except UnreadableSettingError as error:
        # It quotes the field's name, and nothing of what was given.
        name = str(error).partition('"')[2].partition('"')[0]
        raise SettingsError(
            f"ORIEL_{name.upper()} is not JSON.", 'Lists are written ["a", "b"], and tables {"a": 1}.'
        ) from None


def load_settings(**overrides: Any) -> Settings:
    """The settings a server runs on: complete in production, secrets filled in in development. Raises SettingsError."""
    settings = read_settings(**overrides)
    if missing := settings.missing():
        lines = "\n  ".join(missing)
        raise SettingsError(
            f"Production lacks these settings:\n  {lines}", "Set them, or ORIEL_ENV=development to try things out."
        )
    if settings.production:
        return settings
    made = development_secrets(settings.data_dir)
    fill = {name: SecretStr(made[name]) for name in made if not getattr(settings, name)}
    return settings.model_copy(update=fill)

"""Logs: one JSON object a line on stderr, with the request's, job's and user's id, without secrets or addresses."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog

_SECRET_KEYS = re.compile(
    r"pass(word)?|secret|token|authorization|cookie|api_key|signature|email|address", re.IGNORECASE
)
_SECRETS = re.compile(
    r"(?P<address>[\w.+-]+@[\w-]+(?:\.[\w-]+)*)"
    r"|(?P<jwt>eyJ[\w-]{8,}\.[\w-]+\.[\w-]+)"
    r"|(?P<key>\b(?:sk|rk|pk|whsec|SG)[_.][\w.-]{8,})"
    r"|(?P<url>(?<=://)[^/\s:@]*:[^@\s/]+(?=@))"
    r"|(?P<hash>\$argon2[\w$=,+/.-]+)"
    # A client's, wherever one slips in; not this machine's own.
    r"|(?P<ip>\b(?!127\.)(?:\d{1,3}\.){3}\d{1,3}\b)"
)
_OURS = "oriel_fx_handler"


def redact(value: Any) -> Any:
    """The value with everything that reads like an address, a token or a key replaced, at any depth."""
    if isinstance(value, str):
        return _SECRETS.sub(lambda match: f"[{match.lastgroup}]", value)
    if isinstance(value, dict):
        return {key: "[redacted]" if _SECRET_KEYS.search(str(key)) else redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return value


def _redacted(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    kept = {key: event.pop(key) for key in ("_record", "_from_structlog") if key in event}
    return {**redact(dict(event)), **kept}


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    _redacted,
]


def configure_logging(level: str) -> None:
    """Send structlog's and the standard library's logs through the same lines. Calling it again changes the level."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.setLevel(level)
    if not any(handler.name == _OURS for handler in root.handlers):
        handler = logging.StreamHandler(sys.stderr)
        handler.name = _OURS
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=_SHARED,
                processors=[
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(),
                ],
            )
        )
        root.addHandler(handler)
    # Their lines hold addresses of buckets and hosts, and say nothing that ours do not.
    for noisy in ("urllib3", "google", "stripe", "alembic", "rq", "redis", "limits", "flask-limiter"):
        logging.getLogger(noisy).setLevel("WARNING")

"""Column types that several tables use."""

from __future__ import annotations

import uuid
from enum import StrEnum

from sqlalchemy import Enum


def enum(kind: type[StrEnum]) -> Enum:
    """A StrEnum as text; SQLAlchemy refuses other words, and a new word needs no migration."""
    return Enum(
        kind,
        native_enum=False,
        length=32,
        validate_strings=True,
        create_constraint=False,
        values_callable=lambda members: [member.value for member in members],
    )


def new_id() -> str:
    """A random public id."""
    return str(uuid.uuid4())

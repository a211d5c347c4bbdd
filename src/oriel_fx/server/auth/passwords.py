"""Password hashes: argon2id with OWASP's parameters (19 MiB, two passes), about 25 ms and safe on many threads."""

from __future__ import annotations

import secrets
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    """The hash to keep, with its parameters and salt inside."""
    return _HASHER.hash(_bytes_of(password))


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password is right. For no account (None) it takes the same time, and is wrong."""
    stand_in = _stand_in()
    try:
        return _HASHER.verify(password_hash or stand_in, _bytes_of(password)) and password_hash is not None
    except VerifyMismatchError:
        return False
    except (VerificationError, InvalidHashError):
        # An erased or locked account has no hash; it must not be told from one that has.
        return verify_password(None, password)


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


@cache
def _stand_in() -> str:
    return _HASHER.hash(secrets.token_bytes(16))


def _bytes_of(password: str) -> bytes:
    # Keyboards differ in how they compose letters; the same word has to be the same password on all of them.
    return unicodedata.normalize("NFC", password).encode()

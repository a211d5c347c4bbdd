"""Which passwords are taken: 10 characters or more, and not what guessers try first.

A list of common passwords (zxcvbn's, with its lists of names and words) refuses what is in it, with any digits and
signs after it. What is made of such words is measured by how few *pieces* it is made of: a common word
(common_words.txt), a run on the keyboard, four digits, one character repeated, or any other character. Three pieces or
fewer are too common:

>>> is_common("P@ssw0rd2024!"), is_common("qwertyuiop"), is_common("tidal-lantern-42")
(True, True, False)
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from oriel_fx.server.errors import WeakPasswordError

MIN_CHARS = 10
MAX_CHARS = 256
_MAX_PIECES = 3
_MIN_DIFFERENT = 5
_MIN_RUN = 3
_MIN_LISTED = 6
_ENDINGS = "0123456789!?.,;:@#$%&*+-_= "
_DIGITS = 4
_MIN_NUMBER = 16
_MAX_WORD = 16
_KEYBOARDS = (
    "abcdefghijklmnopqrstuvwxyz",
    "012345678901234567890",
    "qwertyuiop[]",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "yxcvbnm,.-",
    "!@#$%^&*()_+",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "1qazxsw23edcvfr45tgbnhy67ujm",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "zaq12wsxcde34rfvbgt56yhn",
    "147258369",
    "159357456",
)
_ROWS = tuple(row[::way] for row in _KEYBOARDS for way in (1, -1))
_SIGNS = str.maketrans("013456789@$!|+", "oieasgtbqasiit")
_SIGNS_L = str.maketrans("013456789@$!|+", "oleasgtbqaslit")


def check_password(password: str, email: str) -> None:
    """Raises WeakPasswordError, saying what to do, for a password that this account may not have."""
    if len(password) < MIN_CHARS:
        raise WeakPasswordError(f"The password is too short; use {MIN_CHARS} characters or more.", min_chars=MIN_CHARS)
    if len(password) > MAX_CHARS:
        raise WeakPasswordError(f"The password is too long; use at most {MAX_CHARS} characters.", max_chars=MAX_CHARS)
    own = [part for part in re.split(r"[^a-z0-9]+", email.casefold()) if len(part) >= _MIN_RUN]
    if is_common(password, [email.casefold(), *own]):
        raise WeakPasswordError(
            "The password is too easy to guess; use several words that do not belong together, or a password manager."
        )


def is_common(password: str, own_words: Iterable[str] = ()) -> bool:
    """Whether guessers try it early; `own_words` are what they know of this person, in lower case."""
    text = unicodedata.normalize("NFKC", password).casefold().strip()
    if len(set(text)) < _MIN_DIFFERENT or _is_repeated(text) or _is_number(text) or _is_listed(text):
        return True
    words = common_words() | set(own_words)
    return min(count_pieces(text, text.translate(signs), words) for signs in (_SIGNS, _SIGNS_L)) <= _MAX_PIECES


@cache
def common_words() -> frozenset[str]:
    """The words that common passwords are made of."""
    return frozenset((files("oriel_fx.server.auth") / "common_words.txt").read_text("utf-8").split())


@cache
def listed_passwords() -> frozenset[str]:
    """What is in lists of common passwords, names and words, and is long enough to matter; in lower case."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(word for words in FREQUENCY_LISTS.values() for word in words if len(word) >= _MIN_LISTED)


def _is_listed(text: str) -> bool:
    return not listed_passwords().isdisjoint({text, text.rstrip(_ENDINGS)})


def count_pieces(text: str, letters: str, words: set[str] | frozenset[str]) -> int:
    """The least number of pieces `text` falls into; `letters` is the text with signs read as the letters they mimic."""
    longest = max(_MAX_WORD, *(len(word) for word in words))
    least = [0] * (len(text) + 1)
    for end in range(1, len(text) + 1):
        least[end] = least[end - 1] + 1
        for start in range(max(0, end - longest), end - 1):
            if least[start] + 1 < least[end] and (
                text[start:end] in words or letters[start:end] in words or _is_one_piece(text[start:end])
            ):
                least[end] = least[start] + 1
    return least[-1]


def _is_one_piece(part: str) -> bool:
    if part.isdigit() and len(part) <= _DIGITS:
        return True
    if len(part) < _MIN_RUN:
        return not any(letter.isalnum() for letter in part)
    return len(set(part)) == 1 or any(part in row for row in _ROWS)


def _is_number(text: str) -> bool:
    # A date or a telephone number, however it is written.
    return len(text) < _MIN_NUMBER and not any(letter.isalpha() for letter in text)


def _is_repeated(text: str) -> bool:
    # A text that repeats itself is found inside itself twice over; what repeats is then the whole secret.
    unit = (text + text).find(text, 1)
    return unit < len(text) and unit < MIN_CHARS

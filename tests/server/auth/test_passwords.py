"""Which passwords are taken, and how they are kept."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from oriel_fx.server.auth.password_policy import MAX_CHARS, MIN_CHARS, check_password, is_common
from oriel_fx.server.auth.passwords import hash_password, needs_rehash, verify_password
from oriel_fx.server.errors import WeakPasswordError

COMMON = """
1234567890 0987654321 12345678910 123123123123 1111111111 1212121212 aaaaaaaaaa abcabcabcabc
abcdefghij qwertyuiop qwertzuiop azertyuiop qwerty12345 asdfghjkl; 1q2w3e4r5t q1w2e3r4t5 1qaz2wsx3edc
zaq12wsxcde3 qazwsxedcrfv password123 Password1! PASSWORD2024 p@ssw0rd123 P4$$w0rd!! passwordpassword
mypassword1 letmein1234 letmeinplease welcome123 Welcome2024! changeme123 admin12345 administrator
iloveyou123 iloveyou!! sunshine99 princess2010 football123 superman2024 monkey123456 dragon12tiger
michael1985 jennifer12 trustno1trustno1 starwars77 lantern7lantern7 2024-01-01 4829104756
christopher skateboard Volleyball7! spongebob1 tinkerbell
"""


@pytest.mark.parametrize("password", COMMON.split())
def test_what_guessers_try_first_is_common(password: str) -> None:
    assert is_common(password)


def test_nothing_in_a_list_of_common_passwords_is_taken() -> None:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    long = [password for password in FREQUENCY_LISTS["passwords"] if len(password) >= MIN_CHARS]
    assert len(long) > 1000
    assert [password for password in long if not is_common(password)] == []


@pytest.mark.parametrize(
    "password",
    [
        "tidal-lantern-42",
        "correct horse battery staple",
        "wren quarry otter",
        "Sound check at nine",
        "kX9#mQ2$vL",
        "83920174655209318476",
        "смычок и барабан",
        "夜明けの海を歩くうた",
    ],
)
def test_what_they_do_not_is_taken(password: str) -> None:
    check_password(password, "ada@example.org")


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("k9#mQ2$vL", f"{MIN_CHARS} characters or more"),
        ("kX9#mQ2$vL" * 26, f"at most {MAX_CHARS}"),
        ("password123", "too easy to guess"),
        ("Augusta.Lovelace@example.org", "too easy to guess"),
        ("augusta.lovelace", "too easy to guess"),
        ("Lovelace1815!", "too easy to guess"),
    ],
)
def test_a_refusal_says_what_to_do(password: str, says: str) -> None:
    with pytest.raises(WeakPasswordError, match=says):
        check_password(password, "augusta.lovelace@example.org")


def test_the_longest_password_is_measured_quickly() -> None:
    check_password("zwischen den Zeilen 7 " * 11, "ada@example.org")


def test_hashes_are_argon2id_with_a_salt_of_their_own() -> None:
    first, second = hash_password("tidal-lantern-42"), hash_password("tidal-lantern-42")
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert len(first) <= 255
    assert verify_password(first, "tidal-lantern-42")
    assert not verify_password(first, "tidal-lantern-43")
    assert not needs_rehash(first)


@pytest.mark.parametrize("no_hash", [None, "", "!", "$argon2id$broken"])
def test_an_account_that_is_not_there_or_has_no_hash_is_checked_against_one_all_the_same(
    no_hash: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    verify = PasswordHasher.verify

    def watched(self: PasswordHasher, hash: str, password: bytes) -> bool:
        checked.append(hash)
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", watched)
    assert not verify_password(no_hash, "tidal-lantern-42")
    assert checked[-1].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_the_same_word_from_another_keyboard_is_the_same_password() -> None:
    composed, decomposed = "caf\u00e9-lantern-42", "cafe\u0301-lantern-42"
    assert verify_password(hash_password(composed), decomposed)


def test_a_hash_with_other_parameters_is_due_for_a_new_one() -> None:
    assert needs_rehash(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x"))

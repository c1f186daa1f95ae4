"""The keyring promises: a key kept private, keys apart by purpose, and sealed bytes that nobody alters unseen."""

from __future__ import annotations

import hmac
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.model.errors import IntegrityError, InvalidInput, NotFound
from stormwatch.storage.keyring import Keyring

KEYRING = Keyring(b"k" * 32)


def test_a_new_key_is_for_its_owner_alone_and_an_old_one_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "home.key"
    first = Keyring.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_bytes()) == 32
    assert Keyring.create(path).subkey("p") == first.subkey("p") == Keyring.load(path).subkey("p")


def test_processes_that_make_a_key_at_once_end_with_the_same_one(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "home.key"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: Keyring.create(path).subkey("p"), range(32)))
    assert set(made) == {Keyring.load(path).subkey("p")}
    assert [file.name for file in path.parent.iterdir()] == ["home.key"]


def test_a_missing_key_is_explained(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="STORMWATCH_KEY_FILE"):
        Keyring.load(tmp_path / "home.key")


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_the_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(InvalidInput, match=str(length)):
        Keyring(b"k" * length)


def test_purposes_and_installations_are_apart() -> None:
    keys = {ring.subkey(purpose) for ring in (KEYRING, Keyring(b"j" * 32)) for purpose in ("texts", "log", "text", "s")}
    assert len(keys) == 8


@given(plaintext=st.binary(max_size=200), context=st.binary(max_size=20))
def test_what_is_sealed_opens_again_and_never_looks_the_same(plaintext: bytes, context: bytes) -> None:
    sealed = KEYRING.encrypt("texts", plaintext, context)
    assert KEYRING.decrypt("texts", sealed, context) == plaintext
    assert KEYRING.encrypt("texts", plaintext, context) != sealed


@given(plaintext=st.binary(max_size=50), place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_no_bit_of_sealed_bytes_can_be_flipped(plaintext: bytes, place: int, bit: int) -> None:
    sealed = bytearray(KEYRING.encrypt("texts", plaintext, b"here"))
    sealed[place % len(sealed)] ^= 1 << bit
    with pytest.raises(IntegrityError):
        KEYRING.decrypt("texts", bytes(sealed), b"here")


@pytest.mark.parametrize(
    ("keyring", "purpose", "context", "keep"),
    [
        (Keyring(b"j" * 32), "texts", b"here", 100),
        (KEYRING, "log", b"here", 100),
        (KEYRING, "texts", b"there", 100),
        (KEYRING, "texts", b"here", 20),
    ],
)
def test_another_key_purpose_place_or_a_piece_does_not_open(
    keyring: Keyring, purpose: str, context: bytes, keep: int
) -> None:
    sealed = KEYRING.encrypt("texts", b"secret", b"here")
    with pytest.raises(IntegrityError):
        keyring.decrypt(purpose, sealed[:keep], context)


@pytest.mark.parametrize("length", [0, 5, 11, 12, 27])
def test_bytes_too_short_to_be_sealed_are_an_integrity_error(length: int) -> None:
    with pytest.raises(IntegrityError):
        KEYRING.decrypt("texts", b"x" * length)


def test_pseudonyms_are_equal_for_equal_values_of_one_purpose_and_installation() -> None:
    first = KEYRING.keyed_hash("account", "a-1")
    assert first == KEYRING.keyed_hash("account", "a-1")
    assert len(first) == 32
    others = {
        KEYRING.keyed_hash("account", "a-2"),
        KEYRING.keyed_hash("prompt", "a-1"),
        Keyring(b"j" * 32).keyed_hash("account", "a-1"),
    }
    assert first not in others


@given(st.text(max_size=200))
def test_keyed_hashes_are_hmac_sha_256_cut_to_128_bits(value: str) -> None:
    expected = hmac.digest(KEYRING.subkey("account"), value.encode(), "sha256")[:16].hex()
    assert KEYRING.keyed_hash("account", value) == expected

"""A checkpoint promises to be checkable by anybody who knows the key, and useless once altered."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.ledger.checkpoint import CheckpointSigner, parse_checkpoint
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import InvalidInput
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring

SIGNER = CheckpointSigner(Keyring(b"k" * 32))
CHECKPOINT = SIGNER.sign(7, "ab" * 32, 1_700_000_000_000_000)


def test_a_checkpoint_is_signed_and_survives_its_file() -> None:
    assert CHECKPOINT.is_signed
    assert parse_checkpoint(CHECKPOINT.to_json()) == CHECKPOINT


def test_the_key_belongs_to_the_installation() -> None:
    assert CheckpointSigner(Keyring(b"k" * 32)).public_key == SIGNER.public_key
    assert CheckpointSigner(Keyring(b"j" * 32)).public_key != SIGNER.public_key


@pytest.mark.parametrize(
    "change",
    [
        {"size": 8},
        {"root": "cd" * 32},
        {"origin": "ledger-other"},
        {"time": "2030-01-01T00:00:00.000Z"},
        {"public_key": CheckpointSigner(Keyring(b"j" * 32)).public_key},
        {"public_key": "no key"},
        {"signature": ""},
        {"signature": "\u00e9"},
    ],
)
def test_no_part_can_be_altered(change: dict[str, object]) -> None:
    assert not msgspec.structs.replace(CHECKPOINT, **change).is_signed


@given(st.text() | st.binary(max_size=50).map(lambda raw: raw.decode("latin-1")))
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="no checkpoint"):
        parse_checkpoint(text)


def test_a_checkpoint_of_elsewhere_or_with_a_false_signature_is_reported(database: Database, keyring: Keyring) -> None:
    ledger = Ledger(database, keyring)
    own = ledger.checkpoint()
    assert ledger.verify(own).ok
    assert "another installation" in ledger.verify(SIGNER.sign(0, own.root, 0)).explanation
    assert "signature" in ledger.verify(msgspec.structs.replace(own, size=1)).explanation

"""A signed statement of the ledger's size and root, small enough to keep elsewhere: made, written, read, checked."""

from __future__ import annotations

import base64
import binascii
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stormwatch.ledger.canonical import JSON, canonical_json
from stormwatch.model.errors import InvalidInput
from stormwatch.model.ids import derived_id
from stormwatch.model.times import format_rfc3339
from stormwatch.storage.keyring import Keyring

_DOMAIN: Final = b"stormwatch ledger checkpoint 1\n"
_PURPOSE: Final = "ledger-checkpoint-ed25519"
_MAX_FILE: Final = 10_000


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Size and root (hex) of the ledger `origin` at a time, with the Ed25519 public key and signature in base64."""

    origin: str
    size: int
    root: str
    time: str
    public_key: str
    signature: str

    @property
    def is_signed(self) -> bool:
        """Whether the signature is that of the public key named inside; whose key that is, the reader must know."""
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(self.public_key, validate=True))
            key.verify(base64.b64decode(self.signature, validate=True), _signed_bytes(self))
        except (InvalidSignature, ValueError, binascii.Error):
            return False
        return True

    def to_json(self) -> str:
        """The file form: one JSON object over several lines."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"


def parse_checkpoint(text: str, *, where: str | None = None) -> Checkpoint:
    """Reads the file form; InvalidInput when it is none. The signature is not checked here."""
    try:
        if len(text) > _MAX_FILE:
            raise msgspec.ValidationError("the file is too long")
        return msgspec.json.decode(text, type=Checkpoint)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise InvalidInput(
            f"this is no checkpoint: {error}",
            where=where,
            remedy="give a file written by `stormwatch audit checkpoint`",
        ) from error


class CheckpointSigner:
    """Signs with an Ed25519 key derived (HKDF) from the installation's master key, so it needs no file of its own."""

    def __init__(self, keyring: Keyring) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(keyring.subkey(_PURPOSE))
        self.public_key = base64.b64encode(self._key.public_key().public_bytes_raw()).decode()
        self.origin = derived_id("ledger", self.public_key)

    def sign(self, size: int, root: str, time_us: int) -> Checkpoint:
        """The signed checkpoint of a tree head."""
        bare = Checkpoint(self.origin, size, root, format_rfc3339(time_us), self.public_key, "")
        signature = base64.b64encode(self._key.sign(_signed_bytes(bare))).decode()
        return msgspec.structs.replace(bare, signature=signature)


def _signed_bytes(checkpoint: Checkpoint) -> bytes:
    fields: list[JSON] = [checkpoint.origin, checkpoint.size, checkpoint.root, checkpoint.time, checkpoint.public_key]
    return _DOMAIN + canonical_json(fields).encode()

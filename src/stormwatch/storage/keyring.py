"""The installation's master key, kept outside the home, and what is derived from it: encryption and keyed hashes."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stormwatch.model.errors import IntegrityError, InvalidInput, NotFound
from stormwatch.storage.durability import make_directory, sync_directory

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class Keyring:
    """AES-256-GCM and HMAC-SHA-256 under keys derived per purpose (HKDF, RFC 5869) from one 32-byte master key."""

    def __init__(self, master: bytes, where: str | None = None) -> None:
        if len(master) != _KEY_BYTES:
            what = f"the key has {len(master)} bytes instead of {_KEY_BYTES}"
            raise InvalidInput(what, where=where, remedy="restore it from your backup")
        self._master = master
        self._ciphers: dict[str, AESGCM] = {}
        self._subkeys: dict[str, bytes] = {}
        self._hashes: dict[str, HMAC] = {}  # begun with their keys: a copy takes half the time of a fresh one

    def __reduce__(self) -> tuple[type[Keyring], tuple[bytes]]:
        """For worker processes, which get it through a pipe; ciphers are made anew there."""
        return Keyring, (self._master,)

    @classmethod
    def create(cls, path: Path) -> Keyring:
        """Writes a fresh key to `path`, readable by its owner alone; an existing key there is kept and loaded.

        The key gets its name only when it is whole and on disk: no other process reads half a key, and texts are never
        sealed with one that a power failure takes away.
        """
        make_directory(path.parent)
        if path.exists():
            return cls.load(path)
        handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(os.urandom(_KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was faster: its key counts
                os.link(fresh, path)
        finally:
            Path(fresh).unlink()
        sync_directory(path.parent)
        return cls.load(path)

    @classmethod
    def load(cls, path: Path) -> Keyring:
        """Reads the key; NotFound says where it was looked for."""
        try:
            return cls(path.read_bytes(), str(path))
        except FileNotFoundError as error:
            raise NotFound(
                "the encryption key is missing",
                where=str(path),
                remedy="restore it from your backup or point STORMWATCH_KEY_FILE at it; without it texts stay closed",
            ) from error

    def subkey(self, purpose: str) -> bytes:
        """32 bytes for one purpose; the same purpose gives the same key."""
        if purpose not in self._subkeys:
            derive = HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=b"stormwatch:" + purpose.encode()).derive
            self._subkeys[purpose] = derive(self._master)
        return self._subkeys[purpose]

    def encrypt(self, purpose: str, plaintext: bytes, context: bytes = b"") -> bytes:
        """Nonce and AES-256-GCM ciphertext; `context` is authenticated, not stored."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher(purpose).encrypt(nonce, plaintext, context)

    def decrypt(self, purpose: str, sealed: bytes, context: bytes = b"") -> bytes:
        """The plaintext; IntegrityError when key, context or bytes are not those of the encryption."""
        try:
            return self._cipher(purpose).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as error:  # ValueError: too short to hold a nonce
            raise IntegrityError(
                "stored bytes do not open with this key", remedy="check that STORMWATCH_KEY_FILE is this home's key"
            ) from error

    def keyed_hash(self, purpose: str, value: str) -> str:
        """A pseudonym of `value`: 128 bits of HMAC-SHA-256 as hex; equal values give equal pseudonyms here alone."""
        begun = self._hashes.get(purpose)
        if begun is None:
            begun = self._hashes[purpose] = HMAC(self.subkey(purpose), hashes.SHA256())
        digest = begun.copy()
        digest.update(value.encode())
        return digest.finalize()[:16].hex()

    def _cipher(self, purpose: str) -> AESGCM:
        if purpose not in self._ciphers:
            self._ciphers[purpose] = AESGCM(self.subkey(purpose))
        return self._ciphers[purpose]

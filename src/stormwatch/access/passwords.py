"""Turns a password into an Argon2id hash and says whether a password is the hashed one."""

from __future__ import annotations

import threading
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# RFC 9106, section 4, second recommended option: 64 MiB, three passes, four lanes.
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)
# At most two at once: many sign-ins in the same moment must not take the machine's memory.
_AT_ONCE: Final = threading.BoundedSemaphore(2)
# The hash of a password that nobody has, so that a name without password takes as long as one with it.
_NOBODYS: Final = "$argon2id$v=19$m=65536,t=3,p=4$5+o/xqburEonTexsfzRGwQ$yq52rLZD+MDR7PRWAQZZ3t+xXTX8ISGXiRGD5rUQaBc"


def normalised(password: str) -> str:
    """What is hashed: NFKC, so that the same characters typed on another keyboard are the same password."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    """The text that is stored: algorithm, parameters, salt and hash."""
    with _AT_ONCE:
        return _HASHER.hash(normalised(password).encode())


def is_password(password: str, stored: str | None) -> bool:
    """Whether it is the stored password; takes as long when there is none."""
    with _AT_ONCE:
        try:
            return _HASHER.verify(stored or _NOBODYS, normalised(password).encode()) and stored is not None
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False


def is_outdated(stored: str) -> bool:
    """Whether it was hashed with other parameters than today's, so that it should be hashed anew."""
    return _HASHER.check_needs_rehash(stored)

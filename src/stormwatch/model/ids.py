"""Identifiers: random ones that sort by time of making, and ones derived from content, with a readable prefix."""

from __future__ import annotations

import hashlib
import os
import time
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def _base32(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, remainder = divmod(number, 32)
        digits.append(_ALPHABET[remainder])
    return "".join(reversed(digits))


def new_id(prefix: str) -> str:
    """A fresh id such as `case-01jd…`: 48 bits of milliseconds, then 50 random bits, in Crockford's base 32."""
    return f"{prefix}-{_base32(time.time_ns() // 1_000_000, 10)}{_base32(int.from_bytes(os.urandom(7)), 10)}"


def derived_id(prefix: str, *parts: str) -> str:
    """The same id for the same parts, on every machine: 80 bits of SHA-256 over the length-prefixed parts."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode()
        digest.update(len(raw).to_bytes(8) + raw)
    return f"{prefix}-{_base32(int.from_bytes(digest.digest()[:10]), 16)}"

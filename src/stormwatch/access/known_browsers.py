"""Browsers that somebody signed in from before: a signed mark opens nothing, but has a count of failures of its own.

The idea is the "device cookie" of OWASP's page on slowing down online guessing: who guesses at a name closes it for
browsers that never got in, and not for its owner's.
"""

from __future__ import annotations

import secrets
from typing import Final

from stormwatch.access.sessions import same_secret
from stormwatch.storage.keyring import Keyring

_PURPOSE: Final = "known-browser"


class KnownBrowsers:
    """Makes and checks the marks; nothing is stored."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def mark(self, person_id: str) -> str:
        """A fresh mark for a browser that somebody just signed in from."""
        number = secrets.token_hex(16)
        return f"{number}.{self._sign(number, person_id)}"

    def knows(self, mark: str, person_id: str) -> bool:
        """Whether a mark was made for this person."""
        number, _, signature = mark.partition(".")
        return bool(signature) and number.isascii() and same_secret(self._sign(number, person_id), signature)

    def _sign(self, number: str, person_id: str) -> str:
        return self._keyring.keyed_hash(_PURPOSE, f"{number}:{person_id}")

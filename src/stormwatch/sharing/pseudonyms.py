"""Account ids into pseudonyms that one audience can recognise again and nobody can compare across audiences."""

from __future__ import annotations

from dataclasses import dataclass

from stormwatch.storage.keyring import Keyring

PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Keyed hashes for one audience: a peer's name, or `public`."""

    keyring: Keyring
    audience: str = PUBLIC

    def of(self, account_id: str) -> str:
        """The pseudonym of an account for this audience."""
        return self.keyring.keyed_hash(f"share:{self.audience}", account_id)

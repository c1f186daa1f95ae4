"""The tree's head between its row in the database and the right edge, sealed with a key that the database lacks."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from sqlalchemy import Row

from stormwatch.ledger.canonical import canonical_json
from stormwatch.ledger.tree import RightEdge
from stormwatch.model.errors import InvalidInput
from stormwatch.storage.keyring import Keyring


class HeadSeal:
    """HMAC-SHA-256 over size and edge: who can write to the database alone cannot make a head of their own."""

    def __init__(self, keyring: Keyring) -> None:
        self._key = keyring.subkey("ledger-head")

    def close(self, edge: RightEdge) -> Mapping[str, int | str]:
        """The columns of the head's row."""
        text = " ".join(node.hex() for node in edge.subtrees)
        return {"size": edge.size, "edge": text, "seal": self._mac(edge.size, text)}

    def open(self, row: Row[tuple[object, ...]]) -> RightEdge | None:
        """The edge in the head's row; None when the row is not as `close` made it."""
        try:
            if not hmac.compare_digest(row.seal, self._mac(row.size, row.edge)):
                return None
        except (TypeError, InvalidInput):  # a column holds what the software never writes there
            return None
        return RightEdge(row.size, tuple(bytes.fromhex(node) for node in row.edge.split()))

    def _mac(self, size: int, edge: str) -> str:
        return hmac.new(self._key, canonical_json([size, edge]).encode(), hashlib.sha256).hexdigest()

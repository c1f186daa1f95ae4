"""One row of the ledger, its salted commitment and the leaf that goes into the tree."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stormwatch.ledger.canonical import JSON, canonical_json
from stormwatch.ledger.tree import leaf_hash

ENTRY_ERASED: Final = "ledger.erased"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What happened: the kind of deed, who did it (pseudonym) to what, and details; hashes in hex.

    An erased entry keeps number, time, kind and actor; its subject is empty and its body an empty object.
    """

    sequence: int
    time_us: int
    kind: str
    by: str
    subject: str
    body: Mapping[str, JSON]
    commitment: str
    leaf_hash: str
    head: str


def commitment_of(salt: str, subject: str, body: str) -> str:
    """SHA-256(salt || record) in hex; the record is the canonical JSON of {body, subject}.

    `body` goes in as the stored text, not parsed, so that a change of a single byte shows.
    """
    record = f'{{"body":{body},"subject":{canonical_json(subject)}}}'
    return hashlib.sha256(bytes.fromhex(salt) + record.encode()).hexdigest()


def leaf_of(sequence: int, time_us: int, kind: str, by: str, commitment: str) -> bytes:
    """The leaf hash over the canonical JSON of [sequence, time_us, kind, by, commitment]."""
    return leaf_hash(canonical_json([sequence, time_us, kind, by, commitment]).encode())

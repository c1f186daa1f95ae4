"""Fingerprints over accounts: which pairs share rare ones, and which are popular and so tell nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.storage.engine import QueryEngine, sql_file

# What more accounts have is quoted from somewhere; the same cap as for identifiers (linking/comparisons.yaml).
FREQUENCY_CAP: Final = 20
# One common fingerprint may be a common idiom; several, one beside the other, are a common text.
FEWEST_SHARED: Final = 4
_VIEW: Final = "fingerprint_hashes"
_HASHES: Final = pa.schema([("kind", pa.string()), ("hash", pa.int64()), ("account_id", pa.string())])


@dataclass(frozen=True, slots=True)
class SharedFingerprints:
    """Two accounts (a before b) with the rare fingerprints of a kind that both have; `accounts` have the rarest."""

    account_id_a: str
    account_id_b: str
    kind: str
    shared: int
    accounts: int


def shared_fingerprints(
    engine: QueryEngine,
    fingerprints: pa.Table,
    *,
    frequency_cap: int = FREQUENCY_CAP,
    fewest_shared: int = FEWEST_SHARED,
) -> Sequence[SharedFingerprints]:
    """Candidate pairs out of rows of `fingerprints`, in the order of accounts."""
    engine.register(_VIEW, one_row_a_hash(fingerprints))
    limits = {"frequency_cap": frequency_cap, "fewest_shared": fewest_shared}
    rows = engine.query(sql_file("stormwatch.detections.fingerprints", "shared_fingerprints"), limits).to_pylist()
    return [SharedFingerprints(**row) for row in rows]


def frequencies(engine: QueryEngine, fingerprints: pa.Table) -> Mapping[int, int]:
    """Hash -> accounts, of those that more than one account has."""
    engine.register(_VIEW, one_row_a_hash(fingerprints))
    rows = engine.query(sql_file("stormwatch.detections.fingerprints", "fingerprint_frequency"))
    return dict(zip(rows["hash"].to_pylist(), rows["accounts"].to_pylist(), strict=True))


def one_row_a_hash(fingerprints: pa.Table) -> pa.Table:
    """Rows of `fingerprints` as (kind, hash, account_id): the query engine's SQL knows no lists."""
    table = fingerprints.select(["kind", "account_id", "hashes"]).combine_chunks()
    if table.num_rows == 0:
        return _HASHES.empty_table()
    hashes = table["hashes"].chunk(0)
    parents = pc.list_parent_indices(hashes)
    return pa.table(
        {
            "kind": table["kind"].take(parents),
            "hash": pc.list_flatten(hashes),
            "account_id": table["account_id"].take(parents),
        },
        schema=_HASHES,
    )

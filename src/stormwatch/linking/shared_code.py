"""From pairs of accounts that share fingerprints of code to values that a match weight can be given for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from stormwatch.detections.fingerprints.shared_fingerprints import shared_fingerprints
from stormwatch.storage.engine import QueryEngine, sql_file

# Winnowed fingerprints in common: so many are some 15 lines, twice as many a program of its own.
_PASSAGE: Final = 16
_PROGRAM: Final = 32
_SHARED_CODE: Final = pa.schema(
    [
        ("account_id_a", pa.string()),
        ("account_id_b", pa.string()),
        ("kind", pa.string()),
        ("value", pa.string()),
        ("accounts", pa.int64()),
    ]
)


def lay_shared_code(engine: QueryEngine, *, most_accounts: int) -> None:
    """Registers `shared_code` from the view `fingerprints`: pairs with rare passages of code in common.

    `accounts` is how many have the rarest of them.
    """
    code = engine.query(sql_file("stormwatch.linking", "code_fingerprints"))
    found = shared_fingerprints(engine, code, frequency_cap=most_accounts, fewest_shared=_PASSAGE)
    pairs: Sequence[dict[str, object]] = [
        {
            "account_id_a": pair.account_id_a,
            "account_id_b": pair.account_id_b,
            "kind": "code-program" if pair.shared >= _PROGRAM else "code-passage",
            "value": f"{pair.shared} passages",
            "accounts": pair.accounts,
        }
        for pair in found
    ]
    engine.register("shared_code", pa.Table.from_pylist(pairs, schema=_SHARED_CODE))

"""JSON values into the one text that is hashed and signed: keys sorted, no spaces, ASCII with escapes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from stormwatch.model.errors import InvalidInput

JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"


def canonical_json(value: JSON) -> str:
    """The canonical text; InvalidInput for NaN, infinities and what JSON has no form for.

    ASCII, so that every character people can type (NUL and lone surrogates too) survives every database and encoding.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"this cannot be written to the ledger: {error}") from error

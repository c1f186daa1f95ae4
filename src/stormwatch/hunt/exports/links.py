"""Rows of the table `links`: every scored pair of accounts with the parts of its match weight."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from stormwatch.hunt.exports.rows import LinkRow
from stormwatch.storage.lake import Lake


def link_rows(lake: Lake) -> Iterator[LinkRow]:
    """All scored pairs."""
    for row in lake.read("links").to_pylist():
        yield msgspec.convert(row, LinkRow)

"""Folds account records into the lake's table: a later record replaces the fields it carries and no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.events.records import carried_bit
from stormwatch.storage.lake import Lake, LakeFile
from stormwatch.storage.schemas import ACCOUNT_RECORDS

_ACCOUNTS_AT_ONCE: Final = 100_000
_NAMES: Final = tuple(ACCOUNT_RECORDS.names)


class AccountMerge:
    """Account records of one commit. The lake's table is read at the first record and written by `finish`."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._table: pa.Table | None = None
        self._folded: dict[str, tuple[list[Any], int]] = {}
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        """Takes rows of LOG_ACCOUNTS in their order of arrival."""
        columns = [table[name].to_pylist() for name in _NAMES]
        for values, carried in zip(zip(*columns, strict=True), table["carried"].to_pylist(), strict=True):
            self._fold(values, carried)
        self.rows += table.num_rows
        if len(self._folded) >= _ACCOUNTS_AT_ONCE:
            self._merge()

    def finish(self, marks: Mapping[str, str]) -> dict[str, Sequence[LakeFile]]:
        """The table to put in place of the old one; nothing when no record came."""
        self._merge()
        if self._table is None:
            return {}
        return {"account_records": (self._lake.write("account_records", self._table, marks=marks),)}

    def _fold(self, values: tuple[Any, ...], carried: int) -> None:
        earlier = self._folded.get(values[0])
        if earlier is None:
            self._folded[values[0]] = (list(values), carried)
            return
        row, before = earlier
        for number, name in enumerate(_NAMES):
            if carried & carried_bit(name):
                row[number] = values[number]
        self._folded[values[0]] = (row, before | carried)

    def _merge(self) -> None:
        if not self._folded:
            return
        if self._table is None:
            self._table = self._lake.read("account_records")
        rows = list(self._folded.values())
        carried = pa.array([bits for _, bits in rows], pa.int64())
        columns = zip(*(row for row, _ in rows), strict=True)
        news = pa.table(
            [pa.array(column, field.type) for column, field in zip(columns, ACCOUNT_RECORDS, strict=True)],
            schema=ACCOUNT_RECORDS,
        )
        self._table = _merged(self._table, news, carried)
        self._folded = {}


def _merged(old: pa.Table, news: pa.Table, carried: pa.Array) -> pa.Table:
    position = pc.index_in(old["account_id"], value_set=news["account_id"].combine_chunks())
    aligned = news.take(position)
    bits = carried.take(position.combine_chunks())
    columns = []
    for name in _NAMES:
        replaced = pc.fill_null(pc.not_equal(pc.bit_wise_and(bits, carried_bit(name)), 0), fill_value=False)
        columns.append(pc.if_else(replaced, aligned[name].combine_chunks(), old[name].combine_chunks()))
    updated = pa.table(columns, schema=ACCOUNT_RECORDS)
    is_known = pc.is_in(news["account_id"], value_set=old["account_id"].combine_chunks())
    return pa.concat_tables([updated, news.filter(pc.invert(is_known))]).combine_chunks()

"""The lake: tables as Parquet files below the home, and a manifest whose replacement makes a commit atomic."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stormwatch.model.errors import IntegrityError
from stormwatch.model.ids import new_id
from stormwatch.model.times import MINUTE, now_us
from stormwatch.storage.durability import make_directory, sync_directory
from stormwatch.storage.locking import exclusive
from stormwatch.storage.schemas import TABLES

_MANIFEST: Final = "manifest.json"
GRACE_US: Final = 5 * MINUTE
# What people look up by account, and hunts write in the order of accounts: small groups of rows, of which a reader
# decodes those alone whose least and greatest account let it be there. At 130,000 accounts that is a tenth of the work.
_READ_BY_ACCOUNT: Final = frozenset(
    {"account_evidence", "account_records", "account_day", "assessments", "assessment_grounds", "findings", "links"}
)
_ROWS_PER_GROUP: Final = 8192


class LakeFile(msgspec.Struct, frozen=True):
    """One Parquet file of a table: path below the lake, rows, and the segment and marks its writer gave it."""

    path: str
    rows: int
    segment: str = ""
    marks: Mapping[str, str] = {}


class Manifest(msgspec.Struct, frozen=True):
    """Which files make up which table at one moment; `retired` are those that none names any more, and since when."""

    version: int = 0
    tables: Mapping[str, tuple[LakeFile, ...]] = {}
    retired: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class LakeChange:
    """What one commit does: tables replaced as a whole, files added, files (by path) dropped."""

    replace: Mapping[str, Sequence[LakeFile]] = field(default_factory=dict)
    add: Mapping[str, Sequence[LakeFile]] = field(default_factory=dict)
    drop: frozenset[str] = frozenset()


class Lake:
    """Tables below `root`. Readers see the manifest of the moment they asked; writers commit whole changes.

    A file that a commit replaced stays for `grace_us`, because a query that began before may not have opened it yet.
    """

    def __init__(self, root: Path, *, grace_us: int = GRACE_US) -> None:
        self.root = root
        self._grace_us = grace_us

    def manifest(self) -> Manifest:
        """The state committed last."""
        try:
            raw = (self.root / _MANIFEST).read_bytes()
        except FileNotFoundError:
            return Manifest()
        try:
            return msgspec.json.decode(raw, type=Manifest)
        except msgspec.DecodeError as error:
            raise IntegrityError(
                "the lake's manifest cannot be read",
                where=str(self.root / _MANIFEST),
                remedy="restore it from a backup",
            ) from error

    def files(self, table: str) -> tuple[LakeFile, ...]:
        """The files of a table, in the order in which they were committed."""
        return self.manifest().tables.get(table, ())

    def paths(self, table: str) -> list[Path]:
        """Absolute paths of a table's files."""
        return [self.root / file.path for file in self.files(table)]

    def read(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        *,
        where: pc.Expression | None = None,
        key: str | None = None,
    ) -> pa.Table:
        """A table, or those of its rows for which `where` holds; empty, with its schema, when there are none.

        `key` is the one column that `where` asks about: it is read alone first, so that a file without such a row costs
        no more than that column.
        """
        schema = TABLES[table]
        wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
        # With the schema given, a file that is older than a column has nulls in it.
        parts = [
            pq.read_table(path, columns=wanted.names, filters=where, schema=schema, partitioning=None)
            for path in self.paths(table)
            if key is None
            or pq.read_table(path, columns=[key], filters=where, schema=schema, partitioning=None).num_rows
        ]
        return pa.concat_tables([part.cast(wanted) for part in parts]) if parts else wanted.empty_table()

    def write(
        self, table: str, rows: pa.Table, *, segment: str = "", marks: Mapping[str, str] | None = None
    ) -> LakeFile:
        """Writes rows as a new file that is not visible before `commit` names it."""
        folder = self.root / table
        make_directory(folder)
        name = f"{segment or 'part'}-{new_id('f')}.parquet"
        path = folder / name
        group = _ROWS_PER_GROUP if table in _READ_BY_ACCOUNT else None
        pq.write_table(rows.cast(TABLES[table]), path, compression="zstd", row_group_size=group)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        sync_directory(folder)  # the log is deleted after the commit, so the manifest may only name what stays
        return LakeFile(path=f"{table}/{name}", rows=rows.num_rows, segment=segment, marks=dict(marks or {}))

    def commit(self, change: LakeChange) -> Manifest:
        """Makes a change visible at once, then removes the files that no table has named for a while."""
        with self._locked():
            before = self.manifest()
            tables = _apply(before.tables, change)
            moment = now_us()
            retired = {**dict.fromkeys(_paths(before.tables) - _paths(tables), moment), **before.retired}
            due = {path for path, since in retired.items() if since <= moment - self._grace_us}
            left = {path: since for path, since in retired.items() if path not in due}
            after = Manifest(before.version + 1, tables, left)
            temporary = self.root / f"{_MANIFEST}.new"
            with temporary.open("wb") as file:
                file.write(msgspec.json.encode(after))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.root / _MANIFEST)
            sync_directory(self.root)
            for path in due:
                (self.root / path).unlink(missing_ok=True)
        return after

    def replace(self, table: str, rows: pa.Table) -> Manifest:
        """Replaces a derived table by these rows."""
        return self.commit(LakeChange(replace={table: (self.write(table, rows),)}))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_directory(self.root)
        with exclusive(self.root / ".lock"):
            yield


def _paths(tables: Mapping[str, tuple[LakeFile, ...]]) -> set[str]:
    return {file.path for files in tables.values() for file in files}


def _apply(tables: Mapping[str, tuple[LakeFile, ...]], change: LakeChange) -> dict[str, tuple[LakeFile, ...]]:
    after = {name: tuple(file for file in files if file.path not in change.drop) for name, files in tables.items()}
    after.update({name: tuple(files) for name, files in change.replace.items()})
    for name, files in change.add.items():
        after[name] = (*after.get(name, ()), *files)
    return after

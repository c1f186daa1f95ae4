"""Rows of an export as a file: NDJSON, CSV (lists as JSON) or Parquet, written beside and moved into place."""

from __future__ import annotations

import csv
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from stormwatch.model.errors import InvalidInput

_BATCH = 10_000
_SCALARS: Mapping[Any, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


class ExportFormat(StrEnum):
    """File formats of the exports."""

    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"


def write_rows(
    rows: Iterable[msgspec.Struct], shape: type[msgspec.Struct], file_format: ExportFormat, path: Path
) -> int:
    """Writes rows of one shape and returns how many; what was at `path` stays until the new file is whole."""
    writers: Mapping[ExportFormat, Callable[..., int]] = {
        ExportFormat.NDJSON: _write_ndjson,
        ExportFormat.CSV: _write_csv,
        ExportFormat.PARQUET: _write_parquet,
    }
    with _moved_into_place(path) as temporary:
        return writers[file_format](rows, shape, temporary)


def write_lines(lines: Iterable[bytes], path: Path) -> int:
    """Writes records, a line each, and returns how many; what was at `path` stays until the new file is whole."""
    count = 0
    with _moved_into_place(path) as temporary, temporary.open("wb") as file:
        for line in lines:
            count += 1
            file.write(line + b"\n")
    return count


@contextmanager
def _moved_into_place(path: Path) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        remedy = "name a file in a directory that exists and has room"
        raise InvalidInput(f"cannot write: {error.strerror}", where=str(path), remedy=remedy) from error
    finally:
        temporary.unlink(missing_ok=True)


def _write_ndjson(rows: Iterable[msgspec.Struct], _shape: type[msgspec.Struct], path: Path) -> int:
    count = 0
    with path.open("wb") as file:
        for row in rows:
            count += 1
            file.write(msgspec.json.encode(row) + b"\n")
    return count


def _write_csv(rows: Iterable[msgspec.Struct], shape: type[msgspec.Struct], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(shape.__struct_fields__)
        for row in rows:
            count += 1
            writer.writerow([_cell(getattr(row, name)) for name in shape.__struct_fields__])
    return count


def _cell(value: object) -> object:
    if isinstance(value, list):
        return msgspec.json.encode(value).decode()
    # The other formats keep such a value to the letter.
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return "'" + value  # a spreadsheet would run it as a formula
    return value


def _write_parquet(rows: Iterable[msgspec.Struct], shape: type[msgspec.Struct], path: Path) -> int:
    schema = pa.schema(list(_fields(shape)))
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        batch: list[Any] = []
        for row in rows:
            count += 1
            batch.append(msgspec.to_builtins(row))
            if len(batch) == _BATCH:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                batch.clear()
        writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return count


def _fields(shape: type[msgspec.Struct]) -> Iterable[pa.Field]:
    hints = typing.get_type_hints(shape)
    return (pa.field(name, _arrow_type(hints[name])) for name in shape.__struct_fields__)


def _arrow_type(hint: Any) -> pa.DataType:
    if isinstance(hint, types.UnionType):
        return _arrow_type(next(part for part in typing.get_args(hint) if part is not type(None)))
    if typing.get_origin(hint) is list:
        return pa.list_(_arrow_type(typing.get_args(hint)[0]))
    return _SCALARS[hint] if hint in _SCALARS else pa.struct(list(_fields(hint)))

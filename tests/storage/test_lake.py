"""The lake promises: nothing shows before its commit, a commit at once, and what no table names goes in the end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stormwatch.model.errors import IntegrityError
from stormwatch.storage.lake import Lake, LakeChange
from stormwatch.storage.schemas import TABLES


def _rows(*ids: str) -> pa.Table:
    columns = {name: [None] * len(ids) for name in TABLES["observables"].names}
    return pa.table({**columns, "event_id": list(ids)}, schema=TABLES["observables"])


def _ids(lake: Lake) -> list[str]:
    return lake.read("observables", ["event_id"])["event_id"].to_pylist()


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_table_that_was_never_written_is_empty_and_has_its_columns(lake: Lake, table: str) -> None:
    rows = lake.read(table)
    assert rows.num_rows == 0
    assert rows.schema == TABLES[table]
    assert lake.paths(table) == []


def test_rows_show_from_their_commit_on(lake: Lake) -> None:
    written = lake.write("observables", _rows("e1"), segment="s1", marks={"rules": "v1"})
    assert _ids(lake) == []
    lake.commit(LakeChange(add={"observables": (written,)}))
    assert _ids(lake) == ["e1"]
    (file,) = lake.files("observables")
    assert (file.segment, file.marks, file.rows) == ("s1", {"rules": "v1"}, 1)


def test_one_commit_adds_drops_and_replaces_together(lake: Lake) -> None:
    first = lake.write("observables", _rows("e1"))
    second = lake.write("observables", _rows("e2"))
    lake.commit(LakeChange(add={"observables": (first, second)}))
    third = lake.write("observables", _rows("e3"))
    lake.commit(LakeChange(add={"observables": (third,)}, drop=frozenset({first.path})))
    assert _ids(lake) == ["e2", "e3"]
    lake.replace("observables", _rows("e4"))
    assert _ids(lake) == ["e4"]


def test_a_query_that_began_before_a_commit_still_finds_its_files(lake: Lake) -> None:
    lake.replace("observables", _rows("e1"))
    (old,) = lake.paths("observables")
    lake.replace("observables", _rows("e2"))
    assert pq.read_table(old, columns=["event_id"])["event_id"].to_pylist() == ["e1"]
    assert _ids(lake) == ["e2"]


def test_files_that_no_table_names_any_more_are_removed_in_the_end(lake: Lake) -> None:
    lake.replace("observables", _rows("e0"))
    lake.replace("observables", _rows("e1"))
    later = Lake(lake.root, grace_us=0)
    later.replace("observables", _rows("e2"))
    assert lake.manifest().retired == {}
    assert [path.name for path in (lake.root / "observables").iterdir()] == [lake.paths("observables")[0].name]


def test_a_crash_between_write_and_commit_leaves_the_old_state(lake: Lake) -> None:
    lake.replace("observables", _rows("e1"))
    lake.write("observables", _rows("lost"))
    (lake.root / "manifest.json.new").write_bytes(b'{"version": 2, "tab')
    assert _ids(Lake(lake.root)) == ["e1"]
    lake.replace("observables", _rows("e2"))
    assert _ids(Lake(lake.root)) == ["e2"]


def test_writers_at_once_lose_nothing(lake: Lake) -> None:
    def add(number: int) -> None:
        own = Lake(lake.root)
        own.commit(LakeChange(add={"observables": (own.write("observables", _rows(f"e{number}")),)}))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(12)))
    assert sorted(_ids(lake)) == sorted(f"e{number}" for number in range(12))
    assert lake.manifest().version == 12


def test_a_manifest_that_cannot_be_read_is_explained(lake: Lake) -> None:
    lake.replace("observables", _rows("e1"))
    manifest: Path = lake.root / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-5])
    with pytest.raises(IntegrityError, match="manifest"):
        lake.read("observables")


def test_rows_of_another_shape_are_refused(lake: Lake) -> None:
    with pytest.raises((ValueError, pa.ArrowInvalid)):
        lake.write("observables", pa.table({"event_id": ["e1"]}))
    with pytest.raises(KeyError):
        lake.write("no such table", pa.table({}))


def test_a_file_older_than_a_column_is_read_with_nulls_in_it(lake: Lake) -> None:
    file = lake.write("observables", _rows("a", "b"))
    path = lake.root / file.path
    pq.write_table(pq.read_table(path, partitioning=None).drop_columns(["field"]), path)
    lake.commit(LakeChange(add={"observables": (file,)}))
    assert lake.read("observables")["field"].to_pylist() == [None, None]
    assert lake.read("observables", ["field", "event_id"])["event_id"].to_pylist() == ["a", "b"]

"""The copy promises: it says what the database says, at every moment, and its ETag tells lists apart and no more."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormwatch.actions.decisions import all_decisions, decide
from stormwatch.api.decision_process import snapshot as reading
from stormwatch.api.decision_process import snapshot_writing as writing
from stormwatch.api.decision_process.decision_list import DecisionList
from stormwatch.api.decision_process.entry import Held
from stormwatch.api.decision_process.kept_state import KeptState
from stormwatch.api.decision_process.snapshot import Snapshot
from stormwatch.api.decision_process.source import changes_after
from stormwatch.model.errors import Conflict, InvalidInput
from stormwatch.model.times import optional_rfc3339
from stormwatch.storage.database import Database, open_database

APPEAL = "https://models.example/appeal"
FAR = 9_000_000_000_000_000  # microseconds; long after these tests run

ACCOUNTS = st.sampled_from(["a", "b", "ä\u202e", '"quoted",\n', "a" * 3000, "' OR 1=1 --"])
ROWS = st.tuples(
    ACCOUNTS, st.sampled_from(["limit", "suspended"]), st.none() | st.integers(1, 5).map(lambda step: FAR + step)
)


def _apply(file: Path, rows: list[tuple[str, str, int | None]], lifted: list[int], start: int = 0) -> None:
    """Adds decisions and lifts some, past the cases that they would belong to; the triggers are the database's own."""
    database = sqlite3.connect(file)
    for number, (account, state, until) in enumerate(rows, start):
        database.execute("INSERT INTO decisions VALUES (?, ?, ?, 'fraud', ?)", (f"x{number}", account, state, until))
    for number in lifted:
        database.execute("DELETE FROM decisions WHERE action_id = ?", (f"x{number}",))
    database.commit()
    database.close()


def _snapshot(database: Database, folder: Path) -> Snapshot:
    writing.write_snapshot(database, folder / "list", "here", APPEAL)
    return Snapshot(folder / "list")


def _followed(decided: DecisionList, database: Database) -> DecisionList:
    with database.read() as connection:
        sequence, changes = changes_after(connection, decided.overlay.sequence, 1000)
    assert changes is not None
    return decided.after(changes, sequence)


def _listed(decided: DecisionList, moment: int) -> list[tuple[object, ...]]:
    found = json.loads(b"".join(decided.body(moment)))["decisions"]
    return sorted(tuple(each.values()) for each in found)


def _wanted(database: Database, moment: int) -> list[tuple[object, ...]]:
    listed = all_decisions(database, appeal_url=APPEAL, now_us=moment)
    return sorted(
        (d.account_id, d.state.value, d.reason_code, d.appeal_url, optional_rfc3339(d.until_us)) for d in listed
    )


@given(
    before=st.lists(ROWS, max_size=8),
    after=st.lists(ROWS, max_size=5),
    lifted=st.lists(st.integers(0, 12), max_size=5),
)
@settings(max_examples=40, deadline=None)
def test_the_copy_says_what_the_database_says_at_every_moment(
    before: list[tuple[str, str, int | None]], after: list[tuple[str, str, int | None]], lifted: list[int]
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        database = open_database(f"sqlite:///{folder / 'db'}")
        _apply(folder / "db", before, [])
        followed = DecisionList(_snapshot(database, folder))
        _apply(folder / "db", after, lifted, start=len(before))
        followed = _followed(followed, database)
        fresh = DecisionList(_snapshot(database, folder))
        tags = {}
        for moment in range(FAR, FAR + 7):
            wanted = _wanted(database, moment)
            for decided in (followed, fresh):
                assert _listed(decided, moment) == wanted
                for account in {row[0] for row in (*before, *after)} | {"nobody"}:
                    assert decided.decide(account, moment) == decide(
                        database, account, appeal_url=APPEAL, now_us=moment
                    )
            assert followed.etag(moment) == fresh.etag(moment)
            tags.setdefault(followed.etag(moment), wanted)
            assert tags[followed.etag(moment)] == wanted, "one ETag for two lists"
        database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    open_database(f"sqlite:///{tmp_path / 'db'}").close()
    return tmp_path


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{folder / 'db'}")
    yield opened
    opened.close()


def test_every_change_of_the_list_is_numbered_on_either_database(either_database: Database) -> None:
    with either_database.write() as connection:
        if not either_database.is_sqlite:
            connection.exec_driver_sql("ALTER TABLE decisions DROP CONSTRAINT decisions_action_id_fkey")
        else:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        insert = "INSERT INTO decisions (action_id, account_id, state, reason_code) VALUES ('x', 'a', 'limit', 'fraud')"
        connection.exec_driver_sql(insert)
        assert changes_after(connection, 0, 9) == (1, {"a": (Held("limit", "fraud", None),)})
        connection.exec_driver_sql("UPDATE decisions SET account_id = 'b'")
        assert changes_after(connection, 1, 9) == (3, {"a": (), "b": (Held("limit", "fraud", None),)})
        connection.exec_driver_sql("DELETE FROM decisions")
        assert changes_after(connection, 3, 9) == (4, {"b": ()})
        assert changes_after(connection, 0, 1) == (4, None), "too many to carry beside a snapshot"


def test_ids_whose_digests_fall_together_accuse_nobody(
    folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (reading, writing):
        monkeypatch.setattr(module, "digest", lambda account, key: 7)
    _apply(folder / "db", [("guilty", "suspended", None), ("other", "limit", None)], [])
    decided = DecisionList(_snapshot(database, folder))
    states = [decided.decide(account).state.value for account in ("guilty", "other", "innocent")]
    assert states == ["suspended", "limit", "allow"]


def test_a_list_in_many_pieces_leaves_out_what_was_lifted(
    folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PIECE_BYTES", 50)
    _apply(folder / "db", [(f"account-{number}", "suspended", None) for number in range(30)], [])
    decided = DecisionList(_snapshot(database, folder))
    _apply(folder / "db", [], [0, 7, 8, 29])
    decided = _followed(decided, database)
    assert _listed(decided, FAR) == _wanted(database, FAR)
    assert decided.accounts() == 26


def test_a_snapshot_stays_whole_when_its_file_is_replaced_and_removed(folder: Path, database: Database) -> None:
    _apply(folder / "db", [("a", "suspended", None)], [])
    first = DecisionList(_snapshot(database, folder))
    _apply(folder / "db", [], [0])
    _snapshot(database, folder)
    (folder / "list").unlink()
    assert [row[0] for row in _listed(first, FAR)] == ["a"]
    assert first.decide("a").state.value == "suspended"


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b"", lambda b: b.replace(b"suspended", b"allowed!!"), lambda b: b[5:]]
)
def test_a_damaged_snapshot_is_refused(folder: Path, database: Database, damage: Callable[[bytes], bytes]) -> None:
    _apply(folder / "db", [("a", "suspended", None)], [])
    _snapshot(database, folder)
    (folder / "list").write_bytes(damage((folder / "list").read_bytes()))
    with pytest.raises(InvalidInput, match="no whole snapshot"):
        Snapshot(folder / "list")


def test_what_is_kept_is_what_is_loaded_and_belongs_to_one_process(folder: Path, database: Database) -> None:
    kept = KeptState(folder / "kept")
    assert kept.load() is None
    _apply(folder / "db", [("a", "suspended", None), ("b", "limit", FAR)], [])
    writing.write_snapshot(database, kept.snapshot_file, "here", APPEAL)
    decided = DecisionList(Snapshot(kept.snapshot_file))
    _apply(folder / "db", [("c", "suspended", None)], [0], start=2)
    decided = _followed(decided, database)
    kept.save(decided, (), 77)
    loaded = kept.load()
    assert loaded is not None
    assert (loaded[0].etag(), loaded[0].overlay, loaded[1].read_us) == (decided.etag(), decided.overlay, 77)
    assert all(file.stat().st_mode & 0o077 == 0 for file in (folder / "kept").iterdir())
    with pytest.raises(Conflict, match="another decision process"):
        KeptState(folder / "kept")

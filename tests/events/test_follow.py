"""Following files that grow: rotation, copying with truncation, half lines, kills and restarts; every event once."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from event_making import counts, event, ndjson, store_in, stored
from stormwatch.events import followed_file
from stormwatch.events.followed_file import FollowedFile
from stormwatch.events.positions import Position, Positions
from stormwatch.events.store import EventStore

CHILD = Path(__file__).with_name("killed_follower.py")


class Log:
    """A log and whoever writes it, with an id of its own for every line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0

    def write(self, lines: int = 1, *, end: bytes = b"\n") -> None:
        with self.path.open("ab") as out:
            for _ in range(lines):
                out.write(json.dumps(event(self.written)).encode() + end)
                self.written += 1

    def rename(self) -> None:
        for number in (3, 2, 1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            if older.exists():
                older.rename(self.path.with_name(f"{self.path.name}.{number + 1}"))
        self.path.rename(self.path.with_name(f"{self.path.name}.1"))

    def copy_and_truncate(self) -> None:
        copy = self.path.with_name(f"{self.path.name}-{time.time_ns()}")
        copy.write_bytes(self.path.read_bytes())
        os.truncate(self.path, 0)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "gateway.log")


class Reader:
    """A followed file read by this process, with a clock that the test moves."""

    def __init__(self, path: Path, store: EventStore) -> None:
        self._path = path
        self._positions = Positions.of(store.home, store.keyring, "test")
        self.notes: list[str] = []
        self.now = 0.0
        self.opened = self.open()

    def open(self, position: Position | None = None) -> FollowedFile:
        fingerprint = self._positions.fingerprint
        return FollowedFile(self._path, position, fingerprint, 1 << 20, note=self.notes.append, clock=lambda: self.now)

    def ids(self) -> list[str]:
        return [json.loads(piece.data)["event_id"] for piece, _ in self.opened.read()]

    def all_ids(self) -> list[str]:
        """Everything there is, also in files that have been idle for long."""
        found = self.ids() + self.ids()
        self.now += 1000
        return found + self.ids() + self.ids()

    def restart(self, between: Callable[[], None] = lambda: None) -> None:
        position = self.opened.position()
        assert position is not None
        self._positions.save(self._path, position)
        self.opened.close()
        between()
        self.opened = self.open(self._positions.load(self._path))


@pytest.fixture
def reader(log: Log, tmp_path: Path) -> Iterator[Reader]:
    found = Reader(log.path, store_in(tmp_path / "home"))
    yield found
    found.opened.close()


def ids(*numbers: int) -> list[str]:
    return [f"ev-{number}" for number in numbers]


def test_appended_lines_come_once_and_a_half_line_waits(log: Log, reader: Reader) -> None:
    assert reader.ids() == []  # the file is not there yet
    log.write(2)
    assert reader.ids() == ids(0, 1)
    log.write(1, end=b"")
    assert reader.ids() == []
    with log.path.open("ab") as out:
        out.write(b"\n")
    assert reader.ids() == ids(2)
    assert reader.ids() == []


def test_a_renamed_file_is_read_on_beside_the_new_one(log: Log, reader: Reader) -> None:
    log.write(2)
    assert reader.ids() == ids(0, 1)
    old = log.path.open("ab")
    log.rename()
    log.write(1)
    old.write(json.dumps(event(100)).encode() + b"\n" + json.dumps(event(101)).encode())
    old.close()
    assert sorted(reader.all_ids()) == sorted(ids(100, 2, 101))  # the last line has no end; nobody will write it
    log.write(1)
    assert reader.ids() == ids(3)


def test_a_file_that_is_copied_and_truncated_is_read_from_both(log: Log, reader: Reader) -> None:
    log.write(3)
    assert reader.ids() == ids(0, 1, 2)
    log.write(1)
    log.copy_and_truncate()
    log.write(1)
    assert sorted(reader.all_ids()) == ids(3, 4)
    assert reader.notes == []


def test_a_file_that_grew_beyond_its_old_length_after_truncation_is_read_anew(log: Log, reader: Reader) -> None:
    log.write(1)
    assert reader.ids() == ids(0)
    os.truncate(log.path, 0)
    log.write(20)
    assert reader.all_ids() == ids(*range(1, 21))
    assert "truncated" in reader.notes[0]


def test_a_hole_that_a_writer_leaves_after_truncation_is_passed_over(log: Log, reader: Reader) -> None:
    log.write(3)
    assert reader.ids() == ids(0, 1, 2)
    with log.path.open("r+b") as out:
        os.truncate(log.path, 0)
        out.seek(5000)
        out.write(json.dumps(event(9)).encode() + b"\n")
    assert reader.all_ids() == ids(9)


def test_a_restart_goes_on_where_it_was(log: Log, reader: Reader) -> None:
    log.write(3)
    reader.ids()
    log.write(1, end=b"")
    reader.ids()
    reader.restart()
    assert reader.ids() == []
    with log.path.open("ab") as out:
        out.write(b"\n")
    assert reader.ids() == ids(3)


def test_rotations_while_nobody_followed_lose_nothing(log: Log, reader: Reader) -> None:
    log.write(30)
    assert reader.ids() == ids(*range(30))

    def meanwhile() -> None:
        for _ in range(3):
            log.write(2)
            log.rename()
            time.sleep(0.02)  # rotated files are ordered by their times
        log.write(1)
        log.path.with_name("gateway-audit.log").write_bytes(ndjson([event(500)]))
        log.path.with_name("gateway.log.9.gz").write_bytes(gzip.compress(ndjson([event(501)])))

    reader.restart(meanwhile)
    assert sorted(reader.all_ids(), key=lambda name: int(name[3:])) == ids(*range(30, 37))
    assert reader.notes == []


def test_a_truncation_while_nobody_followed_is_found_in_the_copy(log: Log, reader: Reader) -> None:
    log.write(3)
    reader.ids()

    def meanwhile() -> None:
        log.write(2)
        log.copy_and_truncate()
        log.write(1)

    reader.restart(meanwhile)
    assert sorted(reader.all_ids()) == ids(3, 4, 5)


def test_a_file_that_is_gone_is_said(log: Log, reader: Reader) -> None:
    log.write(3)
    reader.ids()

    def meanwhile() -> None:
        log.path.with_name("gateway.log.1.gz").write_bytes(gzip.compress(log.path.read_bytes()))
        log.path.unlink()
        log.write(1)

    reader.restart(meanwhile)
    assert reader.ids() == ids(3)
    assert "compressed" in reader.notes[0]


def test_memory_is_bounded_by_the_chunk(log: Log, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed_file, "CHUNK_BYTES", 1000)
    log.write(50)
    rounds = 0
    found: list[str] = []
    while part := reader.ids():
        found += part
        rounds += 1
    assert found == ids(*range(50))
    assert rounds > 5


def test_a_damaged_position_means_from_the_start(log: Log, reader: Reader, tmp_path: Path) -> None:
    log.write(2)
    reader.ids()
    for kept in (tmp_path / "home" / "ingest" / "followed").glob("*.json"):
        kept.write_bytes(b"{")
    positions = Positions.of(tmp_path / "home", store_in(tmp_path / "home").keyring, "test")
    assert positions.load(log.path) is None


def start(home: Path, *files: Path, form: str = "auto") -> subprocess.Popen[str]:
    command = [sys.executable, str(CHILD), str(home), "gateway", form, *map(str, files)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def stored_rows(home: Path) -> int:
    """How many events have been made durable, as an observer that takes nothing out sees it."""
    return sum(path.stat().st_size for path in (home / "ingest" / "log").glob("log-*"))


def end(child: subprocess.Popen[str]) -> str:
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    return out


def test_a_writer_rotations_and_kills_give_every_event_once(tmp_path: Path, log: Log) -> None:
    home = tmp_path / "home"
    other = Log(tmp_path / "second.log")
    other.written = 100_000
    chance = random.Random(7)
    for turn in range(4):
        log.write(1)
        before = stored_rows(home)
        child = start(home, log.path, other.path)
        wait_until(lambda before=before: stored_rows(home) > before)  # type: ignore[misc]
        before = stored_rows(home)
        for _ in range(12):
            log.write(chance.randint(1, 60))
            other.write(chance.randint(0, 9))
            time.sleep(0.02)
            if chance.random() < 0.3:
                log.rename() if turn % 2 else log.copy_and_truncate()
        wait_until(lambda before=before: stored_rows(home) > before)  # type: ignore[misc]
        log.write(3)
        child.kill()
        child.communicate(timeout=60)
        log.write(5)  # while nobody follows
    child = start(home, log.path, other.path)
    expected = {*range(log.written), *range(100_000, other.written)}
    store = store_in(home)

    def arrived() -> bool:
        return stored(store).num_rows >= len(expected)

    wait_until(arrived)
    end(child)
    table = stored(store)
    assert counts(table) == Counter({f"ev-{number}": 1 for number in expected})
    assert not any(table["conflicting"].to_pylist())


def test_rows_that_belong_together_survive_a_kill_between_them(tmp_path: Path) -> None:
    home, path = tmp_path / "home", tmp_path / "apim.log"
    shared = {"CorrelationId": "c-1", "TimeGenerated": "2026-03-02T10:00:00Z"}
    gateway = {**shared, "Type": "ApiManagementGatewayLogs", "ApimSubscriptionId": "team-a"}
    asked = [{"role": "user", "content": "hello"}]
    model = {**shared, "Type": "ApiManagementGatewayLlmLog", "SequenceNumber": 1, "RequestMessages": asked}
    path.write_bytes(ndjson([event(1), model]))
    child = start(home, path)
    wait_until(lambda: bool(list((home / "ingest" / "followed").glob("*.json"))))
    child.kill()
    child.communicate(timeout=60)
    with path.open("ab") as out:
        out.write(ndjson([gateway, *({**event(number), "event_id": f"e{number}"} for number in range(3))]))
    before = stored_rows(home)
    child = start(home, path)
    wait_until(lambda: stored_rows(home) > before)
    assert end(child).split()[1] == "0"
    # The call still waits for more of it, so it is not stored: a reader of the whole file gets all of it.
    from stormwatch.events.ingest import ingest_file

    store = store_in(home)
    report = ingest_file(store, path, collector="gateway")
    assert (report.rejected, report.accepted) == (0, 1)
    assert counts(stored(store)) == Counter({"ev-1": 1, "c-1": 1, "e0": 1, "e1": 1, "e2": 1})


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_on_signals_with_its_report(tmp_path: Path, log: Log, name: signal.Signals) -> None:
    log.write(5)
    with log.path.open("ab") as out:
        out.write(b"no json\n")
    environment = {**os.environ, "STORMWATCH_HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "c")}
    command = [str(Path(sys.executable).with_name("stormwatch")), "ingest", "--follow", str(log.path), "--json"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    wait_until(lambda: bool(list((tmp_path / "home" / "ingest" / "followed").glob("*.json"))))
    child.send_signal(name)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    report = json.loads(out)
    assert (report["accepted"], report["rejected"]) == (5, 1)
    assert "kept in" in err


def test_what_cannot_be_followed_is_explained(tmp_path: Path) -> None:
    from command_line import stormwatch

    packed = tmp_path / "log.gz"
    packed.write_bytes(gzip.compress(b"{}"))
    environment = {"STORMWATCH_HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "c")}
    for path, said in ((packed, "compressed"), (tmp_path, "only a file"), (tmp_path / "no" / "log", "only a file")):
        called = stormwatch("ingest", "--follow", path, environment=environment)
        assert called.returncode == 1
        assert said in called.stderr

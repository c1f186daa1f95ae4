"""kill -9 at any point, restart, resend: exactly the events that were sent, once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from event_making import counts, event, ndjson, store_in, stored, texts
from stormwatch.events.ingest import ingest_file

CHILD = Path(__file__).with_name("killed_ingest.py")
SENT = 950
POINTS = (
    "before-log",
    "half-a-frame",
    "between-log-and-index",
    "before-sealing",
    "between-lake-files",
    "before-lake-commit",
    "before-log-removal",
)


Run = Callable[..., tuple[int, str]]


class Forker:
    """The process that forks those that ingest and die."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def at_once(self, *tasks: tuple[Path, Path, str]) -> list[tuple[int, str]]:
        """How children that run beside each other ended, and what they said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([[str(home), str(file), point] for home, file, point in tasks]) + "\n")
        self._process.stdin.flush()
        return [(code, said) for code, said in json.loads(self._process.stdout.readline())]


@pytest.fixture(scope="module")
def forker() -> Iterator[Forker]:
    process = subprocess.Popen([sys.executable, str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield Forker(process)
    process.communicate(timeout=60)


@pytest.fixture
def run(forker: Forker) -> Run:
    """One child to its end."""
    return lambda home, file, point="nowhere": forker.at_once((home, file, point))[0]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "events.ndjson"
    path.write_bytes(ndjson(event(number) for number in range(SENT)))
    return path


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_ingest_resent_gives_every_event_once(tmp_path: Path, file: Path, run: Run, point: str) -> None:
    home = tmp_path / "home"
    assert run(home, file, point)[0] == -9
    code, said = run(home, file)
    assert code == 0, said
    accepted, duplicate = map(int, said.split())
    assert accepted + duplicate == SENT
    store = store_in(home)
    table = stored(store)
    assert counts(table) == Counter({f"ev-{number}": 1 for number in range(SENT)})
    assert [text.event_id for text in texts(store)] == table["event_id"].to_pylist()
    assert not any(table["conflicting"].to_pylist())


def test_every_kill_point_one_after_the_other_in_one_home(tmp_path: Path, file: Path, run: Run) -> None:
    home = tmp_path / "home"
    for point in POINTS:
        run(home, file, point)
    assert counts(stored(store_in(home))) == Counter({f"ev-{number}": 1 for number in range(SENT)})


def test_what_was_written_before_a_torn_frame_needs_no_resending(tmp_path: Path, file: Path, run: Run) -> None:
    home = tmp_path / "home"
    run(home, file, "half-a-frame")
    assert stored(store_in(home)).num_rows == 200


@pytest.mark.parametrize("wait_for", [1, 20_000, 60_000])
def test_a_kill_from_outside_at_some_length_of_the_log(tmp_path: Path, run: Run, wait_for: int) -> None:
    file = tmp_path / "many.ndjson"
    file.write_bytes(ndjson(event(number) for number in range(5_000)))
    home = tmp_path / "home"
    child = subprocess.Popen([sys.executable, str(CHILD), str(home), str(file)], stdout=subprocess.PIPE)
    while child.poll() is None:
        if sum(path.stat().st_size for path in (home / "ingest" / "log").glob("log-*")) >= wait_for:
            child.kill()
            break
        time.sleep(0.001)
    child.communicate(timeout=120)
    assert run(home, file)[0] == 0
    assert counts(stored(store_in(home))) == Counter({f"ev-{number}": 1 for number in range(5_000)})


def test_several_processes_at_once_store_each_event_once(tmp_path: Path, file: Path, forker: Forker) -> None:
    home = tmp_path / "home"
    ended = forker.at_once(*[(home, file, "nowhere")] * 3)
    assert [code for code, _ in ended] == [0, 0, 0], ended
    told = [[int(number) for number in said.split()] for _, said in ended]
    assert sum(accepted for accepted, _ in told) == SENT
    assert sum(duplicate for _, duplicate in told) == 2 * SENT
    assert counts(stored(store_in(home))) == Counter({f"ev-{number}": 1 for number in range(SENT)})


def test_a_store_that_stays_open_notices_that_another_process_died(tmp_path: Path, file: Path, run: Run) -> None:
    home = tmp_path / "home"
    store = store_in(home)
    assert run(home, file, "between-log-and-index")[0] == -9
    report = ingest_file(store, file, collector="gateway")
    assert (report.accepted, report.duplicate) == (SENT - 300, 300)
    assert stored(store).num_rows == SENT

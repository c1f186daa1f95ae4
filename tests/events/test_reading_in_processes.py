"""Large files are read by several processes: what is stored, rejected and said is the same as with one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from event_making import event, ndjson, store_in, stored, texts
from stormwatch.events import ingest
from stormwatch.events.ingest import ingest_file
from stormwatch.model.errors import InvalidInput
from stormwatch.storage.worker_processes import ordered_map
from worker_work import Doubling, ImportedModules

MANY = 9_000


@pytest.fixture(autouse=True)
def every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "_LARGE_FILE", 1)


def mixed(tmp_path: Path) -> Path:
    """Events over several blocks, accounts, a broken record, a line that is too long, one without an end."""
    path = tmp_path / "mixed.ndjson"
    filler = "translate the manual " * 20
    many = [event(n, input=[{"role": "user", "content": f"{filler}{n}"}]) for n in range(MANY)]
    accounts = [{"account_id": "acct-1", "status": status} for status in ("active", "suspended")]
    path.write_bytes(
        ndjson(many[:4000])
        + b"{broken\n\n"
        + ndjson(accounts)
        + b'{"event_id": "'
        + b"x" * 300_000
        + b'"}\n'
        + ndjson(many[4000:])
        + b'{"event_id": "last"'
    )
    return path


def test_several_processes_store_and_reject_what_one_does(tmp_path: Path) -> None:
    path = mixed(tmp_path)
    outcomes = []
    for processes in (1, 2):
        store = store_in(tmp_path / f"home-{processes}", max_record_bytes=200_000)
        report = ingest_file(store, path, collector="c", processes=processes)
        table = stored(store)
        accounts = store.lake.read("account_records").to_pylist()
        told = (report.accepted, report.duplicate, report.rejected, report.first_reasons)
        rows = table.drop_columns(["segment", "ingested_us"]).to_pylist()
        outcomes.append((told, rows, [text.prompt for text in texts(store)], accounts))
    assert outcomes[0] == outcomes[1]
    (accepted, _, rejected, reasons), rows, _, accounts = outcomes[0]
    assert (accepted, len(rows), rejected) == (MANY + 2, MANY, 3)
    assert [reason.line for reason in reasons] == [4001, 4005, MANY + 6]
    assert accounts[0]["status"] == "suspended"


def test_what_came_before_an_error_of_the_input_is_handed_over() -> None:
    def inputs() -> object:
        yield from range(5)
        raise InvalidInput("broke off")

    results = ordered_map(Doubling, inputs(), 2)  # type: ignore[arg-type, type-var]
    assert [next(results) for _ in range(5)] == [0, 2, 4, 6, 8]
    with pytest.raises(InvalidInput):
        next(results)


def test_a_process_imports_nothing_of_what_its_parent_was_started_as() -> None:
    before = vars(sys.modules["__main__"]).get("__file__"), sys.modules["__main__"].__spec__
    (imported,) = ordered_map(ImportedModules, [1], 1)
    assert "_pytest" not in imported
    assert (vars(sys.modules["__main__"]).get("__file__"), sys.modules["__main__"].__spec__) == before


def test_the_processes_end_when_their_parent_is_killed() -> None:
    script = (
        "import os, sys, time\n"
        "from stormwatch.storage.worker_processes import ordered_map\n"
        "if __name__ == '__main__':\n"
        "    for pid in ordered_map(WhoAmI, range(100), 2):\n"
        "        print(pid, flush=True)\n"
        "        time.sleep(0.2)\n"
    )
    here = Path(__file__).parents[1]
    program = f"import sys; sys.path.insert(0, {str(here)!r})\nfrom worker_work import WhoAmI\n{script}"
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = {int(parent.stdout.readline()) for _ in range(3)}
    parent.send_signal(signal.SIGKILL)
    parent.wait(timeout=30)
    deadline = time.monotonic() + 30
    while any(_lives(pid) for pid in workers):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"

"""`stormwatch ingest`: its answer, its exit codes, and a home made on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import zstandard

from command_line import Called, stormwatch
from event_making import event, ndjson
from stormwatch.runtime import open_runtime


def called(home: Path, *arguments: str | Path) -> Called:
    return stormwatch("--home", home, *arguments)


def test_a_first_ingest_makes_the_home_and_answers_in_json(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(ndjson([event(1), event(2)]) + b'{"event_id": "bad\x1b[31m"}\n')
    done = called(home, "ingest", file, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told) >= {"accepted", "duplicate", "conflicting", "rejected", "quarantine", "first_reasons"}
    assert (told["accepted"], told["rejected"]) == (2, 1)
    assert told["first_reasons"][0]["line"] == 3
    assert Path(told["quarantine"]).is_file()
    assert "making a home" in done.stderr
    assert "rejected records: 1, the first for: " in done.stderr
    runtime = open_runtime(home)
    assert runtime.lake.read("events").num_rows == 2
    assert runtime.access.first_administrator() is not None
    runtime.close()
    again = called(home, "ingest", file, "--collector", "other")
    assert (again.returncode, again.stdout.startswith("2 accepted")) == (0, True)


def test_files_that_give_nothing_end_in_one_sentence_and_exit_1(home: Path, tmp_path: Path) -> None:
    empty, broken, good = tmp_path / "empty", tmp_path / "broken", tmp_path / "good"
    empty.write_bytes(b"")
    broken.write_bytes(b"{\x1b[31moops}\n")
    good.write_bytes(ndjson([event(1)]))
    done = called(home, "ingest", broken)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no record could be read: not valid JSON" in done.stderr
    assert "line 1" in done.stderr
    assert "\x1b" not in done.stderr
    mixed = called(home, "ingest", empty, good, tmp_path / "missing", "--json")
    assert mixed.returncode == 1
    assert json.loads(mixed.stdout)["accepted"] == 1
    assert "the file is empty" in mixed.stderr
    assert "cannot be read" in mixed.stderr


@pytest.mark.parametrize("kept", [0.001, 0.5, 0.99])
def test_a_truncated_file_stores_what_came_before_the_cut_and_is_no_success(
    home: Path, tmp_path: Path, kept: float
) -> None:
    packed = zstandard.compress(ndjson(event(number) for number in range(5000)))
    cut, whole = tmp_path / "cut.zst", tmp_path / "whole.zst"
    cut.write_bytes(packed[: max(int(len(packed) * kept), 8)])
    whole.write_bytes(packed)
    done = called(home, "ingest", cut, "--json")
    assert done.returncode == 1
    assert "ends too early" in done.stderr.splitlines()[-1]
    assert f"{cut}, line " in done.stderr
    before = json.loads(done.stdout)["accepted"]
    again = json.loads(called(home, "ingest", whole, "--json").stdout)
    assert (again["accepted"], again["duplicate"]) == (5000 - before, before)


def test_a_file_name_cannot_forge_a_line(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "events\nstormwatch: all is well\x1b[32m\u202e.ndjson"
    file.write_bytes(b"{broken\n" + ndjson([event(1)]))
    done = called(home, "ingest", file)
    assert done.returncode == 0
    listed = called(home, "quarantine")
    for shown in (done.stdout + done.stderr, listed.stdout):
        assert r"\x0astormwatch: all is well\x1b[32m\u202e.ndjson" in shown
        assert not any(character in shown for character in "\x1b\u202e")


def test_wrong_usage_is_exit_2(home: Path) -> None:
    assert called(home, "ingest").returncode == 2
    assert called(home, "ingest", "x", "--format", "no-such-format").returncode == 2

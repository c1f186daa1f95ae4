"""Proofs promise: who has a checkpoint and the public key learns of any change, and needs nothing else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import Called, stormwatch
from stormwatch.ledger.checkpoint import CheckpointSigner
from stormwatch.ledger.log import Ledger
from stormwatch.ledger.proof_files import check_proof, parse_proof, proof_text
from stormwatch.ledger.proofs import consistency_proof, continues, includes, inclusion_proof, tree_head
from stormwatch.ledger.tree import RightEdge, leaf_hash
from stormwatch.ledger.witness import read_witness, witness_growth
from stormwatch.model.errors import IntegrityError, InvalidInput
from stormwatch.runtime import open_runtime
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring

LEAVES = [leaf_hash(bytes([number])) for number in range(70)]
ROOTS = [tree_head(LEAVES[:size]) for size in range(len(LEAVES) + 1)]
SIZES = st.integers(1, len(LEAVES))
WRONG = b"\x00" * 32


def test_the_head_is_that_of_the_right_edge() -> None:
    edge = RightEdge()
    for size, leaf in enumerate(LEAVES, start=1):
        edge = edge.append(leaf)
        assert edge.root == ROOTS[size]


# The known answers of RFC 9162, section 2.1.5, in its own letters.
def test_the_examples_of_the_standard() -> None:
    seven = LEAVES[:7]
    a, b, c, d, _, _, j = seven

    def node(*leaves: bytes) -> bytes:
        return tree_head(leaves)

    g, h, i = node(a, b), node(c, d), node(*seven[4:6])
    k, last = node(a, b, c, d), node(*seven[4:7])
    assert inclusion_proof(0, seven) == (b, h, last)
    assert inclusion_proof(3, seven) == (c, g, last)
    assert inclusion_proof(4, seven) == (seven[5], j, k)
    assert inclusion_proof(6, seven) == (i, k)
    assert consistency_proof(3, seven) == (c, d, g, last)
    assert consistency_proof(4, seven) == (last,)
    assert consistency_proof(6, seven) == (i, j, k)


@given(SIZES, st.data())
def test_every_leaf_is_proved_and_no_other(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(index, LEAVES[:size])
    assert includes(LEAVES[index], index, size, path, ROOTS[size])
    assert not includes(WRONG, index, size, path, ROOTS[size])
    assert not includes(LEAVES[index], index, size, (*path, WRONG), ROOTS[size])
    other = data.draw(st.integers(-1, size).filter(lambda number: number != index))
    assert not includes(LEAVES[index], other, size, path, ROOTS[size])
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        assert not includes(LEAVES[index], index, size, (*path[:at], WRONG, *path[at + 1 :]), ROOTS[size])
        assert not includes(LEAVES[index], index, size, path[:-1], ROOTS[size])


@given(SIZES, SIZES, st.data())
def test_every_earlier_tree_is_proved_and_no_other(one: int, other: int, data: st.DataObject) -> None:
    first, second = sorted((one, other))
    path = consistency_proof(first, LEAVES[:second])
    assert continues(first, ROOTS[first], second, ROOTS[second], path)
    assert not continues(first, WRONG, second, ROOTS[second], path)
    assert not continues(first, ROOTS[first], second, WRONG, path)
    assert not continues(first, ROOTS[first], second, ROOTS[second], (*path, WRONG))
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        assert not continues(first, ROOTS[first], second, ROOTS[second], (*path[:at], WRONG, *path[at + 1 :]))
    if first < second:
        assert not continues(second, ROOTS[second], first, ROOTS[first], path)


@pytest.mark.parametrize(("first", "size"), [(0, 3), (4, 3), (-1, 3)])
def test_what_cannot_be_proved_is_an_error(first: int, size: int) -> None:
    with pytest.raises(ValueError, match="no such earlier tree"):
        consistency_proof(first, LEAVES[:size])
    with pytest.raises(ValueError, match="no such leaf"):
        inclusion_proof(size, LEAVES[:size])


@pytest.fixture
def ledger(either_database: Database) -> Ledger:
    made = Ledger(either_database, Keyring(b"k" * 32))
    _grow(either_database, made, 5)
    return made


def _grow(database: Database, made: Ledger, count: int) -> None:
    with database.write() as connection:
        for number in range(count):
            made.append(connection, "deed.done", "person-1", f"account-{number}", {"n": number})


def _altered(text: str, **changes: Any) -> str:
    return json.dumps({**json.loads(text), **changes})


def test_an_outsider_checks_an_entry(ledger: Ledger) -> None:
    closed, opened = ledger.prove_inclusion(3), ledger.prove_inclusion(3, opened=True)
    assert "account-2" not in proof_text(closed), "a proof tells no more than it must"
    assert "entry 3 (deed.done) is among the 5" in check_proof(parse_proof(proof_text(closed)), ledger.public_key)
    assert '{"n":2} of account-2' in check_proof(parse_proof(proof_text(opened)), ledger.public_key)
    text = proof_text(opened)
    opening = json.loads(text)["opening"]
    for changes in (
        {"kind": "deed.undone"},
        {"actor": "person-2"},
        {"sequence": 2},
        {"time_us": 1},
        {"commitment": "00" * 32},
        {"path": []},
        {"path": ["zz"]},
        {"opening": {**opening, "body": '{"n":3}'}},
        {"opening": {**opening, "salt": "zz"}},
    ):
        with pytest.raises(IntegrityError):
            check_proof(parse_proof(_altered(text, **changes)), ledger.public_key)


def test_an_outsider_checks_that_the_log_goes_on(ledger: Ledger, either_database: Database) -> None:
    mine = ledger.checkpoint()
    _grow(either_database, ledger, 8)
    proof = ledger.prove_consistency(mine)
    assert "13 entries" in check_proof(parse_proof(proof_text(proof)), ledger.public_key, mine)
    forger = CheckpointSigner(Keyring(b"j" * 32))
    forged = msgspec.structs.replace(proof, second=forger.sign(13, proof.second.root, 1))
    for wrong in (
        forged,
        msgspec.structs.replace(proof, first=msgspec.structs.replace(mine, size=4)),
        msgspec.structs.replace(proof, path=proof.path[1:]),
        msgspec.structs.replace(proof, first=proof.second, second=proof.first),
    ):
        with pytest.raises(IntegrityError):
            check_proof(wrong, ledger.public_key)
    with pytest.raises(IntegrityError, match="another head than your checkpoint"):
        check_proof(ledger.prove_inclusion(1), ledger.public_key, mine)


@pytest.mark.parametrize("text", ["", "{}", "[" * 5000, '{"format": "inclusion/1"}', '{"format": "x"}', "\ud800"])
def test_what_is_no_proof_is_explained(text: str) -> None:
    with pytest.raises(InvalidInput, match="this is no proof"):
        parse_proof(text, where="proof.json")


@pytest.fixture
def run(home: Path) -> Callable[..., Called]:
    def call(*arguments: str | Path) -> Called:
        return stormwatch("--home", home, *arguments)

    assert call("init").returncode == 0
    return call


def _tamper(home: Path, *statements: str) -> None:
    with closing(sqlite3.connect(home / "stormwatch.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_proofs_are_checked_without_a_home(run: Callable[..., Called], home: Path, tmp_path: Path) -> None:
    mine, entry, onward = tmp_path / "mine.json", tmp_path / "entry.json", tmp_path / "onward.json"
    key = run("audit", "key").stdout.strip()
    run("audit", "checkpoint", "--output", mine)
    assert run("audit", "prove", "--entry", "2", "--output", entry).returncode == 0
    assert run("audit", "prove", "--since", mine, "--output", onward).returncode == 0
    nowhere = ("--home", tmp_path / "nowhere")
    for file in (entry, onward):
        checked = stormwatch(*nowhere, "audit", "check", file, "--public-key", key, "--checkpoint", mine)
        assert (checked.returncode, checked.stdout[:8]) == (0, "Proved: ")
    other = stormwatch(*nowhere, "audit", "check", entry, "--public-key", "A" * 43 + "=")
    assert (other.returncode, "not signed by this key" in other.stderr) == (1, True)
    assert not (tmp_path / "nowhere").exists()
    assert run("audit", "prove", "--output", entry).returncode == 2
    assert run("audit", "prove", "--entry", "99", "--output", entry).returncode == 1
    _tamper(home, "UPDATE ledger SET leaf_hash = head WHERE sequence = 2")
    refused = run("audit", "prove", "--entry", "1", "--output", entry)
    assert (refused.returncode, "do not make up the ledger's head" in refused.stderr) == (1, True)


def test_a_witness_elsewhere_remembers_every_checkpoint(
    run: Callable[..., Called], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness, old = tmp_path / "elsewhere.ndjson", tmp_path / "old.db"
    monkeypatch.setenv("STORMWATCH_WITNESS_FILE", str(witness))
    assert run("audit", "checkpoint").returncode == 0
    with closing(sqlite3.connect(home / "stormwatch.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(old),))
    _grow_by_command(home)
    assert run("audit", "checkpoint").returncode == 0
    kept = [json.loads(line)["size"] for line in witness.read_text().splitlines()]
    assert kept == sorted(kept)
    assert len(set(kept)) == 2
    assert run("audit", "verify", "--witness", witness).returncode == 0

    for name in ("stormwatch.db", "stormwatch.db-wal", "stormwatch.db-shm"):
        (home / name).unlink(missing_ok=True)
    old.rename(home / "stormwatch.db")
    assert run("audit", "verify").returncode == 0, "an older copy of the whole database is whole"
    broken = run("audit", "verify", "--witness", witness)
    assert (broken.returncode, "the end was cut off" in broken.stderr) == (1, True)
    assert run("audit", "checkpoint").returncode == 1, "no new checkpoint hides what the witness saw"
    assert len(witness.read_text().splitlines()) == 2

    witness.write_text(witness.read_text()[:-30])
    torn = run("audit", "verify", "--witness", witness)
    assert (torn.returncode, f"{witness}, line 2" in torn.stderr) == (1, True)


def _grow_by_command(home: Path) -> None:

    runtime = open_runtime(home)
    _grow(runtime.database, runtime.ledger, 2)
    runtime.close()


def test_a_server_adds_to_the_witness_only_what_is_new(
    ledger: Ledger, either_database: Database, tmp_path: Path
) -> None:
    witness = tmp_path / "witness.ndjson"
    assert witness_growth(ledger, witness) is not None
    assert witness_growth(ledger, witness) is None
    _grow(either_database, ledger, 1)
    assert witness_growth(ledger, witness) is not None
    assert [seen.size for seen in read_witness(witness)] == [5, 6]
    with either_database.write() as connection:
        connection.exec_driver_sql("UPDATE ledger SET actor = 'x' WHERE sequence = 1")
        ledger.append(connection, "deed.done", "person-1", "account", {})
    with pytest.raises(IntegrityError, match="row 1"):
        witness_growth(ledger, witness)

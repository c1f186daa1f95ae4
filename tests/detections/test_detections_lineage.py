"""One program that changes a little in each throw-away account is put back in order; strangers stay out of it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import stormwatch
from stormwatch.detections.fingerprints.lineage import (
    BY_SHAPE,
    LEAST_CONTAINMENT,
    Fragment,
    fragments_of,
    lineage,
    lineage_of_account,
    related,
    similarity,
)
from stormwatch.detections.fingerprints.shared_fingerprints import (
    FEWEST_SHARED,
    frequencies,
    one_row_a_hash,
    shared_fingerprints,
)
from stormwatch.detections.fingerprints.text_features import TextFeatures
from stormwatch.storage.duckdb_engine import DuckDBEngine
from stormwatch.storage.schemas import FINGERPRINTS

sets = st.frozensets(st.integers(0, 40), max_size=20)


@given(sets, sets)
def test_similarity_is_a_share_the_same_from_both_sides(first: frozenset[int], second: frozenset[int]) -> None:
    found = similarity(first, second)
    assert found == similarity(second, first)
    assert 0 <= found.jaccard <= found.containment <= 1
    assert similarity(first, first).containment == (1.0 if first else 0.0)


def fragment(account: str, time: int, hashes: set[int], kind: str = "code-text") -> Fragment:
    return Fragment(account, f"event-{account}-{time}", time, kind, 100, frozenset(hashes))


def chain(steps: int, size: int = 40, change: int = 6) -> list[Fragment]:
    """A program that loses and gains a few fingerprints from one account to the next."""
    return [fragment(f"account-{n}", n, set(range(n * change, n * change + size))) for n in range(steps)]


@given(st.randoms(use_true_random=False))
def test_a_chain_comes_back_in_order_however_it_is_given(dice: random.Random) -> None:
    fragments = [*chain(9), *(fragment(f"stranger-{n}", n, set(range(9000 + 50 * n, 9040 + 50 * n))) for n in range(5))]
    dice.shuffle(fragments)
    line = lineage_of_account(fragments, "account-4")[0]
    assert [step.fragment.account_id for step in line] == [f"account-{n}" for n in range(9)]
    assert [step.parent.account_id for step in line[1:] if step.parent] == [f"account-{n}" for n in range(8)]


def test_a_part_pasted_elsewhere_belongs_to_the_program_it_is_from() -> None:
    part = fragment("part", 20, set(range(30, 40)))
    lines = lineage(related([*chain(3), part], "part"))
    assert {step.fragment.account_id for step in lines[0]} == {"account-0", "account-1", "account-2", "part"}


def test_two_versions_may_grow_from_one() -> None:
    first, left, right = (fragment(name, time, found) for name, time, found in (
        ("a", 1, set(range(40))), ("b", 2, {*range(35), 101, 102}), ("c", 3, {*range(5, 40), 201, 202}),
    ))  # fmt: skip
    (line,) = lineage([right, left, first])
    assert [step.parent and step.parent.account_id for step in line] == [None, "a", "a"]


small = st.frozensets(st.integers(0, 9), min_size=1, max_size=8)


@given(st.lists(st.tuples(st.integers(0, 5), small, st.sampled_from(["code-text", "document"])), max_size=12))
def test_the_nearest_is_found_as_by_looking_at_every_earlier_one(drawn: list[tuple[int, frozenset[int], str]]) -> None:
    fragments = [fragment(f"a{n}", time, set(hashes), kind) for n, (time, hashes, kind) in enumerate(drawn)]
    ordered = sorted(fragments, key=lambda one: (one.time_us, one.event_id, sorted(one.hashes)))
    for step in (step for line in lineage(fragments) for step in line):
        earlier = ordered[: ordered.index(step.fragment)]
        kin = [one for one in earlier if one.kind == step.fragment.kind and _is_kin(one, step.fragment)]
        best = max((similarity(one.hashes, step.fragment.hashes).jaccard for one in kin), default=0.0)
        nearest = [one for one in kin if similarity(one.hashes, step.fragment.hashes).jaccard == best]
        assert step.parent == (nearest[-1] if nearest else None)  # the latest of those equally near


def _is_kin(first: Fragment, second: Fragment) -> bool:
    shared, smaller = len(first.hashes & second.hashes), min(len(first.hashes), len(second.hashes))
    return shared >= min(FEWEST_SHARED, smaller) and shared >= LEAST_CONTAINMENT * smaller


def test_a_passage_in_common_and_another_kind_make_no_history() -> None:
    first = fragment("a", 1, set(range(40)))
    passage = fragment("b", 2, {*range(12), *range(100, 130)})
    document = fragment("c", 3, set(range(40)), kind="document")
    assert [len(line) for line in lineage([first, passage, document])] == [1, 1, 1]
    assert related([first, passage, document], "a") == [first]


PROGRAM = [f"    if {a} in {b}[{n}]:\n        {b}.{c}({a} + {n * 3}, {c}_{n})" for n, (a, b, c) in enumerate(
    (a, b, c) for a in ("row", "key") for b in ("slot", "page") for c in ("mark", "seal", "open")
)]  # fmt: skip


def fingerprints(texts: dict[str, str]) -> pa.Table:
    """Fingerprints of one prompt of each account."""
    from stormwatch.detections.text.normalise import NormalText
    from stormwatch.model.event import EventText, Message

    features = TextFeatures(b"k" * 32)
    for place, text in enumerate(texts.values()):
        prompt = f"Fix this.\n```\n{text}\n```"
        features.add(place, EventText("e", (Message("user", prompt),)), NormalText(prompt, "", ""))

    class Events:
        def keys_of(self, places: list[int]) -> pa.Table:
            names = list(texts)
            return pa.table(
                {
                    "event_id": [f"event-{names[place]}" for place in places],
                    "account_id": [names[place] for place in places],
                    "time_us": [place * 1_000_000 for place in places],
                }
            )

    return features.tables(Events())[0]  # type: ignore[arg-type]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    made = DuckDBEngine(tmp_path / "spill")
    yield made
    made.close()


def test_accounts_that_share_a_rare_program_are_a_pair_and_a_popular_one_makes_none(engine: DuckDBEngine) -> None:
    rare = "\n".join(PROGRAM)
    popular = "\n".join(line.replace("slot", "list").replace("row", "x") for line in PROGRAM[::-1])
    changed = "\n".join([*PROGRAM[:6], "    log(row, key)", *PROGRAM[6:]])
    texts = {"one": rare, "two": changed, **{f"reader-{n}": popular for n in range(30)}}
    rows = fingerprints(texts)
    pairs = shared_fingerprints(engine, rows.filter(pc.equal(rows["kind"], "code-text")))
    assert [(pair.account_id_a, pair.account_id_b) for pair in pairs] == [("one", "two")]
    frequency = frequencies(engine, rows)
    assert {fragment.account_id for fragment in fragments_of(rows, frequency)} == {"one", "two"}


def test_a_wholly_renamed_copy_is_found_by_its_shape_alone(engine: DuckDBEngine) -> None:
    renamed = "\n".join(PROGRAM)
    for name in ("row", "key", "slot", "page", "mark", "seal", "open"):
        renamed = renamed.replace(name, f"{name[0]}{name[-1]}_new")
    rows = fingerprints({"one": "\n".join(PROGRAM), "two": renamed})
    assert len(related(fragments_of(rows, {}), "one")) == 1
    assert len(related(fragments_of(rows, {}, BY_SHAPE), "one")) == 2


def test_no_fingerprints_are_no_rows() -> None:
    assert one_row_a_hash(FINGERPRINTS.empty_table()).num_rows == 0


def test_the_command_tells_a_lineage_and_says_when_there_is_none(
    runtime: Any, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, program = [], list(PROGRAM)
    for number in range(3):
        program.insert(2 + 4 * number, f"    step_{number}(row)")
        text = "\n".join(program)
        lines.append(
            {
                "event_id": f"event-{number}",
                "time": f"2026-03-02T1{number}:00:00Z",
                "account_id": f"throw-away-{number}",
                "input": [{"role": "user", "content": f"Next change.\n```\n{text}\n```"}],
            }
        )
    file = tmp_path / "events.ndjson"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    runtime.close()
    assert stormwatch("--home", home, "ingest", str(file)).returncode == 0
    assert stormwatch("--home", home, "hunt").returncode == 0
    told = stormwatch("--home", home, "lineage", "throw-away-1", "--json")
    found = json.loads(told.stdout)["lines"][0]
    assert [step["account_id"] for step in found] == ["throw-away-0", "throw-away-1", "throw-away-2"]
    assert found[2]["grew_from_event"] == "event-1"
    nobody = stormwatch("--home", home, "lineage", "nobody")
    assert nobody.returncode == 1
    assert "hunt first" in nobody.stderr

"""Whatever the order in which segments, rules and indicators came, the tables equal those of a full run."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stormwatch.detections import scanning
from stormwatch.detections.artefacts.artefacts import ArtefactExtractor
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.run import DetectReport, detect
from stormwatch.detections.segment_events import SegmentEvents
from stormwatch.detections.sigma.rule import Rule
from stormwatch.model.event import EventText, Message
from stormwatch.model.intel import Indicator
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.storage import texts
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake, LakeChange
from stormwatch.storage.schemas import EVENTS

WORDS = ("alpha", "beta", "gamma", "bad.example", "http://evil.example/x", "198.51.100.7", "nothing")


@pytest.fixture
def rules(make_rule: Callable[..., Rule]) -> list[Rule]:
    ids = [f"{number}0000000-0000-4000-8000-000000000000" for number in range(3)]
    words = ("alpha", "beta", "gamma")
    return [
        make_rule(f"words:\n  prompt|contains: {word}\ncondition: words", rule_id=rule_id)
        for word, rule_id in zip(words, ids, strict=True)
    ]


def indicators() -> list[Indicator]:
    told = [("domain-name", "bad.example"), ("domain-name", "evil.example"), ("ipv4-addr", "198.51.100.7")]
    return [
        Indicator(f"indicator--{value}", Observable(ObservableKind(kind), value), 5_000_000 * number, confidence=50)
        for number, (kind, value) in enumerate(told)
    ]


def segment_rows(event: Callable[..., dict[str, Any]], name: str, seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    return [
        event(
            number,
            " ".join(chance.choices(WORDS, k=3)),
            event_id=f"{name}-{number}",
            source_ip=chance.choice(["198.51.100.7", "203.0.113.5", None]),
        )
        for number in range(chance.randrange(1, 40))
    ]


def tables(lake: Lake) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    def rows(name: str) -> list[dict[str, Any]]:
        return sorted(lake.read(name).to_pylist(), key=repr)

    return rows("detections"), rows("observables")


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_news_gives_what_a_full_run_gives(
    lake: Lake,
    keyring: Keyring,
    rules: Sequence[Rule],
    add_segment: Callable[..., None],
    add_records: Callable[..., None],
    event: Callable[..., Any],
    seed: int,
) -> None:
    chance = random.Random(seed)
    told = indicators()
    for step in range(6):
        news = chance.choice(["segment", "segment", "records", "nothing"])
        if news == "segment":
            add_segment(f"s{step}", segment_rows(event, f"s{step}", seed * 100 + step))
        elif news == "records":
            add_records([{"account_id": f"account-{step}", "signup_ip": "198.51.100.7", "created_us": step}])
        now_rules = RuleSet(chance.sample(list(rules), chance.randrange(0, 4)))
        now_told = chance.sample(told, chance.randrange(0, 4))
        detect(lake, keyring, now_rules, now_told)
        incremental = tables(lake)
        detect(lake, keyring, now_rules, now_told, full=True)
        assert tables(lake) == incremental


@pytest.fixture
def filled(add_segment: Callable[..., None], event: Callable[..., Any]) -> None:
    for number in range(3):
        add_segment(f"s{number}", segment_rows(event, f"s{number}", number))


@pytest.mark.usefixtures("filled")
def test_nothing_new_opens_no_text_and_writes_nothing(lake: Lake, keyring: Keyring, rules: Sequence[Rule]) -> None:
    first = detect(lake, keyring, RuleSet(rules), indicators())
    assert first.events_scanned > 0
    assert first.segments_changed == 3
    version = lake.manifest().version
    assert detect(lake, keyring, RuleSet(rules), indicators()) == DetectReport()
    assert lake.manifest().version == version


@pytest.mark.usefixtures("filled")
def test_new_indicators_open_no_text(
    lake: Lake, keyring: Keyring, rules: Sequence[Rule], monkeypatch: pytest.MonkeyPatch
) -> None:
    detect(lake, keyring, RuleSet(rules), [])
    monkeypatch.setattr(texts, "unseal", lambda *_arguments: pytest.fail("a text was opened"))
    report = detect(lake, keyring, RuleSet(rules), indicators())
    assert report.indicator_hits > 0
    assert report.events_scanned == report.rule_hits == report.observables == 0


@pytest.mark.usefixtures("filled")
def test_a_new_rule_is_scanned_alone_and_a_dropped_one_takes_its_hits_along(
    lake: Lake, keyring: Keyring, rules: Sequence[Rule]
) -> None:
    detect(lake, keyring, RuleSet(rules[:2]), [])
    report = detect(lake, keyring, RuleSet(rules), [])
    third = [row for row in lake.read("detections").to_pylist() if row["rule_id"] == rules[2].rule_id]
    assert report.rule_hits == len(third) > 0
    assert report.observables == 0
    assert detect(lake, keyring, RuleSet(rules[1:]), []).events_scanned == 0
    left = {row["rule_id"] for row in lake.read("detections").to_pylist()}
    assert left == {rule.rule_id for rule in rules[1:]}


@pytest.mark.usefixtures("filled")
def test_a_segment_that_is_gone_takes_its_findings_along(lake: Lake, keyring: Keyring, rules: Sequence[Rule]) -> None:
    detect(lake, keyring, RuleSet(rules), indicators())
    gone = {file.path for table in ("events", "texts") for file in lake.files(table) if file.segment == "s1"}
    lake.commit(LakeChange(drop=frozenset(gone)))
    detect(lake, keyring, RuleSet(rules), indicators())
    for table in ("detections", "observables"):
        assert not any(row["event_id"].startswith("s1-") for row in lake.read(table).to_pylist())


@pytest.mark.usefixtures("filled")
def test_erased_texts_leave_what_was_found_in_them(lake: Lake, keyring: Keyring, rules: Sequence[Rule]) -> None:
    detect(lake, keyring, RuleSet(rules[:2]), indicators())
    before = tables(lake)
    lake.commit(LakeChange(drop=frozenset(file.path for file in lake.files("texts"))))
    for full in (False, True, False):
        detect(lake, keyring, RuleSet(rules), indicators(), full=full)
        assert tables(lake) == before
    version = lake.manifest().version
    detect(lake, keyring, RuleSet(rules), indicators())
    assert lake.manifest().version == version


def test_a_rule_over_event_fields_sees_the_event_of_its_text(
    lake: Lake,
    keyring: Keyring,
    make_rule: Callable[..., Rule],
    add_segment: Callable[..., None],
    event: Callable[..., Any],
) -> None:
    rule = make_rule("words:\n  prompt|contains: alpha\n  refused: true\ncondition: words")
    rows = [event(number, "alpha", refused=number % 7 == 0) for number in range(texts.ROWS_PER_CHUNK + 50)]
    add_segment("long", rows)
    detect(lake, keyring, RuleSet([rule]), [])
    seen = {row["event_id"] for row in lake.read("detections").to_pylist()}
    assert seen == {row["event_id"] for row in rows if row["refused"]}


def test_shadow_and_topic_are_written(
    lake: Lake,
    keyring: Keyring,
    make_rule: Callable[..., Rule],
    add_segment: Callable[..., None],
    event: Callable[..., Any],
) -> None:
    rule = make_rule("words:\n  prompt|contains: alpha\ncondition: words", more="shadow: true\ntopic: some-topic\n")
    add_segment("one", [event(1, "alpha")])
    detect(lake, keyring, RuleSet([rule]), [])
    [row] = lake.read("detections").to_pylist()
    assert (row["shadow"], row["topic"], row["techniques"]) == (True, "some-topic", ["LLM-02", "T1059"])


def test_how_many_texts_are_read_at_once_changes_nothing_that_is_found(
    make_rule: Callable[..., Rule], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(5)
    words = ("alpha", "beta", "203.0.113.77", "example.org", "m4lw4r3", "\u0430lpha", "```\nx = 1\n```", "plain")
    texts = [EventText(f"e{n}", (Message("user", " ".join(chance.choices(words, k=n % 9))),)) for n in range(300)]
    rules = RuleSet([make_rule("words: {prompt|contains: alpha}\ncondition: words")])
    rows = [{"event_id": t.event_id, "account_id": "a", "time_us": n} for n, t in enumerate(texts)]
    places = [{"text_chunk": n // 256, "text_row": n % 256} for n in range(len(texts))]
    events = tmp_path / "events.parquet"
    pq.write_table(pa.Table.from_pylist([a | b for a, b in zip(rows, places, strict=True)], EVENTS), events)
    seen = []
    for at_once in (1, 7, 128, 1000):
        monkeypatch.setattr(scanning, "_AT_ONCE", at_once)
        found, observables = scanning.scan_segment(
            SegmentEvents([events]), iter([texts[:256], texts[256:]]), rules, ArtefactExtractor()
        )
        assert observables is not None
        seen.append((found.table(), observables))
    assert seen[0][0].num_rows > 50
    assert seen[0][1].num_rows > 50
    assert all(found.equals(seen[0][0]) and artefacts.equals(seen[0][1]) for found, artefacts in seen)

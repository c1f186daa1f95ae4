"""Bundles: newest version wins, levels are read in both TLP versions, and what is no bundle is refused."""

from __future__ import annotations

import pytest

from stormwatch.model.errors import InvalidInput
from stormwatch.model.intel import TLP
from stormwatch.stix.bundles import bundle_of
from stormwatch.stix.confidence import confidence_of_probability
from stormwatch.stix.markings import level_of_definition, marking_definition, marking_id, may_pass
from stormwatch.stix.techniques import llm_techniques

ID = "intrusion-set--5eab65d9-bc58-48f2-a41f-85f988b96241"


def actor(name: str, modified: str) -> dict[str, object]:
    return {"type": "intrusion-set", "id": ID, "name": name, "modified": modified}


def test_the_newest_version_wins_in_any_order() -> None:
    new, old = actor("new", "2026-02-01T00:00:00Z"), actor("old", "2026-01-01T00:00:00Z")
    for objects in ([new, old], [old, new]):
        bundle = bundle_of({"type": "bundle", "objects": objects}, "x")
        assert [one["name"] for one in bundle.objects.values()] == ["new"]
        assert bundle.skipped.total() == 1


@pytest.mark.parametrize("document", [None, 7, [], {}, {"type": "report"}, {"type": "bundle", "objects": "all"}])
def test_what_is_no_bundle_is_refused(document: object) -> None:
    with pytest.raises(InvalidInput):
        bundle_of(document, "x")


def test_entries_that_are_no_objects_are_counted() -> None:
    entries = [
        1,
        None,
        {},
        {"type": "x"},
        {"type": "indicator", "id": "malware--1"},
        {**actor("a", "b"), "modified": 3},
    ]
    bundle = bundle_of({"type": "bundle", "objects": entries}, "x")
    assert not bundle.objects
    assert bundle.skipped.total() == len(entries)


def test_levels_of_both_versions_are_read() -> None:
    assert all(level_of_definition(marking_definition(level)) is level for level in TLP)
    old = {"type": "marking-definition", "id": "marking-definition--x", "definition_type": "tlp"}
    assert level_of_definition({**old, "definition": {"tlp": "white"}}) is TLP.CLEAR
    assert level_of_definition({**old, "definition_type": "statement", "definition": {"statement": "(c)"}}) is None


def test_the_strictest_marking_counts_and_an_unknown_one_is_red() -> None:
    bundle = bundle_of({"type": "bundle", "objects": []}, "x")
    green, amber = marking_id(TLP.GREEN), marking_id(TLP.AMBER)
    assert bundle.tlp_of((green, amber), TLP.CLEAR) is TLP.AMBER
    assert bundle.tlp_of((green, "marking-definition--gone"), TLP.CLEAR) is TLP.RED
    assert bundle.tlp_of((), TLP.AMBER) is TLP.AMBER


def test_a_stricter_object_may_not_pass() -> None:
    assert may_pass(TLP.GREEN, into=TLP.AMBER)
    assert not may_pass(TLP.AMBER_STRICT, into=TLP.AMBER)
    assert all(may_pass(level, into=TLP.RED) for level in TLP)


def test_confidence_rises_with_probability() -> None:
    values = [confidence_of_probability(step / 100) for step in range(101)]
    assert values == sorted(values)
    assert set(values) == {5, 15, 30, 50, 70, 85, 95}


def test_the_technique_vocabulary_is_whole() -> None:
    assert {f"LLM-{number:02d}" for number in range(1, 23)} == set(llm_techniques())

"""MISP events: what is meant for detection comes with marking, judgement, actors and time; newest versions win."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from stormwatch.intel.import_report import ImportReport
from stormwatch.intel.importing import import_file
from stormwatch.intel.indicators import load_indicators, version
from stormwatch.model.errors import InvalidInput
from stormwatch.model.intel import PAP, TLP, Indicator
from stormwatch.model.times import parse_rfc3339
from stormwatch.storage.database import Database


def uid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def attribute(kind: str, value: str, **more: Any) -> dict[str, Any]:
    own = {"uuid": uid(kind + value), "type": kind, "value": value, "to_ids": True, "timestamp": "1700000000"}
    return {**own, "category": "Network activity", **more}


def tags(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


def event(*attributes: dict[str, Any], name: str = "e", **more: Any) -> dict[str, Any]:
    facts = {"uuid": uid(name), "info": "A campaign", "date": "2026-01-10", "timestamp": "1700000000"}
    return {**facts, "Orgc": {"name": "Example CERT"}, "Attribute": list(attributes), **more}


def take(database: Database, folder: Path, document: object, name: str = "event.json", **options: Any) -> ImportReport:
    file = folder / name
    file.write_text(json.dumps(document))
    return import_file(database, file, **options)


def stored(database: Database) -> dict[str, Indicator]:
    return {one.observable.value: one for one in load_indicators(database)}


def test_types_and_their_parts(tmp_path: Path, database: Database) -> None:
    many = [
        attribute("ip-src", "203.0.113.7"),
        attribute("ip-dst|port", "203.0.113.8|443"),
        attribute("ip-dst", "198.51.100.0/24"),
        attribute("domain|ip", "evil.example|2001:db8::7"),
        attribute("filename|sha256", "a.exe|" + "ab" * 32),
        attribute("url", "hxxp://evil[.]example/x"),
        attribute("user-agent", "Odd/1.0"),
        attribute("ja3-fingerprint-md5", "CD" * 16),
    ]
    report = take(database, tmp_path, {"Event": event(*many)})
    assert (report.format, report.indicators, report.skipped) == ("misp", 8, 0)
    assert sorted(stored(database)) == sorted(
        [
            "203.0.113.7",
            "203.0.113.8",
            "198.51.100.0/24",
            "evil.example",
            "2001:db8::7",
            "ab" * 32,
            "http://evil.example/x",
            "Odd/1.0",
            "cd" * 16,
        ]
    )
    assert {one.source for one in load_indicators(database)} == {"Example CERT"}


def test_an_attribute_judges_for_itself_and_the_stricter_marking_holds(tmp_path: Path, database: Database) -> None:
    galaxy = [
        {
            "type": "threat-actor",
            "GalaxyCluster": [{"type": "threat-actor", "value": "Sofacy"}, {"type": "tool", "value": "X-Tool"}],
        }
    ]
    own = tags(
        "tlp:red", 'admiralty-scale:information-credibility="1"', 'misp-galaxy:mitre-intrusion-set="APT1 - G0006"'
    )
    whole = event(
        attribute("domain", "a.example"),
        attribute("domain", "b.example", Tag=own),
        Tag=tags(
            "tlp:green",
            "PAP:AMBER",
            'admiralty-scale:source-reliability="b"',
            'misp:confidence-level="fairly-confident"',
        ),
        Galaxy=galaxy,
    )
    take(database, tmp_path, {"response": [{"Event": whole}]})
    first, second = stored(database)["a.example"], stored(database)["b.example"]
    assert (first.tlp, first.pap, str(first.grade), first.confidence) == (TLP.GREEN, PAP.AMBER, "B6", 50)
    assert first.actors == ("Sofacy",)
    assert (second.tlp, second.pap, str(second.grade), second.confidence) == (TLP.RED, PAP.AMBER, "B1", 90)
    assert second.actors == ("APT1", "Sofacy")


@pytest.mark.parametrize(
    ("distribution", "marking", "level"),
    [
        ("3", [], TLP.AMBER),
        ("0", [], TLP.AMBER_STRICT),
        (0, ["tlp:clear"], TLP.AMBER_STRICT),
        ("0", ["tlp:red"], TLP.RED),
    ],
)
def test_what_its_maker_kept_to_itself_is_marked_so(
    tmp_path: Path, database: Database, distribution: object, marking: list[str], level: TLP
) -> None:
    take(database, tmp_path, event(attribute("domain", "a.example"), distribution=distribution, Tag=tags(*marking)))
    assert stored(database)["a.example"].tlp is level


def test_when_an_attribute_holds(tmp_path: Path, database: Database) -> None:
    seen = {"first_seen": "2026-01-01T00:00:00.000000+00:00", "last_seen": "2026-02-01T00:00:00+00:00"}
    decayed = [{"score": 10, "decayed": True, "DecayingModel": {"name": "m"}}]
    expired = [{"type": "0", "date_sighting": "1690000000"}, {"type": "2", "date_sighting": "1710000000"}]
    take(
        database,
        tmp_path,
        event(
            attribute("domain", "seen.example", **seen),
            attribute("domain", "once.example", first_seen=seen["first_seen"], last_seen=seen["first_seen"]),
            attribute("domain", "decayed.example", decay_score=decayed),
            attribute("domain", "sighted.example", Sighting=expired),
            attribute("ip-dst", "203.0.113.7"),
            attribute("domain", "open.example"),
            Tag=tags("retention:7d"),
        ),
    )
    found = {value: (one.valid_from_us, one.valid_until_us) for value, one in stored(database).items()}
    start, end = parse_rfc3339(seen["first_seen"]), parse_rfc3339(seen["last_seen"])
    assert found["seen.example"] == (start, end + 1)
    assert found["once.example"] == (start, start + 1)
    assert found["decayed.example"] == (0, 1_700_000_000_000_000)
    assert found["sighted.example"] == (0, 1_710_000_000_000_000)
    assert found["203.0.113.7"] == (0, parse_rfc3339("2026-01-17T00:00:00Z"))
    assert found["open.example"] == (0, None)


def test_a_newer_event_replaces_an_older_one_and_an_older_never_comes_back(tmp_path: Path, database: Database) -> None:
    old = event(attribute("domain", "old.example"), attribute("domain", "both.example"))
    new = event(attribute("domain", "both.example"), attribute("domain", "new.example"), timestamp=1_700_000_001)
    gone = event(attribute("domain", "both.example", deleted=True), timestamp="1700000002")
    other = event(attribute("domain", "other.example"), name="another")
    take(database, tmp_path, [{"Event": old}, {"Event": other}])
    take(database, tmp_path, new)
    assert sorted(stored(database)) == ["both.example", "new.example", "other.example"]
    before = version(database)
    again = take(database, tmp_path, {"response": [{"Event": old}, {"Event": new}]})
    assert (again.indicators, again.unchanged) == (2, 2)
    assert version(database) == before
    take(database, tmp_path, gone)
    assert sorted(stored(database)) == ["other.example"]


def test_a_feed_is_read_through_its_manifest(tmp_path: Path, database: Database) -> None:
    one, two = event(attribute("domain", "one.example"), name="1"), event(attribute("domain", "two.example"), name="2")
    for each in (one, two):
        (tmp_path / f"{each['uuid']}.json").write_text(json.dumps({"Event": each}))
    facts = {"Orgc": {"name": "Example CERT"}, "info": "A campaign", "timestamp": "1700000000", "Tag": []}
    manifest = {one["uuid"]: facts, two["uuid"]: facts, uid("missing"): facts}
    report = take(database, tmp_path, manifest, name="manifest.json")
    assert (report.format, report.indicators, report.skipped) == ("misp", 2, 1)
    assert report.reasons == {"event of the manifest that does not lie beside it": 1}
    (tmp_path / f"{one['uuid']}.json").write_text("damaged")
    again = take(database, tmp_path, manifest, name="manifest.json")
    assert sum(again.remarks.values()) == 2
    assert sorted(stored(database)) == ["one.example", "two.example"]


def test_what_is_passed_over_has_its_reason_and_place(tmp_path: Path, database: Database) -> None:
    thing = {"name": "file", "Attribute": [attribute("md5", "no hash")]}
    report = take(
        database,
        tmp_path,
        event(
            attribute("domain", "a.example", to_ids=False),
            attribute("domain", "b.example", deleted="1"),
            attribute("comment", "text"),
            attribute("domain", "c.example", Tag=tags('false-positive:risk="high"')),
            attribute("ip-src", "192.168.0.1"),
            attribute("email-src", "someone@example.org"),
            attribute("domain", "d.example", first_seen="yesterday"),
            attribute("domain|ip", "no bar"),
            attribute("domain", "f.example", uuid="none"),
            Object=[thing, {"deleted": True, "Attribute": [attribute("domain", "e.example")]}, "nonsense"],
        ),
    )
    assert stored(database) == {}
    assert report.skipped == sum(report.reasons.values()) == 10
    assert "an e-mail address can name a person: take it in as a lead, which a second person accepts" in report.reasons
    assert any("object 1, attribute 1" in example for example in report.examples)


@pytest.mark.parametrize(
    "document",
    [
        {"response": {"Attribute": [attribute("domain", "a.example")]}},
        {"response": [{"Event": {"info": "no id"}}]},
        {"response": ["text"]},
        {"Event": {"uuid": "x", "info": "no uuid"}},
    ],
)
def test_what_is_no_event_is_refused_and_nothing_is_stored(
    tmp_path: Path, database: Database, document: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match=r"event\.json"):
        take(database, tmp_path, document)
    whole = [{"Event": event(attribute("domain", "a.example"))}, {"Event": {"uuid": "x", "info": "y"}}]
    with pytest.raises(InvalidInput, match="event 2"):
        take(database, tmp_path, {"response": whole})
    assert stored(database) == {}

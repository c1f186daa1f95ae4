"""Import: what a file says is stored once, the newest version wins, and everything passed over has a counted reason."""

from __future__ import annotations

import gzip
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
import zstandard

from stormwatch.intel.actors import ActorNames
from stormwatch.intel.importing import import_file
from stormwatch.intel.indicators import load_indicators, version
from stormwatch.intel.shared_infrastructure import SharedInfrastructure, SharedKind
from stormwatch.model.errors import InvalidInput, NotFound
from stormwatch.model.intel import TLP
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.runtime import Runtime
from stormwatch.stix.markings import marking_definition, marking_id
from stormwatch.storage.database import Database

T1, T2 = "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"


def sid(kind: str, name: str) -> str:
    return f"{kind}--{uuid.uuid5(uuid.NAMESPACE_OID, name)}"


def indicator(name: str, pattern: str, **more: Any) -> dict[str, Any]:
    base = {"type": "indicator", "spec_version": "2.1", "id": sid("indicator", name), "created": T1, "modified": T1}
    return {**base, "pattern": pattern, "pattern_type": "stix", "valid_from": T1, **more}


def actor(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "intrusion-set", "id": sid("intrusion-set", name), "modified": T1, "name": name, **more}


def relation(source: dict[str, Any], kind: str, target: dict[str, Any], **more: Any) -> dict[str, Any]:
    own = sid("relationship", source["id"] + kind + target["id"])
    ends = {"source_ref": source["id"], "target_ref": target["id"]}
    return {"type": "relationship", "id": own, "modified": T1, "relationship_type": kind, **ends, **more}


def bundle(path: Path, *objects: object) -> Path:
    file = path / f"bundle-{uuid.uuid4()}.json"
    file.write_text(json.dumps({"type": "bundle", "id": sid("bundle", "b"), "objects": objects}))
    return file


def values(database: Database) -> list[str]:
    return sorted(one.observable.value for one in load_indicators(database))


def test_indicators_carry_the_names_that_relationships_give(tmp_path: Path, database: Database) -> None:
    domain = indicator(
        "d", "[domain-name:value = 'evil.example']", confidence=70, object_marking_refs=[marking_id(TLP.GREEN)]
    )
    sofacy = actor("sofacy")
    report = import_file(
        database, bundle(tmp_path, marking_definition(TLP.GREEN), relation(domain, "indicates", sofacy), sofacy, domain)
    )
    assert (report.indicators, report.actors, report.relationships, report.skipped) == (1, 1, 1, 0)
    (one,) = load_indicators(database)
    assert one.observable == Observable(ObservableKind.DOMAIN, "evil.example")
    assert (one.actors, one.confidence, one.tlp) == (("sofacy",), 70, TLP.GREEN)


def test_the_same_file_again_changes_nothing(tmp_path: Path, database: Database) -> None:
    one, who = indicator("d", "[domain-name:value IN ('a.example', 'b.example')]"), actor("x")
    file = bundle(tmp_path, one, who, relation(one, "indicates", who))
    import_file(database, file)
    before = version(database)
    again = import_file(database, file)
    assert (again.indicators, again.unchanged) == (1, 3)
    assert version(database) == before
    assert values(database) == ["a.example", "b.example"]


def test_newer_replaces_older_never_comes_back_and_revoked_goes(tmp_path: Path, database: Database) -> None:
    old = indicator("d", "[domain-name:value = 'old.example']")
    new = indicator("d", "[domain-name:value = 'new.example']", modified=T2)
    gone = indicator("d", "[domain-name:value = 'new.example']", modified="2026-03-01T00:00:00Z", revoked=True)
    import_file(database, bundle(tmp_path, new))
    import_file(database, bundle(tmp_path, old))
    assert values(database) == ["new.example"]
    import_file(database, bundle(tmp_path, gone))
    import_file(database, bundle(tmp_path, new, old))
    assert values(database) == []


def test_rings_end(tmp_path: Path, database: Database) -> None:
    domain = indicator("d", "[domain-name:value = 'evil.example']", created_by_ref=sid("indicator", "d"))
    first = {"type": "campaign", "id": sid("campaign", "1"), "modified": T1, "name": "one"}
    second = {"type": "campaign", "id": sid("campaign", "2"), "modified": T1, "name": "two"}
    who = actor("deep")
    ring = [
        relation(first, "attributed-to", second),
        relation(second, "attributed-to", first),
        relation(second, "attributed-to", second),
        relation(second, "attributed-to", who),
        relation(domain, "indicates", first),
        relation(domain, "indicates", domain),
    ]
    report = import_file(database, bundle(tmp_path, *ring, domain, first, second, who))
    assert load_indicators(database)[0].actors == ("deep",)
    assert report.reasons["relationship whose indicator or actor is not there"] == 1


def test_a_relationship_may_come_in_a_later_file(tmp_path: Path, database: Database) -> None:
    one, who = indicator("d", "[domain-name:value = 'evil.example']"), actor("late")
    import_file(database, bundle(tmp_path, one))
    file = bundle(tmp_path, relation(one, "indicates", who))
    assert import_file(database, file).skipped == 1
    import_file(database, bundle(tmp_path, who))
    assert import_file(database, file).relationships == 1
    assert load_indicators(database)[0].actors == ("late",)
    import_file(database, bundle(tmp_path, relation(one, "indicates", who, modified=T2, revoked=True)))
    assert load_indicators(database)[0].actors == ()


def test_what_cannot_be_read_is_counted_with_its_reason(tmp_path: Path, database: Database) -> None:
    bad = [
        indicator("a", "[domain-name:value = 'a.example' AND ipv4-addr:value = '198.51.100.1']"),
        indicator("b", "[domain-name:value LIKE '%']"),
        indicator("c", "rule x {}", pattern_type="yara"),
        indicator("d", "[domain-name:value = 'd.example']", valid_from="yesterday"),
        indicator("e", "[domain-name:value = 'e.example']", valid_until=T1),
        indicator("f", "[domain-name:value = 'f.example']", confidence="high"),
        indicator("g", "[ipv4-addr:value = '192.168.0.1']"),
        indicator("h", "[ipv4-addr:value = '0.0.0.0/0']"),
        indicator("i", "[ipv4-addr:value = '198.0.0.0/8']"),
        {**indicator("j", "x"), "pattern": {"no": "text"}},
        actor("k", aliases="one"),
        {"type": "malware", "id": sid("malware", "m"), "name": "m"},
        "nonsense",
    ]
    report = import_file(database, bundle(tmp_path, *bad))
    assert values(database) == []
    assert report.skipped == len(bad) == sum(report.reasons.values())
    assert any("operator AND" in reason for reason in report.reasons)
    assert report.examples


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"   \n",
        b"{",
        b'{"type": "bundle", "objects": {}}',
        b'{"type": "report"}',
        b"[1, 2]",
        b"\x00\x01\x02",
        b"\xff\xfe{}",
        b"[" * 200_000,
        b"some prose, and more\n",
        b'{"a": NaN}',
    ],
)
def test_what_is_no_intelligence_is_refused(tmp_path: Path, database: Database, content: bytes) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"x\.json"):
        import_file(database, file)


def test_a_missing_file_and_a_cut_one_are_refused(tmp_path: Path, database: Database) -> None:
    with pytest.raises(NotFound):
        import_file(database, tmp_path / "none.json")
    whole = json.dumps({"type": "bundle", "objects": [actor(f"name {number}") for number in range(500)]}).encode()
    for name, packed in (("x.json.gz", gzip.compress(whole)), ("x.json.zst", zstandard.compress(whole))):
        (tmp_path / name).write_bytes(packed)
        assert import_file(database, tmp_path / name).actors == 500
        (tmp_path / name).write_bytes(packed[: len(packed) // 2])
        with pytest.raises(InvalidInput):
            import_file(database, tmp_path / name)


def test_many_objects(tmp_path: Path, database: Database) -> None:
    many = [indicator(str(number), f"[domain-name:value = 'n{number}.example']") for number in range(20_000)]
    assert import_file(database, bundle(tmp_path, *many)).indicators == 20_000


def test_an_import_goes_on_the_ledger(tmp_path: Path, runtime: Runtime) -> None:
    import_file(runtime.database, bundle(tmp_path, actor("x")), ledger=runtime.ledger)
    (entry,) = runtime.ledger.entries(kind="intel.imported")
    assert entry.body["actors"] == 1


def test_csv_rows_become_indicators(tmp_path: Path, database: Database) -> None:
    file = tmp_path / "list.csv"
    file.write_text(
        "# from the partner\n"
        "kind,value,valid_from,valid_until,confidence,actor,tlp,source\n"
        "domain,evil[.]example,2026-01-01,2026-06-01T00:00:00Z,80,APT28,green,Peer A\n"
        "domain,evil.example,2026-01-01,2026-06-01T00:00:00Z,80,sofacy,green,Peer A\n"
        "ip,203.0.113.7:443,,,,,,\n"
        "wallet,bc1qxyz,,,,,,\n"
        "colour,red,,,,,,\n"
        "domain,b.example,soon,,,,,\n"
        "domain,c.example,,,101,,,\n"
        "domain,d.example,,,,,purple,\n"
    )
    report = import_file(database, file)
    assert (report.format, report.indicators, report.skipped) == ("csv", 3, 4)
    assert report.examples[0].startswith("line 7: kind 'colour' is unknown")
    found = {one.observable.value: one for one in load_indicators(database)}
    assert found["evil.example"].actors == ("APT28", "sofacy")
    assert (found["evil.example"].confidence, found["evil.example"].tlp) == (80, TLP.GREEN)
    assert found["203.0.113.7"].source == "list.csv"
    assert found["203.0.113.7"].valid_from_us == 0
    before = version(database)
    assert import_file(database, file).unchanged == 3
    assert version(database) == before


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"kind,value,colour\n", "line 1"),
        (b"kind,value,value\n", "line 1"),
        (b"kind,value\ndomain,a.example,b\n", "line 2"),
        (b'kind,value\ndomain,"a.example\n', "line 2"),
        (b"kind,value\ndomain,\xff\n", "line 2"),
    ],
)
def test_a_table_that_cannot_be_read_names_its_line(
    tmp_path: Path, database: Database, content: bytes, where: str
) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=where):
        import_file(database, file)


def warninglist(path: Path, name: str, entries: list[object], **more: object) -> Path:
    file = path / f"{uuid.uuid4()}.json"
    file.write_text(json.dumps({"name": name, "type": "cidr", "version": 1, "list": entries, **more}))
    return file


def test_warning_lists_say_what_is_shared(tmp_path: Path, database: Database) -> None:
    report = import_file(
        database, warninglist(tmp_path, "Known VPN ranges", ["198.51.100.0/24", "2001:db8::/48", "no range", 7, "::/0"])
    )
    assert (report.lists, report.skipped) == (1, 3)
    import_file(database, warninglist(tmp_path, "Our carrier NAT", ["198.51.100.64/26"], kind="nat"))
    import_file(database, warninglist(tmp_path, "Resolvers", ["dns.example"], type="hostname", kind="public-dns"))
    shared = SharedInfrastructure.load(database)
    assert shared.names_for_ip("198.51.100.70") == ("Known VPN ranges", "Our carrier NAT")
    assert {match.kind for match in shared.matches_ip("198.51.100.70")} == {SharedKind.VPN, SharedKind.NAT}
    assert shared.names_for_ip("2001:db8::9") == ("Known VPN ranges",)
    assert shared.names_for_ip("198.51.101.1") == shared.names_for_ip("junk") == ()
    assert shared.is_shared_domain("a.dns.example")
    assert shared.is_shared_domain("GMAIL.com")
    assert not shared.is_shared_domain("evil.example")
    assert shared.matches(Observable(ObservableKind.URL, "http://dns.example/x"))
    assert shared.matches(Observable(ObservableKind.URL, "http://198.51.100.70:8080/x"))


def test_a_newer_list_replaces_the_older(tmp_path: Path, database: Database) -> None:
    import_file(database, warninglist(tmp_path, "L", ["198.51.100.1"], version=1))
    import_file(database, warninglist(tmp_path, "L", ["198.51.100.2"], version=2))
    shared = SharedInfrastructure.load(database)
    assert (shared.names_for_ip("198.51.100.1"), shared.names_for_ip("198.51.100.2")) == ((), ("L",))


def test_galaxies_and_name_tables_are_read(tmp_path: Path, database: Database) -> None:
    galaxy = {
        "category": "actor",
        "type": "threat-actor",
        "uuid": "u",
        "version": 1,
        "values": [{"value": "APT28", "uuid": "1", "meta": {"synonyms": ["Sofacy", "Forest Blizzard"]}}, {"value": 3}],
    }
    (tmp_path / "g.json").write_text(json.dumps(galaxy))
    table = [{"Threat actor name": "Forest Blizzard", "Other names": "STRONTIUM, APT28"}, {"x": 1}]
    (tmp_path / "m.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(table).encode())
    first, second = import_file(database, tmp_path / "g.json"), import_file(database, tmp_path / "m.json")
    assert (first.format, first.actors, first.skipped) == ("misp-galaxy", 1, 1)
    assert (second.format, second.actors, second.skipped) == ("microsoft-names", 1, 1)
    names = ActorNames.load(database, [("forest-blizzard", name, "ms") for name in ("Forest Blizzard", "APT28")])
    assert names.tracked_actors("sofacy") == names.tracked_actors("STRONTIUM") == ("forest-blizzard",)

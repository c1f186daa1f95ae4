"""Catalogues: names with their source, version and date; older releases never come back; both formats of ATLAS."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from stormwatch.intel.actors import ActorNames, ConflictKind
from stormwatch.intel.import_report import ImportReport
from stormwatch.intel.importing import import_file
from stormwatch.intel.shared_infrastructure import SharedInfrastructure
from stormwatch.model.errors import InvalidInput
from stormwatch.storage.database import Database
from stormwatch.storage.tables.intel import techniques

PROFILES = [("one", "Alpha", "made up"), ("one", "Beta", "made up"), ("two", "Gamma", "made up")]


def sid(kind: str, name: str) -> str:
    return f"{kind}--{uuid.uuid5(uuid.NAMESPACE_OID, name)}"


def group(name: str, external: str, *aliases: str, **more: Any) -> dict[str, Any]:
    cited = [{"source_name": alias, "description": "(Citation: A Report 2025)"} for alias in aliases]
    return {
        "type": "intrusion-set",
        "id": sid("intrusion-set", external),
        "modified": "2025-05-01T00:00:00.000Z",
        "name": name,
        "aliases": [name, *aliases],
        "external_references": [{"source_name": "mitre-attack", "external_id": external}, *cited],
        **more,
    }


def attack(release: str, *objects: dict[str, Any], domain: str = "enterprise-attack") -> dict[str, Any]:
    matrix = {
        "type": "x-mitre-matrix",
        "id": sid("x-mitre-matrix", domain),
        "external_references": [{"source_name": "mitre-attack", "external_id": domain}],
    }
    collection = {
        "type": "x-mitre-collection",
        "id": sid("x-mitre-collection", domain),
        "modified": "2025-05-02T00:00:00Z",
        "x_mitre_version": release,
    }
    return {"type": "bundle", "id": sid("bundle", "b"), "objects": [matrix, collection, *objects]}


def take(database: Database, folder: Path, document: object, name: str = "file.json") -> ImportReport:
    file = folder / name
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    return import_file(database, file)


def technique_names(database: Database) -> dict[str, str]:
    with database.read() as connection:
        return {row.technique_id: row.name for row in connection.execute(select(techniques))}


def test_a_name_says_who_says_so_and_in_which_version(tmp_path: Path, database: Database) -> None:
    report = take(database, tmp_path, attack("18.1", group("Alpha", "G0001", "Other"), group("Beta", "G0002")))
    assert (report.format, report.actors) == ("attack", 2)
    names = ActorNames.load(database, PROFILES)
    (found,) = names.resolve("other")
    assert (found.actor_id, found.entry, found.external_id) == ("one", "Alpha", "G0001")
    assert (found.source, found.version, found.dated) == ("MITRE ATT&CK", "18.1", "2025-05-01")
    assert (found.citation, found.others) == ("A Report 2025", ("Alpha",))


def test_what_a_source_keeps_apart_is_shown(tmp_path: Path, database: Database) -> None:
    take(database, tmp_path, attack("18.1", group("Alpha", "G0001"), group("Beta", "G0002")))
    names = ActorNames.load(database, PROFILES)
    (conflict,) = names.conflicts_of("BETA")
    assert (conflict.kind, conflict.name, conflict.meanings) == (ConflictKind.KEPT_APART, "one", ("Alpha", "Beta"))
    assert names.conflicts_of("Gamma") == names.conflicts_of("nobody") == ()


def test_an_older_release_never_comes_back(tmp_path: Path, database: Database) -> None:
    take(database, tmp_path, attack("18.1", group("New", "G0001")))
    again = take(database, tmp_path, attack("18.1", group("New", "G0001")))
    older = take(database, tmp_path, attack("9.0", group("Old", "G0001")))
    assert again.actors == 1
    assert (older.actors, list(older.remarks)) == (0, ["9.0 is older than 18.1, which is stored and stays"])
    assert [one.entry for one in ActorNames.load(database).resolve("New")] == ["New"]
    assert ActorNames.load(database).resolve("Old") == ()


def test_domains_of_attack_stand_beside_each_other(tmp_path: Path, database: Database) -> None:
    take(database, tmp_path, attack("18.1", group("Alpha", "G0001")))
    take(database, tmp_path, attack("18.1", group("Alpha", "G0001", "Plant Alpha"), domain="ics-attack"))
    names = ActorNames.load(database, PROFILES)
    assert {one.collection for one in names.entries_of("one")} == {"mitre-attack", "mitre-attack:ics-attack"}


def galaxy(version: int, *values: dict[str, Any]) -> dict[str, Any]:
    facts = {"uuid": sid("g", "g"), "name": "Threat Actor", "type": "threat-actor", "category": "actor"}
    return {**facts, "version": version, "values": list(values)}


def test_galaxies_and_lists_keep_their_newest_version(tmp_path: Path, database: Database) -> None:
    def value(name: str) -> dict[str, Any]:
        return {"value": name, "uuid": sid("c", "c"), "meta": {"synonyms": ["Known"]}}

    take(database, tmp_path, galaxy(10, value("New")))
    assert take(database, tmp_path, galaxy(9, value("Old"))).actors == 0
    (found,) = ActorNames.load(database).resolve("known")
    assert (found.entry, found.version) == ("New", "10")
    ranges = {"name": "Some VPN", "type": "cidr", "version": 20260102, "list": ["198.51.100.0/24", "2001:db8::/48"]}
    take(database, tmp_path, ranges)
    older = take(database, tmp_path, {**ranges, "version": 20260101, "list": ["203.0.113.0/24"]})
    assert (older.unchanged, sum(older.remarks.values())) == (1, 1)
    lists = SharedInfrastructure.load(database)
    assert lists.matches_ip("203.0.113.1") == ()
    (match,) = lists.matches_ip("2001:db8::1")
    assert match.reason == "Some VPN (a VPN: its exits are shared by many customers)"


LISTED = """\
---
id: ATLAS
name: made up
version: 5.9.0
matrices:
- id: ATLAS
  techniques:
  - {id: AML.T9001, name: First, created_date: 2026-99-99}
  - {id: AML.T9001.000, name: Second}
"""
KEYED = """\
format-version: 6.0.0
collection: {id: ATLAS-collection, version: '2026.05', name: ATLAS}
matrix: {id: ATLAS-matrix}
techniques:
  AML.T9001: {id: AML.T9001, name: Renamed, platforms: [Generative AI]}
  AML.T9002: {name: Without an id of its own}
mitigations:
  AML.M9001: {id: AML.M9001, name: No technique}
relationships:
  AML.T9001: {achieves: []}
"""


def test_atlas_in_both_formats(tmp_path: Path, database: Database) -> None:
    first = take(database, tmp_path, LISTED, name="ATLAS.yaml")
    assert (first.format, first.techniques) == ("atlas", 2)
    assert technique_names(database) == {"AML.T9001": "First", "AML.T9001.000": "Second"}
    second = take(database, tmp_path, KEYED, name="ATLAS-2026.05.yaml")
    assert (second.format, second.techniques) == ("atlas", 2)
    assert technique_names(database) == {"AML.T9001": "Renamed", "AML.T9002": "Without an id of its own"}
    assert take(database, tmp_path, LISTED).techniques == 0


@pytest.mark.parametrize(
    "text", ["format-version: 6.0.0\ncollection: {id: ATLAS}\n", "id: ATLAS\n  x: [", "id: ATLAS\nmatrices: 3\n"]
)
def test_a_broken_atlas_file_is_refused(tmp_path: Path, database: Database, text: str) -> None:
    with pytest.raises(InvalidInput, match=r"ATLAS\.yaml"):
        take(database, tmp_path, text, name="ATLAS.yaml")

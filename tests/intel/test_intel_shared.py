"""Import of real public material: catalogues, lists and the bundles of the development worlds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from stormwatch.config import shipped
from stormwatch.intel.actors import ActorNames, ConflictKind
from stormwatch.intel.importing import import_file
from stormwatch.intel.indicators import load_indicators
from stormwatch.intel.shared_infrastructure import SharedInfrastructure, SharedKind
from stormwatch.storage.database import Database

pytestmark = pytest.mark.shared


def profile_names() -> list[tuple[str, str, str]]:
    profiles = [yaml.safe_load(path.read_text()) for path in shipped("profiles").glob("*.yaml")]
    return [(one["id"], name["name"], name["source"]) for one in profiles for name in one["names"]]


def test_catalogues_resolve_the_five_groups(shared: Path, database: Database) -> None:
    for name in (
        "enterprise-attack-18.1.json.gz",
        "MicrosoftMapping.json",
        "misp-galaxy-threat-actor.json",
        "misp-galaxy-microsoft-activity-group.json",
        "ATLAS-5.6.0.yaml",
    ):
        report = import_file(database, shared / "intel" / name)
        assert report.actors or report.techniques
    names = ActorNames.load(database, profile_names())
    expected = {
        "forest-blizzard": ["STRONTIUM", "APT28", "apt 28", "sofacy"],
        "emerald-sleet": ["THALLIUM", "Kimsuky"],
        "charcoal-typhoon": ["CHROMIUM"],
        "crimson-sandstorm": ["tortoiseshell", "CURIUM"],
        "salmon-typhoon": ["SODIUM", "APT4"],
    }
    for actor_id, spellings in expected.items():
        assert {names.tracked_actors(spelling) for spelling in spellings} == {(actor_id,)}
    assert {one.external_id for one in names.entries_of("charcoal-typhoon")} == {"G1006", "G0143"}
    assert names.entries_of("salmon-typhoon") == ()
    assert len(names.conflicts()) > 20


def test_worlds_bundles_import_whole(shared: Path, database: Database) -> None:
    report = import_file(database, shared / "worlds" / "dev-1" / "intel.stix.json")
    assert (report.indicators, report.actors, report.relationships, report.skipped) == (1280, 140, 1276, 0)
    assert sum(1 for one in load_indicators(database) if one.actors) == 1276


def test_every_warning_list_has_a_kind(shared: Path, database: Database) -> None:
    for path in sorted((shared / "intel" / "warninglists").glob("*.json")):
        report = import_file(database, path)
        assert (report.lists, report.skipped, report.remarks) == (1, 0, {}), path.name
    lists = SharedInfrastructure.load(database)
    assert {match.kind for match in lists.matches_ip("104.28.79.2")} == {SharedKind.RELAY}
    assert SharedKind.PUBLIC_DNS in {match.kind for match in lists.matches_ip("8.8.8.8")}


def test_names_of_the_five_groups_come_with_their_sources(shared: Path, database: Database) -> None:
    for name in ("enterprise-attack-18.1.json.gz", "MicrosoftMapping.json", "misp-galaxy-threat-actor.json"):
        import_file(database, shared / "intel" / name)
    names = ActorNames.load(database, profile_names())
    attack = [one for one in names.resolve("Charcoal Typhoon") if one.collection == "mitre-attack"]
    assert [(one.entry, one.external_id, one.dated) for one in attack] == [("Earth Lusca", "G1006", "2025-06-06")]
    assert attack[0].citation == "Microsoft Threat Actor Naming July 2023"
    panda = {(one.collection, one.entry, one.external_id) for one in names.resolve("Aquatic Panda") if one.entry}
    assert ("mitre-attack", "Aquatic Panda", "G0143") in panda
    assert ("misp-galaxy:threat-actor", "Earth Lusca", None) in panda
    assert ("microsoft-names", "Charcoal Typhoon", None) in panda
    kept_apart = [one for one in names.conflicts_of("Aquatic Panda") if one.kind is ConflictKind.KEPT_APART]
    assert [(one.source, one.meanings) for one in kept_apart] == [("MITRE ATT&CK", ("Aquatic Panda", "Earth Lusca"))]
    assert {one.collection for one in names.resolve("Salmon Typhoon")} == {
        "",
        "microsoft-names",
        "misp-galaxy:threat-actor",
    }


def test_how_many_names_of_the_galaxy_mean_more_than_one_actor(shared: Path, database: Database) -> None:
    """With blanks and case set aside 29 of 2,366; with punctuation too, as names are compared here, 30 of 2,354."""
    clusters = json.loads((shared / "intel" / "misp-galaxy-threat-actor.json").read_bytes())["values"]
    meant: dict[str, set[str]] = {}
    for cluster in clusters:
        for name in (cluster["value"], *cluster.get("meta", {}).get("synonyms", ())):
            meant.setdefault("".join(name.lower().split()), set()).add(cluster["uuid"])
    assert (len(meant), sum(len(one) > 1 for one in meant.values())) == (2366, 29)
    import_file(database, shared / "intel" / "misp-galaxy-threat-actor.json")
    names = ActorNames.load(database)
    assert (names.count("misp-galaxy:threat-actor"), len(names.conflicts())) == (2354, 30)


def test_shared_addresses_of_both_families_say_which_list_holds_them(shared: Path, database: Database) -> None:
    for path in (shared / "intel" / "warninglists").glob("*.json"):
        import_file(database, path)
    lists = SharedInfrastructure.load(database)
    for path in (shared / "intel" / "warninglists").glob("*.json"):
        document = json.loads(path.read_bytes())
        first, last = document["list"][0], document["list"][-1]
        for entry in (first, last):
            held = lists.matches_ip(entry.partition("/")[0])
            assert document["name"] in {match.name for match in held}, entry
            assert all(match.reason.startswith(match.name) for match in held)

"""Import of real public material: catalogues, lists and the bundles of the development worlds."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from stormwatch.config import shipped
from stormwatch.intel.actors import ActorNames
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

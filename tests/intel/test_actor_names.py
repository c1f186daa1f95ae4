"""Names: many-to-many with provenance; a muddle is shown as one and never speaks for an actor."""

from __future__ import annotations

import pytest

from stormwatch.intel.actor_catalogue import CatalogueActor
from stormwatch.intel.actors import ATTACK, ActorNames, normal_name

PROFILES = [
    ("charcoal-typhoon", "Charcoal Typhoon", "ms"),
    ("charcoal-typhoon", "CHROMIUM", "ms"),
    ("charcoal-typhoon", "Aquatic Panda", "ms"),
    ("salmon-typhoon", "Salmon Typhoon", "ms"),
    ("crimson-sandstorm", "Imperial Kitten", "ms"),
    ("crimson-sandstorm", "CURIUM", "ms"),
]
CATALOGUE = [
    CatalogueActor("a1", ATTACK, "MITRE ATT&CK", ("Earth Lusca", "Charcoal Typhoon", "CHROMIUM", "TAG-22"), "G1006"),
    CatalogueActor("a2", ATTACK, "MITRE ATT&CK", ("Aquatic Panda",), "G0143"),
    CatalogueActor("m1", "galaxy", "galaxy 1", ("Tortoiseshell", "CURIUM", "Imperial Kitten", "Smoke Sandstorm")),
    CatalogueActor("m2", "galaxy", "galaxy 1", ("Bohrium", "Smoke Sandstorm")),
]


@pytest.fixture
def names() -> ActorNames:
    return ActorNames(CATALOGUE, PROFILES)


@pytest.mark.parametrize("spelling", ["CHROMIUM", "chromium ", "Charcoal-Typhoon", "charcoaltyphoon", "AQUATIC PANDA"])
def test_spelling_does_not_matter(names: ActorNames, spelling: str) -> None:
    assert names.tracked_actors(spelling) == ("charcoal-typhoon",)


def test_a_catalogue_may_keep_two_groups_for_one_actor_or_none(names: ActorNames) -> None:
    assert [one.external_id for one in names.entries_of("charcoal-typhoon")] == ["G1006", "G0143"]
    assert names.entries_of("salmon-typhoon") == ()


def test_every_meaning_says_who_says_so(names: ActorNames) -> None:
    meanings = names.resolve("charcoal typhoon")
    assert [(one.actor_id, one.direct, one.source) for one in meanings] == [
        ("charcoal-typhoon", True, "ms"),
        ("charcoal-typhoon", False, "MITRE ATT&CK"),
    ]
    assert meanings[1].entry == "Earth Lusca"


def test_an_alias_that_only_a_catalogue_has_leads_one_step(names: ActorNames) -> None:
    assert names.tracked_actors("TAG-22") == ("charcoal-typhoon",)
    assert names.tracked_actors("Tortoiseshell") == ("crimson-sandstorm",)


def test_a_name_on_which_catalogues_differ_means_nobody(names: ActorNames) -> None:
    assert names.tracked_actors("Smoke Sandstorm") == ()
    assert names.tracked_actors("nobody ever heard") == ()
    assert [(one.name, one.meanings) for one in names.conflicts()] == [
        ("Smoke Sandstorm", ("Bohrium", "Tortoiseshell"))
    ]


def test_two_profiles_with_one_name_both_answer() -> None:
    names = ActorNames([], [("a", "Shared", "x"), ("b", "shared", "y")])
    assert names.tracked_actors("SHARED") == ("a", "b")
    assert len(names.conflicts()) == 1


def test_letters_of_any_script_count() -> None:
    assert normal_name("Песчаный-Шторм") == normal_name("песчаный шторм") != ""

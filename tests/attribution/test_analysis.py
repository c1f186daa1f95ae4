"""What an assessment rests on is shown by its own arithmetic: matrix, sensitivity, the false-flag check, names."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_grounds import PROFILES, RATES, grounds, piece, tie
from stormwatch.attribution.ach import Reading, cells_of, matrix
from stormwatch.attribution.alias_conflicts import alias_conflicts, named_actors, public_conflicts
from stormwatch.attribution.analysis import analyse
from stormwatch.attribution.false_flag import Caution, CheapToFake, false_flag, load_cheap_to_fake
from stormwatch.attribution.grounds import Grounds, grounds_table, ranked, read_grounds
from stormwatch.attribution.habits import named_actors as named_in
from stormwatch.attribution.hypotheses import Habits
from stormwatch.attribution.removal import HABIT_WORDS, Part, removals, without
from stormwatch.attribution.sensitivity import sensitivity
from stormwatch.config import shipped
from stormwatch.intel.actor_catalogue import CatalogueActor
from stormwatch.intel.actors import ActorNames
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake

CHEAP = load_cheap_to_fake()
CONDUCT = piece("machine-tempo", "conduct", 3.0)
CHINESE = {"scripts": {"Hans": 0.6, "Latn": 0.4}, "hours_utc": {2: 0.5, 7: 0.5}}
PIECES = st.lists(
    st.builds(
        lambda kind, group, bits, summary, account, actor: piece(
            kind, group, bits, summary, account, actors=(actor,) if actor else (), sources=("a feed",) if actor else ()
        ),
        st.sampled_from(["indicator-hit", "machine-tempo", "hiding-as-several", "template-population", "key-misuse"]),
        st.sampled_from(["indicators", "conduct", "hiding", "service-abuse"]),
        st.floats(0, 10),
        st.sampled_from(["this", "that", "more"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from([None, "charcoal-typhoon", "scopecreep"]),
    ),
    max_size=6,
)
HABITS = st.fixed_dictionaries(
    {
        "techniques": st.frozensets(st.sampled_from(["LLM-01", "LLM-03", "LLM-15"])),
        "topics": st.frozensets(st.sampled_from(["oil-and-gas", "water-utilities"])),
        "scripts": st.sampled_from([{}, {"Hans": 1.0}, {"Cyrl": 0.5, "Latn": 0.5}]),
        "hours_utc": st.sampled_from([{}, {2: 1.0}, {9: 0.5, 15: 0.5}]),
    }
)
GROUNDS = st.builds(lambda pieces, habits: grounds(pieces, **habits), PIECES, HABITS)


@given(GROUNDS)
def test_every_part_can_be_taken_out_and_leaves_odds_that_add_to_one(given_grounds: Grounds) -> None:
    for part in removals(given_grounds):
        left = ranked(without(given_grounds, (part,)), PROFILES, RATES)
        assert sum(one.probability for one in left) == pytest.approx(1.0)
    everything = without(given_grounds, tuple(removals(given_grounds)))
    assert not [one for one in everything.evidence if one.weight_bits > 0]
    assert ranked(everything, PROFILES, RATES)[0].hypothesis == "benign"


@given(GROUNDS)
def test_a_row_that_tells_hypotheses_apart_speaks_for_one_and_against_another(given_grounds: Grounds) -> None:
    found = matrix(given_grounds, PROFILES, RATES)
    assert [row.diagnosticity for row in found.rows] == sorted((r.diagnosticity for r in found.rows), reverse=True)
    for row in found.rows:
        assert tuple(cell.hypothesis for cell in row.cells) == found.columns
        bits = [cell.bits for cell in row.cells]
        assert row.diagnosticity < 1e-6 or min(bits) < 0 < max(bits)
    assert all(found.against(name) <= 0 for name in found.columns)


def test_habits_never_speak_for_or_against_innocence() -> None:
    found = matrix(grounds([tie("charcoal-typhoon", "x"), CONDUCT], **CHINESE), PROFILES, RATES)
    habits = [row for row in found.rows if row.part is Part.HABIT]
    assert {row.name for row in habits} == {"scripts", "hours_utc"}
    assert all(cells_of(row)["benign"].reading is Reading.NEUTRAL for row in habits)


def test_a_tie_to_an_actor_speaks_for_it_and_against_innocence_and_its_weaker_pieces_stand_behind() -> None:
    pieces = [tie("charcoal-typhoon", "x"), tie("charcoal-typhoon", "y", bits=3.0), CONDUCT]
    first = matrix(grounds(pieces), PROFILES, RATES).rows[0]
    assert (first.name, first.words, first.weaker, first.sources) == ("indicators", "connected from x", 1, ("a feed",))
    assert cells_of(first)["charcoal-typhoon"].reading is Reading.CONSISTENT
    assert cells_of(first)["benign"].bits == pytest.approx(-8.0, abs=0.01)
    assert first.diagnosticity > 8.0


def test_evidence_that_fits_everything_alike_is_not_diagnostic_among_the_guilty() -> None:
    row = next(row for row in matrix(grounds([CONDUCT]), PROFILES, RATES).rows if row.name == "conduct")
    guilty = {round(cell.bits, 2) for cell in row.cells if cell.hypothesis.endswith("typhoon")}
    assert len(guilty) == 1
    assert row.diagnosticity == pytest.approx(3.0)


def test_the_piece_on_which_the_first_hypothesis_rests_is_named() -> None:
    found = sensitivity(grounds([tie("charcoal-typhoon", "x", "one feed", 12.0), CONDUCT]), PROFILES, RATES)
    assert found.standing.first == "charcoal-typhoon"
    assert [one.without.name for one in found.decisive] == ["indicator-hit: connected from x"]
    also = {(one.part, one.name) for one in found.decisive[0].also}
    assert also == {(Part.KIND, "indicator-hit"), (Part.GROUP, "indicators"), (Part.SOURCE, "one feed")}


def test_two_sources_that_tell_of_different_addresses_can_do_without_each_other() -> None:
    pieces = [tie("charcoal-typhoon", "x", "one", 12.0), tie("charcoal-typhoon", "y", "two", 12.0), CONDUCT]
    found = sensitivity(grounds(pieces), PROFILES, RATES)
    assert found.decisive == ()
    assert any(one.without.part is Part.KIND and one.changes_first for one in found.changes)


def test_a_piece_that_another_source_tells_too_stays_when_one_source_goes() -> None:
    told = dataclasses.replace(tie("charcoal-typhoon", "x"), sources=("one", "two"))
    given_grounds = grounds([told])
    for part in removals(given_grounds, (Part.SOURCE,)):
        assert without(given_grounds, (part,)).evidence == (told,)
    assert without(given_grounds, tuple(removals(given_grounds, (Part.SOURCE,)))).evidence == ()


def test_the_same_finding_on_many_accounts_is_one_piece() -> None:
    pieces = [piece("machine-tempo", "conduct", 2.0, "fast", account) for account in "abc"]
    assert [part.name for part in removals(grounds(pieces), (Part.PIECE,))] == ["machine-tempo: fast"]


def test_every_habit_can_be_taken_out() -> None:
    assert {field.name for field in dataclasses.fields(Habits)} == {"named", "meant", *HABIT_WORDS}


def test_who_is_meant_goes_with_the_match_that_says_so() -> None:
    match = tie("charcoal-typhoon", "198.51.100.7", source="a feed", bits=3.0)
    seen = grounds([match, CONDUCT])
    believed = dataclasses.replace(
        seen.habits, named=named_in([match], 0.001, {match.summary: 0.5}), meant={match.summary: 0.5}
    )
    (source,) = removals(dataclasses.replace(seen, habits=believed), [Part.SOURCE])
    assert believed.named == {"charcoal-typhoon": (0.5,)}
    assert without(dataclasses.replace(seen, habits=believed), [source]).habits.named == {}


def test_language_that_decides_between_two_actors_is_warned_of() -> None:
    pieces = [tie("charcoal-typhoon", "x", bits=10.0), tie("forest-blizzard", "y", bits=10.0), CONDUCT]
    checked = false_flag(grounds(pieces, **CHINESE), PROFILES, RATES, CHEAP)
    assert checked.standing.first == "charcoal-typhoon"
    assert checked.cautions == (Caution.ACTOR_IS_CHEAP,)
    assert {one.what.name for one in checked.planted} == {"scripts", "hours_utc"}
    cyrillic = false_flag(grounds(pieces, scripts={"Cyrl": 1.0}), PROFILES, RATES, CHEAP)
    assert cyrillic.standing.first == "forest-blizzard"


def test_an_actor_named_by_pasted_addresses_alone_is_warned_of() -> None:
    pasted = tie("charcoal-typhoon", "x", bits=10.0, kind="artefact-hit")
    checked = false_flag(grounds([pasted, piece("hiding-as-several", "hiding", 5.0)]), PROFILES, RATES, CHEAP)
    assert checked.standing.first == "charcoal-typhoon"
    assert Caution.FIRST_IS_CHEAP in checked.cautions
    assert checked.without.first == "benign"


def test_infrastructure_with_language_to_match_needs_no_warning() -> None:
    checked = false_flag(grounds([tie("charcoal-typhoon", "x", bits=10.0), CONDUCT], **CHINESE), PROFILES, RATES, CHEAP)
    assert checked.cautions == ()
    assert checked.without.first == "charcoal-typhoon"


def test_a_list_that_names_no_habit_there_is_would_be_found() -> None:
    assert CHEAP.habits.keys() <= HABIT_WORDS.keys()
    assert not false_flag(grounds([CONDUCT], **CHINESE), PROFILES, RATES, CheapToFake({}, {})).planted


def test_grounds_come_back_from_the_lake_and_give_the_same_hypotheses(lake: Lake, database: Database) -> None:
    made = grounds([tie("charcoal-typhoon", "x"), CONDUCT], topics=frozenset({"oil-and-gas"}), **CHINESE)
    lake.replace("assessment_grounds", grounds_table([made]))
    assert read_grounds(lake, "c") == made
    assert read_grounds(lake, "another") is None
    stored = ranked(made, PROFILES, RATES)
    analysis = analyse(lake, database, (shipped("profiles"),), "c", stored)
    assert analysis is not None
    assert analysis.hypotheses == stored
    assert not analysis.outdated
    assert analyse(lake, database, (shipped("profiles"),), "another", ()) is None
    changed = analyse(lake, database, (shipped("profiles"),), "c", stored[:-1])
    assert changed is not None
    assert changed.outdated


def test_conflicts_of_an_actors_names_are_told_with_their_source() -> None:
    entries = [
        CatalogueActor("1", "mitre-attack", "MITRE ATT&CK", ("Earth Lusca", "Charcoal Typhoon"), "G1006"),
        CatalogueActor("2", "mitre-attack", "MITRE ATT&CK", ("Aquatic Panda",), "G0143"),
    ]
    spellings = [(one.actor_id, name.name, name.source) for one in PROFILES for name in one.names]
    found = alias_conflicts(["charcoal-typhoon"], PROFILES, ActorNames(entries, spellings))
    told = " ".join(one.told() for one in found)
    assert "MITRE ATT&CK (2025-11-13) keeps Earth Lusca (G1006)" in told
    assert "MITRE ATT&CK keeps entries apart that this profile has as one: Aquatic Panda, Earth Lusca." in told
    assert len(found) == len(set(found))
    assert alias_conflicts(["forest-blizzard"], PROFILES, ActorNames([], spellings)) == ()


def test_what_leaves_the_house_of_conflicts_is_what_profiles_state() -> None:
    told = public_conflicts(PROFILES)
    assert len(told["charcoal-typhoon"]) == 2
    assert told["forest-blizzard"] == ()


def test_an_assessment_names_whom_it_ranks_first_or_gives_a_chance() -> None:
    assert named_actors(ranked(grounds([CONDUCT]), PROFILES, RATES)) == ()
    found = ranked(grounds([tie("charcoal-typhoon", "x", bits=10.0), CONDUCT]), PROFILES, RATES)
    assert named_actors(found) == ("charcoal-typhoon",)

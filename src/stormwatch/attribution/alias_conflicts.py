"""Hypotheses that name an actor to what sources disagree about in that name, from its profile and the alias graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stormwatch.attribution.profiles import Profile
from stormwatch.intel.actors import ActorNames, ConflictKind, NameConflict
from stormwatch.model.assessment import Hypothesis, HypothesisKind
from stormwatch.model.icd_203 import likelihood_words

_PROFILE_KEYS: Final = {"attack": "MITRE ATT&CK", "misp": "MISP galaxy", "names": "Microsoft"}


@dataclass(frozen=True, slots=True)
class AliasConflict:
    """One disagreement: about whom, who says so (a catalogue, or a profile's source with its date), and what."""

    actor_id: str
    source: str
    meanings: tuple[str, ...]
    says: str

    def told(self) -> str:
        """The disagreement as a sentence."""
        return f"{self.source} {self.says}."


def named_actors(found: Sequence[Hypothesis]) -> tuple[str, ...]:
    """Tracked actors that an assessment names: the first hypothesis, and others of more than almost no chance."""
    least = likelihood_words(0.0)
    return tuple(
        one.hypothesis
        for number, one in enumerate(found)
        if one.kind is HypothesisKind.TRACKED_ACTOR and (number == 0 or likelihood_words(one.probability) != least)
    )


def alias_conflicts(
    actor_ids: Sequence[str], profiles: Sequence[Profile], names: ActorNames
) -> tuple[AliasConflict, ...]:
    """What sources disagree about in the names of these actors, each disagreement once."""
    by_id = {profile.actor_id: profile for profile in profiles}
    found = [one for actor in actor_ids if actor in by_id for one in _of_actor(by_id[actor], names)]
    return tuple(dict.fromkeys(found))


def public_conflicts(profiles: Sequence[Profile]) -> Mapping[str, tuple[str, ...]]:
    """What the profiles themselves state, as sentences by actor id: from public sources, so that it may be shared."""
    return {one.actor_id: tuple(conflict.told() for conflict in _stated(one)) for one in profiles}


def _of_actor(profile: Profile, names: ActorNames) -> Iterator[AliasConflict]:
    yield from _stated(profile)
    for name in profile.names:
        for conflict in names.conflicts_of(name.name):
            yield _of_graph(profile, conflict)


def _stated(profile: Profile) -> Iterator[AliasConflict]:
    sources = {source.key: source for source in profile.sources}
    for stated in profile.conflicts:
        source = sources[stated.source]
        who = f"{_PROFILE_KEYS.get(source.key, source.key)} ({source.published})"
        yield AliasConflict(profile.actor_id, who, stated.meanings, stated.says)


def _of_graph(profile: Profile, conflict: NameConflict) -> AliasConflict:
    meanings = ", ".join(conflict.meanings)
    if conflict.kind is ConflictKind.KEPT_APART:
        says = f"keeps entries apart that this profile has as one: {meanings}"
    elif conflict.kind is ConflictKind.SEVERAL_ACTORS:
        says = f"lead the name {conflict.name} to several tracked actors: {meanings}"
    else:
        says = f"gives the name {conflict.name} to several entries: {meanings}"
    return AliasConflict(profile.actor_id, conflict.source, conflict.meanings, says)

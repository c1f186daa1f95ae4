"""Turns profiles and imported catalogues into the names of tracked actors, and the entries that speak of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from stormwatch.attribution.profiles import Profile, profiles_now
from stormwatch.config import shipped
from stormwatch.intel.actors import ActorName, ActorNames
from stormwatch.runtime import Runtime


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """An entry of a catalogue about an actor: which of the profile's names tie it, and what else it is called there.

    `version` and `dated` are the catalogue's, as far as it states them; `cited` is whom it names for the spellings.
    """

    source: str
    entry: str
    external_id: str
    version: str
    dated: str
    spellings: tuple[str, ...]
    others: tuple[str, ...]
    cited: tuple[str, ...]


def tracked_profiles(runtime: Runtime) -> Sequence[Profile]:
    """The profiles of tracked actors, as their files are now."""
    return profiles_now((shipped("profiles"), *runtime.settings.profiles))


def actor_names(runtime: Runtime) -> ActorNames:
    """What names may mean, over profiles and everything that was imported."""
    spellings = [(one.actor_id, name.name, name.source) for one in tracked_profiles(runtime) for name in one.names]
    return ActorNames.load(runtime.database, spellings)


def catalogue_entries(profile: Profile, names: ActorNames) -> tuple[CatalogueEntry, ...]:
    """The entries of catalogues that the names of a profile lead to, each once, by source and entry."""
    meanings = (meaning for name in profile.names for meaning in names.resolve(name.name))
    return _merged(one for one in meanings if one.entry is not None and one.actor_id == profile.actor_id)


def _merged(meanings: Iterable[ActorName]) -> tuple[CatalogueEntry, ...]:
    found: dict[tuple[str, str, str], CatalogueEntry] = {}
    for one in meanings:
        made = _entry(one)
        key = made.source, made.entry, made.external_id
        known = found.get(key)
        if known is not None:
            spellings = tuple(dict.fromkeys((*known.spellings, *made.spellings)))
            made = replace(made, spellings=spellings, cited=tuple(dict.fromkeys((*known.cited, *made.cited))))
        found[key] = made
    shown = (
        replace(one, others=tuple(other for other in one.others if other not in one.spellings))
        for one in found.values()
    )
    return tuple(sorted(shown, key=lambda one: (one.source, one.entry, one.external_id)))


def _entry(meaning: ActorName) -> CatalogueEntry:
    return CatalogueEntry(
        source=meaning.source,
        entry=meaning.entry or meaning.name,
        external_id=meaning.external_id or "",
        version=meaning.version,
        dated=meaning.dated,
        spellings=(meaning.name,),
        others=meaning.others,
        cited=(meaning.citation,) if meaning.citation else (),
    )

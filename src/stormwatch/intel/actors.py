"""Actor names, many-to-many: which tracked actors and catalogue entries a name may mean, and who says so."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from stormwatch.intel.actor_catalogue import CatalogueActor, Collection, load_catalogue, load_collections
from stormwatch.storage.database import Database

ATTACK: Final = "mitre-attack"
_ENOUGH_NAMES: Final = 2
_UNKNOWN: Final = Collection("", "")


@dataclass(frozen=True, slots=True)
class ActorName:
    """One meaning of a name.

    `actor_id` is the tracked actor, None when no profile knows it. `entry` names the catalogue entry that ties the name
    to the actor (None: the profile itself says so), `source` who says it, `external_id` the entry's id there.
    `version` and `dated` are the collection's (or, closer, the entry's), `citation` whom the source names for it.
    """

    name: str
    actor_id: str | None
    source: str
    entry: str | None = None
    external_id: str | None = None
    collection: str = ""
    version: str = ""
    dated: str = ""
    citation: str = ""
    others: tuple[str, ...] = ()

    @property
    def direct(self) -> bool:
        """Whether the actor's profile itself carries the name."""
        return self.entry is None


class ConflictKind(StrEnum):
    """How sources disagree about a name."""

    SEVERAL_ENTRIES = "several-entries"
    SEVERAL_ACTORS = "several-actors"
    KEPT_APART = "kept-apart"


@dataclass(frozen=True, slots=True)
class NameConflict:
    """A name that does not mean one actor: the entries (within one source) or tracked actors it may mean.

    Of kind `kept-apart`, `name` is a tracked actor for whose names a source has several entries.
    """

    name: str
    source: str
    meanings: tuple[str, ...]
    kind: ConflictKind = ConflictKind.SEVERAL_ENTRIES


def normal_name(name: str) -> str:
    """A name for comparison: `APT-28`, `apt 28` and `APT28` are one; letters and digits of any script count."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in folded if character.isalnum())


class ActorNames:
    """Resolves names over profiles and imported catalogues, one step deep.

    Following aliases further would merge actors: entry A lists a name of B, B one of C, and all three become one.
    """

    def __init__(
        self,
        catalogue: Iterable[CatalogueActor],
        profile_names: Iterable[tuple[str, str, str]] = (),
        collections: Mapping[str, Collection] | None = None,
    ) -> None:
        """`profile_names` are (actor_id, name, source)."""
        self._profiles: dict[str, dict[str, tuple[str, str]]] = {}
        for actor_id, name, source in profile_names:
            self._profiles.setdefault(normal_name(name), {}).setdefault(actor_id, (name, source))
            self._profiles.setdefault(normal_name(actor_id), {}).setdefault(actor_id, (actor_id, "profile"))
        self._entries: dict[str, list[CatalogueActor]] = {}
        self._collections = collections or {}
        for entry in catalogue:
            for key in dict.fromkeys(normal_name(name) for name in entry.names):
                self._entries.setdefault(key, []).append(entry)

    @classmethod
    def load(cls, database: Database, profile_names: Iterable[tuple[str, str, str]] = ()) -> ActorNames:
        """Names from all imports, and those of profiles as (actor_id, name, source)."""
        with database.read() as connection:
            return cls(load_catalogue(connection), profile_names, load_collections(connection))

    def resolve(self, name: str) -> tuple[ActorName, ...]:
        """Every meaning of a name: profiles first, then catalogue entries with the tracked actors they lead to."""
        key = normal_name(name)
        direct = [
            ActorName(name=spelling, actor_id=actor_id, source=source)
            for actor_id, (spelling, source) in sorted(self._profiles.get(key, {}).items())
        ]
        return (*direct, *(meaning for entry in self._entries.get(key, ()) for meaning in self._by_entry(key, entry)))

    def tracked_actors(self, name: str) -> tuple[str, ...]:
        """Ids of the tracked actors a name means: those whose profile carries it, else the one all catalogues agree on.

        A name on which catalogues differ means none: an indicator must not speak for an actor by way of a muddle.
        """
        key = normal_name(name)
        direct = self._profiles.get(key)
        if direct:
            return tuple(sorted(direct))
        opinions = {
            self._actors_of_entry(entry)
            for entry in self._entries.get(key, ())
            if any(normal_name(other) != key for other in entry.names)
        }
        return opinions.pop() if len(opinions) == 1 else ()

    def entries_of(self, actor_id: str, collection: str = ATTACK) -> tuple[ActorName, ...]:
        """The entries of a catalogue that carry a name of a tracked actor: none, one, or several (ambiguous there)."""
        found: dict[str, ActorName] = {}
        for key, actors in sorted(self._profiles.items()):
            if actor_id not in actors:
                continue
            for entry in self._entries.get(key, ()):
                if entry.collection == collection or entry.collection.startswith(f"{collection}:"):
                    found.setdefault(entry.actor_key, self._meaning(actors[actor_id][0], entry, actor_id))
        return tuple(found[key] for key in sorted(found))

    def conflicts(self) -> tuple[NameConflict, ...]:
        """Names that one catalogue gives to several entries, or that lead to several tracked actors."""
        found: list[NameConflict] = []
        for key in sorted(self._entries.keys() | self._profiles.keys()):
            found += self._conflicts_of(key)
        return tuple(found)

    def conflicts_of(self, name: str) -> tuple[NameConflict, ...]:
        """The conflicts about one name."""
        key = normal_name(name)
        if key not in self._entries and key not in self._profiles:
            return ()
        actors = {meaning.actor_id for meaning in self.resolve(name)}
        return (*self._conflicts_of(key), *(one for one in self.kept_apart() if one.name in actors))

    def kept_apart(self) -> tuple[NameConflict, ...]:
        """Tracked actors whose names one catalogue gives to entries of different main names."""
        actors = sorted({actor for named in self._profiles.values() for actor in named})
        found = []
        for actor in actors:
            by_source: dict[str, set[str]] = {}
            for key, named in self._profiles.items():
                for entry in self._entries.get(key, ()) if actor in named else ():
                    by_source.setdefault(entry.source, set()).add(entry.names[0])
            found += [
                NameConflict(actor, source, tuple(sorted(mains)), ConflictKind.KEPT_APART)
                for source, mains in sorted(by_source.items())
                if len(mains) > 1
            ]
        return tuple(found)

    def count(self, collection: str) -> int:
        """How many different names a collection has."""
        return sum(any(entry.collection == collection for entry in entries) for entries in self._entries.values())

    def _actors_of_entry(self, entry: CatalogueActor) -> tuple[str, ...]:
        """Tracked actors an entry is about: its main name is theirs, or it carries two or more of their names."""
        shared: Counter[str] = Counter()
        for key in {normal_name(name) for name in entry.names}:
            shared.update(self._profiles.get(key, {}).keys())
        main = self._profiles.get(normal_name(entry.names[0]), {})
        return tuple(sorted(actor for actor, count in shared.items() if count >= _ENOUGH_NAMES or actor in main))

    def _by_entry(self, key: str, entry: CatalogueActor) -> list[ActorName]:
        actors: tuple[str | None, ...] = self._actors_of_entry(entry) or (None,)
        spelling = _spelling(key, [entry])
        return [self._meaning(spelling, entry, actor_id) for actor_id in actors]

    def _meaning(self, name: str, entry: CatalogueActor, actor_id: str | None) -> ActorName:
        collection = self._collections.get(entry.collection, _UNKNOWN)
        cited = {normal_name(spelling): who for spelling, who in (entry.citations or {}).items()}
        return ActorName(
            name=name,
            actor_id=actor_id,
            source=entry.source,
            entry=entry.names[0],
            external_id=entry.external_id,
            collection=entry.collection,
            version=collection.version,
            dated=entry.dated or collection.dated,
            citation=cited.get(normal_name(name), ""),
            others=tuple(other for other in entry.names if normal_name(other) != normal_name(name)),
        )

    def _conflicts_of(self, key: str) -> list[NameConflict]:
        by_collection: dict[str, list[CatalogueActor]] = {}
        for entry in self._entries.get(key, ()):
            by_collection.setdefault(entry.collection, []).append(entry)
        found = [
            NameConflict(_spelling(key, entries), entries[0].source, tuple(sorted({e.names[0] for e in entries})))
            for entries in by_collection.values()
            if len({normal_name(entry.names[0]) for entry in entries}) > 1
        ]
        entries = self._entries.get(key, [])
        spelling = _spelling(key, entries) if entries else next(iter(self._profiles[key].values()))[0]
        tracked = {meaning.actor_id for meaning in self.resolve(spelling) if meaning.actor_id}
        if len(tracked) > 1:
            several = ConflictKind.SEVERAL_ACTORS
            found.append(NameConflict(spelling, "profiles and catalogues", tuple(sorted(tracked)), several))
        return found


def _spelling(key: str, entries: Sequence[CatalogueActor]) -> str:
    return next((name for entry in entries for name in entry.names if normal_name(name) == key), key)

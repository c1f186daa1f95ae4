"""Actor names, many-to-many: which tracked actors and catalogue entries a name may mean, and who says so."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select

from stormwatch.storage.database import Database
from stormwatch.storage.tables.intel import intel_actor_names, intel_actors

ATTACK: Final = "mitre-attack"
_ENOUGH_NAMES: Final = 2


@dataclass(frozen=True, slots=True)
class CatalogueActor:
    """An actor as one source keeps it, the first name being its main one; `collection` is what it was imported as."""

    actor_key: str
    collection: str
    source: str
    names: tuple[str, ...]
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class ActorName:
    """One meaning of a name.

    `actor_id` is the tracked actor, None when no profile knows it. `entry` names the catalogue entry that ties the name
    to the actor (None: the profile itself says so), `source` who says it, `external_id` the entry's id there.
    """

    name: str
    actor_id: str | None
    source: str
    entry: str | None = None
    external_id: str | None = None

    @property
    def direct(self) -> bool:
        """Whether the actor's profile itself carries the name."""
        return self.entry is None


@dataclass(frozen=True, slots=True)
class NameConflict:
    """A name that does not mean one actor: the entries (within one source) or tracked actors it may mean."""

    name: str
    source: str
    meanings: tuple[str, ...]


def normal_name(name: str) -> str:
    """A name for comparison: `APT-28`, `apt 28` and `APT28` are one; letters and digits of any script count."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in folded if character.isalnum())


class ActorNames:
    """Resolves names over profiles and imported catalogues, one step deep.

    Following aliases further would merge actors: entry A lists a name of B, B one of C, and all three become one.
    """

    def __init__(self, catalogue: Iterable[CatalogueActor], profile_names: Iterable[tuple[str, str, str]] = ()) -> None:
        """`profile_names` are (actor_id, name, source)."""
        self._profiles: dict[str, dict[str, tuple[str, str]]] = {}
        for actor_id, name, source in profile_names:
            self._profiles.setdefault(normal_name(name), {}).setdefault(actor_id, (name, source))
            self._profiles.setdefault(normal_name(actor_id), {}).setdefault(actor_id, (actor_id, "profile"))
        self._entries: dict[str, list[CatalogueActor]] = {}
        self._catalogue = tuple(catalogue)
        for entry in self._catalogue:
            for key in dict.fromkeys(normal_name(name) for name in entry.names):
                self._entries.setdefault(key, []).append(entry)

    @classmethod
    def load(cls, database: Database, profile_names: Iterable[tuple[str, str, str]] = ()) -> ActorNames:
        """Names from all imports, and those of profiles as (actor_id, name, source)."""
        with database.read() as connection:
            return cls(_catalogue(connection), profile_names)

    def resolve(self, name: str) -> tuple[ActorName, ...]:
        """Every meaning of a name: profiles first, then catalogue entries with the tracked actors they lead to."""
        key = normal_name(name)
        direct = [
            ActorName(name=spelling, actor_id=actor_id, source=source)
            for actor_id, (spelling, source) in sorted(self._profiles.get(key, {}).items())
        ]
        return (*direct, *(meaning for entry in self._entries.get(key, ()) for meaning in self._by_entry(name, entry)))

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
            spelling = actors[actor_id][0]
            for entry in self._entries.get(key, ()):
                if entry.collection == collection or entry.collection.startswith(f"{collection}:"):
                    meaning = ActorName(spelling, actor_id, entry.source, entry.names[0], entry.external_id)
                    found.setdefault(entry.actor_key, meaning)
        return tuple(found[key] for key in sorted(found))

    def conflicts(self) -> tuple[NameConflict, ...]:
        """Names that one catalogue gives to several entries, or that lead to several tracked actors."""
        found: list[NameConflict] = []
        for key in sorted(self._entries.keys() | self._profiles.keys()):
            found += self._conflicts_of(key)
        return tuple(found)

    def _actors_of_entry(self, entry: CatalogueActor) -> tuple[str, ...]:
        """Tracked actors an entry is about: its main name is theirs, or it carries two or more of their names."""
        shared: Counter[str] = Counter()
        for key in {normal_name(name) for name in entry.names}:
            shared.update(self._profiles.get(key, {}).keys())
        main = self._profiles.get(normal_name(entry.names[0]), {})
        return tuple(sorted(actor for actor, count in shared.items() if count >= _ENOUGH_NAMES or actor in main))

    def _by_entry(self, name: str, entry: CatalogueActor) -> list[ActorName]:
        actors: tuple[str | None, ...] = self._actors_of_entry(entry) or (None,)
        return [ActorName(name, actor_id, entry.source, entry.names[0], entry.external_id) for actor_id in actors]

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
            found.append(NameConflict(spelling, "profiles and catalogues", tuple(sorted(tracked))))
        return found


def replace_collection(connection: Connection, collection: str, entries: Sequence[CatalogueActor]) -> None:
    """Stores a catalogue in place of what was imported under that name before."""
    gone = select(intel_actors.c.actor_key).where(intel_actors.c.collection == collection)
    connection.execute(delete(intel_actor_names).where(intel_actor_names.c.actor_key.in_(gone)))
    connection.execute(delete(intel_actors).where(intel_actors.c.collection == collection))
    _insert(connection, entries)


def replace_actors(connection: Connection, keys: Iterable[str], entries: Sequence[CatalogueActor]) -> None:
    """Stores single entries in place of those with these keys."""
    wanted = [{"gone": key} for key in keys]
    if not wanted:
        return
    for table in (intel_actor_names, intel_actors):
        connection.execute(delete(table).where(table.c.actor_key == bindparam("gone")), wanted)
    _insert(connection, entries)


def _insert(connection: Connection, entries: Sequence[CatalogueActor]) -> None:
    if not entries:
        return
    rows = [
        {
            "actor_key": entry.actor_key,
            "collection": entry.collection,
            "name": entry.names[0],
            "external_id": entry.external_id,
            "source": entry.source,
        }
        for entry in entries
    ]
    connection.execute(insert(intel_actors), rows)
    names = [{"actor_key": entry.actor_key, "name": name} for entry in entries for name in dict.fromkeys(entry.names)]
    connection.execute(insert(intel_actor_names), names)


def _catalogue(connection: Connection) -> list[CatalogueActor]:
    names: dict[str, list[str]] = {}
    for key, name in connection.execute(select(intel_actor_names).order_by(*intel_actor_names.c)):
        names.setdefault(key, []).append(name)
    rows = connection.execute(select(intel_actors).order_by(intel_actors.c.actor_key))
    return [
        CatalogueActor(
            actor_key=row.actor_key,
            collection=row.collection,
            source=row.source,
            names=tuple(dict.fromkeys((row.name, *names.get(row.actor_key, ())))),
            external_id=row.external_id,
        )
        for row in rows
    ]


def _spelling(key: str, entries: Sequence[CatalogueActor]) -> str:
    return next((name for entry in entries for name in entry.names if normal_name(name) == key), key)

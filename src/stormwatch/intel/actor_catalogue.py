"""Actors as other people's catalogues keep them, in the case database, each with the collection it came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select

from stormwatch.intel.import_report import Tally
from stormwatch.storage.tables.intel import intel_actor_names, intel_actors, intel_collections


@dataclass(frozen=True, slots=True)
class CatalogueActor:
    """An actor as one source keeps it, the first name being its main one; `collection` is what it was imported as.

    `dated` is the day on which the source last changed the entry, `citations` whom it names for a spelling.
    """

    actor_key: str
    collection: str
    source: str
    names: tuple[str, ...]
    external_id: str | None = None
    dated: str | None = None
    citations: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """The file that a collection comes from."""

    name: str
    sha256: str
    imported_us: int


@dataclass(frozen=True, slots=True)
class Collection:
    """A catalogue as it was imported: its own version and date, empty where it states none."""

    name: str
    source: str
    version: str = ""
    dated: str = ""
    file: ImportedFile = ImportedFile("", "", 0)


def begin_collection(connection: Connection, made: Collection, tally: Tally) -> bool:
    """Notes which version of a catalogue is about to be stored; False when a newer one is there, which then stays."""
    known = connection.execute(select(intel_collections).where(intel_collections.c.collection == made.name)).first()
    if known is not None and is_older((made.version, made.dated), (known.version, known.dated)):
        stated = made.version or made.dated
        tally.remarks[f"{stated} is older than {known.version or known.dated}, which is stored and stays"] += 1
        return False
    if known is not None:
        connection.execute(delete(intel_collections).where(intel_collections.c.collection == made.name))
    row = {
        "collection": made.name,
        "source": made.source,
        "version": made.version,
        "dated": made.dated,
        "file": made.file.name,
        "sha256": made.file.sha256,
        "imported_us": made.file.imported_us,
    }
    connection.execute(insert(intel_collections), [row])
    return True


def is_older(stated: tuple[str, str], known: tuple[str, str]) -> bool:
    """Whether (version, date) lies before another; what states neither is never older."""
    if stated[0] and known[0]:
        return _parts(stated[0]) < _parts(known[0])
    return bool(stated[1] and known[1]) and stated[1] < known[1]


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


def load_catalogue(connection: Connection) -> list[CatalogueActor]:
    """All entries, in the order of their keys, the main name first."""
    names: dict[str, dict[str, str | None]] = {}
    for row in connection.execute(select(intel_actor_names).order_by(*intel_actor_names.c)):
        names.setdefault(row.actor_key, {})[row.name] = row.citation
    rows = connection.execute(select(intel_actors).order_by(intel_actors.c.actor_key))
    return [
        CatalogueActor(
            actor_key=row.actor_key,
            collection=row.collection,
            source=row.source,
            names=tuple(dict.fromkeys((row.name, *names.get(row.actor_key, {})))),
            external_id=row.external_id,
            dated=row.dated,
            citations={name: cited for name, cited in names.get(row.actor_key, {}).items() if cited},
        )
        for row in rows
    ]


def load_collections(connection: Connection) -> Mapping[str, Collection]:
    """What was imported, by name."""
    return {
        row.collection: Collection(
            row.collection, row.source, row.version, row.dated, ImportedFile(row.file, row.sha256, row.imported_us)
        )
        for row in connection.execute(select(intel_collections))
    }


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
            "dated": entry.dated,
        }
        for entry in entries
    ]
    connection.execute(insert(intel_actors), rows)
    names = [
        {"actor_key": entry.actor_key, "name": name, "citation": (entry.citations or {}).get(name)}
        for entry in entries
        for name in dict.fromkeys(entry.names)
    ]
    connection.execute(insert(intel_actor_names), names)


def _parts(version: str) -> list[int]:
    """`18.1` as numbers; what is no number does not count, so that no wording makes a version newer."""
    return [int(part[:18]) for part in re.findall(r"[0-9]+", version[:60])]

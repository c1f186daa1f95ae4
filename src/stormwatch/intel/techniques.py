"""Names of techniques: of ATT&CK's domains, and of ATLAS in both of its file formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, delete, insert

from stormwatch.intel.actor_catalogue import Collection, ImportedFile, begin_collection
from stormwatch.intel.import_report import Tally
from stormwatch.model.errors import InvalidInput
from stormwatch.model.located_yaml import YamlProblem, read_texts
from stormwatch.storage.tables.intel import techniques

_ATLAS: Final = "mitre-atlas"
_MAX_BYTES: Final = 32 * 1024 * 1024
_MAX_TEXT: Final = 400


def import_atlas(connection: Connection, content: bytes, where: str, file: ImportedFile, tally: Tally) -> None:
    """Technique names of ATLAS.

    Up to 5.x the file lists matrices, each with a list of techniques, and states `version`. From 2026.05 on it has
    `format-version`, a `collection` that states the content's version, and `techniques` keyed by id.
    """
    document = _yaml(content, where)
    named = {key: name for key, name in _techniques(document) if key and name}
    if not named:
        raise InvalidInput("this ATLAS file holds no techniques", where=where, remedy="check its format version")
    if begin_collection(connection, Collection(_ATLAS, "MITRE ATLAS", _version(document), "", file), tally):
        store_techniques(connection, _ATLAS, named, tally)


def store_techniques(connection: Connection, source: str, named: Mapping[str, str], tally: Tally) -> None:
    """Stores names in place of those of the same source."""
    connection.execute(delete(techniques).where(techniques.c.source == source))
    taken = {
        row.technique_id for row in connection.execute(techniques.select()) if row.technique_id in named
    }  # ATT&CK's domains share techniques; the first import keeps its row
    rows = [
        {"technique_id": technique, "name": name, "source": source}
        for technique, name in sorted(named.items())
        if technique not in taken
    ]
    if rows:
        connection.execute(insert(techniques), rows)
    tally.taken["techniques"] += len(named)


def _yaml(content: bytes, where: str) -> Mapping[str, Any]:
    if len(content) > _MAX_BYTES:
        raise InvalidInput(f"this file is longer than {_MAX_BYTES} bytes, and ATLAS is not", where=where)
    try:
        document = read_texts(content)
    except YamlProblem as error:
        line = f", line {error.line}" if error.line is not None else ""
        raise InvalidInput("this is no YAML", where=f"{where}{line}", remedy="check that it arrived whole") from error
    if not isinstance(document, dict):
        raise InvalidInput("this is no ATLAS file", where=where)
    return document


def _version(document: Mapping[str, Any]) -> str:
    collection = document.get("collection")
    stated = collection.get("version") if isinstance(collection, dict) else document.get("version")
    return _text(stated)[:60]


def _techniques(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    matrices = document.get("matrices")
    places = [document, *(one for one in (matrices if isinstance(matrices, list) else ()) if isinstance(one, dict))]
    for place in places:
        listed = place.get("techniques")
        if isinstance(listed, dict):
            entries = [(key, entry) for key, entry in listed.items() if isinstance(key, str)]
        else:
            entries = [("", entry) for entry in (listed if isinstance(listed, list) else ())]
        for key, entry in entries:
            if isinstance(entry, dict):
                yield _text(entry.get("id")) or _text(key), _text(entry.get("name"))


def _text(value: object) -> str:
    tidy = " ".join(value.split())[:_MAX_TEXT] if isinstance(value, str) else ""
    return tidy if tidy.isprintable() else ""

"""Catalogues that others keep (ATT&CK, ATLAS, MISP galaxies, Microsoft) into actor entries and technique names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, delete, insert

from stormwatch.intel.actors import ATTACK, CatalogueActor, normal_name, replace_collection
from stormwatch.intel.import_report import Tally
from stormwatch.model.errors import InvalidInput
from stormwatch.model.located_yaml import YamlProblem, read_value
from stormwatch.stix.bundles import Bundle
from stormwatch.stix.objects import StixProblem, external_id, read_actor
from stormwatch.storage.tables.intel import techniques

_ENTERPRISE: Final = "enterprise-attack"


def import_attack(connection: Connection, bundle: Bundle, tally: Tally) -> None:
    """Groups with their aliases, and techniques, of one ATT&CK domain; what else the bundle holds is not kept."""
    domain = next((external_id(raw) for raw in bundle.of_type("x-mitre-matrix")), None) or _ENTERPRISE
    collection = ATTACK if domain == _ENTERPRISE else f"{ATTACK}:{domain}"
    tally.skipped.update(bundle.skipped)
    groups = []
    for raw in _current(bundle.of_type("intrusion-set"), tally):
        try:
            read = read_actor(raw)
        except StixProblem as problem:
            tally.skip(str(problem), raw["id"])
            continue
        groups.append(
            CatalogueActor(f"{collection}:{read.object_id}", collection, "MITRE ATT&CK", read.names, read.external_id)
        )
    replace_collection(connection, collection, groups)
    tally.taken["actors"] += len(groups)
    named = {
        str(external_id(raw)): raw["name"]
        for raw in _current(bundle.of_type("attack-pattern"), tally)
        if external_id(raw) and isinstance(raw.get("name"), str)
    }
    _store_techniques(connection, collection, named, tally)
    kept = {"intrusion-set", "attack-pattern", "marking-definition", "identity"}
    for raw in bundle.objects.values():
        if raw["type"] not in kept:
            tally.skip(f"objects of type {raw['type'][:40]} are not kept", raw["id"])


def import_atlas(connection: Connection, content: bytes, where: str, tally: Tally) -> None:
    """Technique names of ATLAS, from the format with matrices and the later one with objects keyed by id."""
    try:
        document = read_value(content)
    except YamlProblem as error:
        raise InvalidInput(f"this is no YAML: {error}", where=where, remedy="check that it arrived whole") from error
    if not isinstance(document, dict):
        raise InvalidInput("this is no ATLAS file", where=where)
    named = dict(_atlas_techniques(document))
    if not named:
        raise InvalidInput("this ATLAS file holds no techniques", where=where, remedy="check its format version")
    _store_techniques(connection, "mitre-atlas", named, tally)


def import_galaxy(connection: Connection, document: Mapping[str, Any], where: str, tally: Tally) -> None:
    """The clusters of a MISP galaxy of actors."""
    kind = document.get("type")
    if document.get("category") != "actor" or not isinstance(kind, str):
        raise InvalidInput("this galaxy is not about actors", where=where, remedy="import galaxies of category actor")
    collection = f"misp-galaxy:{kind}"
    source = f"MISP galaxy {kind}, version {document.get('version')}"
    entries = {}
    for number, value in enumerate(document["values"]):
        names, key = _galaxy_names(value), value.get("uuid") if isinstance(value, dict) else None
        if not names or not isinstance(key, str):
            tally.skip("cluster without a name or id", f"value {number + 1}")
            continue
        entries[key] = CatalogueActor(f"{collection}:{key}", collection, source, names)
    replace_collection(connection, collection, list(entries.values()))
    tally.taken["actors"] += len(entries)


def import_microsoft_names(connection: Connection, document: Iterable[object], tally: Tally) -> None:
    """Microsoft's table of its actor names beside other vendors' names."""
    entries = {}
    for number, row in enumerate(document):
        name = row.get("Threat actor name") if isinstance(row, dict) else None
        if not isinstance(row, dict) or not isinstance(name, str) or not normal_name(name):
            tally.skip("row without a name", f"row {number + 1}")
            continue
        others = row.get("Other names")
        names = _cleaned((name, *(others.split(",") if isinstance(others, str) else ())))
        key = f"microsoft-names:{normal_name(name)}"
        entries[key] = CatalogueActor(key, "microsoft-names", "Microsoft threat actor naming", names)
    replace_collection(connection, "microsoft-names", list(entries.values()))
    tally.taken["actors"] += len(entries)


def _current(objects: Iterable[Mapping[str, Any]], tally: Tally) -> Iterator[Mapping[str, Any]]:
    for raw in objects:
        if raw.get("revoked") is True or raw.get("x_mitre_deprecated") is True:
            tally.skip("revoked or deprecated", raw["id"])
        else:
            yield raw


def _galaxy_names(value: object) -> tuple[str, ...]:
    if not isinstance(value, dict) or not isinstance(value.get("value"), str):
        return ()
    meta = value.get("meta")
    synonyms = meta.get("synonyms") if isinstance(meta, dict) else None
    return _cleaned((value["value"], *(synonyms if isinstance(synonyms, list) else ())))


def _cleaned(names: Iterable[object]) -> tuple[str, ...]:
    tidy = (" ".join(name.split()) for name in names if isinstance(name, str) and name.isprintable())
    return tuple(dict.fromkeys(name for name in tidy if normal_name(name)))


def _atlas_techniques(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    places = [document, *(matrix for matrix in document.get("matrices") or () if isinstance(matrix, dict))]
    for place in places:
        listed = place.get("techniques") or ()
        entries = listed.items() if isinstance(listed, dict) else ((None, entry) for entry in listed)
        for key, entry in entries:
            if isinstance(entry, dict) and isinstance(entry.get("name"), str):
                yield str(entry.get("id", key)), entry["name"]


def _store_techniques(connection: Connection, source: str, named: Mapping[str, str], tally: Tally) -> None:
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

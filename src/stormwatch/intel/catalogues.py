"""Catalogues of actors that others keep (ATT&CK, MISP galaxies, Microsoft) into entries with names and where from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from stormwatch.intel.actor_catalogue import (
    CatalogueActor,
    Collection,
    ImportedFile,
    begin_collection,
    replace_collection,
)
from stormwatch.intel.actors import ATTACK, normal_name
from stormwatch.intel.import_report import Tally
from stormwatch.intel.techniques import store_techniques
from stormwatch.model.errors import InvalidInput
from stormwatch.stix.bundles import Bundle
from stormwatch.stix.objects import StixProblem, external_id, read_actor

_ENTERPRISE: Final = "enterprise-attack"
_KEPT: Final = frozenset({"intrusion-set", "attack-pattern", "marking-definition", "identity", "x-mitre-collection"})
_CITATION: Final = re.compile(r"\(Citation: ([^()]{1,200})\)")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def import_attack(connection: Connection, bundle: Bundle, file: ImportedFile, tally: Tally) -> None:
    """Groups with their names, and techniques, of one ATT&CK domain; what else the bundle holds is not kept."""
    domain = next((external_id(raw) for raw in bundle.of_type("x-mitre-matrix")), None) or _ENTERPRISE
    collection = ATTACK if domain == _ENTERPRISE else f"{ATTACK}:{domain}"
    tally.skipped.update(bundle.skipped)
    made = Collection(collection, "MITRE ATT&CK", _release(bundle), _newest_day(bundle), file)
    if not begin_collection(connection, made, tally):
        return
    groups = list(_groups(bundle, collection, tally))
    replace_collection(connection, collection, groups)
    tally.taken["actors"] += len(groups)
    named = {
        str(external_id(raw)): raw["name"]
        for raw in _current(bundle.of_type("attack-pattern"), tally)
        if external_id(raw) and isinstance(raw.get("name"), str)
    }
    store_techniques(connection, collection, named, tally)
    for raw in bundle.objects.values():
        if raw["type"] not in _KEPT:
            tally.skip(f"objects of type {raw['type'][:40]} are not kept", raw["id"])


def import_galaxy(
    connection: Connection, document: Mapping[str, Any], where: str, file: ImportedFile, tally: Tally
) -> None:
    """The clusters of a MISP galaxy of actors."""
    kind, version = document.get("type"), _stated(document.get("version"))
    if document.get("category") != "actor" or not isinstance(kind, str) or not kind.isprintable():
        raise InvalidInput("this galaxy is not about actors", where=where, remedy="import galaxies of category actor")
    collection = f"misp-galaxy:{kind[:100]}"
    source = f"MISP galaxy {kind[:100]}"
    if not begin_collection(connection, Collection(collection, source, version, "", file), tally):
        return
    entries = {}
    for number, value in enumerate(document["values"]):
        names, key = _galaxy_names(value), value.get("uuid") if isinstance(value, dict) else None
        if not names or not isinstance(key, str) or not key.isprintable():
            tally.skip("cluster without a name or id", f"value {number + 1}")
            continue
        entries[key] = CatalogueActor(f"{collection}:{key}", collection, source, names)
    replace_collection(connection, collection, list(entries.values()))
    tally.taken["actors"] += len(entries)


def import_microsoft_names(
    connection: Connection, document: Iterable[object], file: ImportedFile, tally: Tally
) -> None:
    """Microsoft's table of its actor names beside other vendors' names; it states no version of its own."""
    collection, source = "microsoft-names", "Microsoft threat actor naming"
    begin_collection(connection, Collection(collection, source, "", "", file), tally)
    entries: dict[str, CatalogueActor] = {}
    for number, row in enumerate(document):
        name = row.get("Threat actor name") if isinstance(row, dict) else None
        names = _cleaned((name, *_listed(row))) if isinstance(row, dict) and isinstance(name, str) else ()
        if not names:
            tally.skip("row without a name", f"row {number + 1}")
            continue
        key = f"{collection}:{normal_name(names[0])}"
        before = entries.get(key)
        entries[key] = CatalogueActor(
            key, collection, source, tuple(dict.fromkeys((*(before.names if before else ()), *names)))
        )
    replace_collection(connection, collection, list(entries.values()))
    tally.taken["actors"] += len(entries)


def _groups(bundle: Bundle, collection: str, tally: Tally) -> Iterator[CatalogueActor]:
    for raw in _current(bundle.of_type("intrusion-set"), tally):
        try:
            read = read_actor(raw)
        except StixProblem as problem:
            tally.skip(str(problem), raw["id"])
            continue
        yield CatalogueActor(
            actor_key=f"{collection}:{read.object_id}",
            collection=collection,
            source="MITRE ATT&CK",
            names=read.names,
            external_id=read.external_id,
            dated=_day_of(raw),
            citations=_citations(raw),
        )


def _citations(raw: Mapping[str, Any]) -> Mapping[str, str]:
    """Whom ATT&CK names for each spelling: it keeps that in the references that bear the spelling as their name."""
    cited = {}
    references = raw.get("external_references")
    for reference in references if isinstance(references, list) else ():
        if isinstance(reference, dict):
            name, said = reference.get("source_name"), reference.get("description")
            if isinstance(name, str) and isinstance(said, str) and (found := _CITATION.findall(said)):
                cited[name] = "; ".join(text.strip() for text in found if text.isprintable())
    return cited


def _release(bundle: Bundle) -> str:
    """The release that the bundle's collection object states, empty without one."""
    versions = [_stated(raw.get("x_mitre_version")) for raw in bundle.of_type("x-mitre-collection")]
    return versions[0] if versions else ""


def _newest_day(bundle: Bundle) -> str:
    return max((day for raw in bundle.of_type("intrusion-set", "attack-pattern") if (day := _day_of(raw))), default="")


def _day_of(raw: Mapping[str, Any]) -> str | None:
    stated = raw.get("modified") or raw.get("created")
    found = _DAY.match(stated) if isinstance(stated, str) else None
    return found[0] if found else None


def _stated(version: object) -> str:
    text = str(version)[:60] if isinstance(version, (str, int, float)) else ""
    return text if text.isprintable() else ""


def _listed(row: Mapping[str, Any]) -> list[str]:
    others = row.get("Other names")
    return others.split(",") if isinstance(others, str) else []


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

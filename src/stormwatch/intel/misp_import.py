"""MISP events into indicators, one version of each event: the newest replaces what was stored of it before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select

from stormwatch.intel.files import decode_json, read_bytes
from stormwatch.intel.import_report import Tally
from stormwatch.intel.indicators import indicator_id_of, origins_below, replace_origins, unusable_in_bulk
from stormwatch.intel.misp_events import MispAttribute, MispEvent, is_manifest, manifest_versions, read_events
from stormwatch.model.errors import NotFound
from stormwatch.model.intel import TLP, Indicator
from stormwatch.storage.tables.intel import intel_objects

_PREFIX: Final = "misp:"


def import_misp(connection: Connection, document: Any, path: Path, defaults: tuple[str, TLP], tally: Tally) -> None:
    """Stores the events of a file, or those beside the manifest of a feed; `defaults` are source and TLP.

    What an event holds no longer, or holds as deleted, goes with the older version.
    """
    known = _known(connection)
    if is_manifest(document):
        events = _of_feed(document, path, known, tally)
    else:
        events = read_events(document, str(path), tally.skip)
    newest: dict[str, MispEvent] = {}
    for event in events:
        before = newest.get(event.uuid)
        if before is not None:
            tally.remarks["another version of an event in the same file"] += 1
        if before is None or event.version_us > before.version_us:
            newest[event.uuid] = event
    fresh = [event for event in newest.values() if event.version_us > known.get(event.uuid, -1)]
    for event in newest.values():
        tally.taken["indicators"] += len(event.attributes)
        if event not in fresh:
            tally.taken["unchanged"] += len(event.attributes)
    _write(connection, fresh, defaults, tally)


def indicators_of_event(event: MispEvent, source: str, tlp: TLP, tally: Tally) -> Mapping[str, list[Indicator]]:
    """The indicators of an event by origin; what must not be matched is passed over."""
    return {
        f"{_prefix(event.uuid)}{attribute.uuid}": list(_indicators(event, attribute, source, tlp, tally))
        for attribute in event.attributes
    }


def _of_feed(
    document: Mapping[str, Any], manifest: Path, known: Mapping[str, int], tally: Tally
) -> Iterator[MispEvent]:
    """Events of a feed lie beside its manifest, each in a file named after it; unchanged ones are not opened."""
    for uuid, version in manifest_versions(document).items():
        if 0 < version <= known.get(uuid.lower(), -1):
            tally.remarks["event of the feed that is stored in this version already"] += 1
            continue
        file = manifest.parent / f"{uuid}.json"
        try:
            content = read_bytes(file)
        except NotFound:
            tally.skip("event of the manifest that does not lie beside it", f"event {uuid}")
            continue
        yield from read_events(decode_json(content, str(file)), str(file), tally.skip)


def _indicators(event: MispEvent, attribute: MispAttribute, source: str, tlp: TLP, tally: Tally) -> Iterator[Indicator]:
    origin, said = f"{_prefix(event.uuid)}{attribute.uuid}", attribute.said
    for observable in attribute.observables:
        problem = unusable_in_bulk(observable)
        if problem is not None:
            tally.skip(problem, f"attribute {attribute.uuid}")
            continue
        yield Indicator(
            indicator_id=indicator_id_of(origin, observable, alone=len(attribute.observables) == 1),
            observable=observable,
            valid_from_us=attribute.valid_from_us,
            valid_until_us=attribute.valid_until_us,
            confidence=said.belief,
            actors=said.actors,
            source=event.source or source,
            tlp=said.tlp or tlp,
            pap=said.pap,
            grade=said.grade,
        )


def _write(connection: Connection, events: Iterable[MispEvent], defaults: tuple[str, TLP], tally: Tally) -> None:
    changed: dict[str, list[Indicator]] = {}
    versions = []
    for event in events:
        changed.update({origin: [] for origin in origins_below(connection, _prefix(event.uuid))})
        changed.update(indicators_of_event(event, *defaults, tally))
        versions.append({"object_id": _PREFIX + event.uuid, "modified_us": event.version_us, "revoked": False})
    replace_origins(connection, changed)
    if versions:
        gone = [{"gone": row["object_id"]} for row in versions]
        connection.execute(delete(intel_objects).where(intel_objects.c.object_id == bindparam("gone")), gone)
        connection.execute(insert(intel_objects), versions)


def _known(connection: Connection) -> Mapping[str, int]:
    rows = connection.execute(select(intel_objects).where(intel_objects.c.object_id.startswith(_PREFIX)))
    return {row.object_id.removeprefix(_PREFIX): row.modified_us for row in rows}


def _prefix(event_uuid: str) -> str:
    return f"{_PREFIX}{event_uuid}/"

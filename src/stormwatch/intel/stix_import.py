"""A STIX bundle into indicators, actors and the names that relationships tie to indicators."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select

from stormwatch.intel.actor_catalogue import CatalogueActor, replace_actors
from stormwatch.intel.import_report import Tally
from stormwatch.intel.indicators import indicator_id_of, replace_origins, unusable_in_bulk
from stormwatch.model.intel import TLP, Indicator
from stormwatch.model.observable import Observable
from stormwatch.stix.bundles import Bundle
from stormwatch.stix.objects import (
    ACTOR_TYPES,
    StixActor,
    StixIndicator,
    StixProblem,
    StixRelationship,
    modified_of,
    read_actor,
    read_indicator,
    read_relationship,
)
from stormwatch.storage.tables.intel import indicator_actors, intel_actors, intel_objects

_COLLECTION: Final = "stix"
_READ: Final = frozenset({"indicator", "relationship", *ACTOR_TYPES})
# Objects that only serve the others; passing them over loses nothing.
_HELPERS: Final = frozenset({"marking-definition", "identity", "extension-definition"})
_PORT: Final = re.compile(r"'[0-9.]{7,15}:[0-9]{1,5}'")


@dataclass(slots=True)
class _Changes:
    """What a bundle changes, collected before anything is written."""

    versions: dict[str, tuple[int, bool]] = field(default_factory=dict)
    indicators: dict[str, list[Indicator]] = field(default_factory=dict)
    actors: dict[str, list[CatalogueActor]] = field(default_factory=dict)
    names: dict[str, list[tuple[str, str]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StixImport:
    """One bundle on its way into the case database, inside one write transaction."""

    connection: Connection
    bundle: Bundle
    source: str
    tlp: TLP
    tally: Tally

    def run(self) -> None:
        """Takes in what is newer than what is known."""
        self.tally.skipped.update(self.bundle.skipped)
        changes = _Changes()
        known = self._known()
        for raw in self._fresh(known, changes):
            self._read_one(raw, changes)
        self._relate(known, changes)
        self._write(changes)

    def _known(self) -> Mapping[str, tuple[int, bool]]:
        rows = self.connection.execute(select(intel_objects))
        return {row.object_id: (row.modified_us, row.revoked) for row in rows}

    def _fresh(self, known: Mapping[str, tuple[int, bool]], changes: _Changes) -> Iterator[Mapping[str, Any]]:
        """Objects of the types we read that are newer than what is known; the others are counted."""
        for raw in self.bundle.objects.values():
            kind, object_id, modified = raw["type"], raw["id"], modified_of(raw)
            if kind not in _READ:
                if kind not in _HELPERS:
                    self.tally.skip(f"objects of type {kind[:40]} are not kept", object_id)
            elif object_id in known and known[object_id][0] >= modified:
                self.tally.taken[_COUNTED.get(kind, "actors")] += 1
                self.tally.taken["unchanged"] += 1
            elif raw.get("revoked") is True:
                self.tally.remarks["revoked by its source: taken out"] += 1
                self._revoke(kind, object_id, modified, changes)
            else:
                yield raw

    def _revoke(self, kind: str, object_id: str, modified: int, changes: _Changes) -> None:
        changes.versions[object_id] = (modified, True)
        if kind == "indicator":
            changes.indicators[object_id] = []
        elif kind == "relationship":
            changes.names[object_id] = []
        else:
            changes.actors[object_id] = []

    def _read_one(self, raw: Mapping[str, Any], changes: _Changes) -> None:
        try:
            if raw["type"] == "indicator":
                self._take_indicator(read_indicator(raw), str(raw["pattern"]), changes)
            elif raw["type"] in ACTOR_TYPES:
                self._take_actor(read_actor(raw), changes)
        except StixProblem as problem:
            self.tally.skip(str(problem), raw["id"])

    def _take_indicator(self, read: StixIndicator, pattern: str, changes: _Changes) -> None:
        usable = []
        for observable in read.observables:
            problem = unusable_in_bulk(observable)
            if problem is None:
                usable.append(observable)
            elif len(read.observables) == 1:
                raise StixProblem(problem)
            else:
                self.tally.remarks[f"left out of a list: {problem}"] += 1
        if _PORT.search(pattern):
            self.tally.remarks["address with a port: the port was dropped"] += 1
        alone = len(read.observables) == 1
        changes.indicators[read.object_id] = [self._indicator(read, observable, alone=alone) for observable in usable]
        changes.versions[read.object_id] = (read.modified_us, False)
        self.tally.taken["indicators"] += 1

    def _indicator(self, read: StixIndicator, observable: Observable, *, alone: bool) -> Indicator:
        author = self.bundle.objects.get(read.created_by_ref or "", {}).get("name")
        return Indicator(
            indicator_id=indicator_id_of(read.object_id, observable, alone=alone),
            observable=observable,
            valid_from_us=read.valid_from_us,
            valid_until_us=read.valid_until_us,
            confidence=read.confidence,
            source=author if isinstance(author, str) and author.isprintable() else self.source,
            tlp=self.bundle.tlp_of(read.marking_refs, self.tlp),
        )

    def _take_actor(self, read: StixActor, changes: _Changes) -> None:
        if not read.names:
            raise StixProblem("actor without a name")
        entry = CatalogueActor(read.object_id, _COLLECTION, self.source, read.names, read.external_id)
        changes.actors[read.object_id] = [entry]
        changes.versions[read.object_id] = (read.modified_us, False)
        self.tally.taken["actors"] += 1

    def _relate(self, known: Mapping[str, tuple[int, bool]], changes: _Changes) -> None:
        """Ties actor names to indicators, through campaigns where one stands between."""
        relationships = list(self._relationships(known, changes))
        campaigns: dict[str, list[str]] = {}
        for one in relationships:
            if one.kind == "attributed-to":
                campaigns.setdefault(one.source_ref, []).append(one.target_ref)
        names = self._actor_names(changes)
        for one in relationships:
            if one.kind != "indicates":
                continue
            found = _reachable_names(one.target_ref, campaigns, names)
            indicator_known = one.source_ref in changes.indicators or one.source_ref in known
            if not found or not indicator_known:
                self.tally.skip("relationship whose indicator or actor is not there", one.object_id)
                continue
            changes.names[one.object_id] = [(one.source_ref, name) for name in found]
            changes.versions[one.object_id] = (one.modified_us, False)
            self.tally.taken["relationships"] += 1

    def _relationships(self, known: Mapping[str, tuple[int, bool]], changes: _Changes) -> Iterator[StixRelationship]:
        for raw in self.bundle.of_type("relationship"):
            if raw["id"] in changes.versions or (raw["id"] in known and known[raw["id"]][0] >= modified_of(raw)):
                continue
            try:
                read = read_relationship(raw)
            except StixProblem as problem:
                self.tally.skip(str(problem), raw["id"])
                continue
            if read.kind in {"indicates", "attributed-to"}:
                yield read
            else:
                self.tally.skip(f"relationships of type {read.kind[:40]} are not kept", read.object_id)

    def _actor_names(self, changes: _Changes) -> Mapping[str, str]:
        stored = self.connection.execute(
            select(intel_actors.c.actor_key, intel_actors.c.name).where(intel_actors.c.collection == _COLLECTION)
        )
        names = {row.actor_key: str(row.name) for row in stored}
        names.update({key: entries[0].names[0] for key, entries in changes.actors.items() if entries})
        return names

    def _write(self, changes: _Changes) -> None:
        replace_actors(
            self.connection, changes.actors, [entry for entries in changes.actors.values() for entry in entries]
        )
        replace_origins(self.connection, changes.indicators)
        self._write_names(changes)
        if changes.versions:
            gone = [{"gone": object_id} for object_id in changes.versions]
            self.connection.execute(delete(intel_objects).where(intel_objects.c.object_id == bindparam("gone")), gone)
            rows = [
                {"object_id": object_id, "modified_us": modified, "revoked": revoked}
                for object_id, (modified, revoked) in changes.versions.items()
            ]
            self.connection.execute(insert(intel_objects), rows)

    def _write_names(self, changes: _Changes) -> None:
        if not changes.names:
            return
        gone = [{"gone": basis} for basis in changes.names]
        self.connection.execute(delete(indicator_actors).where(indicator_actors.c.basis == bindparam("gone")), gone)
        rows = [
            {"origin": origin, "name": name, "basis": basis}
            for basis, pairs in changes.names.items()
            for origin, name in dict.fromkeys(pairs)
        ]
        if rows:
            self.connection.execute(insert(indicator_actors), rows)


_COUNTED: Final = {"indicator": "indicators", "relationship": "relationships"}


def _reachable_names(start: str, campaigns: Mapping[str, list[str]], names: Mapping[str, str]) -> list[str]:
    """Actors at `start` or behind attributed-to from there; each object is looked at once, so a ring ends."""
    seen: set[str] = set()
    waiting, found = [start], []
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if current in names:
            found.append(names[current])
        else:
            waiting.extend(campaigns.get(current, ()))
    return sorted(set(found))

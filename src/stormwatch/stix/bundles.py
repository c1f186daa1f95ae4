"""A STIX bundle, decoded, into its objects, one version of each: the newest wins, whatever the order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stormwatch.model.errors import InvalidInput
from stormwatch.model.intel import TLP
from stormwatch.stix.markings import KNOWN_MARKINGS, level_of_definition, strictness
from stormwatch.stix.objects import StixProblem, modified_of

_ID: Final = re.compile(r"([a-z0-9-]{3,250})--[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Bundle:
    """The newest version of each object of a file by id, and why entries were passed over, with counts.

    References are looked up in `objects` and never followed inside the objects, so a ring of them costs nothing.
    """

    objects: Mapping[str, Mapping[str, Any]]
    skipped: Counter[str] = field(default_factory=Counter)

    def of_type(self, *types: str) -> list[Mapping[str, Any]]:
        """Objects of these types, in the order of the file."""
        return [raw for raw in self.objects.values() if raw["type"] in types]

    def tlp_of(self, marking_refs: tuple[str, ...], otherwise: TLP) -> TLP:
        """The strictest TLP level among markings; `otherwise` when none states one.

        A marking that is neither in the bundle nor a fixed one may say anything, so it counts as RED.
        """
        levels = [self._level(reference) for reference in marking_refs]
        stated = [level for level in levels if level is not None]
        return max(stated, key=strictness) if stated else otherwise

    def _level(self, reference: str) -> TLP | None:
        definition = self.objects.get(reference)
        if definition is not None:
            return level_of_definition(definition)
        return KNOWN_MARKINGS.get(reference, TLP.RED)


def bundle_of(document: object, where: str) -> Bundle:
    """The bundle in a decoded JSON document; InvalidInput when it is none."""
    if not isinstance(document, dict) or document.get("type") != "bundle":
        raise InvalidInput("this is no STIX bundle", where=where, remedy='a bundle is an object with "type": "bundle"')
    entries = document.get("objects", [])
    if not isinstance(entries, list):
        raise InvalidInput("the bundle's objects are no list", where=where, remedy="ask the sender for a whole bundle")
    return _newest(entries)


def _newest(entries: list[object]) -> Bundle:
    skipped: Counter[str] = Counter()
    newest: dict[str, tuple[int, Mapping[str, Any]]] = {}
    for entry in entries:
        try:
            object_id, modified, raw = _identified(entry)
        except StixProblem as problem:
            skipped[str(problem)] += 1
            continue
        before = newest.get(object_id)
        if before is not None:
            skipped["another version of an object in the same bundle"] += 1
        if before is None or modified > before[0]:
            newest[object_id] = (modified, raw)
    return Bundle({object_id: raw for object_id, (_, raw) in newest.items()}, skipped)


def _identified(entry: object) -> tuple[str, int, Mapping[str, Any]]:
    if not isinstance(entry, dict):
        raise StixProblem("entry is no object")
    kind, object_id = entry.get("type"), entry.get("id")
    found = _ID.fullmatch(object_id) if isinstance(object_id, str) else None
    if found is None or found[1] != kind:
        raise StixProblem("object without a type and an id of that type")
    return found[0], modified_of(entry), entry

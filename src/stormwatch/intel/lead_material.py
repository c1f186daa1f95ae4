"""A file that a partner sent, as what a lead looks for, with the marking, grade, actor and end that the file states."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stormwatch.intel.csv_import import observables_in_csv
from stormwatch.intel.files import IntelFormat, read_bytes, recognise
from stormwatch.intel.indicators import unusable
from stormwatch.intel.misp_events import MispEvent, read_events
from stormwatch.model.errors import InvalidInput
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade
from stormwatch.model.observable import Observable
from stormwatch.stix.bundles import Bundle, bundle_of
from stormwatch.stix.markings import strictness
from stormwatch.stix.objects import StixIndicator, StixProblem, read_indicator

_PAPS = (PAP.CLEAR, PAP.GREEN, PAP.AMBER, PAP.RED)


@dataclass(frozen=True, slots=True)
class LeadMaterial:
    """What a file says; None where it says nothing. Of several markings the strictest holds."""

    observables: tuple[Observable, ...] = ()
    title: str | None = None
    source: str | None = None
    tlp: TLP | None = None
    pap: PAP | None = None
    grade: AdmiraltyGrade | None = None
    actor: str | None = None
    expires_us: int | None = None


def material_of_file(path: Path) -> LeadMaterial:
    """Reads a STIX bundle, MISP events or a CSV table; what cannot be matched is left out.

    Raises NotFound, or InvalidInput when the file is none of these or a row of a table is wrong.
    """
    content, where = read_bytes(path), str(path)
    known, document = recognise(content, where)
    match known:
        case IntelFormat.CSV:
            return LeadMaterial(observables=tuple(observables_in_csv(content, where)))
        case IntelFormat.STIX | IntelFormat.ATTACK:
            return _of_bundle(bundle_of(document, where))
        case IntelFormat.MISP:
            return _of_events(document, where)
        case _:
            raise InvalidInput(
                f"a lead is not made of a file of format {known.value}",
                where=where,
                remedy="give a STIX bundle, MISP events or a CSV table with kind and value",
            )


def _of_bundle(bundle: Bundle) -> LeadMaterial:
    read: list[StixIndicator] = []
    for raw in bundle.of_type("indicator"):
        try:
            if raw.get("revoked") is not True:
                read.append(read_indicator(raw))
        except StixProblem:
            continue
    markings = tuple(reference for one in read for reference in one.marking_refs)
    ends = [one.valid_until_us for one in read]
    author = bundle.objects.get(read[0].created_by_ref or "", {}).get("name") if read else None
    return LeadMaterial(
        observables=_usable(observable for one in read for observable in one.observables),
        source=author if isinstance(author, str) and author.isprintable() else None,
        tlp=bundle.tlp_of(markings, TLP.AMBER) if markings else None,
        actor=_only([str(raw.get("name")) for raw in bundle.of_type("intrusion-set", "threat-actor")]),
        expires_us=_last(ends),
    )


def _of_events(document: Any, where: str) -> LeadMaterial:
    events: Sequence[MispEvent] = list(read_events(document, where, lambda _reason, _place: None))
    attributes = [one for event in events for one in event.attributes]
    said = [*(event.said for event in events), *(one.said for one in attributes)]
    tlp = [one.tlp for one in said if one.tlp is not None]
    pap = [one.pap for one in said if one.pap is not None]
    return LeadMaterial(
        observables=_usable(observable for one in attributes for observable in one.observables),
        title=events[0].title if len(events) == 1 else None,
        source=_only([event.source for event in events if event.source]),
        tlp=max(tlp, key=strictness, default=None),
        pap=max(pap, key=_PAPS.index, default=None),
        grade=next((one.grade for one in said if one.grade is not None), None),
        actor=_only([actor for one in said for actor in one.actors]),
        expires_us=_last([one.valid_until_us for one in attributes]),
    )


def _usable(observables: Iterable[Observable]) -> tuple[Observable, ...]:
    return tuple(dict.fromkeys(one for one in observables if unusable(one) is None))


def _only(names: Sequence[str]) -> str | None:
    """The one name that all agree on: a lead speaks of one actor or of none."""
    return names[0] if len(set(names)) == 1 else None


def _last(ends: Sequence[int | None]) -> int | None:
    """When the last of them ends; None where one is open."""
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None

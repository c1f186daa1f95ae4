"""What is known of a name or an observable, as prose and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from stormwatch.cli.output import lines_of
from stormwatch.intel.actors import ActorName, ActorNames, ConflictKind, NameConflict
from stormwatch.intel.shared_infrastructure import SharedMatch
from stormwatch.model.intel import Indicator
from stormwatch.model.observable import Observable
from stormwatch.model.times import optional_rfc3339

_OTHERS_SHOWN: Final = 12
_NO_GROUP: Final = "no group"


def name_payload(known: ActorNames, name: str) -> Mapping[str, Any]:
    """Every meaning with its source, the conflicts, and for whom an indicator with this name would speak."""
    meanings, tracked = known.resolve(name), known.tracked_actors(name)
    mentioned = dict.fromkeys(one.actor_id for one in meanings if one.actor_id)
    return {
        "name": name,
        "speaks_for": list(tracked),
        "meanings": [{**asdict(one), "others": list(one.others)} for one in meanings],
        "conflicts": [asdict(one) for one in known.conflicts_of(name)],
        "attack_groups": {
            actor: [{"external_id": one.external_id, "name": one.entry} for one in known.entries_of(actor)]
            for actor in mentioned
        },
    }


def name_prose(known: ActorNames, name: str) -> str:
    """The same for a person to read."""
    meanings = known.resolve(name)
    if not meanings:
        return lines_of([f"{name}: no profile and no imported catalogue has this name."])
    tracked = known.tracked_actors(name)
    speaks = ", ".join(tracked) if tracked else "nobody: no source ties it to one tracked actor, or sources disagree"
    lines = [
        name,
        *(line for one in meanings for line in _meaning(one)),
        f"An indicator with this name speaks for {speaks}.",
    ]
    for actor in dict.fromkeys(one.actor_id for one in meanings if one.actor_id):
        groups = ", ".join(f"{one.external_id} ({one.entry})" for one in known.entries_of(actor))
        lines.append(f"In ATT&CK the names of {actor} belong to {groups or _NO_GROUP}.")
    lines += [f"Conflict: {conflict_line(one)}" for one in known.conflicts_of(name)]
    return lines_of(lines)


def conflict_line(one: NameConflict) -> str:
    """A conflict in one line."""
    meanings = "; ".join(one.meanings)
    match one.kind:
        case ConflictKind.SEVERAL_ENTRIES:
            return f"{one.source} gives {one.name} to {meanings}"
        case ConflictKind.SEVERAL_ACTORS:
            return f"{one.name} leads to the tracked actors {meanings}"
        case ConflictKind.KEPT_APART:
            return f"{one.source} keeps apart what the profile {one.name} takes as one: {meanings}"


def thing_payload(
    observable: Observable, indicators: Sequence[Indicator], shared: Sequence[SharedMatch]
) -> Mapping[str, Any]:
    """Indicators on an observable and the lists that hold it."""
    return {
        "kind": observable.kind.value,
        "value": observable.value,
        "indicators": [_indicator(one) for one in indicators],
        "shared_infrastructure": [{"list": one.name, "kind": one.kind.value, "reason": one.reason} for one in shared],
    }


def thing_prose(observable: Observable, indicators: Sequence[Indicator], shared: Sequence[SharedMatch]) -> str:
    """The same for a person to read."""
    lines = [f"{observable.kind.value} {observable.value}"]
    for one in indicators:
        said = _indicator(one)
        until = said["valid_until"] or "no end"
        lines.append(
            f"  indicated by {one.source} as {one.observable.value}, from {said['valid_from']} to {until}, "
            f"TLP:{one.tlp.value.upper()}" + (f", {', '.join(one.actors)}" if one.actors else "")
        )
    lines += [f"  weighs less: on the list {one.reason}" for one in shared]
    return lines_of(lines if len(lines) > 1 else [*lines, "  nobody indicates it, and no list holds it"])


def _indicator(one: Indicator) -> Mapping[str, Any]:
    return {
        "indicator_id": one.indicator_id,
        "kind": one.observable.kind.value,
        "value": one.observable.value,
        "source": one.source,
        "valid_from": optional_rfc3339(one.valid_from_us),
        "valid_until": optional_rfc3339(one.valid_until_us),
        "confidence": one.confidence,
        "grade": None if one.grade is None else str(one.grade),
        "tlp": one.tlp.value,
        "pap": None if one.pap is None else one.pap.value,
        "actors": list(one.actors),
        "lead_id": one.lead_id,
    }


def _meaning(one: ActorName) -> list[str]:
    if one.direct:
        return [f"  the tracked actor {one.actor_id}, by its profile (source {one.source})"]
    version = ", ".join(text for text in (f"version {one.version}" if one.version else "", one.dated) if text)
    entry = f"{one.entry}, {one.external_id}" if one.external_id else str(one.entry)
    lines = [
        f"  {one.source}{f' ({version})' if version else ''}: a name of {entry}"
        + (f"; leads to the tracked actor {one.actor_id}" if one.actor_id else "")
        + (f"; it cites {one.citation}" if one.citation else "")
    ]
    if one.others:
        more = len(one.others) - _OTHERS_SHOWN
        shown = ", ".join(one.others[:_OTHERS_SHOWN]) + (f" and {more} more" if more > 0 else "")
        lines.append(f"    its other names there: {shown}")
    return lines

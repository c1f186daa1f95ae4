"""Objects of a STIX bundle as typed values; what cannot be read raises StixProblem with a countable reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stormwatch.model.observable import Observable
from stormwatch.model.times import parse_rfc3339
from stormwatch.stix.patterns import UnsupportedPattern, observables_of

ACTOR_TYPES: Final = frozenset({"intrusion-set", "threat-actor"})
_MAX_NAME: Final = 512


class StixProblem(ValueError):
    """Why an object is passed over."""


@dataclass(frozen=True, slots=True)
class StixIndicator:
    """An indicator whose pattern one observable can satisfy."""

    object_id: str
    modified_us: int
    observables: tuple[Observable, ...]
    valid_from_us: int
    valid_until_us: int | None
    confidence: int | None
    marking_refs: tuple[str, ...]
    created_by_ref: str | None


@dataclass(frozen=True, slots=True)
class StixActor:
    """An intrusion set or threat actor with all names its source gives it, the first being the main one."""

    object_id: str
    modified_us: int
    names: tuple[str, ...]
    external_id: str | None


@dataclass(frozen=True, slots=True)
class StixRelationship:
    """Who is related to whom, and how."""

    object_id: str
    modified_us: int
    kind: str
    source_ref: str
    target_ref: str


def read_indicator(raw: Mapping[str, Any]) -> StixIndicator:
    """An indicator object (STIX 2.0 or 2.1)."""
    if raw.get("pattern_type", "stix") != "stix":
        raise StixProblem(f"pattern language {str(raw.get('pattern_type'))[:40]} is not read")
    try:
        observables = observables_of(_text(raw, "pattern"))
    except UnsupportedPattern as error:
        raise StixProblem(f"pattern: {error}") from error
    valid_from = _time(raw, "valid_from")
    valid_until = _time(raw, "valid_until") if raw.get("valid_until") is not None else None
    if valid_until is not None and valid_until <= valid_from:
        raise StixProblem("valid_until is not after valid_from")
    return StixIndicator(
        object_id=_text(raw, "id"),
        modified_us=modified_of(raw),
        observables=observables,
        valid_from_us=valid_from,
        valid_until_us=valid_until,
        confidence=_confidence(raw.get("confidence")),
        marking_refs=_texts(raw, "object_marking_refs"),
        created_by_ref=_optional_text(raw, "created_by_ref"),
    )


def read_actor(raw: Mapping[str, Any]) -> StixActor:
    """An intrusion set or threat actor; STIX 2.0 repeats the name among the aliases."""
    names = (_text(raw, "name"), *_texts(raw, "aliases"))
    cleaned = (" ".join(name.replace("\0", "").split())[:_MAX_NAME] for name in names)
    return StixActor(
        object_id=_text(raw, "id"),
        modified_us=modified_of(raw),
        names=tuple(dict.fromkeys(name for name in cleaned if name)),
        external_id=external_id(raw),
    )


def read_relationship(raw: Mapping[str, Any]) -> StixRelationship:
    """A relationship object."""
    return StixRelationship(
        object_id=_text(raw, "id"),
        modified_us=modified_of(raw),
        kind=_text(raw, "relationship_type"),
        source_ref=_text(raw, "source_ref"),
        target_ref=_text(raw, "target_ref"),
    )


def modified_of(raw: Mapping[str, Any]) -> int:
    """When this version was made: `modified`, else `created`, else the beginning of time."""
    for field in ("modified", "created"):
        if raw.get(field) is not None:
            return _time(raw, field)
    return 0


def external_id(raw: Mapping[str, Any]) -> str | None:
    """The id a framework gives the object, such as an ATT&CK group's."""
    references = raw.get("external_references")
    for reference in references if isinstance(references, list) else ():
        if isinstance(reference, dict) and isinstance(reference.get("external_id"), str):
            return str(reference["external_id"])
    return None


def _text(raw: Mapping[str, Any], field: str) -> str:
    value = raw.get(field)
    if not isinstance(value, str) or not value:
        raise StixProblem(f"{field} is missing or no text")
    return value


def _optional_text(raw: Mapping[str, Any], field: str) -> str | None:
    value = raw.get(field)
    return value if isinstance(value, str) else None


def _texts(raw: Mapping[str, Any], field: str) -> tuple[str, ...]:
    values = raw.get(field, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise StixProblem(f"{field} is no list of texts")
    return tuple(values)


def _time(raw: Mapping[str, Any], field: str) -> int:
    try:
        return parse_rfc3339(_text(raw, field))
    except (ValueError, OverflowError) as error:
        raise StixProblem(f"{field} is no time") from error


def _confidence(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise StixProblem("confidence is no whole number from 0 to 100")
    return value

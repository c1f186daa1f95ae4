"""MISP events, in any of the shapes in which MISP hands them out, into typed values; nothing is stored here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

from stormwatch.intel.misp_tags import Said, said_by
from stormwatch.model.errors import InvalidInput
from stormwatch.model.intel import TLP
from stormwatch.model.normal_form import observable_of
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.model.times import DAY, SECOND, parse_rfc3339
from stormwatch.stix.markings import strictness

UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NUMBER: Final = re.compile(r"[0-9]{1,11}")
_ADDRESSES: Final = frozenset({ObservableKind.IPV4, ObservableKind.IPV6, ObservableKind.CIDR})
_YES: Final = (True, 1, "1", "true")
_OWN_ORGANISATION_ONLY: Final = ("0", 0)
_EXPIRATION: Final = ("2", 2)
_MAX_TEXT: Final = 400

Skip = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class MispAttribute:
    """An attribute meant for detection, with what holds for it: marking, judgement, actors, and its time."""

    uuid: str
    observables: tuple[Observable, ...]
    said: Said
    valid_from_us: int
    valid_until_us: int | None


@dataclass(frozen=True, slots=True)
class MispEvent:
    """One version of an event; `source` is the organisation that made it, None where it names none."""

    uuid: str
    version_us: int
    title: str
    source: str | None
    said: Said
    attributes: tuple[MispAttribute, ...]


def is_event(document: object) -> bool:
    """Whether a JSON document is one event, bare or wrapped, or an answer of MISP that holds some."""
    if isinstance(document, list):
        return bool(document) and all(isinstance(entry, dict) and _is_one(entry) for entry in document[:10])
    return isinstance(document, dict) and ("response" in document or _is_one(document))


def is_manifest(document: object) -> bool:
    """Whether a JSON document is the manifest of a MISP feed: facts of events by their UUID."""
    if not isinstance(document, dict) or not document:
        return False
    return all(UUID.fullmatch(key) and isinstance(fact, dict) and "info" in fact for key, fact in document.items())


def manifest_versions(document: Mapping[str, Mapping[str, Any]]) -> Mapping[str, int]:
    """When each event of a manifest was last changed; 0 where it does not say."""
    return {uuid: (_seconds(fact.get("timestamp")) or 0) * SECOND for uuid, fact in document.items()}


def read_events(document: object, where: str, skip: Skip) -> Iterator[MispEvent]:
    """The events of a document; `skip(reason, where)` hears of what is passed over. InvalidInput when it is none."""
    for number, raw in enumerate(_entries(document, where)):
        place = f"{where}, event {number + 1}"
        inner = raw.get("Event", raw) if isinstance(raw, dict) else raw
        if not isinstance(inner, dict):
            raise InvalidInput("this is no MISP event", where=place, remedy="export whole events as JSON")
        yield _event(inner, place, skip)


def _is_one(document: Mapping[str, Any]) -> bool:
    inner = document.get("Event", document)
    return isinstance(inner, dict) and "uuid" in inner and "info" in inner and "type" not in inner


def _entries(document: object, where: str) -> list[object]:
    entries = document.get("response", document) if isinstance(document, dict) else document
    if isinstance(entries, dict) and "Attribute" in entries and "uuid" not in entries:
        raise InvalidInput(
            "this is a list of MISP attributes without their events",
            where=where,
            remedy="export events, which carry markings and grades",
        )
    return entries if isinstance(entries, list) else [entries]


def _event(raw: Mapping[str, Any], where: str, skip: Skip) -> MispEvent:
    uuid = raw.get("uuid")
    if not isinstance(uuid, str) or not UUID.fullmatch(uuid):
        raise InvalidInput("a MISP event has no UUID", where=where, remedy="export it again")
    said = said_by(raw)
    if raw.get("distribution") in _OWN_ORGANISATION_ONLY:
        own = said.tlp if said.tlp is not None and strictness(said.tlp) > strictness(TLP.AMBER_STRICT) else None
        said = Said(tlp=own or TLP.AMBER_STRICT).within(said)
    version = (_seconds(raw.get("timestamp")) or 0) * SECOND
    reader = _Attributes(said, version, _day(raw.get("date")), skip)
    found = {one.uuid: one for one in reader.all(raw, where)}
    return MispEvent(uuid.lower(), version, _text(raw.get("info")) or uuid, _maker(raw), said, tuple(found.values()))


@dataclass(frozen=True, slots=True)
class _Attributes:
    """Reads the attributes of one event."""

    event: Said
    version_us: int
    dated_us: int | None
    skip: Skip

    def all(self, raw: Mapping[str, Any], where: str) -> Iterator[MispAttribute]:
        """Those of the event and of its objects that are meant for detection."""
        for number, attribute in enumerate(_dicts(raw.get("Attribute"))):
            yield from self._one(attribute, f"{where}, attribute {number + 1}")
        for number, thing in enumerate(_dicts(raw.get("Object"))):
            if thing.get("deleted") in _YES:
                continue
            for inner, attribute in enumerate(_dicts(thing.get("Attribute"))):
                yield from self._one(attribute, f"{where}, object {number + 1}, attribute {inner + 1}")

    def _one(self, raw: Mapping[str, Any], where: str) -> Iterator[MispAttribute]:
        if raw.get("deleted") in _YES:
            self.skip("deleted by its source", where)
            return
        if raw.get("to_ids") not in _YES:
            self.skip("not meant for detection (to_ids is off)", where)
            return
        try:
            yield self._read(raw)
        except (ValueError, OverflowError) as problem:
            self.skip(str(problem), where)

    def _read(self, raw: Mapping[str, Any]) -> MispAttribute:
        uuid = raw.get("uuid")
        if not isinstance(uuid, str) or not UUID.fullmatch(uuid):
            raise ValueError("attribute without a UUID")
        said = said_by(raw).within(self.event)
        if said.false_positive:
            raise ValueError("a false positive, as its source itself says")
        observables = _observables(raw)
        since = _moment(raw, "first_seen") or 0
        until = self._end(raw, said, observables)
        if until is not None and until <= since:
            since = 0 if raw.get("first_seen") is None else since
            until = max(until, since + 1)
        return MispAttribute(uuid.lower(), observables, said, since, until)

    def _end(self, raw: Mapping[str, Any], said: Said, observables: tuple[Observable, ...]) -> int | None:
        """When it ends: last seen, expired by a sighting, decayed, or past the retention of addresses."""
        ends = [end + 1] if (end := _moment(raw, "last_seen")) is not None else []
        expirations = (one for one in _dicts(raw.get("Sighting")) if one.get("type") in _EXPIRATION)
        ends += [seconds * SECOND for one in expirations if (seconds := _seconds(one.get("date_sighting"))) is not None]
        scores = list(_dicts(raw.get("decay_score")))
        if scores and all(one.get("decayed") in _YES for one in scores):
            ends.append(self.version_us)
        if said.retention_days is not None and any(one.kind in _ADDRESSES for one in observables):
            begin = self.dated_us if self.dated_us is not None else self.version_us
            ends.append(begin + said.retention_days * DAY)
        return min(ends, default=None)


def _observables(raw: Mapping[str, Any]) -> tuple[Observable, ...]:
    kind, value = raw.get("type"), raw.get("value")
    parts = _types().get(kind) if isinstance(kind, str) else None
    if parts is None:
        raise ValueError(f"attributes of type {str(kind)[:40]} are not read")
    texts = value.split("|") if isinstance(value, str) and len(parts) > 1 else [value]
    if len(texts) != len(parts):
        raise ValueError(f"the value of type {kind} does not have {len(parts)} parts")
    found = []
    for part, text in zip(parts, texts, strict=True):
        if part is None:
            continue
        if not isinstance(text, str):
            raise ValueError("value is no text")
        found.append(_observable(ObservableKind(part), text))
    return tuple(dict.fromkeys(found))


def _observable(kind: ObservableKind, text: str) -> Observable:
    try:
        return observable_of(kind, text)
    except ValueError as error:
        raise ValueError(f"value of {kind} not readable") from error


def _maker(raw: Mapping[str, Any]) -> str | None:
    for field in ("Orgc", "Org"):
        organisation = raw.get(field)
        name = _text(organisation.get("name")) if isinstance(organisation, dict) else None
        if name is not None:
            return name
    return None


def _text(value: object) -> str | None:
    tidy = " ".join(value.split())[:_MAX_TEXT] if isinstance(value, str) else ""
    return tidy if tidy and tidy.isprintable() else None


def _seconds(value: object) -> int | None:
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return int(text) if _NUMBER.fullmatch(text) and text.isascii() else None


def _day(value: object) -> int | None:
    try:
        return parse_rfc3339(f"{value}T00:00:00Z") if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def _moment(raw: Mapping[str, Any], field: str) -> int | None:
    value = raw.get(field)
    if value is None or value == "":
        return None
    try:
        return parse_rfc3339(str(value))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{field} is no time with an offset") from error


def _dicts(value: object) -> Iterator[Mapping[str, Any]]:
    return (entry for entry in (value if isinstance(value, list) else ()) if isinstance(entry, dict))


@cache
def _types() -> Mapping[str, tuple[str | None, ...]]:
    text = resources.files(__package__).joinpath("data", "misp-types.yaml").read_text(encoding="utf-8")
    return {name: tuple(parts) for name, parts in yaml.safe_load(text).items()}

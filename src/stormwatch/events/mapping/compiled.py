"""A specification to closures: a decoded record to the event it tells of, without looking at the mapping again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from stormwatch.events.client_address import (
    NOBODY_TRUSTED,
    ClientAddress,
    TrustedProxies,
    client_address,
    recorded_address,
)
from stormwatch.events.mapping.conditions import recogniser
from stormwatch.events.mapping.decoding import DECODERS, as_record, decoding
from stormwatch.events.mapping.fields import LIST_FIELDS, REQUIRED
from stormwatch.events.mapping.filling import Extras, PreparedSource
from stormwatch.events.mapping.layout import Layout, Place, Shape, Slots, shape_of
from stormwatch.events.mapping.leftovers import taken
from stormwatch.events.mapping.paths import Lookup, Path, lookup
from stormwatch.events.mapping.plan import Plan
from stormwatch.events.mapping.scalars import headers, text
from stormwatch.events.mapping.specification import Client, Source, Specification
from stormwatch.events.sent import SentEvent
from stormwatch.model.errors import InvalidInput

_LONGEST_EVENT_ID: Final = 128
_LONGEST_ACCOUNT_ID: Final = 256
_PATHS_NAMED: Final = 4
_SHAPES_KEPT: Final = 512
_KEYS_OF_A_KEPT_SHAPE: Final = 1000  # a sender chooses the keys, and must not choose how much memory they take


class CompiledMapping:
    """A mapping ready to be used on records; several threads may use it at once."""

    def __init__(self, specification: Specification, proxies: TrustedProxies = NOBODY_TRUSTED) -> None:
        self.specification = specification
        self._proxies = proxies
        self.name = specification.name
        self._recognises = recogniser(specification.recognise)
        self._nested = tuple(_all_lookup(path) for path in specification.records)
        self._changes = tuple(decoding(path, DECODERS[name]) for path, name in specification.decode)
        self._layout = Layout()
        self._fields = tuple(
            (name, tuple(PreparedSource(source, self._layout) for source in sources))
            for name, sources in specification.event
        )
        self._address = _Address(specification.client, self._layout, proxies)
        self._tree = taken(_used_paths(specification))
        self._missing = {name: _lacks(self.name, name, dict(specification.event)[name]) for name in REQUIRED}
        self._plans: dict[Shape, Plan] = {}

    def __reduce__(self) -> tuple[type[CompiledMapping], tuple[Specification, TrustedProxies]]:
        """For processes that read in parallel: they compile the mapping anew."""
        return CompiledMapping, (self.specification, self._proxies)

    def recognises(self, value: dict[str, Any]) -> bool:
        """Whether a decoded line is in this format, by its first record."""
        first = next(self.records(value), None)
        return first is not None and self._recognises(first)

    def records(self, value: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The records in a decoded line: those at the first of the mapping's places that has any, else the line."""
        for find in self._nested:
            inside = find(value)
            if inside:
                yield from (record for record in map(as_record, inside) if record is not None)
                return
        yield value

    def event(self, record: dict[str, Any]) -> SentEvent:
        """The event in one record, which is changed on the way; InvalidInput says what is missing."""
        for change in self._changes:
            change(record)
        slots = self._layout.slots(record)
        plan = self._plan(shape_of(slots))
        extras: Extras = {}
        filled = plan.fill(slots, extras)
        self._check(filled)
        client = self._address.of(slots)
        rest = plan.rest(slots)
        rest.update(extras)
        filled["source_ip"], filled["ip_source"] = client.address, client.source
        return SentEvent(attributes=rest or None, **filled)

    def _plan(self, shape: Shape) -> Plan:
        plan = self._plans.get(shape)
        if plan is None:
            plan = Plan(self._fields, self._layout, self._tree, shape)
            if sum(map(len, shape)) <= _KEYS_OF_A_KEPT_SHAPE:
                if len(self._plans) >= _SHAPES_KEPT:
                    self._plans = {}
                self._plans[shape] = plan
        return plan

    def _check(self, filled: dict[str, Any]) -> None:
        for name, missing in self._missing.items():
            if name not in filled:
                raise InvalidInput(missing[0], remedy=missing[1])
        if len(filled["event_id"]) > _LONGEST_EVENT_ID:
            raise InvalidInput(f"event_id is longer than {_LONGEST_EVENT_ID} characters")
        if len(filled["account_id"]) > _LONGEST_ACCOUNT_ID:
            raise InvalidInput(f"account_id is longer than {_LONGEST_ACCOUNT_ID} characters")


class _Address:
    """Where the address of the client is logged, and how far it can be believed."""

    def __init__(self, client: Client, layout: Layout, proxies: TrustedProxies) -> None:
        self._peers = tuple(layout.place(path) for path in client.peer)
        self._headers = tuple(layout.place(path) for path in client.headers)
        self._recorded = tuple(layout.place(path) for path in client.recorded)
        self._proxies = proxies

    def of(self, slots: Slots) -> ClientAddress:
        peer = _text_at(self._peers, slots)
        recorded = _text_at(self._recorded, slots)
        if peer is not None and not self._proxies.networks:
            return client_address(peer, {}, self._proxies, told=recorded)
        logged = next((value for place in self._headers if (value := place.first(slots)) is not None), None)
        named = headers(logged) if logged is not None else {}
        if peer is None and recorded is not None:
            return recorded_address(recorded, named, self._proxies)
        return client_address(peer, named, self._proxies, told=recorded)


def _lacks(mapping: str, name: str, sources: tuple[Source, ...]) -> tuple[str, str]:
    paths = [path.text for source in sources for path in source.paths][:_PATHS_NAMED]
    return f"{mapping} finds no {name} that can be one in the record", f"it looks at {', '.join(paths)}"


def _all_lookup(path: Path) -> Lookup:
    find = lookup(path)

    def find_all(value: Any) -> Any:
        inside = find(value)
        return inside if type(inside) is list else None if inside is None else [inside]

    return find_all


def _text_at(places: tuple[Place, ...], slots: Slots) -> str | None:
    return next((said for place in places if (said := text(place.first(slots))) is not None), None)


def _used_paths(specification: Specification) -> Iterator[Path]:
    """The places that need not be kept: what fields took, and what the mapping drops. Headers stay, as evidence."""
    for name, sources in specification.event:
        for source in sources:
            if source.transform != "header" and (name in LIST_FIELDS or not source.when):
                yield from source.paths
    yield from specification.client.peer
    yield from specification.client.recorded
    yield from specification.drop

"""A specification to closures: a decoded record to the event it tells of, without looking at the mapping again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from stormwatch.events.client_address import NOBODY_TRUSTED, TrustedProxies, client_address, recorded_address
from stormwatch.events.mapping.conditions import all_hold
from stormwatch.events.mapping.decoding import DECODERS, as_record, decoding
from stormwatch.events.mapping.fields import LIST_FIELDS, REQUIRED
from stormwatch.events.mapping.filling import Extras, fill_account, fill_list, fill_single
from stormwatch.events.mapping.leftovers import leftovers, taken
from stormwatch.events.mapping.paths import Lookup, Path, first_lookup, lookup
from stormwatch.events.mapping.scalars import headers, text
from stormwatch.events.mapping.specification import Client, Source, Specification
from stormwatch.events.sent import SentEvent
from stormwatch.model.errors import InvalidInput

_LONGEST_EVENT_ID: Final = 128
_LONGEST_ACCOUNT_ID: Final = 256
_PATHS_NAMED: Final = 4

Address = Callable[[dict[str, Any]], tuple[str | None, Any]]


class CompiledMapping:
    """A mapping ready to be used on records; several threads may use it at once."""

    def __init__(self, specification: Specification, proxies: TrustedProxies = NOBODY_TRUSTED) -> None:
        self.specification = specification
        self.name = specification.name
        self._recognises = all_hold(specification.recognise)
        self._nested = tuple(_all_lookup(path) for path in specification.records)
        self._changes = tuple(decoding(path, DECODERS[name]) for path, name in specification.decode)
        self._address = _address_of(specification.client, proxies)
        self._single = tuple(
            (name, fill_account(sources) if name == "account_id" else fill_single(sources))
            for name, sources in specification.event
            if name not in LIST_FIELDS
        )
        self._lists = tuple((name, fill_list(srcs)) for name, srcs in specification.event if name in LIST_FIELDS)
        self._tree = taken(_used_paths(specification))
        self._missing = {name: _lacks(self.name, name, dict(specification.event)[name]) for name in REQUIRED}

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
        extras: Extras = {}
        filled: dict[str, Any] = {}
        for name, fill in self._single:
            value = fill(record, extras)
            if value is not None:
                filled[name] = value
        self._check(filled)
        for name, fill in self._lists:
            filled[name] = fill(record, extras) or None
        filled["source_ip"], filled["ip_source"] = self._address(record)
        rest = leftovers(record, self._tree)
        if extras:
            rest.update(extras)
        return SentEvent(attributes=rest or None, **filled)

    def _check(self, filled: dict[str, Any]) -> None:
        for name, missing in self._missing.items():
            if name not in filled:
                raise InvalidInput(missing[0], remedy=missing[1])
        if len(filled["event_id"]) > _LONGEST_EVENT_ID:
            raise InvalidInput(f"event_id is longer than {_LONGEST_EVENT_ID} characters")
        if len(filled["account_id"]) > _LONGEST_ACCOUNT_ID:
            raise InvalidInput(f"account_id is longer than {_LONGEST_ACCOUNT_ID} characters")


def _lacks(mapping: str, name: str, sources: tuple[Source, ...]) -> tuple[str, str]:
    paths = [path.text for source in sources for path in source.paths][:_PATHS_NAMED]
    return f"{mapping} finds no {name} that can be one in the record", f"it looks at {', '.join(paths)}"


def _all_lookup(path: Path) -> Lookup:
    find = lookup(path)

    def find_all(value: Any) -> Any:
        inside = find(value)
        return inside if type(inside) is list else None if inside is None else [inside]

    return find_all


def _address_of(client: Client, proxies: TrustedProxies) -> Address:
    peers = tuple(first_lookup(path) for path in client.peer)
    heads = tuple(first_lookup(path) for path in client.headers)
    told = tuple(first_lookup(path) for path in client.recorded)

    def address(record: dict[str, Any]) -> tuple[str | None, Any]:
        peer, recorded = _text_at(peers, record), _text_at(told, record)
        if peer is not None and not proxies.networks:
            found = client_address(peer, {}, proxies, told=recorded)
            return found.address, found.source
        logged = next((value for find in heads if (value := find(record)) is not None), None)
        named = headers(logged) if logged is not None else {}
        if peer is None and recorded is not None:
            found = recorded_address(recorded, named, proxies)
        else:
            found = client_address(peer, named, proxies, told=recorded)
        return found.address, found.source

    return address


def _text_at(finds: tuple[Lookup, ...], record: dict[str, Any]) -> str | None:
    return next((said for find in finds if (said := text(find(record))) is not None), None)


def _used_paths(specification: Specification) -> Iterator[Path]:
    """The places that need not be kept: what fields took, and what the mapping drops. Headers stay, as evidence."""
    for name, sources in specification.event:
        for source in sources:
            if source.transform != "header" and (name in LIST_FIELDS or not source.when):
                yield from source.paths
    yield from specification.client.peer
    yield from specification.client.recorded
    yield from specification.drop

"""The sources of one field to a function that fills it; what it found and did not use is set aside, not lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import msgspec

from stormwatch.events.mapping.conditions import Answer, all_hold, any_holds
from stormwatch.events.mapping.conversations import LISTS
from stormwatch.events.mapping.paths import Lookup, first_lookup, lookup
from stormwatch.events.mapping.scalars import SCALARS, Scalar, header
from stormwatch.events.mapping.specification import Source
from stormwatch.events.turns import as_text

Extras = dict[str, Any]
Fill = Callable[[dict[str, Any], Extras], Any]

# Before the id of an account that only the caller claimed to be: nobody may take it for one that was authenticated.
ASSERTED: Final = "asserted:"
_canonical: Final = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One place to look at for one field; `name` is its path, empty where the value lies in no place of the record."""

    find: Lookup
    convert: Scalar
    name: str
    holds: Answer | None
    asserted: bool


def fill_single(sources: tuple[Source, ...]) -> Fill:
    """A function that takes the first place with something to say, and sets aside what others say differently."""
    attempts = tuple(attempt for source in sources for attempt in _attempts(source))
    if len(attempts) == 1 and attempts[0].holds is None:
        return _alone(attempts[0])

    def fill(record: dict[str, Any], extras: Extras) -> Any:
        value, _ = _chosen(attempts, record, extras)
        return value

    return fill


def fill_account(sources: tuple[Source, ...]) -> Fill:
    """Like `fill_single`, and says where the account comes from; one that is only asserted is marked in its id."""
    attempts = tuple(attempt for source in sources for attempt in _attempts(source))

    def fill(record: dict[str, Any], extras: Extras) -> Any:
        value, chosen = _chosen(attempts, record, extras)
        if chosen is None:
            return None
        extras["account_from"] = chosen.name or "the mapping"
        if chosen.asserted:
            extras["account_asserted"] = True
            return ASSERTED + value
        return value

    return fill


def fill_list(sources: tuple[Source, ...]) -> Fill:
    """A function that joins what every source has to say."""
    fills = tuple(_many(source) for source in sources)
    if len(fills) == 1:
        return fills[0]

    def fill(record: dict[str, Any], extras: Extras) -> Any:
        return [item for take in fills for item in take(record, extras)]

    return fill


def _attempts(source: Source) -> list[_Attempt]:
    holds = all_hold(source.when) if source.when else None

    def attempt(find: Lookup, convert: Scalar = _same, name: str = "") -> _Attempt:
        return _Attempt(find, convert, name, holds, source.asserted)

    if source.digest:
        return [attempt(lambda record: blake2b(_canonical(record), digest_size=16).hexdigest())]
    if source.any_of:
        return [attempt(any_holds(source.any_of))]
    if source.constant is not None:
        return [attempt(lambda _record: source.constant)]
    convert = _converter(source)
    # Headers stay where they are, so a place without the one that is looked for need not be set aside.
    is_header = source.transform == "header"
    return [attempt(first_lookup(path), convert, "" if is_header else path.text) for path in source.paths]


def _chosen(attempts: tuple[_Attempt, ...], record: dict[str, Any], extras: Extras) -> tuple[Any, _Attempt | None]:
    found, chosen, used = None, None, None
    aside: Extras = {}
    for attempt in attempts:
        if chosen is not None and (not attempt.name or attempt.asserted):
            continue
        raw = attempt.find(record)
        if raw is None or raw == "" or (attempt.holds is not None and not attempt.holds(record)):
            continue
        if chosen is None:
            found = attempt.convert(raw)
            if found is not None:
                chosen, used = attempt, raw
                aside.pop(attempt.name, None)
                continue
        if raw != used and attempt.name:
            aside[attempt.name] = raw
    if aside:
        extras.update(aside)
    return found, chosen


def _alone(attempt: _Attempt) -> Fill:
    find, convert, name = attempt.find, attempt.convert, attempt.name

    def fill(record: dict[str, Any], extras: Extras) -> Any:
        raw = find(record)
        if raw is None or raw == "":
            return None
        value = convert(raw)
        if value is None and name:
            extras[name] = raw
        return value

    return fill


def _same(value: Any) -> Any:
    return value


def _converter(source: Source) -> Scalar:
    convert = header(source.header) if source.transform == "header" else SCALARS[source.transform]
    replaced, prefix = dict(source.replaced), source.prefix
    if not replaced and not prefix:
        return convert

    def finish(raw: Any) -> Any:
        value = convert(raw)
        if type(value) is not str:
            return value
        return prefix + as_text(replaced.get(value, value))

    return finish


def _many(source: Source) -> Fill:
    finds = tuple(lookup(path) for path in source.paths)
    read, role = LISTS[source.transform], source.role
    holds = all_hold(source.when) if source.when else None

    def fill(record: dict[str, Any], _extras: Extras) -> Any:
        if holds is not None and not holds(record):
            return ()
        return [item for find in finds if (value := find(record)) is not None for item in read(value, role)]

    return fill

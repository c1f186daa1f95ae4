"""A MISP warning list into a list of shared infrastructure, its kind taken from the file, its name, or the caller."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

import yaml
from sqlalchemy import Connection

from stormwatch.intel.actor_catalogue import is_older
from stormwatch.intel.import_report import Tally
from stormwatch.intel.ranges import range_of
from stormwatch.intel.shared_infrastructure import Matching, SharedKind, SharedList, store_list, version_of_list
from stormwatch.model.errors import InvalidInput
from stormwatch.model.normal_form import observable_of
from stormwatch.model.observable import ObservableKind

_MATCHING: Final = {"cidr": Matching.CIDR, "hostname": Matching.DOMAIN, "domain": Matching.DOMAIN}
_ANYTHING: Final = frozenset({"0.0.0.0/0", "::/0"})


def import_warninglist(
    connection: Connection, document: Mapping[str, Any], where: str, kind: SharedKind | None, tally: Tally
) -> None:
    """Stores the list in place of an earlier one of its name."""
    name = document.get("name")
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise InvalidInput("this list has no name", where=where, remedy="give it one, so that matches can be explained")
    matching = _matching(document, where)
    entries = []
    for number, entry in enumerate(document["list"]):
        cleaned = _entry(entry, matching)
        if cleaned is None:
            tally.skip(f"no {'range' if matching is Matching.CIDR else 'domain name'}", f"entry {number + 1}")
        else:
            entries.append(cleaned)
    shared = SharedList(
        name=name,
        kind=kind or _stated_kind(document, where) or kind_of_name(name),
        matching=matching,
        version=str(document.get("version", ""))[:60],
        entries=tuple(dict.fromkeys(entries)),
    )
    tally.taken["lists"] += 1
    stored = version_of_list(connection, shared.name)
    if stored is not None and is_older((shared.version, ""), (stored, "")):
        tally.taken["unchanged"] += 1
        tally.remarks[f"version {shared.version} is older than {stored}, which is stored and stays"] += 1
        return
    if not store_list(connection, shared):
        tally.taken["unchanged"] += 1
    if shared.kind is SharedKind.OTHER:
        tally.remarks["list of no known kind: say which with --list-kind"] += 1


def kind_of_name(name: str) -> SharedKind:
    """The kind a list's name suggests (data/list-kinds.yaml), else `other`."""
    lowered = name.lower()
    return next((kind for words, kind in _kinds() if words in lowered), SharedKind.OTHER)


def _matching(document: Mapping[str, Any], where: str) -> Matching:
    kind = document.get("type")
    if kind == "string":
        entries = [entry for entry in document["list"] if isinstance(entry, str)]
        addresses = sum(1 for entry in entries if _entry(entry, Matching.CIDR) is not None)
        return Matching.CIDR if addresses * 2 > len(entries) else Matching.DOMAIN
    matching = _MATCHING.get(str(kind))
    if matching is None:
        raise InvalidInput(
            f"lists of type {str(kind)[:40]} are not read",
            where=where,
            remedy="use one of type cidr, hostname or string",
        )
    return matching


def _entry(entry: object, matching: Matching) -> str | None:
    if not isinstance(entry, str) or entry in _ANYTHING:
        return None
    try:
        if matching is Matching.CIDR:
            range_of(entry)
            return entry.strip()
        return observable_of(ObservableKind.DOMAIN, entry.strip().lstrip("*").lstrip(".")).value
    except ValueError:
        return None


def _stated_kind(document: Mapping[str, Any], where: str) -> SharedKind | None:
    stated = document.get("kind")
    if stated is None:
        return None
    try:
        return SharedKind(str(stated))
    except ValueError as error:
        raise InvalidInput(
            f"kind {str(stated)[:40]!r} is none of {', '.join(SharedKind)}", where=where, remedy="correct it"
        ) from error


@cache
def _kinds() -> tuple[tuple[str, SharedKind], ...]:
    text = resources.files(__package__).joinpath("data", "list-kinds.yaml").read_text(encoding="utf-8")
    return tuple((entry["contains"], SharedKind(entry["kind"])) for entry in yaml.safe_load(text))

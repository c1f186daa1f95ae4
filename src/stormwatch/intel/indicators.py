"""Indicators in the case database: stored by origin, read as values for matching, and a version of their content."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select

from stormwatch.model.ids import derived_id
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade, Indicator
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.storage.database import Database
from stormwatch.storage.tables.intel import indicator_actors, indicators

# A range wider than this holds whole countries' networks; matching it would accuse by geography.
_WIDEST: Final = {4: 12, 6: 28}
# RFC 1918, RFC 6598, RFC 4193: addresses that mean another machine in every network.
_LOCAL_NETWORKS: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)


def unusable(observable: Observable) -> str | None:
    """Why an observable must not be matched though it is well formed; None when it may be."""
    if observable.kind not in {ObservableKind.IPV4, ObservableKind.IPV6, ObservableKind.CIDR}:
        return None
    network = ipaddress.ip_network(observable.value)
    address = network.network_address
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        return "address that no client on the internet has"
    if any(network.version == local.version and address in local for local in _LOCAL_NETWORKS):
        return "address of a private network"
    if network.prefixlen < _WIDEST[network.version]:
        return f"range wider than /{_WIDEST[network.version]}"
    return None


def unusable_in_bulk(observable: Observable) -> str | None:
    """The same for what comes in bulk: an e-mail address can be a person's, and persons are looked for by leads alone.

    A lead states its legal basis and is accepted by a second person (ADR 0020).
    """
    if observable.kind is ObservableKind.EMAIL:
        return "an e-mail address can name a person: take it in as a lead, which a second person accepts"
    return unusable(observable)


def indicator_id_of(origin: str, observable: Observable, *, alone: bool) -> str:
    """The id of an origin's indicator: the origin's own where it names one observable, else one derived from both."""
    return origin if alone else derived_id("indicator", origin, observable.kind, observable.value)


def replace_origins(connection: Connection, by_origin: Mapping[str, Sequence[Indicator]]) -> None:
    """Replaces what is stored of these origins (STIX objects, CSV rows, leads) by their indicators; none removes it."""
    if not by_origin:
        return
    wanted = [{"gone": origin} for origin in by_origin]
    connection.execute(delete(indicators).where(indicators.c.origin == bindparam("gone")), wanted)
    own = (indicator_actors.c.origin == bindparam("gone")) & (indicator_actors.c.basis == bindparam("gone"))
    connection.execute(delete(indicator_actors).where(own), wanted)
    rows = [_row(origin, one) for origin, group in by_origin.items() for one in group]
    if rows:
        connection.execute(insert(indicators), rows)
    names = {(origin, name) for origin, group in by_origin.items() for one in group for name in one.actors}
    if names:
        connection.execute(
            insert(indicator_actors), [{"origin": origin, "name": name, "basis": origin} for origin, name in names]
        )


def load_indicators(database: Database) -> tuple[Indicator, ...]:
    """All indicators with the actor names their sources wrote, in a stable order."""
    with database.read() as connection:
        return load_from(connection)


def load_from(connection: Connection) -> tuple[Indicator, ...]:
    """The same inside a transaction."""
    names: dict[str, list[str]] = {}
    named = select(indicator_actors.c.origin, indicator_actors.c.name).distinct()
    for origin, name in connection.execute(named.order_by(indicator_actors.c.origin, indicator_actors.c.name)):
        names.setdefault(origin, []).append(name)
    rows = connection.execute(select(indicators).order_by(indicators.c.indicator_id))
    return tuple(_indicator(row, tuple(names.get(row.origin, ()))) for row in rows)


def load_origins(connection: Connection, origin_ids: Iterable[str]) -> Mapping[str, Indicator]:
    """What is stored of origins that stand for one indicator each; those that are not there are left out."""
    wanted = set(origin_ids)
    return {one.indicator_id: one for one in load_from(connection) if one.indicator_id in wanted}


def origins_below(connection: Connection, prefix: str) -> tuple[str, ...]:
    """Origins whose names begin with a prefix: what one file of several parts left behind."""
    rows = connection.execute(
        select(indicators.c.origin).where(indicators.c.origin.startswith(prefix, autoescape=True)).distinct()
    )
    return tuple(row.origin for row in rows)


def version(database: Database) -> str:
    """A hash of all that matching depends on: it changes when, and only when, an indicator does."""
    digest = hashlib.sha256()
    for one in load_indicators(database):
        parts = (
            one.indicator_id,
            one.observable.kind,
            one.observable.value,
            str(one.valid_from_us),
            str(one.valid_until_us),
            str(one.confidence),
            *one.actors,
        )
        digest.update("\x1f".join(parts).encode() + b"\n")
    return digest.hexdigest()[:32]


def _row(origin: str, indicator: Indicator) -> dict[str, Any]:
    return {
        "indicator_id": indicator.indicator_id,
        "origin": origin,
        "kind": indicator.observable.kind.value,
        "value": indicator.observable.value,
        "valid_from_us": indicator.valid_from_us,
        "valid_until_us": indicator.valid_until_us,
        "confidence": indicator.confidence,
        "source": indicator.source,
        "tlp": indicator.tlp.value,
        "lead_id": indicator.lead_id,
        "pap": None if indicator.pap is None else indicator.pap.value,
        "grade": None if indicator.grade is None else str(indicator.grade),
    }


def _indicator(row: Any, actors: tuple[str, ...]) -> Indicator:
    return Indicator(
        indicator_id=row.indicator_id,
        observable=Observable(ObservableKind(row.kind), row.value),
        valid_from_us=row.valid_from_us,
        valid_until_us=row.valid_until_us,
        confidence=row.confidence,
        actors=actors,
        source=row.source,
        tlp=TLP(row.tlp),
        lead_id=row.lead_id,
        pap=None if row.pap is None else PAP(row.pap),
        grade=None if row.grade is None else AdmiraltyGrade.parse(row.grade),
    )

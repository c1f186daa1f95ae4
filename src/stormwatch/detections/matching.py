"""Indicators against what connected, what was pasted and who signed up: detections with the indicator that matched.

Distinct values are looked up, never every event. A hit outside the time for which its source vouches is kept under a
rule id of its own (`...:expired`, `...:not-yet-valid`) with a quarter of the score.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.detections.indicator_index import IndicatorIndex
from stormwatch.detections.rows import DetectionRows
from stormwatch.model.detection import DetectionKind
from stormwatch.model.intel import Indicator
from stormwatch.model.observable import Observable, ObservableKind

# How specific a match of each kind is, 0 to 1: a network holds many, a host serves many, a hash is one file.
_SPECIFICITY: Final = {
    ObservableKind.IPV4: 0.7,
    ObservableKind.IPV6: 0.7,
    ObservableKind.CIDR: 0.4,
    ObservableKind.DOMAIN: 0.7,
    ObservableKind.URL: 0.9,
    ObservableKind.EMAIL: 0.8,
    ObservableKind.SHA256: 0.9,
    ObservableKind.SHA1: 0.9,
    ObservableKind.MD5: 0.85,
    ObservableKind.SOFTWARE: 0.3,
    ObservableKind.USER_AGENT: 0.4,
    ObservableKind.TLS: 0.4,
}
_OTHER_SPECIFICITY: Final = 0.5
# What a source that states no confidence is taken to have (STIX leaves it open).
_CONFIDENCE_UNSTATED: Final = 60
_OUTSIDE_VALIDITY: Final = 0.25

Lookup = Callable[[str], Sequence[Indicator]]


@dataclass(frozen=True, slots=True)
class _Where:
    """What was looked at: the rule id that a match gets, its kind, and how the seen value is named."""

    rule_id: str
    kind: DetectionKind
    observable_kind: ObservableKind | None = None


@dataclass(frozen=True, slots=True)
class _Sighting:
    """Whose value it was, and when; `placed` is false where the time is unknown and validity cannot be judged."""

    event_id: str
    account_id: str
    time_us: int
    value: str
    placed: bool = True


def match_events(index: IndicatorIndex, events: pa.Table, found: DetectionRows) -> None:
    """Matches addresses, user agents and TLS fingerprints of events (columns as in the lake)."""
    lookups: dict[str, tuple[_Where, Lookup]] = {
        "source_ip": (_Where("indicator:source-ip", DetectionKind.INDICATOR), index.of_address),
        "user_agent": (
            _Where("indicator:user-agent", DetectionKind.INDICATOR, ObservableKind.USER_AGENT),
            index.of_user_agent,
        ),
        "tls_fingerprint": (
            _Where("indicator:tls-fingerprint", DetectionKind.INDICATOR, ObservableKind.TLS),
            lambda value: index.of_value(ObservableKind.TLS, value),
        ),
    }
    for column, (where, lookup) in lookups.items():
        known = _look_up(pc.unique(events[column]), lookup)
        for row in _rows_of(events, column, known, ("event_id", "account_id", "time_us")):
            sighting = _Sighting(row["event_id"], row["account_id"], row["time_us"], row[column])
            _add(found, where, sighting, known[row[column]])


def match_observables(index: IndicatorIndex, observables: pa.Table, found: DetectionRows) -> None:
    """Matches artefacts from texts. One stood in several fields of an event counts once."""
    seen: set[tuple[str, str, str, str, int]] = set()
    for kind_name in pc.unique(observables["kind"]).to_pylist():
        kind = ObservableKind(kind_name)
        part = observables.filter(pc.equal(observables["kind"], kind_name))
        known = _look_up(pc.unique(part["value"]), _observable_lookup(index, kind))
        where = _Where(f"artefact:{kind_name}", DetectionKind.ARTEFACT, kind)
        for row in _rows_of(part, "value", known, ("event_id", "account_id", "time_us")):
            key = (kind_name, row["value"], row["event_id"], row["account_id"], row["time_us"])
            if key not in seen:
                seen.add(key)
                sighting = _Sighting(row["event_id"], row["account_id"], row["time_us"], row["value"])
                _add(found, where, sighting, known[row["value"]])


def match_sign_ups(index: IndicatorIndex, records: pa.Table, found: DetectionRows) -> None:
    """Matches address and e-mail domain that accounts signed up with, the last known value of each account.

    Such a detection has no event (id ""); its time is that of the sign-up or, where that is unknown, the start of the
    indicator's validity.
    """
    columns = ("created_us", "signup_ip", "email_domain")
    by_account = records.select(["account_id", *columns]).group_by("account_id", use_threads=False)
    last = by_account.aggregate([(name, "last") for name in columns])
    accounts = last.select(["account_id", *(f"{name}_last" for name in columns)]).rename_columns(
        ["account_id", *columns]
    )
    lookups: dict[str, tuple[_Where, Lookup]] = {
        "signup_ip": (_Where("indicator:signup-ip", DetectionKind.INDICATOR), index.of_address),
        "email_domain": (
            _Where("indicator:email-domain", DetectionKind.INDICATOR, ObservableKind.DOMAIN),
            index.of_domain,
        ),
    }
    for column, (where, lookup) in lookups.items():
        known = _look_up(pc.unique(accounts[column]), lookup)
        for row in _rows_of(accounts, column, known, ("account_id", "created_us")):
            for indicator in known[row[column]]:
                created = row["created_us"]
                time_us = indicator.valid_from_us if created is None else created
                sighting = _Sighting("", row["account_id"], time_us, row[column], placed=created is not None)
                _add(found, where, sighting, [indicator])


def _observable_lookup(index: IndicatorIndex, kind: ObservableKind) -> Lookup:
    return lambda value: index.of_observable(Observable(kind, value))


def _look_up(values: pa.ChunkedArray, lookup: Lookup) -> dict[str, Sequence[Indicator]]:
    found = ((value, lookup(value)) for value in values.to_pylist() if value)
    return {value: indicators for value, indicators in found if indicators}


def _rows_of(
    table: pa.Table, column: str, known: Mapping[str, Any], columns: Sequence[str]
) -> Sequence[Mapping[str, Any]]:
    if not known:
        return []
    chosen = table.select([*columns, column])
    rows: list[Mapping[str, Any]] = chosen.filter(
        pc.is_in(table[column], value_set=pa.array(list(known), pa.string()))
    ).to_pylist()
    return rows


def _add(found: DetectionRows, where: _Where, sighting: _Sighting, indicators: Sequence[Indicator]) -> None:
    for indicator in indicators:
        suffix, factor = _validity(indicator, sighting)
        confidence = _CONFIDENCE_UNSTATED if indicator.confidence is None else indicator.confidence
        specificity = _SPECIFICITY.get(indicator.observable.kind, _OTHER_SPECIFICITY)
        found.add(
            event_id=sighting.event_id,
            account_id=sighting.account_id,
            time_us=sighting.time_us,
            rule_id=where.rule_id + suffix,
            rule_version=_indicator_version(indicator),
            kind=where.kind.value,
            techniques=[],
            score=round(specificity * confidence / 100 * factor, 4),
            shadow=False,
            observable_kind=(where.observable_kind or _address_kind(sighting.value)).value,
            observable_value=sighting.value,
            indicator_id=indicator.indicator_id,
        )


def _validity(indicator: Indicator, sighting: _Sighting) -> tuple[str, float]:
    if not sighting.placed or indicator.valid_at(sighting.time_us):
        return "", 1.0
    early = sighting.time_us < indicator.valid_from_us
    return (":not-yet-valid" if early else ":expired"), _OUTSIDE_VALIDITY


def _address_kind(value: str) -> ObservableKind:
    return ObservableKind.IPV6 if ":" in value else ObservableKind.IPV4


def _indicator_version(indicator: Indicator) -> str:
    content = f"{indicator.indicator_id}\t{indicator.observable.value}\t{indicator.confidence}"
    return hashlib.sha256(
        f"{content}\t{indicator.valid_from_us}\t{indicator.valid_until_us}".encode("utf-8", "replace")
    ).hexdigest()[:12]

"""Detections to sightings: what deserves an alert, one for each cause at each account within a window of time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.detections.correlations.correlation import Correlation
from stormwatch.detections.sigma.rule import Rule
from stormwatch.hunt.alerts.policy import AlertPolicy
from stormwatch.model.alert import AlertKind, AlertLevel
from stormwatch.model.detection import DetectionKind
from stormwatch.model.ids import derived_id
from stormwatch.model.intel import Indicator

_BY: Final = ("kind", "rule_id", "rule_version", "account_id", "indicator_id", "window")
_OUTSIDE_VALIDITY: Final = r":(expired|not-yet-valid)$"
_INDICATOR_KINDS: Final = pa.array([DetectionKind.INDICATOR.value, DetectionKind.ARTEFACT.value])
_NO_LISTS: Final[tuple[str, ...]] = ()


@dataclass(frozen=True, slots=True)
class Sighting:
    """One cause, seen `seen` times at one account within one window. The same sighting has the same `window_id`.

    `first_us` and `last_us` are times of events.
    """

    window_id: str
    kind: AlertKind
    level: AlertLevel
    title: str
    innocent_explanation: str
    cause_id: str
    cause_version: str
    first_us: int
    last_us: int
    seen: int = 1
    account_id: str | None = None
    event_id: str | None = None
    indicator_id: str | None = None
    lead_id: str | None = None
    case_id: str | None = None
    techniques: tuple[str, ...] = ()


@dataclass(frozen=True)
class Causes:
    """What can cause an alert: the rules and indicators in force, and the lists that discount an indicator.

    `correlations` are rules over several events, whose detections carry their versions like those of any rule.
    """

    policy: AlertPolicy
    rules: Sequence[Rule]
    indicators: Mapping[str, Indicator]
    lists_of: Callable[[str, str], tuple[str, ...]] = lambda _kind, _value: _NO_LISTS
    correlations: Sequence[Correlation] = field(default=())

    @cached_property
    def loud_rules(self) -> Mapping[str, tuple[AlertKind, Rule | Correlation]]:
        """By version, the rules and correlations that speak up by themselves."""
        chosen: list[tuple[AlertKind, Rule | Correlation, Collection[AlertLevel]]] = []
        chosen += [(AlertKind.RULE, rule, self.policy.rules.levels) for rule in self.rules]
        chosen += [(AlertKind.CORRELATION, rule, self.policy.correlations.levels) for rule in self.correlations]
        return {
            rule.rule_version: (kind, rule)
            for kind, rule, levels in chosen
            if AlertLevel(rule.level) in levels and not rule.shadow and rule.topic is None
        }

    @cached_property
    def _versions(self) -> pa.Array:
        return pa.array(sorted(self.loud_rules), pa.string())

    @cached_property
    def _of_leads(self) -> pa.Array:
        return pa.array([i.indicator_id for i in self.indicators.values() if i.lead_id is not None], pa.string())

    @cached_property
    def _known(self) -> pa.Array:
        return pa.array(list(self.indicators), pa.string())

    def deserving(self, detections: pa.Table) -> pa.Table:
        """The detections (columns as in the lake) that the policy wants a person to hear of."""
        policy = self.policy.indicators
        loud = pc.is_in(detections["rule_version"], value_set=self._versions)
        of_rules = pc.and_(loud, pc.invert(_shadow(detections)))
        wanted = (
            pc.is_in(detections["indicator_id"], value_set=self._of_leads)
            if policy.of_leads
            else pa.array([False] * detections.num_rows)
        )
        if policy.of_feeds_from_score is not None:
            scored = pc.fill_null(pc.greater_equal(detections["score"], policy.of_feeds_from_score), fill_value=False)
            wanted = pc.or_(wanted, pc.and_(pc.is_in(detections["indicator_id"], value_set=self._known), scored))
        if not policy.outside_validity:
            outside = pc.match_substring_regex(detections["rule_id"], _OUTSIDE_VALIDITY)
            wanted = pc.and_(wanted, pc.invert(outside))
        of_indicators = pc.and_(pc.is_in(detections["kind"], value_set=_INDICATOR_KINDS), wanted)
        return detections.filter(pc.or_(of_rules, of_indicators))


def sightings_of(detections: pa.Table, causes: Causes) -> list[Sighting]:
    """The sightings in detections, whatever their order; the earliest event of a window stands for it."""
    chosen = causes.deserving(detections)
    if not chosen.num_rows:
        return []
    ordered = chosen.take(
        pc.sort_indices(chosen, sort_keys=[(name, "ascending") for name in ("time_us", "event_id", "observable_value")])
    )
    ordered = ordered.append_column("window", pc.divide(ordered["time_us"], causes.policy.window_us))
    grouped = ordered.group_by(list(_BY), use_threads=False).aggregate(
        [
            ("time_us", "min"),
            ("time_us", "max"),
            ("time_us", "count"),
            ("event_id", "first"),
            ("observable_kind", "first"),
            ("observable_value", "first"),
        ]
    )
    return list(_sightings(grouped.to_pylist(), causes))


def window_id_of(*parts: str) -> str:
    """The id of a sighting: whoever sees the same thing, now or later, derives the same one."""
    return derived_id("window", *parts)


def _sightings(rows: Sequence[Mapping[str, Any]], causes: Causes) -> Iterator[Sighting]:
    for row in rows:
        told = _of_rule(row, causes) if row["indicator_id"] is None else _of_indicator(row, causes)
        yield Sighting(
            window_id=window_id_of(
                row["rule_id"], row["rule_version"], row["indicator_id"] or "", row["account_id"], str(row["window"])
            ),
            cause_id=row["rule_id"],
            cause_version=row["rule_version"],
            first_us=row["time_us_min"],
            last_us=row["time_us_max"],
            seen=row["time_us_count"],
            account_id=row["account_id"] if _of_an_account(row, causes) else None,
            event_id=row["event_id_first"] or None,
            indicator_id=row["indicator_id"],
            **told,
        )


def _of_an_account(row: Mapping[str, Any], causes: Causes) -> bool:
    """Of a correlation over several accounts the one that came last is not to blame."""
    _, rule = causes.loud_rules.get(row["rule_version"], (None, None))
    return not isinstance(rule, Correlation) or rule.of_an_account


def _of_rule(row: Mapping[str, Any], causes: Causes) -> dict[str, Any]:
    kind, rule = causes.loud_rules[row["rule_version"]]
    innocent = "; ".join(rule.falsepositives) or causes.policy.innocent_explanations.rule
    return {
        "kind": kind,
        "level": AlertLevel(rule.level),
        "title": rule.title,
        "innocent_explanation": innocent,
        "techniques": rule.techniques,
    }


def _of_indicator(row: Mapping[str, Any], causes: Causes) -> dict[str, Any]:
    indicator, policy = causes.indicators[row["indicator_id"]], causes.policy.indicators
    explained = causes.policy.innocent_explanations
    pasted = row["kind"] == DetectionKind.ARTEFACT.value
    lists = causes.lists_of(row["observable_kind_first"], row["observable_value_first"])
    what = "an account pasted" if pasted else "an account shows"
    source = "a lead" if indicator.lead_id is not None else "a feed"
    return {
        "kind": AlertKind.ARTEFACT if pasted else AlertKind.INDICATOR,
        "level": policy.shared if lists else policy.pasted if pasted else policy.connected,
        "title": f"{what} what {source} warns of ({row['observable_kind_first']})",
        "innocent_explanation": explained.shared.replace("{lists}", ", ".join(lists))
        if lists
        else (explained.pasted if pasted else explained.connected),
        "lead_id": indicator.lead_id,
    }


def _shadow(detections: pa.Table) -> pa.ChunkedArray:
    return pc.fill_null(detections["shadow"], fill_value=False)

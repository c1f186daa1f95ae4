"""Evidence from indicators: how far a match on an account's connection, sign-up or pasted text speaks against it."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from stormwatch.accounts.odds import log2_odds, weight_from_rates
from stormwatch.accounts.weights import IndicatorWeights
from stormwatch.model.detection import DetectionKind
from stormwatch.model.evidence import Evidence
from stormwatch.model.intel import Indicator
from stormwatch.storage.engine import QueryEngine, sql_file

_EVENTS_SHOWN: Final = 20
_INNOCENT_CONNECTION = "the address was given to someone else since, is shared, or the source is wrong"
_INNOCENT_PASTE = "quoted from a report: analysts, students and journalists paste indicators too"


@dataclass(frozen=True, slots=True)
class Hit:
    """An indicator that matched an account: first time, events, and what was matched."""

    account_id: str
    indicator: Indicator
    kind: DetectionKind
    observable_kind: str
    observable_value: str
    event_time_us: int
    event_ids: tuple[str, ...]


def read_hits(engine: QueryEngine, indicators: Mapping[str, Indicator]) -> Sequence[Hit]:
    """Matches in the view `detections`, one per account, indicator and value; expired indicators stay in."""
    rows = engine.query(sql_file("stormwatch.accounts", "indicator_hits")).to_pylist()
    known = (row for row in rows if row["indicator_id"] in indicators)
    return [_hit(list(group), indicators) for _, group in groupby(known, key=_match)]


def _match(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["account_id"], row["indicator_id"], row["kind"], row["observable_value"]


def _hit(rows: Sequence[Mapping[str, Any]], indicators: Mapping[str, Indicator]) -> Hit:
    first = rows[0]
    return Hit(
        account_id=first["account_id"],
        indicator=indicators[first["indicator_id"]],
        kind=DetectionKind(first["kind"]),
        observable_kind=first["observable_kind"],
        observable_value=first["observable_value"],
        event_time_us=first["time_us"],
        event_ids=tuple(row["event_id"] for row in rows if row["event_id"])[:_EVENTS_SHOWN],
    )


def hit_evidence(
    hits: Sequence[Hit],
    weights: IndicatorWeights,
    *,
    prior: float,
    population: int,
    shared_names: Callable[[str, str], Sequence[str]],
    actors_named: Callable[[str], Sequence[str]],
) -> Iterator[Evidence]:
    """Weighs hits.

    `shared_names(kind, value)` gives the lists of shared infrastructure that hold an observable and why,
    `actors_named(name)` the ids of tracked actors that a source's name may mean. The weight takes the account from the
    prior to what the hit on its own leaves: the indicator's credibility x the share of its users that would be the
    operator's. But a bulk feed's match of an observable that many accounts have weighs no more than its rarity here
    allows: where one account in ten has one of so many bits, that is what innocent accounts look like.
    """
    collectors = _collectors(hits, weights.collector_from_actors)
    users = _users(hits)
    lists = [shared_names(hit.observable_kind, hit.observable_value) for hit in hits]
    stated = [
        _stated_bits(hit, weights, prior, users, listed=bool(names), collects=hit.account_id in collectors)
        for hit, names in zip(hits, lists, strict=True)
    ]
    rarity = _Rarity(hits, stated, population)
    for hit, bits, names in zip(hits, stated, lists, strict=True):
        pasted = hit.kind is DetectionKind.ARTEFACT
        behind = users[hit.observable_kind, hit.observable_value]
        yield Evidence(
            account_id=hit.account_id,
            kind="artefact-hit" if pasted else "indicator-hit",
            group="indicators",
            weight_bits=min(bits, rarity.bits(hit, bits, weights)) if _is_crowded(hit, behind, weights) else bits,
            summary=_summary(hit, behind, names),
            innocent_explanation=_INNOCENT_PASTE if pasted else _INNOCENT_CONNECTION,
            innocent_frequency=behind / population if population else 0.0,
            event_time_us=hit.event_time_us,
            actors=tuple(sorted({actor for name in hit.indicator.actors for actor in actors_named(name)})),
            event_ids=hit.event_ids,
            sources=(hit.indicator.source,) if hit.indicator.source else (),
        )


def _stated_bits(
    hit: Hit,
    weights: IndicatorWeights,
    prior: float,
    users: Mapping[tuple[str, str], int],
    *,
    listed: bool,
    collects: bool,
) -> float:
    """What the hit weighs by what its source says and by who else uses the observable."""
    behind = users[hit.observable_kind, hit.observable_value]
    believed = _credibility(hit, weights) * min(1.0, weights.operators_accounts_behind_an_address / behind)
    believed *= weights.shared_infrastructure if listed else 1.0
    believed *= weights.pasted if hit.kind is DetectionKind.ARTEFACT else 1.0
    believed *= weights.collector if collects else 1.0
    return max(min(log2_odds(min(max(believed, prior), 0.999)) - log2_odds(prior), weights.cap_bits), 0.0)


class _Rarity:
    """How many accounts of this population have a hit of a kind that weighs so much or more."""

    def __init__(self, hits: Sequence[Hit], bits: Sequence[float], population: int) -> None:
        strongest: dict[DetectionKind, dict[str, float]] = defaultdict(dict)
        for hit, weight in zip(hits, bits, strict=True):
            of_kind = strongest[hit.kind]
            of_kind[hit.account_id] = max(weight, of_kind.get(hit.account_id, 0.0))
        self._sorted = {kind: sorted(of_kind.values()) for kind, of_kind in strongest.items()}
        self._population = max(population, 1)

    def bits(self, hit: Hit, weight: float, weights: IndicatorWeights) -> float:
        """The most that a hit of such a weight may count."""
        known = self._sorted[hit.kind]
        frequency = min((len(known) - bisect_left(known, weight)) / self._population, 1.0)
        return weight_from_rates(weights.shown_by_operators, frequency, self._population, weights.cap_bits)


def _is_crowded(hit: Hit, behind: int, weights: IndicatorWeights) -> bool:
    """Whether most who match are not the operator's: a bulk feed names an observable that more accounts have."""
    return hit.indicator.lead_id is None and behind > weights.operators_accounts_behind_an_address


def _credibility(hit: Hit, weights: IndicatorWeights) -> float:
    stated = hit.indicator.confidence if hit.indicator.confidence is not None else weights.unstated_confidence
    in_time = hit.indicator.valid_at(hit.event_time_us)
    trust = weights.trust_in_leads if hit.indicator.lead_id is not None else weights.trust_in_feeds
    return stated / 100.0 * trust * (1.0 if in_time else weights.expired)


def _users(hits: Sequence[Hit]) -> Mapping[tuple[str, str], int]:
    accounts: dict[tuple[str, str], set[str]] = defaultdict(set)
    for hit in hits:
        accounts[hit.observable_kind, hit.observable_value].add(hit.account_id)
    return {key: len(found) for key, found in accounts.items()}


def _collectors(hits: Sequence[Hit], from_actors: int) -> frozenset[str]:
    actors: dict[str, set[str]] = defaultdict(set)
    for hit in hits:
        if hit.kind is DetectionKind.ARTEFACT:
            actors[hit.account_id].update(hit.indicator.actors or (hit.indicator.indicator_id,))
    return frozenset(account for account, named in actors.items() if len(named) >= from_actors)


def _summary(hit: Hit, behind: int, shared: Sequence[str]) -> str:
    where = "pasted" if hit.kind is DetectionKind.ARTEFACT else "connected or signed up from"
    named = f", which a source ties to {', '.join(hit.indicator.actors)}" if hit.indicator.actors else ""
    timing = "" if hit.indicator.valid_at(hit.event_time_us) else ", outside the time the source vouches for"
    others = f"; {behind} accounts here match it" if behind > 1 else ""
    lists = f"; weighed down, because it is on the list {' and on '.join(shared)}" if shared else ""
    return f"{where} {hit.observable_value}{named}{timing}{others}{lists}"

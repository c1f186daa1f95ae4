"""From what a cluster pursues to how firmly each account belongs to it, and to those outside who do as well."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import pyarrow as pa

from stormwatch.accounts.odds import log2_odds, probability_of
from stormwatch.attribution.cluster_evidence import HandedOn
from stormwatch.attribution.shared_goals import Goal, GoalScorer
from stormwatch.linking.comparisons import Comparisons
from stormwatch.model.assessment import Assessment
from stormwatch.model.evidence import Belonging, Link, LinkEvidence
from stormwatch.storage.engine import QueryEngine, sql_file

# Below it a cluster is hardly an operator's, and what its accounts ask about tells nothing of who belongs to it.
_ESTABLISHED: Final = 0.1
# One value in common with one member is a coincidence, whatever both ask about.
_FEWEST_MEMBERS: Final = 2
# Who joins asks about what the cluster pursues, four times as plainly as others would.
_LEAST_SHOWN_BITS: Final = 2.0
_SURE: Final = 1.0 - 1e-9
_INNOCENT: Final = "somebody else with the same interest who passes through the same exit"


@dataclass(frozen=True, slots=True)
class Identifiers:
    """How shared identifiers weigh in this population, as in linking."""

    comparisons: Comparisons
    population: int
    listed: Callable[[str, str], Sequence[str]]


def settle_belonging(
    engine: QueryEngine,
    assessments: Sequence[Assessment],
    membership: Mapping[str, float],
    scorer: GoalScorer,
    handed_on: Mapping[str, HandedOn],
    identifiers: Identifiers,
) -> Sequence[Belonging]:
    """Of every cluster that may be an operator's: its accounts, and those outside who are likelier its than not.

    `membership` is by account what links alone say. By Bayes' rule the odds of belonging are multiplied by what the
    account itself shows of the goals that *others* of the cluster share, as far as the cluster is an operator's at all;
    `handed_on` gives by cluster the program whose turns tell who takes part.
    Reads the tables of linking: `identifiers`, `shared_values`, `organisations`, `victims`.
    """
    established = [one for one in assessments if len(one.account_ids) > 1 and one.risk >= _ESTABLISHED]
    within = [
        belonging
        for one in established
        for belonging in _within(one, membership, scorer, handed_on.get(one.subject_id))
    ]
    return [*within, *_joining(engine, established, membership, scorer, identifiers)]


def _within(
    cluster: Assessment, membership: Mapping[str, float], scorer: GoalScorer, program: HandedOn | None
) -> Iterator[Belonging]:
    for account in cluster.account_ids:
        others = [other for other in cluster.account_ids if other != account]
        bits = _conduct_bits(cluster.risk, account, scorer.goals(others), scorer)
        if program is not None and account not in program.account_ids:
            bits += scorer.missing_bits  # who takes no turn at the program that the others hand on may be a stranger
        linked = log2_odds(min(membership.get(account, 0.5), _SURE))
        yield Belonging(cluster.subject_id, account, probability_of(linked + bits))


def _conduct_bits(risk: float, account: str, goals: Sequence[Goal], scorer: GoalScorer) -> float:
    """Bits by which what an account shows raises the odds of its belonging: none where the cluster is innocent."""
    return math.log2(1.0 - risk + risk * math.exp2(scorer.shown_bits(account, goals)))


def _joining(
    engine: QueryEngine,
    established: Sequence[Assessment],
    membership: Mapping[str, float],
    scorer: GoalScorer,
    identifiers: Identifiers,
) -> Sequence[Belonging]:
    rows = _shared_with(engine, established, membership)
    clusters = {one.subject_id: one for one in established}
    goals = {one.subject_id: scorer.goals(one.account_ids) for one in established}
    best: dict[str, Belonging] = {}
    for (cluster_id, account), shared in groupby(rows, key=itemgetter("cluster_id", "account_id")):
        found = _joins(clusters[cluster_id], account, list(shared), goals[cluster_id], scorer, identifiers)
        if found is not None and (account not in best or found.probability > best[account].probability):
            best[account] = found
    return [best[account] for account in sorted(best)]


def _shared_with(
    engine: QueryEngine, established: Sequence[Assessment], membership: Mapping[str, float]
) -> Sequence[dict[str, Any]]:
    pairs = [(one.subject_id, account) for one in established for account in one.account_ids]
    table = {"cluster_id": [pair[0] for pair in pairs], "account_id": [pair[1] for pair in pairs]}
    strings = pa.schema([("cluster_id", pa.string()), ("account_id", pa.string())])
    engine.register("established", pa.table(table, schema=strings))
    engine.register("clustered", pa.table({"account_id": pa.array(sorted(membership), pa.string())}))
    rows: Sequence[dict[str, Any]] = engine.query(
        sql_file("stormwatch.attribution", "shared_with_clusters")
    ).to_pylist()
    return rows


def _joins(
    cluster: Assessment,
    account: str,
    shared: Sequence[Mapping[str, Any]],
    goals: Sequence[Goal],
    scorer: GoalScorer,
    identifiers: Identifiers,
) -> Belonging | None:
    conduct = _conduct_bits(cluster.risk, account, goals, scorer)
    if conduct < _LEAST_SHOWN_BITS or max(row["members"] for row in shared) < _FEWEST_MEMBERS:
        return None
    parts = _parts(shared, identifiers)
    weight = sum(part.weight_bits for part in parts) + conduct
    probability = probability_of(weight - math.log2(max(identifiers.population, 2)))
    if probability < identifiers.comparisons.link_probability:
        return None
    pursued = LinkEvidence("shared-goal", tuple(goal.trait.name for goal in goals[:5]), conduct, _INNOCENT)
    one, other = sorted((account, _nearest(shared, parts[0])))
    link = Link(one, other, weight, probability, (*parts, pursued))
    return Belonging(cluster.subject_id, account, probability, link)


def _nearest(shared: Sequence[Mapping[str, Any]], part: LinkEvidence) -> str:
    return next(
        str(row["nearest"])
        for row in shared
        if (row["kind"], row["value"]) == (part.identifier_kind, part.shared_values[0])
    )


def _parts(shared: Sequence[Mapping[str, Any]], identifiers: Identifiers) -> Sequence[LinkEvidence]:
    """The strongest value of each independence group; one that m members have is as much likelier to be theirs."""
    strongest: dict[str, LinkEvidence] = {}
    for row in shared:
        kind, value = row["kind"], row["value"]
        comparison = identifiers.comparisons.comparisons[kind]
        weight = identifiers.comparisons.weight(
            kind, row["accounts"], population=identifiers.population, listed=bool(identifiers.listed(kind, value))
        )
        weight += math.log2(row["members"]) if weight else 0.0
        held = strongest.get(comparison.group)
        if held is None or weight > held.weight_bits:
            strongest[comparison.group] = LinkEvidence(kind, (value,), weight, comparison.explanation)
    return sorted(strongest.values(), key=lambda part: (-part.weight_bits, part.identifier_kind))

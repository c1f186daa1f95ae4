"""Evidence of a cluster as a whole, each feature weighed by how usual it is in this operator's own population."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from stormwatch.accounts.odds import weight_from_rates
from stormwatch.attribution.base_rates import ClusterFeature, ClusterFeatures, SharedGoals
from stormwatch.attribution.shared_goals import Goal, GoalScorer
from stormwatch.attribution.traits import AccountTraits, Trait, TraitFamily
from stormwatch.model.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Subject:
    """What is assessed: a cluster, or an account that stands alone (then its id is the account's)."""

    subject_id: str
    account_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HandedOn:
    """A program that accounts of a cluster worked on in turn: who in which order, how many versions, when it showed."""

    account_ids: tuple[str, ...]
    versions: int
    event_time_us: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the evidence of clusters is read from besides their accounts' traits.

    `requests` and `first_event_us` are by account; `banned` are accounts suspended before; `openly_together` says of
    clusters that hide nothing how that shows; `shared_code` are the accounts of a cluster that work on one program,
    `handed_on` those that do so in turn.
    """

    requests: Mapping[str, int]
    first_event_us: Mapping[str, int]
    banned: frozenset[str]
    openly_together: Mapping[str, str]
    shared_code: Mapping[str, Sequence[str]]
    handed_on: Mapping[str, HandedOn]


@dataclass(frozen=True, slots=True)
class _Score:
    """How much of a feature a cluster shows (higher is rarer), and what to say of it."""

    value: float
    kind: str
    group: str
    feature: ClusterFeature
    summary: str
    event_time_us: int
    innocent: str


_INNOCENT: Final = {
    TraitFamily.TECHNIQUE: "colleagues, a course or a family with the same work: an organisation that is not declared",
    TraitFamily.TOPIC: "people of one field, class or newsroom read about the same things",
    TraitFamily.CONDUCT: "one program run under several accounts, or friends who try a service on the same day",
}
# Being several at the same work says nothing against those who are openly together.
_EXPLAINED_BY_OPENNESS: Final = frozenset({"hiding", "content", "code", "handover"})


def cluster_evidence(
    clusters: Sequence[Subject],
    traits: AccountTraits,
    scorer: GoalScorer,
    features: ClusterFeatures,
    around: Surroundings,
) -> Mapping[str, Sequence[Evidence]]:
    """Evidence by cluster id."""
    rates = _conduct_rates(traits, max(len(around.requests), 1))
    found = _weigh({c.subject_id: list(_scores(c, traits, rates, features, around)) for c in clusters}, len(clusters))
    hidden = _HiddenClusters(clusters, around)
    for cluster in clusters:
        found[cluster.subject_id].append(hidden.evidence(cluster, features.hiding))
        goals = scorer.goals(cluster.account_ids)
        found[cluster.subject_id] += _goal_evidence(cluster, goals, features.shared_goals)
    return {cluster_id: list(_excused(cluster_id, pieces, around)) for cluster_id, pieces in found.items()}


def _scores(
    cluster: Subject,
    traits: AccountTraits,
    rates: Mapping[Trait, float],
    features: ClusterFeatures,
    around: Surroundings,
) -> Iterator[_Score]:
    conduct = _shared_conduct(cluster, features.shared_conduct, traits, rates)
    code = _shared_code(cluster, features.shared_code, around)
    handed = _handed_on(features.handed_on, around.handed_on.get(cluster.subject_id))
    returned = _return_after_ban(cluster, features.return_after_ban, around)
    yield from (score for score in (conduct, code, handed, returned) if score is not None)


def _weigh(scores: Mapping[str, Sequence[_Score]], clusters: int) -> dict[str, list[Evidence]]:
    values: dict[str, list[float]] = {}
    for of_cluster in scores.values():
        for score in of_cluster:
            values.setdefault(score.kind, []).append(score.value)
    return {
        cluster_id: [_evidence(cluster_id, score, values[score.kind], clusters) for score in of_cluster]
        for cluster_id, of_cluster in scores.items()
    }


def _evidence(cluster_id: str, score: _Score, values: Sequence[float], clusters: int) -> Evidence:
    frequency = sum(value >= score.value for value in values) / clusters
    return Evidence(
        account_id=cluster_id,
        kind=score.kind,
        group=score.group,
        weight_bits=weight_from_rates(score.feature.shown_by_operators, frequency, clusters, score.feature.cap_bits),
        summary=score.summary,
        innocent_explanation=score.innocent,
        innocent_frequency=frequency,
        event_time_us=score.event_time_us,
    )


def _excused(cluster_id: str, pieces: Sequence[Evidence], around: Surroundings) -> Iterator[Evidence]:
    openly = around.openly_together.get(cluster_id)
    for piece in pieces:
        if openly is not None and piece.group.partition(":")[0] in _EXPLAINED_BY_OPENNESS:
            yield replace(piece, weight_bits=0.0, innocent_explanation=openly)
        else:
            yield piece


def _goal_evidence(cluster: Subject, goals: Sequence[Goal], settings: SharedGoals) -> Iterator[Evidence]:
    """A piece for each goal, each a group of its own since their weights add up, scaled down to the cap of all."""
    total = sum(goal.bits for goal in goals)
    scale = min(1.0, settings.cap_bits / total) if total else 1.0
    size = len(cluster.account_ids)
    for goal in goals:
        yield Evidence(
            account_id=cluster.subject_id,
            kind=f"shared-{goal.trait.family}",
            group=f"content:{goal.trait.name}",
            weight_bits=goal.bits * scale,
            summary=f"{goal.accounts} of {size} accounts show {goal.trait.family} {goal.trait.name}, "
            f"where {goal.expected:.2g} of as many others with as many requests would",
            innocent_explanation=_INNOCENT[goal.trait.family],
            innocent_frequency=goal.expected / size,
            event_time_us=goal.event_time_us,
        )


def _conduct_rates(traits: AccountTraits, population: int) -> Mapping[Trait, float]:
    counts = Counter(trait for own in traits.values() for trait in own if trait.family is TraitFamily.CONDUCT)
    return {trait: count / max(population, count) for trait, count in counts.items()}


class _HiddenClusters:
    """How many accounts of this population are in clusters that do not show openly that they belong together."""

    def __init__(self, clusters: Sequence[Subject], around: Surroundings) -> None:
        self._sizes = sorted(len(c.account_ids) for c in clusters if c.subject_id not in around.openly_together)
        self._population = max(len(around.requests), sum(self._sizes), 1)
        self._first_event_us = around.first_event_us

    def evidence(self, cluster: Subject, feature: ClusterFeature) -> Evidence:
        """How rare it is here that an account is one of so many, or more, of whom nothing says why."""
        size = len(cluster.account_ids)
        frequency = sum(self._sizes[bisect_left(self._sizes, size) :]) / self._population
        times = sorted(self._first_event_us[a] for a in cluster.account_ids if a in self._first_event_us)
        return Evidence(
            account_id=cluster.subject_id,
            kind="hiding-as-several",
            group="hiding",
            weight_bits=weight_from_rates(feature.shown_by_operators, frequency, self._population, feature.cap_bits),
            summary=f"{size} accounts that do not declare an organisation look like one operator's",
            innocent_explanation="a household, a small firm, or one person with several accounts",
            innocent_frequency=frequency,
            event_time_us=times[1] if len(times) > 1 else (times[0] if times else 0),
        )


def _shared_conduct(
    cluster: Subject, feature: ClusterFeature, traits: AccountTraits, rates: Mapping[Trait, float]
) -> _Score | None:
    """The rarest conduct that two or more members share, by the binomial tail of its rate here."""
    members = [traits.get(account, {}) for account in cluster.account_ids]
    counts = Counter(trait for own in members for trait in own if trait.family is TraitFamily.CONDUCT)
    shared = {trait: count for trait, count in counts.items() if count > 1}
    if not shared:
        return None
    size, tried = len(cluster.account_ids), len(rates)
    surprise = {t: -math.log2(max(_tail(n, size, rates[t]) * tried, 2.0**-60)) for t, n in shared.items()}
    rarest = max(sorted(surprise), key=lambda trait: surprise[trait])
    times = sorted(of_member[rarest] for of_member in members if rarest in of_member)
    return _Score(
        value=surprise[rarest],
        kind="shared-conduct",
        group="conduct",
        feature=feature,
        summary=f"{shared[rarest]} of {size} accounts show {rarest.name}, which {rates[rarest]:.2%} of accounts show",
        event_time_us=times[1],
        innocent=_INNOCENT[TraitFamily.CONDUCT],
    )


def _tail(least: int, size: int, rate: float) -> float:
    """How likely `least` or more of `size` show what a share of `rate` shows."""
    # Of scipy.stats, whose import takes over a second, binom.sf computes just this; even here and not above, because
    # commands that show a case import this module and compute nothing.
    from scipy.special import betainc

    return float(betainc(least, size - least + 1, rate))


def _shared_code(cluster: Subject, feature: ClusterFeature, around: Surroundings) -> _Score | None:
    """The accounts that work on one program, where they are half of the cluster; fewer may be a coincidence."""
    accounts = around.shared_code.get(cluster.subject_id, ())
    size = len(cluster.account_ids)
    if not accounts or 2 * len(accounts) < size:
        return None
    return _Score(
        value=float(len(accounts)),
        kind="shared-code",
        group="code",
        feature=feature,
        summary=f"{len(accounts)} of {size} accounts work on one program, passages of which nobody else here has",
        event_time_us=sorted(around.first_event_us.get(account, 0) for account in accounts)[1],
        innocent="colleagues or a class at one task, or one person's program under a private and a work account",
    )


def _handed_on(feature: ClusterFeature, program: HandedOn | None) -> _Score | None:
    if program is None:
        return None
    return _Score(
        value=float(len(program.account_ids)),
        kind="program-handed-on",
        group="handover",
        feature=feature,
        summary=f"{len(program.account_ids)} accounts wrote one program in turn, each taking over from the last, "
        f"in {program.versions} versions",
        event_time_us=program.event_time_us,
        innocent="one person who moved from account to account, as trials ran out, or colleagues on shifts",
    )


def _return_after_ban(cluster: Subject, feature: ClusterFeature, around: Surroundings) -> _Score | None:
    gone = [account for account in cluster.account_ids if account in around.banned]
    first = around.first_event_us
    left = [first[a] for a in cluster.account_ids if a not in around.banned and a in first]
    if not gone or not left:
        return None
    return _Score(
        value=1.0,
        kind="return-after-ban",
        group="history",
        feature=feature,
        summary=f"linked to {len(gone)} account(s) suspended before",
        event_time_us=max(left),
        innocent="someone who shares a home or a device with the person suspended, or who was suspended in error",
    )


def leading_pieces(evidence: Sequence[Evidence]) -> Iterator[Evidence]:
    """The strongest piece of each independence group: what counts; the rest of a group adds nothing."""
    best: dict[str, Evidence] = {}
    for piece in evidence:
        if piece.group not in best or piece.weight_bits > best[piece.group].weight_bits:
            best[piece.group] = piece
    yield from sorted(best.values(), key=lambda piece: (-piece.weight_bits, piece.group))

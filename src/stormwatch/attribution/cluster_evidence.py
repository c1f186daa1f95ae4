"""Evidence of a cluster as a whole, each feature weighed by how many clusters of this population show as much of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import binom

from stormwatch.accounts.odds import weight_from_rates
from stormwatch.attribution.base_rates import ClusterFeature, ClusterFeatures
from stormwatch.attribution.traits import AccountTraits, Trait, TraitFamily
from stormwatch.model.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Subject:
    """What is assessed: a cluster, or an account that stands alone (then its id is the account's)."""

    subject_id: str
    account_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Score:
    """How much of a feature a cluster shows (higher is rarer), and what to say of it."""

    value: float
    summary: str
    event_time_us: int
    kind: str
    innocent: str


_INNOCENT = {
    TraitFamily.TECHNIQUE: "colleagues, a course or a family with the same work: an organisation that is not declared",
    TraitFamily.TOPIC: "people of one field, class or newsroom read about the same things",
    TraitFamily.CONDUCT: "one program run under several accounts, or friends who try a service on the same day",
}
# Techniques and topics share one innocent cause, a common field of work, so they are not independent of each other.
_GROUPS = {TraitFamily.TECHNIQUE: "content", TraitFamily.TOPIC: "content", TraitFamily.CONDUCT: "conduct"}
_EXPLAINED_BY_ORGANISATION = frozenset({"hiding", "content"})


def cluster_evidence(
    clusters: Sequence[Subject],
    traits: AccountTraits,
    features: ClusterFeatures,
    *,
    population: int,
    first_event_us: Mapping[str, int],
    banned: frozenset[str],
    organisations: Mapping[str, str],
) -> Mapping[str, Sequence[Evidence]]:
    """Evidence by cluster id.

    `population` is the number of accounts, `banned` are accounts suspended before, `organisations` gives the mail
    domain of clusters that are openly together: being several at the same work says nothing against those.
    """
    rates = _rates(traits, population)
    scores: list[tuple[str, ClusterFeature, str, _Score]] = []
    for cluster in clusters:
        scores.append((cluster.subject_id, features.hiding, "hiding", _hiding(cluster, first_event_us)))
        for family, feature in (
            (TraitFamily.TECHNIQUE, features.shared_technique),
            (TraitFamily.TOPIC, features.shared_topic),
            (TraitFamily.CONDUCT, features.shared_conduct),
        ):
            shared = _shared(cluster, family, traits, rates)
            if shared is not None:
                scores.append((cluster.subject_id, feature, _GROUPS[family], shared))
        returned = _return_after_ban(cluster, banned, first_event_us)
        if returned is not None:
            scores.append((cluster.subject_id, features.return_after_ban, "history", returned))
    return _weigh(scores, len(clusters), organisations)


def _weigh(
    scores: Sequence[tuple[str, ClusterFeature, str, _Score]], clusters: int, organisations: Mapping[str, str]
) -> Mapping[str, Sequence[Evidence]]:
    values: dict[str, list[float]] = {}
    for _, _, _, score in scores:
        values.setdefault(score.kind, []).append(score.value)
    found: dict[str, list[Evidence]] = {}
    for cluster_id, feature, group, score in scores:
        frequency = sum(value >= score.value for value in values[score.kind]) / clusters
        bits = weight_from_rates(feature.shown_by_operators, frequency, clusters, feature.cap_bits)
        innocent = score.innocent
        if group in _EXPLAINED_BY_ORGANISATION and cluster_id in organisations:
            bits = 0.0
            innocent = f"an organisation: the accounts sign up openly under {organisations[cluster_id]}"
        piece = Evidence(
            account_id=cluster_id,
            kind=score.kind,
            group=group,
            weight_bits=bits,
            summary=score.summary,
            innocent_explanation=innocent,
            innocent_frequency=frequency,
            event_time_us=score.event_time_us,
        )
        found.setdefault(cluster_id, []).append(piece)
    return found


def _rates(traits: AccountTraits, population: int) -> Mapping[Trait, float]:
    counts = Counter(trait for of_account in traits.values() for trait in of_account)
    return {trait: count / max(population, count) for trait, count in counts.items()}


def _hiding(cluster: Subject, first_event_us: Mapping[str, int]) -> _Score:
    times = sorted(first_event_us[account] for account in cluster.account_ids if account in first_event_us)
    return _Score(
        float(len(cluster.account_ids)),
        f"{len(cluster.account_ids)} accounts that do not declare an organisation look like one operator's",
        times[1] if len(times) > 1 else (times[0] if times else 0),
        "hiding-as-several",
        "a household, a small firm, or one person with several accounts",
    )


def _shared(
    cluster: Subject, family: TraitFamily, traits: AccountTraits, rates: Mapping[Trait, float]
) -> _Score | None:
    """The rarest trait of a family that two or more members share, by the binomial tail of its rate here."""
    members = [traits.get(account, {}) for account in cluster.account_ids]
    counts = Counter(trait for of_member in members for trait in of_member if trait.family is family)
    shared = {trait: count for trait, count in counts.items() if count > 1}
    if not shared:
        return None
    size, tried = len(cluster.account_ids), sum(trait.family is family for trait in rates)
    surprise = {t: -math.log2(max(float(binom.sf(n - 1, size, rates[t])) * tried, 2.0**-60)) for t, n in shared.items()}
    rarest = max(sorted(surprise), key=lambda trait: surprise[trait])
    times = sorted(of_member[rarest] for of_member in members if rarest in of_member)
    return _Score(
        surprise[rarest],
        f"{shared[rarest]} of {size} accounts show {family} {rarest.name}, which {rates[rarest]:.2%} of accounts show",
        times[1],
        f"shared-{family}",
        _INNOCENT[family],
    )


def _return_after_ban(cluster: Subject, banned: frozenset[str], first_event_us: Mapping[str, int]) -> _Score | None:
    gone = [account for account in cluster.account_ids if account in banned]
    left = [first_event_us[a] for a in cluster.account_ids if a not in banned and a in first_event_us]
    if not gone or not left:
        return None
    return _Score(
        1.0,
        f"linked to {len(gone)} account(s) suspended before",
        max(left),
        "return-after-ban",
        "someone who shares a home or a device with the person suspended, or who was suspended in error",
    )


def leading_pieces(evidence: Sequence[Evidence]) -> Iterator[Evidence]:
    """The strongest piece of each independence group: what counts; the rest of a group adds nothing."""
    best: dict[str, Evidence] = {}
    for piece in evidence:
        if piece.group not in best or piece.weight_bits > best[piece.group].weight_bits:
            best[piece.group] = piece
    yield from sorted(best.values(), key=lambda piece: (-piece.weight_bits, piece.group))

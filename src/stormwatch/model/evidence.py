"""Evidence on an account: a weight in bits, the group it shares its independence with, and its innocent explanation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence.

    `weight_bits` is a log2 likelihood ratio (conduct of a hidden operator : innocent account), already capped.
    `group` names what it is not independent of: within a group only the strongest counts.
    `innocent_frequency` is the measured share of accounts (or pairs) in the operator's population that show it, 0 to 1.
    `actors` are ids of tracked actors that the piece speaks for (an indicator that a source attributes), else empty.
    `event_time_us` is the event time at which the piece was complete.
    `sources` are those outside who say so (whose indicator it is), empty for what was seen here.
    """

    account_id: str
    kind: str
    group: str
    weight_bits: float
    summary: str
    innocent_explanation: str
    innocent_frequency: float
    event_time_us: int
    actors: tuple[str, ...] = ()
    event_ids: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkEvidence:
    """Why two accounts may be one operator: an identifier kind they share, how rare it is, and the innocent reading."""

    identifier_kind: str
    shared_values: tuple[str, ...]
    weight_bits: float
    innocent_explanation: str


@dataclass(frozen=True, slots=True)
class Link:
    """A pair of accounts (a before b) with the match weight in bits and the probability that one operator runs both."""

    account_id_a: str
    account_id_b: str
    match_weight: float
    probability: float
    evidence: tuple[LinkEvidence, ...]


@dataclass(frozen=True, slots=True)
class Belonging:
    """How likely it is that an account belongs to a cluster; `link` says why one does that no link alone joined."""

    cluster_id: str
    account_id: str
    probability: float
    link: Link | None = None

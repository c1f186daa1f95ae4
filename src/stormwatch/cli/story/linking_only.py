"""Finds an account that no indicator and no evidence of its own could have given away: only its links do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stormwatch.accounts.weights import load_weights
from stormwatch.attribution.base_rates import load_base_rates
from stormwatch.attribution.profiles import load_profiles
from stormwatch.attribution.risk import risk_of
from stormwatch.cases.findings import account_evidence, links_among, rows_where
from stormwatch.config import shipped
from stormwatch.model.case import Case
from stormwatch.model.detection import DetectionKind
from stormwatch.model.errors import NotFound
from stormwatch.model.evidence import Link
from stormwatch.runtime import Runtime

_OUTSIDE = frozenset({DetectionKind.INDICATOR.value, DetectionKind.ARTEFACT.value})


@dataclass(frozen=True, slots=True)
class LinkedOnly:
    """The account, its case, its risk when looked at alone, the case's risk, and what ties it to the others."""

    account_id: str
    case: Case
    risk_alone: float
    links: tuple[Link, ...]

    @property
    def ties(self) -> str:
        """What it shares with whom, in words."""
        kinds = sorted({piece.identifier_kind for link in self.links for piece in link.evidence})
        return f"{', '.join(kinds)} shared with {len(self.links)} other account{'s' if len(self.links) != 1 else ''}"


def find_linked_only(runtime: Runtime, cases: Sequence[Case], among: Collection[str]) -> LinkedOnly:
    """The account with the lowest risk of its own among those that nothing from outside hits; checked, not assumed.

    `among` are the accounts that were acted on.

    Raises NotFound when there is none, for then the demo does not show what it claims to show.
    """
    found = [one for case in cases if case.cluster_id is not None for one in _in_case(runtime, case)]
    found = [one for one in found if one.account_id in among]
    if not found:
        raise NotFound(
            "no account of these cases was found by linking alone",
            remedy="the demo's world or the weights changed: look at `stormwatch export links`",
        )
    return min(found, key=lambda one: (one.risk_alone, one.account_id))


def _in_case(runtime: Runtime, case: Case) -> list[LinkedOnly]:
    hits = rows_where(runtime.lake, "detections", "account_id", case.account_ids, ["account_id", "kind"])
    hit = {row["account_id"] for row in hits if row["kind"] in _OUTSIDE}
    evidence = account_evidence(runtime.lake, case.account_ids)
    prior = load_weights().prior.hidden_operator
    rates = load_base_rates(len(load_profiles((shipped("profiles"),))))
    links = links_among(runtime.lake, case.account_ids)
    found = []
    for account_id in sorted(set(case.account_ids) - hit):
        alone = risk_of([piece for piece in evidence if piece.account_id == account_id], prior, rates)
        own = tuple(link for link in links if account_id in (link.account_id_a, link.account_id_b))
        if alone < runtime.settings.case_threshold and own:
            found.append(LinkedOnly(account_id, case, alone, own))
    return found

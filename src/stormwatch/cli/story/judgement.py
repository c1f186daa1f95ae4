"""What the demo's scripted analyst makes of a case, from what stands in its evidence file and records alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Final

from stormwatch.attribution.naming import hypothesis_words
from stormwatch.cases.alternatives import Alternative
from stormwatch.cases.evidence_file import EvidenceFile
from stormwatch.cases.findings import rows_where
from stormwatch.cli.story.two_hands import used_by_two
from stormwatch.intel.shared_infrastructure import SharedInfrastructure
from stormwatch.model.assessment import BENIGN
from stormwatch.model.times import DAY, from_us
from stormwatch.runtime import Runtime

# A firm hires over months; an operator makes accounts for a purpose, within days or a few weeks.
_SLOW_GROWTH: Final = 45 * DAY
_FAR: Final = 60 * DAY
_MOST: Final = 3
_WEAK: Final = frozenset({"address"})


class Verdict(StrEnum):
    """What the analyst does next."""

    CLEAR = "clear"
    PROPOSE = "propose"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, the reason that is recorded for it, the accounts it is about, and those left out with why."""

    verdict: Verdict
    reason: str
    account_ids: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


def judge(runtime: Runtime, file: EvidenceFile) -> Judgement:
    """Clears who has a plain innocent life, proposes where a guilty reading leads, waits where none does."""
    innocent = _one_firm(runtime, file)
    if innocent:
        return Judgement(Verdict.CLEAR, innocent)
    leading = file.hypotheses[0].hypothesis if file.hypotheses else BENIGN
    if leading == BENIGN:
        return Judgement(
            Verdict.WAIT,
            "innocent use ranks first; nothing is done before there is more",
        )
    left_out = {**_held_by_an_address_alone(file), **_older_by_far(file), **used_by_two(runtime.lake, file)}
    named = tuple(entry.account_id for entry in file.accounts if entry.account_id not in left_out)
    if not named:
        return Judgement(Verdict.WAIT, "no account of it stands on more than an address; nothing is done")
    reason = f"{hypothesis_words(leading)} ranks first, and no plain innocent life explains it"
    return Judgement(Verdict.PROPOSE, reason, named, tuple(left_out.items()))


def _held_by_an_address_alone(file: EvidenceFile) -> dict[str, str]:
    """Accounts without evidence of their own whose only ties are addresses, which change hands: not to be acted on."""
    kinds: dict[str, set[str]] = {entry.account_id: set() for entry in file.accounts if not entry.evidence}
    for link in file.links:
        for account_id in (link.account_id_a, link.account_id_b):
            kinds.get(account_id, set()).update(piece.identifier_kind for piece in link.evidence)
    return {account_id: "held by nothing but an address" for account_id, shared in kinds.items() if shared <= _WEAK}


def _older_by_far(file: EvidenceFile) -> dict[str, str]:
    """Accounts that are months older than most of their case: perhaps victims whose keys were stolen."""
    created = {one.account_id: one.facts.created_us for one in file.accounts if one.facts.created_us is not None}
    if len(created) < _MOST:
        return {}
    usual = median(created.values())
    return {one: "months older than the rest, perhaps a victim" for one, us in created.items() if us < usual - _FAR}


def _one_firm(runtime: Runtime, file: EvidenceFile) -> str:
    """Why the accounts are the staff of one firm, or nothing when that does not fit."""
    records = rows_where(runtime.lake, "account_records", "account_id", file.case.account_ids)
    domains = {row["email_domain"] for row in records}
    created = [row["created_us"] for row in records if row["created_us"] is not None]
    if len(domains) != 1 or len(created) < len(file.case.account_ids) or None in domains:
        return ""
    domain = str(next(iter(domains)))
    span = max(created) - min(created)
    if span < _SLOW_GROWTH or SharedInfrastructure.load(runtime.database).is_shared_domain(domain):
        return ""
    return (
        f"one firm's staff: all {len(records)} use mail of {domain}, a domain of their own, and signed up over "
        f"{span // DAY} days since {from_us(min(created)):%B %Y}, not within days; the address that the lead names is "
        "their office's only exit"
    )


def answer_to(alternative: Alternative, file: EvidenceFile) -> str:
    """Why an innocent explanation does not carry this case, from its own links."""
    shared = Counter(piece.identifier_kind for link in file.links for piece in link.evidence)
    kinds = ", ".join(f"{kind} (pairs: {count})" for kind, count in shared.most_common(4)) or "nothing rare"
    how_common = "" if alternative.frequency is None else f" Of accounts here {alternative.frequency:.1%} show it."
    return (
        f"Considered and set aside: {len(file.accounts)} accounts that declare nothing in common share {kinds}."
        f"{how_common} Chance or one shared place does not give that combination."
    )

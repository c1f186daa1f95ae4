"""Which case belongs to which subject of the last hunt, when clusters grew, merged, split or got another id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stormwatch.cases.findings import Lineage, Subject
from stormwatch.model.case import Case


@dataclass(frozen=True, slots=True)
class Match:
    """A subject with the case that stands for it (None: none yet) and the cases that it took over."""

    subject: Subject
    case: Case | None
    absorbed: tuple[Case, ...] = ()


def match_cases(
    subjects: Sequence[Subject], cases: Sequence[Case], lineages: Mapping[str, Lineage]
) -> tuple[Match, ...]:
    """Every subject with its cases. A case follows its subject's id, then the cluster's lineage, then its accounts.

    Of several cases for one subject the one that carries its id stands for it, else the one that shares most accounts
    with it, else the one opened first; the others are absorbed.
    """
    by_id = {subject.subject_id: subject for subject in subjects}
    by_account = {account_id: subject for subject in subjects for account_id in subject.account_ids}
    heirs = {previous: cluster_id for cluster_id, line in lineages.items() for previous in line.previous_ids}
    claims: dict[str, list[Case]] = {subject.subject_id: [] for subject in subjects}
    for case in cases:
        subject = by_id.get(_successor(case.subject_id, by_id, heirs, lineages)) or _by_accounts(case, by_account)
        if subject is not None:
            claims[subject.subject_id].append(case)
    return tuple(_match(subject, claims[subject.subject_id]) for subject in subjects)


def _successor(
    subject_id: str, by_id: Mapping[str, Subject], heirs: Mapping[str, str], lineages: Mapping[str, Lineage]
) -> str:
    seen: set[str] = set()
    current = subject_id
    while current not in by_id and current not in seen:
        seen.add(current)
        line = lineages.get(current)
        current = (line.merged_into if line and line.merged_into else None) or heirs.get(current, current)
    return current


def _by_accounts(case: Case, by_account: Mapping[str, Subject]) -> Subject | None:
    found = [by_account[account_id] for account_id in case.account_ids if account_id in by_account]
    if not found:
        return None
    return max(found, key=lambda subject: (_shared(case, subject), subject.risk, subject.subject_id))


def _match(subject: Subject, claims: Sequence[Case]) -> Match:
    ranked = sorted(
        claims,
        key=lambda case: (
            case.subject_id != subject.subject_id,
            -_shared(case, subject),
            case.opened_us,
            case.case_id,
        ),
    )
    return Match(subject, ranked[0] if ranked else None, tuple(ranked[1:]))


def _shared(case: Case, subject: Subject) -> int:
    return len(set(case.account_ids) & set(subject.account_ids))

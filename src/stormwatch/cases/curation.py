"""Keeps cases that people merged or split as people left them, when the next hunt's subjects are matched with cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from stormwatch.cases.findings import Subject
from stormwatch.cases.matching import Match
from stormwatch.model.case import Case


@dataclass(frozen=True, slots=True)
class Apart:
    """The cases that people made, each with what the last hunt says of its accounts, and the subjects of the others.

    A subject is in `free` with those of its accounts alone that no such case holds, and not at all when none is left.
    """

    matches: tuple[Match, ...]
    free: tuple[Subject, ...]


def set_apart(subjects: Sequence[Subject], curated: Sequence[Case], others: Sequence[Case]) -> Apart:
    """Divides the subjects of a hunt between cases that people made and all others.

    A case that people made keeps its accounts. It gains those of a subject that nobody holds yet, when it holds most of
    that subject's accounts (of equals the case that was opened first).
    """
    if not curated:
        return Apart((), tuple(subjects))
    owned = {account for case in curated for account in case.account_ids}
    elsewhere = {account for case in others for account in case.account_ids}
    touched = [subject for subject in subjects if owned & set(subject.account_ids)]
    joins: dict[str, set[str]] = {case.case_id: set() for case in curated}
    free: list[Subject] = [subject for subject in subjects if not owned & set(subject.account_ids)]
    for subject in touched:
        left = set(subject.account_ids) - owned
        if left & elsewhere:
            free.append(replace(subject, account_ids=tuple(sorted(left))))
        elif left:
            joins[_heir(subject, curated).case_id] |= left
    matches = (_match(case, touched, joins[case.case_id]) for case in curated)
    return Apart(tuple(match for match in matches if match is not None), tuple(free))


def subjects_of(account_ids: Sequence[str], subjects: Sequence[Subject], main: str) -> tuple[Subject, ...]:
    """The subjects that speak of some of these accounts: `main` first if it is one, then who speaks of most of them."""
    wanted = set(account_ids)
    shared: Mapping[str, int] = {each.subject_id: len(wanted & set(each.account_ids)) for each in subjects}
    found = [each for each in subjects if shared[each.subject_id]]
    return tuple(
        sorted(found, key=lambda each: (each.subject_id != main, -shared[each.subject_id], -each.risk, each.subject_id))
    )


def _heir(subject: Subject, curated: Sequence[Case]) -> Case:
    accounts = set(subject.account_ids)
    return min(curated, key=lambda case: (-len(accounts & set(case.account_ids)), case.opened_us, case.case_id))


def _match(case: Case, touched: Sequence[Subject], joins: set[str]) -> Match | None:
    found = subjects_of(case.account_ids, touched, case.subject_id)
    if not found:
        return None
    subject = Subject(
        subject_id=found[0].subject_id,
        account_ids=tuple(sorted({*case.account_ids, *joins})),
        risk=max(each.risk for each in found),
        also=tuple(each.subject_id for each in found[1:]),
    )
    return Match(subject, case)

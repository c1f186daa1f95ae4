"""The evidence file of a case: accounts, evidence with innocent explanations, links, hypotheses, alternatives."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from stormwatch.cases.account_facts import AccountFacts, account_facts, techniques_seen
from stormwatch.cases.alternatives import Alternative, top_alternatives, unanswered
from stormwatch.cases.curation import subjects_of
from stormwatch.cases.digest import BasisPiece, basis_of, evidence_digest
from stormwatch.cases.findings import Finding, about_together, account_evidence, findings, links_among, subjects
from stormwatch.cases.impact import impact_facts
from stormwatch.cases.queue import Answer, answers_of
from stormwatch.cases.sections import Sections, write_sections
from stormwatch.model.assessment import Confidence, Hypothesis
from stormwatch.model.case import Case
from stormwatch.model.errors import InvalidInput
from stormwatch.model.evidence import Evidence, Link
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake


@dataclass(frozen=True, slots=True)
class AccountEntry:
    """One account of the file: its facts and the evidence on it, heaviest first."""

    facts: AccountFacts
    evidence: tuple[Evidence, ...]

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self.facts.account_id


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """What a judgement on a case rests on. `cluster_evidence` is about the accounts together, not one of them.

    `confidence` and `likelihood` are None when the last hunt assessed the subject no more. `assessed_accounts` are
    those that hypotheses and likelihood speak of: others than the case's where people merged or split it.
    """

    case: Case
    accounts: tuple[AccountEntry, ...]
    cluster_evidence: tuple[Evidence, ...]
    links: tuple[Link, ...]
    hypotheses: tuple[Hypothesis, ...]
    likelihood: str | None
    confidence: Confidence | None
    calibrated_on: str | None
    alternatives: tuple[Alternative, ...]
    sections: Sections
    assessed_accounts: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The hash of the exact accounts and evidence, which a proposal carries and an approval covers."""
        flags = {entry.account_id: entry.facts.verified_researcher for entry in self.accounts}
        return evidence_digest(self.case.account_ids, flags, self.evidence, self.links)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Every piece in the file."""
        return (*(piece for entry in self.accounts for piece in entry.evidence), *self.cluster_evidence)

    @property
    def basis(self) -> list[BasisPiece]:
        """What a later hunt compares its evidence with, to tell what is new."""
        return basis_of([entry.account_id for entry in self.accounts], self.evidence)

    @property
    def verified_researchers(self) -> tuple[str, ...]:
        """Accounts that the operator has verified as researchers'."""
        return tuple(entry.account_id for entry in self.accounts if entry.facts.verified_researcher)

    @property
    def unknown_to_registry(self) -> tuple[str, ...]:
        """Accounts of which the operator's records do not say whether they are a verified researcher's."""
        return tuple(entry.account_id for entry in self.accounts if entry.facts.verified_researcher is None)

    @property
    def assessed_apart(self) -> bool:
        """Whether the assessment speaks of other accounts than the case holds."""
        return bool(self.assessed_accounts) and set(self.assessed_accounts) != set(self.case.account_ids)

    @property
    def by_links_alone(self) -> tuple[str, ...]:
        """Accounts on which there is no evidence of their own: what they share with others put them here."""
        return tuple(entry.account_id for entry in self.accounts if not entry.evidence)

    @property
    def unanswered(self) -> tuple[Alternative, ...]:
        """Alternatives that still have no answer."""
        return unanswered(self.alternatives)


def build_evidence_file(
    lake: Lake, database: Database, case: Case, account_ids: Collection[str] | None = None
) -> EvidenceFile:
    """The evidence file of a case, of some of its accounts when `account_ids` names them.

    Raises InvalidInput when an account is none of the case's.
    """
    with database.read() as connection:
        return evidence_file_in(connection, lake, case, account_ids)


def evidence_file_in(
    connection: Connection, lake: Lake, case: Case, account_ids: Collection[str] | None = None
) -> EvidenceFile:
    """The evidence file as `build_evidence_file` gives it, inside the caller's transaction."""
    wanted = _wanted(case, account_ids)
    answers = answers_of(connection, case.case_id)
    return _assemble(lake, case, wanted, answers)


def _wanted(case: Case, account_ids: Collection[str] | None) -> tuple[str, ...]:
    if account_ids is None:
        return case.account_ids
    strangers = set(account_ids) - set(case.account_ids)
    if strangers:
        raise InvalidInput(
            f"{len(strangers)} account(s) are not in this case, the first is {min(strangers)}", where=case.case_id
        )
    return tuple(sorted(set(account_ids)))


def _assemble(lake: Lake, case: Case, wanted: tuple[str, ...], answers: dict[str, Answer]) -> EvidenceFile:
    of_all = account_evidence(lake, case.account_ids)
    evidence = of_all if wanted == case.account_ids else account_evidence(lake, wanted)
    found = _findings_of(lake, case)
    assessed = found[0] if found else None
    of_cluster = _together(found, of_all)
    facts = account_facts(lake, wanted)
    hypotheses = assessed.hypotheses if assessed else ()
    techniques = techniques_seen(lake, wanted)
    impact = impact_facts(lake, wanted, techniques)
    return EvidenceFile(
        case=case,
        accounts=tuple(
            AccountEntry(fact, tuple(piece for piece in evidence if piece.account_id == fact.account_id))
            for fact in facts
        ),
        cluster_evidence=of_cluster,
        links=links_among(lake, wanted),
        hypotheses=hypotheses,
        likelihood=assessed.likelihood if assessed else None,
        confidence=assessed.confidence if assessed else None,
        calibrated_on=assessed.calibrated_on if assessed else None,
        alternatives=_alternatives(found, (*evidence, *of_cluster), answers),
        sections=write_sections(assessed, facts, techniques, impact),
        assessed_accounts=assessed.account_ids if assessed else (),
    )


def _findings_of(lake: Lake, case: Case) -> tuple[Finding, ...]:
    """What the last hunt found of the case's subject, and of all others that people put into it or took it from."""
    ids = [case.subject_id]
    if case.curated:
        ids = [each.subject_id for each in subjects_of(case.account_ids, subjects(lake), case.subject_id)]
    found = findings(lake, ids)
    return tuple(found[each] for each in ids if each in found)


def _together(found: Sequence[Finding], of_accounts: Sequence[Evidence]) -> tuple[Evidence, ...]:
    pieces = (piece for each in found for piece in about_together(each, of_accounts))
    return tuple({(piece.kind, piece.group, piece.summary): piece for piece in pieces}.values())


def _alternatives(
    found: Sequence[Finding], evidence: Sequence[Evidence], answers: Mapping[str, Answer]
) -> tuple[Alternative, ...]:
    """What must be answered, by any of the assessments: one that sees a victim is enough."""
    rivals = [each.hypotheses for each in found] or [()]
    asked = (each for hypotheses in rivals for each in top_alternatives(hypotheses, evidence, answers))
    return tuple({each.alternative_id: each for each in asked}.values())

"""The evidence file of a case: accounts, evidence with innocent explanations, links, hypotheses, alternatives."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from stormwatch.cases.account_facts import AccountFacts, account_facts, techniques_seen
from stormwatch.cases.alternatives import Alternative, top_alternatives, unanswered
from stormwatch.cases.digest import BasisPiece, basis_of, evidence_digest
from stormwatch.cases.findings import about_together, account_evidence, finding, links_among
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

    `confidence` and `likelihood` are None when the last hunt assessed the subject no more.
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
    evidence = account_evidence(lake, wanted)
    assessed = finding(lake, case.subject_id)
    of_cluster = about_together(assessed, account_evidence(lake, case.account_ids))
    facts = account_facts(lake, wanted)
    hypotheses = assessed.hypotheses if assessed else ()
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
        alternatives=top_alternatives(hypotheses, (*evidence, *of_cluster), answers),
        sections=write_sections(assessed, facts, techniques_seen(lake, wanted)),
    )

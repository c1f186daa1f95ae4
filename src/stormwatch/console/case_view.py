"""Turns a case into what its page shows: the evidence file, the drawing, what waits for whom, what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stormwatch.actions.decisions import decide
from stormwatch.actions.progress import Progress, Standing, progress_of, standings
from stormwatch.actions.proposal_queue import Proposal, ProposalState, list_proposals
from stormwatch.attribution.analysis import Analysis, analyse
from stormwatch.cases.evidence_file import AccountEntry, EvidenceFile, build_evidence_file
from stormwatch.cases.queue import HistoryEntry, Note, Related, get_case, history_of, notes_of, related_cases
from stormwatch.cases.requests import RedactedRequest, redacted_requests
from stormwatch.cases.reveals import Reveal, reveals_of
from stormwatch.cases.tasks import Task, tasks_of
from stormwatch.config import shipped
from stormwatch.console.graph import Drawing, draw
from stormwatch.console.paging import Page, page_of
from stormwatch.model.case import Action, DecisionState
from stormwatch.model.errors import Forbidden
from stormwatch.model.evidence import Evidence, Link
from stormwatch.model.principal import Principal
from stormwatch.runtime import Runtime

ACCOUNTS_PER_PAGE: Final = 20
LINKS_PER_PAGE: Final = 40
_REQUESTS_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class CaseFilters:
    """Which part of the lists of a case the address asks for; `account` narrows the requests to one."""

    account: str = ""
    accounts_after: str = ""
    links_after: str = ""


@dataclass(frozen=True, slots=True)
class PendingProposal:
    """A proposal that waits, beside the hash of the evidence as this page shows it."""

    proposal: Proposal
    shown_hash: str

    @property
    def changed(self) -> bool:
        """Whether accounts or evidence changed since it was made, so that approving it would be refused."""
        return self.proposal.evidence_hash != self.shown_hash


@dataclass(frozen=True, slots=True)
class EvidenceGroup:
    """The strongest of some pieces that depend on one another, and the others, which add nothing to it."""

    strongest: Evidence
    others: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class CaseView:
    """Everything the case page shows."""

    file: EvidenceFile
    analysis: Analysis | None
    drawing: Drawing
    accounts: Page[AccountEntry]
    links: Page[Link]
    requests: Sequence[RedactedRequest]
    decisions: Mapping[str, DecisionState]
    pending: PendingProposal | None
    past: Sequence[Proposal]
    standings: Sequence[Standing]
    notes: Sequence[Note]
    history: Sequence[HistoryEntry]
    tasks: Sequence[Task]
    opened: Sequence[Reveal] | None
    related: Related
    filters: CaseFilters

    @property
    def actions(self) -> tuple[Action, ...]:
        """What was approved, the newest first."""
        return tuple(standing.action for standing in self.standings)

    @property
    def reversible(self) -> tuple[Action, ...]:
        """Actions that are still in effect, or wait for the end of an embargo."""
        return tuple(action for action in self.actions if action.stands)

    @property
    def progress(self) -> Progress:
        """How far the actions came at the gateways."""
        return progress_of(self.standings)


def case_view(runtime: Runtime, by: Principal, case_id: str, filters: CaseFilters) -> CaseView:
    """The view of one case for a person; NotFound when there is none of that id."""
    case = get_case(runtime.database, case_id)
    file = build_evidence_file(runtime.lake, runtime.database, case)
    states = {account: decide(runtime.database, account).state for account in case.account_ids}
    proposals = list_proposals(runtime.database, case_id=case_id)
    cited = {event_id for piece in file.evidence for event_id in piece.event_ids}
    narrowed = [filters.account] if filters.account in case.account_ids else case.account_ids
    return CaseView(
        file=file,
        analysis=analysis_of(runtime, file),
        drawing=draw(case.account_ids, file.links, {account: _role(state) for account, state in states.items()}),
        accounts=page_of(
            file.accounts,
            lambda entry: (-sum(piece.weight_bits for piece in entry.evidence), entry.account_id),
            after=filters.accounts_after,
            example=(0.0, ""),
            size=ACCOUNTS_PER_PAGE,
        ),
        links=page_of(
            file.links,
            lambda link: (-link.match_weight, link.account_id_a, link.account_id_b),
            after=filters.links_after,
            example=(0.0, "", ""),
            size=LINKS_PER_PAGE,
        ),
        requests=redacted_requests(runtime.lake, narrowed, cited=cited, limit=_REQUESTS_SHOWN),
        decisions=states,
        pending=_pending(runtime, file, proposals),
        past=tuple(proposal for proposal in proposals if proposal.state is not ProposalState.PENDING),
        standings=standings(runtime.database, case_id=case_id),
        notes=notes_of(runtime.database, case_id),
        history=history_of(runtime.database, case_id),
        tasks=tasks_of(runtime.database, case_id),
        opened=_opened(runtime, by, case_id),
        related=related_cases(runtime.database, case_id),
        filters=filters,
    )


def analysis_of(runtime: Runtime, file: EvidenceFile) -> Analysis | None:
    """How the assessment of a case came about; None when the last hunt assessed its subject no more."""
    folders = (shipped("profiles"), *runtime.settings.profiles)
    return analyse(runtime.lake, runtime.database, folders, file.case.subject_id, file.hypotheses)


def in_groups(pieces: Sequence[Evidence]) -> tuple[EvidenceGroup, ...]:
    """Pieces of one account by what they are not independent of, the strongest group first; each is told once."""
    groups: dict[str, dict[tuple[str, str], Evidence]] = {}
    for piece in sorted(pieces, key=lambda piece: (-abs(piece.weight_bits), piece.summary)):
        groups.setdefault(piece.group, {}).setdefault((piece.kind, piece.summary), piece)
    ranked = (tuple(group.values()) for group in groups.values())
    return tuple(EvidenceGroup(strongest, tuple(others)) for strongest, *others in ranked)


def _opened(runtime: Runtime, by: Principal, case_id: str) -> tuple[Reveal, ...] | None:
    """Who opened what, for those who may know; None for others."""
    try:
        return reveals_of(runtime.database, runtime.ledger, by, case_id)
    except Forbidden:
        return None


def _pending(runtime: Runtime, file: EvidenceFile, proposals: Sequence[Proposal]) -> PendingProposal | None:
    waiting = next((proposal for proposal in proposals if proposal.state is ProposalState.PENDING), None)
    if waiting is None:
        return None
    held = set(waiting.account_ids) & set(file.case.account_ids)
    shown = build_evidence_file(runtime.lake, runtime.database, file.case, held)
    return PendingProposal(waiting, shown.digest)


def _role(state: DecisionState) -> str:
    return "account" if state is DecisionState.ALLOW else state.value

"""What an action would do before anybody proposes it: whom it hits, who sits beside them, what stands in its way."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from stormwatch.actions.collateral import Collateral, collateral
from stormwatch.actions.decisions import SEVERITY, STATE_OF, ordered_state
from stormwatch.actions.notices.owners_first import untold_owner
from stormwatch.actions.targets import targets
from stormwatch.actions.terms import Terms
from stormwatch.cases.alternatives import Alternative
from stormwatch.cases.evidence_file import EvidenceFile, evidence_file_in
from stormwatch.cases.queue import case_row
from stormwatch.model.case import CaseState, DecisionState
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What a gateway is told about an account now, and would be told once the action is in force."""

    account_id: str
    before: DecisionState
    after: DecisionState


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a proposal with these terms would cover. Nothing was changed to find out.

    `passed_over` are accounts of the case that are under this or a graver action already; `untold_owner` is a
    victim of a stolen key who has to hear of it first; `in_the_way` says all that has to be done before a proposal.
    """

    terms: Terms
    file: EvidenceFile
    collateral: Collateral
    changes: tuple[AccountChange, ...]
    passed_over: tuple[str, ...]
    unanswered: tuple[Alternative, ...]
    untold_owner: str | None
    in_the_way: tuple[str, ...]

    @property
    def evidence_hash(self) -> str:
        """The hash that a proposal made now would carry."""
        return self.file.digest


def dry_run(
    database: Database, lake: Lake, case_id: str, terms: Terms, account_ids: Collection[str] | None = None
) -> DryRun:
    """The outcome of a proposal, without making it; the errors of terms and accounts are those of `propose`."""
    terms.check(now_us())
    with database.read() as connection:
        return dry_run_in(connection, lake, case_id, terms, account_ids)


def dry_run_in(
    connection: Connection, lake: Lake, case_id: str, terms: Terms, account_ids: Collection[str] | None = None
) -> DryRun:
    """The same inside the caller's transaction, the terms being checked."""
    case = case_row(connection, case_id)
    file = evidence_file_in(connection, lake, case, targets(connection, case, terms.kind, account_ids))
    hit = [entry.account_id for entry in file.accounts]
    whole = evidence_file_in(connection, lake, case)
    in_the_way = []
    if case.state is not CaseState.IN_REVIEW:
        in_the_way.append(f"the case is {case.state.value}")
    if whole.likelihood is None:
        in_the_way.append("the last hunt assessed these accounts no more")
    if whole.unanswered:
        in_the_way.append("some innocent explanations have no answer yet")
    untold = untold_owner(connection, lake, case, hit, terms.reason_code)
    if untold is not None:
        in_the_way.append(f"the owner of {untold} has not been told")
    return DryRun(
        terms=terms,
        file=file,
        collateral=collateral(lake, hit, by_links_alone=len(file.by_links_alone)),
        changes=tuple(_change(connection, account_id, terms) for account_id in hit),
        passed_over=tuple(sorted(set(case.account_ids) - set(hit))) if account_ids is None else (),
        untold_owner=untold,
        unanswered=whole.unanswered,
        in_the_way=tuple(in_the_way),
    )


def _change(connection: Connection, account_id: str, terms: Terms) -> AccountChange:
    before = ordered_state(connection, account_id)
    return AccountChange(account_id, before, max(before, STATE_OF[terms.kind], key=SEVERITY.__getitem__))

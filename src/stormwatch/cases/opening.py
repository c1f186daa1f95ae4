"""Assessments at or above the threshold become cases; known cases follow their subject, and reopen on new evidence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from stormwatch.attribution.naming import hypothesis_words
from stormwatch.cases.digest import BasisPiece, basis_of, has_joined, is_new
from stormwatch.cases.findings import Subject, about_together, account_evidence, findings, lineages, subjects
from stormwatch.cases.matching import Match, match_cases
from stormwatch.cases.queue import read_cases
from stormwatch.cases.states import HUNT, SETTLED, move, record
from stormwatch.ledger.log import Ledger
from stormwatch.model.case import Case, CaseState
from stormwatch.model.evidence import Evidence
from stormwatch.model.ids import new_id
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake
from stormwatch.storage.tables.actions import actions
from stormwatch.storage.tables.cases import case_accounts, cases


def open_cases(database: Database, ledger: Ledger, lake: Lake, threshold: float, now_us: int) -> int:
    """Brings the queue in line with the last hunt and gives how many cases were opened or reopened.

    One case per subject whose risk is at or above `threshold`. A case that exists follows its subject, also below the
    threshold: nothing is closed silently. A settled case reopens only when evidence came that it was not settled on.
    """
    with database.write() as connection:
        known = read_cases(connection, select(cases).where(cases.c.merged_into.is_(None)))
        matches = [
            match
            for match in match_cases(subjects(lake), known, lineages(lake))
            if match.case is not None or match.subject.risk >= threshold
        ]
        round_ = _Round(connection, ledger, lake, matches, threshold, now_us)
        return sum(round_.take(match) for match in matches)


class _Round:
    """One pass over the subjects, with what they need read from the lake at once."""

    def __init__(
        self,
        connection: Connection,
        ledger: Ledger,
        lake: Lake,
        matches: Sequence[Match],
        threshold: float,
        now_us: int,
    ) -> None:
        self._connection = connection
        self._ledger = ledger
        self._threshold = threshold
        self._now_us = now_us
        self._findings = findings(lake, {match.subject.subject_id for match in matches})
        self._evidence = _by_account(account_evidence(lake, {a for m in matches for a in m.subject.account_ids}))
        self._settled = _settled_bases(connection)
        self._acted = _cases_with_actions(connection)

    def take(self, match: Match) -> bool:
        """Opens, updates or reopens the case of one subject; whether it was opened or reopened."""
        if match.case is None:
            self._open(match)
            return True
        for absorbed in match.absorbed:
            self._absorb(absorbed, match.case)
        self._update(match, match.case)
        return self._reopen(match, match.case)

    def _open(self, match: Match) -> None:
        case_id = new_id("case")
        subject = match.subject
        self._connection.execute(
            insert(cases).values(
                case_id=case_id, state=CaseState.OPEN.value, opened_us=self._now_us, **self._current(match)
            )
        )
        self._add_accounts(case_id, subject.account_ids)
        reason = "risk reached the threshold for a case"
        record(self._connection, case_id, None, CaseState.OPEN, by=HUNT, reason=reason, now_us=self._now_us)
        self._ledger.append(
            self._connection,
            "case.opened",
            HUNT,
            case_id,
            {"subject": subject.subject_id, "accounts": list(subject.account_ids), "risk": round(subject.risk, 4)},
        )

    def _current(self, match: Match) -> dict[str, object]:
        subject = match.subject
        number = len(subject.account_ids)
        leading = next((h.hypothesis for h in self._findings[subject.subject_id].hypotheses), "unassessed")
        alone = number == 1 and subject.subject_id == subject.account_ids[0]
        return {
            "subject_id": subject.subject_id,
            "cluster_id": None if alone else subject.subject_id,
            "risk": subject.risk,
            "title": f"{_accounts(number)}; first-ranked: {hypothesis_words(leading)}",
            "updated_us": self._now_us,
        }

    def _update(self, match: Match, case: Case) -> None:
        """Follows the subject. Once settled, a case keeps its accounts (it says what was done) and only gains some."""
        wanted, held = set(match.subject.account_ids), set(case.account_ids)
        gone = set() if case.case_id in self._settled else held - wanted
        if gone:
            self._connection.execute(
                delete(case_accounts).where(
                    case_accounts.c.case_id == case.case_id, case_accounts.c.account_id.in_(sorted(gone))
                )
            )
        joined = wanted - held
        self._add_accounts(case.case_id, joined)
        if joined or gone:
            self._ledger.append(
                self._connection,
                "case.accounts-changed",
                HUNT,
                case.case_id,
                {"joined": sorted(joined), "left": sorted(gone), "subject": match.subject.subject_id},
            )
        current = self._current(match)
        same = case.subject_id == match.subject.subject_id and case.risk == match.subject.risk
        if not (same and case.title == current["title"] and not joined and not gone):
            self._connection.execute(update(cases).where(cases.c.case_id == case.case_id).values(**current))

    def _reopen(self, match: Match, case: Case) -> bool:
        if case.state not in SETTLED or match.subject.risk < self._threshold:
            return False
        reason = self._what_is_new(match.subject, case.case_id)
        if reason is not None:
            move(
                self._connection,
                self._ledger,
                case.case_id,
                CaseState.OPEN,
                by=HUNT,
                reason=reason,
                now_us=self._now_us,
            )
        return reason is not None

    def _what_is_new(self, subject: Subject, case_id: str) -> str | None:
        settled = self._settled.get(case_id, ())
        of_accounts = [piece for a in subject.account_ids for piece in self._evidence.get(a, ())]
        together = about_together(self._findings[subject.subject_id], of_accounts)
        current = basis_of(subject.account_ids, [*of_accounts, *together])
        if is_new(settled, current):
            return "evidence came that the case was not settled on"
        # In a cluster that was found innocent one more account is no news; in one that was acted on it must be judged.
        if case_id in self._acted and has_joined(settled, current):
            return "an account joined that needs a proposal of its own"
        return None

    def _absorb(self, absorbed: Case, survivor: Case) -> None:
        """A case whose cluster merged into another's is closed with a pointer; a settled one stays as it is."""
        if absorbed.state in SETTLED:
            return
        move(
            self._connection,
            self._ledger,
            absorbed.case_id,
            CaseState.CLOSED,
            by=HUNT,
            reason=f"its accounts merged into {survivor.case_id}",
            now_us=self._now_us,
        )
        self._connection.execute(
            update(cases).where(cases.c.case_id == absorbed.case_id).values(merged_into=survivor.case_id)
        )

    def _add_accounts(self, case_id: str, account_ids: Collection[str]) -> None:
        rows = [{"case_id": case_id, "account_id": a, "joined_us": self._now_us} for a in sorted(account_ids)]
        if rows:
            self._connection.execute(insert(case_accounts), rows)


def _by_account(evidence: Sequence[Evidence]) -> Mapping[str, list[Evidence]]:
    found: dict[str, list[Evidence]] = {}
    for piece in evidence:
        found.setdefault(piece.account_id, []).append(piece)
    return found


def _cases_with_actions(connection: Connection) -> frozenset[str]:
    # The table is read, not the room: actions stand after cases on the route.
    query = select(actions.c.case_id).where(actions.c.reversed_us.is_(None)).distinct()
    return frozenset(connection.execute(query).scalars())


def _settled_bases(connection: Connection) -> Mapping[str, list[BasisPiece]]:
    query = select(cases.c.case_id, cases.c.settled_evidence).where(cases.c.settled_digest.is_not(None))
    return {
        row.case_id: [BasisPiece(*piece) for piece in row.settled_evidence or ()] for row in connection.execute(query)
    }


def _accounts(number: int) -> str:
    return "One account" if number == 1 else f"{number} accounts"

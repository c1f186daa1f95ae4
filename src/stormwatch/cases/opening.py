"""Assessments at or above the threshold become cases; known cases follow their subject, and reopen on new evidence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from stormwatch.cases.account_facts import verified_researchers
from stormwatch.cases.curation import set_apart
from stormwatch.cases.digest import BasisPiece, basis_of, has_joined, is_new
from stormwatch.cases.findings import Subject, about_together, account_evidence, findings, lineages, subjects
from stormwatch.cases.matching import Match, match_cases
from stormwatch.cases.meanwhile import as_they_are
from stormwatch.cases.placing import place, placement
from stormwatch.cases.queue import read_cases, title_of
from stormwatch.cases.routing import Queue, Queues, load_queues, queue_for
from stormwatch.cases.states import SETTLED, move, record
from stormwatch.cases.tasks import add_first_action
from stormwatch.cases.versions import HUNT, touch
from stormwatch.ledger.log import Ledger
from stormwatch.model.case import Case, CaseState
from stormwatch.model.evidence import Evidence
from stormwatch.model.ids import new_id
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake
from stormwatch.storage.tables.actions import actions
from stormwatch.storage.tables.cases import case_accounts, cases

_AT_ONCE: Final = 100  # cases to a transaction


def open_cases(
    database: Database, ledger: Ledger, lake: Lake, threshold: float, now_us: int, queues: Queues | None = None
) -> int:
    """Brings the queue in line with the last hunt and gives how many cases were opened or reopened.

    One case per subject whose risk is at or above `threshold`. A case that exists follows its subject, also below the
    threshold: nothing is closed silently. A settled case reopens only when evidence came that it was not settled on.
    Cases that people merged or split keep their accounts. `queues` say which queue a case waits in (None: as shipped).

    It writes a few subjects at a time and lets others write in between, so that nobody's decision waits for all of
    them. Whoever stops it half-way leaves whole cases, and the next hunt goes on with the rest.
    """
    with database.read() as connection:
        known = read_cases(connection, select(cases).where(cases.c.merged_into.is_(None)))
    curated, others = [case for case in known if case.curated], [case for case in known if not case.curated]
    apart = set_apart(subjects(lake), curated, others)
    found = match_cases(apart.free, others, lineages(lake))
    matches = [*apart.matches, *(m for m in found if m.case is not None or m.subject.risk >= threshold)]
    round_ = _Round(ledger, lake, known, matches, threshold, now_us, queues or load_queues())
    return database.write_in_turns(matches, _AT_ONCE, lambda connection, some: _Slice(connection, round_, some).take())


class _Round:
    """What all subjects of one hunt are judged by, with what they need read from the lake at once."""

    def __init__(
        self,
        ledger: Ledger,
        lake: Lake,
        known: Sequence[Case],
        matches: Sequence[Match],
        threshold: float,
        now_us: int,
        queues: Queues,
    ) -> None:
        self.ledger = ledger
        self.known = frozenset(case.case_id for case in known)
        self.threshold = threshold
        self.now_us = now_us
        self.queues = queues
        self.findings = findings(lake, {s for m in matches for s in (m.subject.subject_id, *m.subject.also)})
        self.evidence = _by_account(account_evidence(lake, {a for m in matches for a in m.subject.account_ids}))
        self.researchers = verified_researchers(lake)


class _Slice:
    """Some subjects in one write transaction, with their cases as these are now: people went on meanwhile."""

    def __init__(self, connection: Connection, round_: _Round, matches: Sequence[Match]) -> None:
        self._connection = connection
        self._ledger = round_.ledger
        self._threshold = round_.threshold
        self._now_us = round_.now_us
        self._queues = round_.queues
        self._findings = round_.findings
        self._evidence = round_.evidence
        self._researchers = round_.researchers
        held = [case for m in matches for case in (m.case, *m.absorbed) if case is not None]
        self._matches = as_they_are(connection, matches, held, round_.known)
        case_ids = [case.case_id for case in held]
        self._settled = _settled_bases(connection, case_ids)
        self._acted = _cases_with_actions(connection, case_ids)
        self._routed_by_hand = _routed_by_hand(connection, case_ids)

    def take(self) -> int:
        """Opens, updates or reopens the case of each subject; how many were opened or reopened."""
        return sum(self._take(match) for match in self._matches)

    def _take(self, match: Match) -> bool:
        if match.case is None:
            self._open(match)
            return True
        for absorbed in match.absorbed:
            self._absorb(absorbed, match.case)
        self._update(match, match.case)
        return self._reopen(match, match.case)

    def _open(self, match: Match) -> None:
        case_id = new_id("case")
        subject, queue = match.subject, self._queue(match.subject)
        self._connection.execute(
            insert(cases).values(
                case_id=case_id,
                state=CaseState.OPEN.value,
                opened_us=self._now_us,
                **self._current(match),
                **placement(queue, CaseState.OPEN, self._now_us),
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
            {
                "subject": subject.subject_id,
                "accounts": list(subject.account_ids),
                "risk": round(subject.risk, 4),
                "queue": queue.queue,
            },
        )
        add_first_action(self._connection, self._ledger, case_id, queue.first_action, self._now_us)

    def _queue(self, subject: Subject) -> Queue:
        hypotheses = self._findings[subject.subject_id].hypotheses
        return queue_for(self._queues, hypotheses, researcher=not self._researchers.isdisjoint(subject.account_ids))

    def _current(self, match: Match) -> dict[str, object]:
        subject = match.subject
        number = len(subject.account_ids)
        leading = next((h.hypothesis for h in self._findings[subject.subject_id].hypotheses), "unassessed")
        alone = number == 1 and subject.subject_id == subject.account_ids[0]
        return {
            "subject_id": subject.subject_id,
            "cluster_id": None if alone else subject.subject_id,
            "risk": subject.risk,
            "leading": leading,
            "title": title_of(number, leading),
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
            touch(self._connection, case.case_id, by=HUNT, how="given other accounts", now_us=self._now_us)
        current = self._current(match)
        same = case.subject_id == match.subject.subject_id and case.risk == match.subject.risk
        if not (same and case.title == current["title"] and not joined and not gone):
            self._connection.execute(update(cases).where(cases.c.case_id == case.case_id).values(**current))
        self._reroute(match.subject, case)

    def _reroute(self, subject: Subject, case: Case) -> None:
        """What is suspected may change; a case that a person put into a queue, or that is settled, stays there."""
        queue = self._queue(subject)
        if case.queue != queue.queue and case.state not in SETTLED and case.case_id not in self._routed_by_hand:
            reason = "what is suspected changed"
            place(self._connection, self._ledger, case.case_id, queue, by=HUNT, reason=reason, now=self._now_us)

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
        together = [
            piece
            for subject_id in (subject.subject_id, *subject.also)
            for piece in about_together(self._findings[subject_id], of_accounts)
        ]
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


def _cases_with_actions(connection: Connection, case_ids: Sequence[str]) -> frozenset[str]:
    # The table is read, not the room: actions stand after cases on the route.
    query = select(actions.c.case_id).where(actions.c.reversed_us.is_(None), actions.c.case_id.in_(case_ids)).distinct()
    return frozenset(connection.execute(query).scalars())


def _settled_bases(connection: Connection, case_ids: Sequence[str]) -> Mapping[str, list[BasisPiece]]:
    query = select(cases.c.case_id, cases.c.settled_evidence).where(
        cases.c.settled_digest.is_not(None), cases.c.case_id.in_(case_ids)
    )
    return {
        row.case_id: [BasisPiece(*piece) for piece in row.settled_evidence or ()] for row in connection.execute(query)
    }


def _routed_by_hand(connection: Connection, case_ids: Sequence[str]) -> frozenset[str]:
    query = select(cases.c.case_id).where(cases.c.routed_by.is_not(None), cases.c.case_id.in_(case_ids))
    return frozenset(connection.execute(query).scalars())

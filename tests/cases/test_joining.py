"""Merging and splitting keep evidence and accounts, outlast hunts, and let no approval through that was not given."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from review_floor import MOMENT, Floor
from stormwatch.actions.proposal_queue import ProposalState, get_proposal
from stormwatch.actions.proposals import approve, propose
from stormwatch.cases import review
from stormwatch.cases.curation import set_apart
from stormwatch.cases.findings import Subject
from stormwatch.cases.joining import merge, split
from stormwatch.cases.queue import get_case, list_cases, notes_of
from stormwatch.cases.tasks import add_task, tasks_of
from stormwatch.model.case import ActionKind, Case, CaseState
from stormwatch.model.errors import Conflict, InvalidInput
from stormwatch.storage.tables.actions import actions

TOGETHER = {
    "kind": "shared-technique",
    "group": "together",
    "weight_bits": 3.0,
    "summary": "all of them draft mails to the same ministry",
    "innocent_explanation": "one office with one task",
    "innocent_frequency": 0.01,
    "event_time_us": MOMENT,
    "actors": [],
    "event_ids": [],
}


@pytest.fixture
def two(floor: Floor) -> tuple[str, str]:
    """Cases over a, b, c (the graver) and d, e, each with evidence about its accounts together."""
    floor.suspect("cluster-1", ["a", "b", "c"], risk=0.9)
    floor.suspect("cluster-2", ["d", "e"], risk=0.8, evidence=[TOGETHER])
    floor.hunt()
    first, second = list_cases(floor.runtime.database)
    return first.case_id, second.case_id


def _case(floor: Floor, case_id: str) -> Case:
    return get_case(floor.runtime.database, case_id)


def _merge(floor: Floor, case_id: str, into: str) -> Case:
    return merge(floor.runtime.database, floor.runtime.ledger, floor.analyst, case_id, into, "one device")


def _split(floor: Floor, case_id: str, *accounts: str) -> Case:
    return split(floor.runtime.database, floor.runtime.ledger, floor.analyst, case_id, accounts, "two households")


def _propose(floor: Floor, case_id: str) -> tuple[str, str]:
    """A proposal that waits on a case, and the hash that an approver would be shown now."""
    runtime = floor.runtime
    if _case(floor, case_id).state is CaseState.OPEN:
        review.claim(runtime.database, runtime.ledger, floor.analyst, case_id)
    floor.answer_all(case_id)
    made = propose(runtime.database, runtime.ledger, runtime.lake, floor.analyst, case_id, ActionKind.SUSPEND, "fraud")
    return made.proposal_id, made.evidence_hash


def _approve(floor: Floor, proposal_id: str, evidence_hash: str) -> None:
    runtime = floor.runtime
    approve(runtime.database, runtime.ledger, runtime.lake, floor.approver, proposal_id, evidence_hash)


def test_a_merged_case_brings_its_accounts_evidence_and_open_tasks(floor: Floor, two: tuple[str, str]) -> None:
    first, second = two
    task = add_task(floor.runtime.database, floor.runtime.ledger, floor.analyst, second, "ask the host")
    review.note(floor.runtime.database, floor.runtime.ledger, floor.analyst, second, "seen before")
    before = {piece.summary for case_id in two for piece in floor.file(case_id).evidence}
    kept = _merge(floor, second, first)
    assert kept.account_ids == ("a", "b", "c", "d", "e")
    assert {piece.summary for piece in floor.file(first).evidence} == before
    assert TOGETHER["summary"] in before
    assert [each.task_id for each in tasks_of(floor.runtime.database, first)] == [task.task_id]
    gone = _case(floor, second)
    assert (gone.state, gone.merged_into, gone.account_ids) == (CaseState.CLOSED, first, ("d", "e"))
    assert [note.text for note in notes_of(floor.runtime.database, second)] == ["seen before"]
    assert [entry.kind for entry in floor.runtime.ledger.entries(subject=second)][-1] == "case.merged"
    with pytest.raises(Conflict, match="in another case"):
        review.reopen(floor.runtime.database, floor.runtime.ledger, floor.analyst, second, "again")


def test_what_people_merged_or_split_outlasts_hunts(floor: Floor, two: tuple[str, str]) -> None:
    first, second = two
    _merge(floor, second, first)
    new = _split(floor, first, "a", "b")
    held = {first: ("c", "d", "e"), new.case_id: ("a", "b")}
    for moment in (1, 2):
        assert floor.hunt(MOMENT + moment) == 0
        assert {case_id: _case(floor, case_id).account_ids for case_id in held} == held
    assert len(list_cases(floor.runtime.database)) == 3
    assert _case(floor, second).merged_into == first


def test_an_account_that_joins_a_subject_goes_to_the_case_that_holds_most_of_it(
    floor: Floor, two: tuple[str, str]
) -> None:
    first, second = two
    _merge(floor, second, first)
    floor.suspect("cluster-2", ["d", "e", "f"], risk=0.8)
    floor.suspect("cluster-3", ["g"], risk=0.8)
    assert floor.hunt(MOMENT + 1) == 1  # the stranger alone has a case of its own
    assert _case(floor, first).account_ids == ("a", "b", "c", "d", "e", "f")


def test_a_waiting_approval_dies_with_a_merge_on_either_side(floor: Floor, two: tuple[str, str]) -> None:
    first, second = two
    on_first, on_second = _propose(floor, first), _propose(floor, second)
    _merge(floor, second, first)
    for proposal_id, evidence_hash in (on_first, on_second):
        with pytest.raises(Conflict, match="void already"):
            _approve(floor, proposal_id, evidence_hash)
        assert get_proposal(floor.runtime.database, proposal_id).state is ProposalState.VOID
    assert _case(floor, first).state is CaseState.IN_REVIEW
    assert _case(floor, second).state is CaseState.CLOSED
    assert list(floor.runtime.ledger.entries(kind="action.approved")) == []
    assert len(list(floor.runtime.ledger.entries(kind="action.void"))) == 2


def test_a_waiting_approval_dies_with_a_split_also_when_the_list_is_put_together_again(
    floor: Floor, two: tuple[str, str]
) -> None:
    first, _ = two
    proposal_id, evidence_hash = _propose(floor, first)
    new = _split(floor, first, "c")
    _merge(floor, new.case_id, first)
    assert _case(floor, first).account_ids == ("a", "b", "c")
    with pytest.raises(Conflict, match="void already"):
        _approve(floor, proposal_id, evidence_hash)


def test_the_hash_differs_for_other_accounts_so_that_an_old_one_approves_nothing(
    floor: Floor, two: tuple[str, str]
) -> None:
    first, second = two
    before = floor.file(first).digest
    _merge(floor, second, first)
    merged, (proposal_id, _) = floor.file(first).digest, _propose(floor, first)
    with pytest.raises(Conflict, match="other evidence than you were shown"):
        _approve(floor, proposal_id, before)
    assert merged != before
    _approve(floor, proposal_id, merged)
    assert _case(floor, first).state is CaseState.ACTED


def test_answers_are_asked_for_anew_and_kept_as_notes(floor: Floor, two: tuple[str, str]) -> None:
    first, second = two
    review.claim(floor.runtime.database, floor.runtime.ledger, floor.analyst, first)
    floor.answer_all(first)
    assert floor.file(first).unanswered == ()
    _merge(floor, second, first)
    assert floor.file(first).unanswered == floor.file(first).alternatives
    with pytest.raises(Conflict, match="no answer yet"):
        propose(
            floor.runtime.database,
            floor.runtime.ledger,
            floor.runtime.lake,
            floor.analyst,
            first,
            ActionKind.SUSPEND,
            "fraud",
        )
    kept = [note.text for note in notes_of(floor.runtime.database, first)]
    assert len(kept) == 2
    assert all("a device that no scheduled job explains" in text for text in kept)


def test_a_victim_in_either_case_must_be_answered(floor: Floor) -> None:
    floor.suspect("cluster-1", ["a", "b"], risk=0.9)
    floor.suspect("v", ["v"], risk=0.8, compromised=0.5)
    floor.hunt()
    first, second = (case.case_id for case in list_cases(floor.runtime.database))
    _merge(floor, second, first)
    assert "compromised-account" in [each.source for each in floor.file(first).alternatives]


def test_accounts_under_an_action_stay_where_the_action_is(floor: Floor, two: tuple[str, str]) -> None:
    first, second = two
    _approve(floor, *_propose(floor, first))
    with pytest.raises(Conflict, match="acted"):
        _merge(floor, first, second)
    with pytest.raises(Conflict, match="under an action"):
        _split(floor, first, "a")
    assert _merge(floor, second, first).account_ids == ("a", "b", "c", "d", "e")
    assert _case(floor, first).state is CaseState.IN_REVIEW  # the new accounts need a proposal of their own
    with pytest.raises(Conflict, match="under an action"):
        _split(floor, first, "a", "d")
    assert _split(floor, first, "d").account_ids == ("d",)


def test_a_split_says_on_whom_its_hypotheses_were_assessed(floor: Floor, two: tuple[str, str]) -> None:
    first, _ = two
    new = _split(floor, first, "b", "c")
    file = floor.file(new.case_id)
    assert (new.split_from, new.state, file.case.account_ids) == (first, CaseState.OPEN, ("b", "c"))
    assert file.assessed_apart
    assert file.assessed_accounts == ("a", "b", "c")
    assert {piece.account_id for piece in file.evidence} == {"b", "c"}


def test_what_cannot_be_joined_or_divided_is_refused(floor: Floor, two: tuple[str, str]) -> None:
    first, second = two
    for accounts in ((), ("a", "b", "c"), ("a", "stranger")):
        with pytest.raises(InvalidInput):
            _split(floor, first, *accounts)
    with pytest.raises(InvalidInput, match="into itself"):
        _merge(floor, first, first)
    review.clear(*(floor.runtime.database, floor.runtime.ledger, floor.runtime.lake), floor.analyst, second, "a class")
    for case_id, into in ((first, second), (second, first)):
        with pytest.raises(Conflict, match="cleared"):
            _merge(floor, case_id, into)


SMALL = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=5, unique=True)


@given(subjects=st.lists(SMALL, max_size=4), held=st.lists(SMALL, max_size=3), others=st.lists(SMALL, max_size=2))
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_no_hunt_takes_an_account_from_a_case_that_people_made_or_gives_one_twice(
    subjects: list[list[str]], held: list[list[str]], others: list[list[str]]
) -> None:
    taken: set[str] = set()
    groups = []
    for group in subjects:  # the hunt gives each account one subject
        groups.append([account for account in group if account not in taken])
        taken |= set(group)
    found = [Subject(f"s{n}", tuple(sorted(group)), 0.9) for n, group in enumerate(groups) if group]
    made = [_made(f"case-{n}", accounts, curated=True) for n, accounts in enumerate(held)]
    apart = set_apart(found, made, [_made(f"other-{n}", accounts) for n, accounts in enumerate(others)])
    for match in apart.matches:
        assert match.case is not None
        assert set(match.case.account_ids) <= set(match.subject.account_ids)
        assert match.absorbed == ()
    owned = {account for case in made for account in case.account_ids}
    free = [account for subject in apart.free for account in subject.account_ids]
    joined = [a for m in apart.matches if m.case for a in set(m.subject.account_ids) - set(m.case.account_ids)]
    assert not owned & set(free)
    assert len(free) == len(set(free))
    assert len(joined) == len(set(joined))
    assert not set(joined) & set(free)
    assert {a for subject in found for a in subject.account_ids} <= owned | set(free) | set(joined)


def _made(case_id: str, accounts: list[str], *, curated: bool = False) -> Case:
    return Case(case_id, "s0", CaseState.OPEN, 1, 1, tuple(sorted(accounts)), None, 0.9, "x", curated=curated)


def test_an_action_that_came_to_its_end_holds_nobody(floor: Floor, two: tuple[str, str]) -> None:
    first, _ = two
    _approve(floor, *_propose(floor, first))
    with pytest.raises(Conflict, match="stays in it"):
        _split(floor, first, "a")
    with floor.runtime.database.write() as connection:
        connection.execute(update(actions).where(actions.c.account_id == "a").values(ended_us=1))
    assert _split(floor, first, "a").account_ids == ("a",)

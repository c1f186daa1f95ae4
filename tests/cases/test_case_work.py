"""Who holds a case, its queue and due time, its tasks; and that a decision on an older look at it is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from review_floor import MOMENT, Floor
from stormwatch.cases import placing, review, tasks
from stormwatch.cases.queue import get_case, notes_of
from stormwatch.cases.reveal import reveal
from stormwatch.cases.reveals import reveals_of
from stormwatch.cases.routing import load_queues, queue_named
from stormwatch.cases.tasks import TaskOutcome, tasks_of
from stormwatch.model.case import Case, CaseState
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import DAY, HOUR, now_us


@pytest.fixture
def case_id(floor: Floor) -> str:
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    return floor.case().case_id


def _case(floor: Floor, case_id: str) -> Case:
    return get_case(floor.runtime.database, case_id)


def _id(person: Principal) -> str:
    assert person.person is not None
    return person.person.person_id


def test_of_two_who_claim_at_once_the_second_learns_of_the_first(floor: Floor, case_id: str) -> None:
    database, ledger = floor.runtime.database, floor.runtime.ledger
    seen = _case(floor, case_id).version
    review.claim(database, ledger, floor.analyst, case_id, seen=seen)
    with pytest.raises(Conflict, match=r"nothing was done.*claimed by ada at .*decide anew"):
        review.claim(database, ledger, floor.people["ann"], case_id, seen=seen)
    with pytest.raises(Conflict, match="claimed by ada"):
        review.claim(database, ledger, floor.people["ann"], case_id, take_over=True, seen=seen)
    assert _case(floor, case_id).assignee == _id(floor.analyst)


DEEDS: dict[str, Callable[[Floor, str, int], object]] = {
    "clear": lambda f, c, seen: review.clear(*_stores(f), f.people["ann"], c, "a class", seen=seen),
    "close": lambda f, c, seen: review.close(*_stores(f), f.people["ann"], c, "done", seen=seen),
    "answer": lambda f, c, seen: review.answer_alternative(
        *_stores(f), f.people["ann"], c, f.file(c).alternatives[0].alternative_id, "no", seen=seen
    ),
    "release": lambda f, c, seen: review.release(*_stores(f)[:2], f.people["ann"], c, "ill", seen=seen),
    "reopen": lambda f, c, seen: review.reopen(*_stores(f)[:2], f.people["ann"], c, "news", seen=seen),
    "route": lambda f, c, seen: placing.route(
        *_stores(f)[:2], f.people["ann"], c, load_queues()["tracked-actors"], "a tip", seen=seen
    ),
    "due": lambda f, c, seen: placing.set_due(
        *_stores(f)[:2], f.people["ann"], c, now_us() + DAY, "a deadline", seen=seen
    ),
}


def _stores(floor: Floor):  # type: ignore[no-untyped-def]
    return floor.runtime.database, floor.runtime.ledger, floor.runtime.lake


@pytest.mark.parametrize("deed", DEEDS)
def test_a_decision_on_an_older_look_is_refused_and_changes_nothing(floor: Floor, case_id: str, deed: str) -> None:
    database, ledger = floor.runtime.database, floor.runtime.ledger
    review.claim(database, ledger, floor.people["ann"], case_id)
    seen = _case(floor, case_id).version
    review.note(database, ledger, floor.analyst, case_id, "do not clear this: see the other lead")
    before = _case(floor, case_id)
    with pytest.raises(Conflict, match="noted on by ada"):
        DEEDS[deed](floor, case_id, seen)
    assert _case(floor, case_id) == before


def test_a_hunt_that_only_measures_afresh_makes_no_look_old(floor: Floor, case_id: str) -> None:
    seen = _case(floor, case_id).version
    floor.suspect("cluster-1", ["a", "b"], risk=0.91)
    floor.hunt(MOMENT + 1)
    assert _case(floor, case_id).version == seen
    floor.suspect("cluster-1", ["a", "b", "c"])
    floor.hunt(MOMENT + 2)
    with pytest.raises(Conflict, match="given other accounts by the hunt"):
        review.claim(floor.runtime.database, floor.runtime.ledger, floor.analyst, case_id, seen=seen)


def test_a_released_case_is_nobodys_and_only_its_holder_releases_it(floor: Floor, case_id: str) -> None:
    database, ledger = floor.runtime.database, floor.runtime.ledger
    review.claim(database, ledger, floor.analyst, case_id)
    with pytest.raises(Conflict, match="ada holds this case"):
        review.release(database, ledger, floor.people["ann"], case_id, "tidy up")
    review.release(database, ledger, floor.analyst, case_id, "on leave")
    case = _case(floor, case_id)
    assert (case.state, case.assignee) == (CaseState.OPEN, None)


def test_a_person_reopens_a_cleared_case(floor: Floor, case_id: str) -> None:
    database, ledger = floor.runtime.database, floor.runtime.ledger
    review.clear(database, ledger, floor.runtime.lake, floor.analyst, case_id, "a class")
    assert _case(floor, case_id).due_us is None
    review.reopen(database, ledger, floor.approver, case_id, "the class does not exist")
    case = _case(floor, case_id)
    assert case.state is CaseState.OPEN
    assert case.due_us is not None


def test_a_victims_case_goes_to_a_queue_whose_first_action_is_a_notice(floor: Floor) -> None:
    floor.suspect("v", ["v"], risk=0.9, compromised=0.6)
    floor.suspect("r", ["r"], risk=0.8)
    floor.suspect("g", ["g"], risk=0.7)
    floor.write_traffic([], [{"account_id": "r", "verified_researcher": True}])
    floor.hunt()
    of = {case.subject_id: case for case in (_case(floor, each) for each in _ids(floor))}
    assert {key: case.queue for key, case in of.items()} == {
        "v": "compromised-account",
        "r": "verified-researchers",
        "g": "general",
    }
    (first,) = tasks_of(floor.runtime.database, of["v"].case_id)
    assert "notice to the owner" in first.title
    assert (first.made_by, first.outcome) == ("hunt", None)
    assert tasks_of(floor.runtime.database, of["g"].case_id) == ()
    assert of["v"].due_us == MOMENT + 8 * HOUR


def _ids(floor: Floor) -> list[str]:
    return [str(entry.subject) for entry in floor.runtime.ledger.entries(kind="case.opened")]


def test_a_case_follows_what_is_suspected_until_a_person_puts_it_somewhere(floor: Floor, case_id: str) -> None:
    database, ledger = floor.runtime.database, floor.runtime.ledger
    floor.suspect("cluster-1", ["a", "b"], compromised=0.6)
    floor.hunt(MOMENT + 1)
    assert _case(floor, case_id).queue == "compromised-account"
    placing.route(database, ledger, floor.analyst, case_id, load_queues()["general"], "the owner knows")
    floor.hunt(MOMENT + 2)
    assert _case(floor, case_id).queue == "general"
    routed = [(entry.by, entry.body["queue"]) for entry in ledger.entries(kind="case.routed", subject=case_id)]
    assert routed == [("hunt", "compromised-account"), (_id(floor.analyst), "general")]
    assert len(tasks_of(database, case_id)) == 1  # the first action is asked for once


def test_a_case_is_due_anew_with_every_move(floor: Floor, case_id: str) -> None:
    database, ledger = floor.runtime.database, floor.runtime.ledger
    assert _case(floor, case_id).due_us == MOMENT + 48 * HOUR
    placing.set_due(database, ledger, floor.analyst, case_id, now_us() + DAY, "the peer waits")
    with pytest.raises(InvalidInput, match="past"):
        placing.set_due(database, ledger, floor.analyst, case_id, 1, "late")
    review.claim(database, ledger, floor.analyst, case_id)
    due = _case(floor, case_id).due_us
    assert due is not None
    assert due > now_us() + 4 * DAY


def test_tasks_are_ended_once_and_hold_up_the_closing(floor: Floor, case_id: str) -> None:
    database, ledger, lake = floor.runtime.database, floor.runtime.ledger, floor.runtime.lake
    task = tasks.add_task(database, ledger, floor.analyst, case_id, "ask the host", assignee=_id(floor.approver))
    review.clear(database, ledger, lake, floor.analyst, case_id, "a class")
    with pytest.raises(Conflict, match="a task is open: ask the host"):
        review.close(database, ledger, lake, floor.analyst, case_id, "done")
    with pytest.raises(InvalidInput, match="needs a reason"):
        tasks.end_task(database, ledger, floor.approver, task.task_id, TaskOutcome.DROPPED)
    ended = tasks.end_task(database, ledger, floor.approver, task.task_id, TaskOutcome.DONE, "the host answered")
    assert tasks_of(database, case_id) == (ended,)
    with pytest.raises(Conflict, match="done already"):
        tasks.end_task(database, ledger, floor.analyst, task.task_id, TaskOutcome.DROPPED, "no")
    review.close(database, ledger, lake, floor.analyst, case_id, "done")
    kinds = [entry.kind for entry in ledger.entries(subject=case_id)]
    assert kinds.count("case.task-added") == kinds.count("case.task-ended") == 1


def test_tasks_are_for_those_who_review(floor: Floor, case_id: str) -> None:
    database, ledger = floor.runtime.database, floor.runtime.ledger
    for by in (floor.people["administrator"], floor.with_role("ann", Role.AUDITOR)):
        with pytest.raises(Forbidden):
            tasks.add_task(database, ledger, by, case_id, "approve this")
        with pytest.raises(InvalidInput, match="reviews no cases"):
            tasks.add_task(database, ledger, floor.analyst, case_id, "look", assignee=_id(by))
    with pytest.raises(NotFound):
        tasks.end_task(database, ledger, floor.analyst, "task-0", TaskOutcome.DONE)


def test_auditors_see_who_opened_what_and_reporters_do_not(floor: Floor) -> None:
    floor.write_traffic([{"event_id": "a-e0", "account_id": "a"}])
    floor.suspect("a", ["a"])
    floor.hunt()
    runtime, case_id = floor.runtime, floor.case().case_id
    reveal(
        runtime.database, runtime.ledger, runtime.lake, runtime.keyring, floor.analyst, case_id, ["a-e0"], "to judge it"
    )
    (seen,) = reveals_of(runtime.database, runtime.ledger, floor.with_role("ann", Role.AUDITOR), case_id)
    assert (seen.by, seen.event_ids, seen.reason) == (_id(floor.analyst), ("a-e0",), "to judge it")
    with pytest.raises(Forbidden):
        reveals_of(runtime.database, runtime.ledger, floor.with_role("ann", Role.REPORTER), case_id)


BAD_QUEUES = {
    "last queue must take every case": "[{queue: a, title: A, about: x, due_hours: {}, when: {kind: residual}}]",
    "cannot be read": "[{queue: a, title: A, about: x, due_hours: {}, colour: red}]",
    "same name": "[{queue: a, title: A, about: x, due_hours: {}}, {queue: a, title: A, about: x, due_hours: {}}]",
}


@pytest.mark.parametrize("complaint", BAD_QUEUES)
def test_a_file_of_queues_that_would_lose_cases_is_refused(tmp_path: Path, complaint: str) -> None:
    file = tmp_path / "queues.yaml"
    file.write_text(BAD_QUEUES[complaint], encoding="utf-8")
    with pytest.raises(InvalidInput, match=complaint):
        load_queues(file)


def test_an_unknown_queue_is_refused_with_those_there_are(floor: Floor) -> None:
    with pytest.raises(NotFound, match="compromised-account"):
        queue_named(load_queues(), "vip")


def test_notes_are_never_refused_for_age(floor: Floor, case_id: str) -> None:
    database, ledger = floor.runtime.database, floor.runtime.ledger
    review.note(database, ledger, floor.analyst, case_id, "one")
    review.note(database, ledger, floor.people["ann"], case_id, "two")
    assert [note.text for note in notes_of(database, case_id)] == ["one", "two"]

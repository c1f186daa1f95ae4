"""What people may do to a case, and what is recorded of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review_floor import Floor
from stormwatch.cases import review
from stormwatch.cases.queue import get_case, history_of, notes_of
from stormwatch.cases.states import MOVES, SETTLED, move
from stormwatch.model.case import CaseState
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from stormwatch.model.principal import Role


@pytest.fixture
def case_id(floor: Floor) -> str:
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    return floor.case().case_id


def test_claiming_takes_a_case_into_review_and_over_from_somebody(floor: Floor, case_id: str) -> None:
    database, ledger = floor.runtime.database, floor.runtime.ledger
    review.claim(database, ledger, floor.analyst, case_id)
    with pytest.raises(Conflict, match=r"ada holds this case .*take it over"):
        review.claim(database, ledger, floor.people["ann"], case_id)
    review.claim(database, ledger, floor.people["ann"], case_id, take_over=True)
    case = get_case(database, case_id)
    assert case.state is CaseState.IN_REVIEW
    assert case.assignee == floor.people["ann"].person.person_id  # type: ignore[union-attr]
    assert [entry.to_state for entry in history_of(database, case_id)] == [CaseState.OPEN, CaseState.IN_REVIEW]


def test_an_administrator_reviews_nothing(floor: Floor, case_id: str) -> None:
    runtime, administrator = floor.runtime, floor.people["administrator"]
    deeds = (
        lambda: review.claim(runtime.database, runtime.ledger, administrator, case_id),
        lambda: review.note(runtime.database, runtime.ledger, administrator, case_id, "x"),
        lambda: review.clear(runtime.database, runtime.ledger, runtime.lake, administrator, case_id, "x"),
        lambda: review.close(runtime.database, runtime.ledger, runtime.lake, administrator, case_id, "x"),
    )
    for deed in deeds:
        with pytest.raises(Forbidden):
            deed()


def test_a_session_older_than_a_change_of_role_counts_for_nothing(floor: Floor, case_id: str) -> None:
    old_session = floor.analyst
    floor.with_role("ada", Role.REPORTER)
    with pytest.raises(Forbidden):
        review.claim(floor.runtime.database, floor.runtime.ledger, old_session, case_id)


def test_notes_show_hostile_text_as_it_was_written(floor: Floor, case_id: str) -> None:
    text = "<script>alert(1)</script> \x1b[31m ignore previous instructions"
    review.note(floor.runtime.database, floor.runtime.ledger, floor.analyst, case_id, text)
    assert [note.text for note in notes_of(floor.runtime.database, case_id)] == [text]


@pytest.mark.parametrize("empty", ["", "  \n", "\x00"])
def test_notes_answers_and_reasons_must_say_something(floor: Floor, case_id: str, empty: str) -> None:
    runtime = floor.runtime
    with pytest.raises(InvalidInput):
        review.note(runtime.database, runtime.ledger, floor.analyst, case_id, empty)
    with pytest.raises(InvalidInput):
        review.clear(runtime.database, runtime.ledger, runtime.lake, floor.analyst, case_id, empty)


def test_alternatives_are_answered_in_review_and_stay_answered(floor: Floor, case_id: str) -> None:
    runtime = floor.runtime
    benign, common = floor.file(case_id).alternatives
    assert benign.source == "benign"
    assert common.statement == "a scheduled job of an ordinary customer"
    args = (runtime.database, runtime.ledger, runtime.lake, floor.analyst, case_id)
    with pytest.raises(Conflict):
        review.answer_alternative(*args, benign.alternative_id, "no")
    review.claim(runtime.database, runtime.ledger, floor.analyst, case_id)
    with pytest.raises(NotFound):
        review.answer_alternative(*args, "alt-unknown", "no")
    review.answer_alternative(*args, benign.alternative_id, "no")
    review.answer_alternative(*args, benign.alternative_id, "no, because of the device")
    assert floor.file(case_id).unanswered == (common,)
    assert floor.file(case_id).alternatives[0].answer.answer == "no, because of the device"  # type: ignore[union-attr]


def test_an_open_case_cannot_be_closed_without_being_settled(floor: Floor, case_id: str) -> None:
    runtime = floor.runtime
    with pytest.raises(Conflict):
        review.close(runtime.database, runtime.ledger, runtime.lake, floor.analyst, case_id, "tidy up")
    review.claim(runtime.database, runtime.ledger, floor.analyst, case_id)
    with pytest.raises(Conflict):
        review.close(runtime.database, runtime.ledger, runtime.lake, floor.analyst, case_id, "tidy up")
    review.clear(runtime.database, runtime.ledger, runtime.lake, floor.analyst, case_id, "a translator")
    review.close(runtime.database, runtime.ledger, runtime.lake, floor.analyst, case_id, "done")
    assert get_case(runtime.database, case_id).state is CaseState.CLOSED


def test_every_change_of_state_is_on_the_ledger_and_the_ledger_verifies(floor: Floor, case_id: str) -> None:
    runtime = floor.runtime
    review.claim(runtime.database, runtime.ledger, floor.analyst, case_id)
    review.clear(runtime.database, runtime.ledger, runtime.lake, floor.analyst, case_id, "a translator")
    moved = [entry.body["to"] for entry in runtime.ledger.entries(kind="case.moved", subject=case_id)]
    assert moved == ["in-review", "cleared"]
    assert runtime.ledger.verify().ok


@given(st.lists(st.sampled_from(list(CaseState)), max_size=6))
def test_no_row_of_moves_leaves_the_allowed_ones(steps: list[CaseState]) -> None:
    state = CaseState.OPEN
    for step in steps:
        if step in MOVES[state]:
            state = step
    assert state in CaseState
    assert all(CaseState.ACTED not in MOVES[before] for before in CaseState if before is not CaseState.PROPOSED)
    assert all(CaseState.OPEN in MOVES[settled] for settled in SETTLED)


def test_a_forbidden_move_changes_nothing(floor: Floor, case_id: str) -> None:
    with pytest.raises(Conflict), floor.runtime.database.write() as connection:
        move(connection, floor.runtime.ledger, case_id, CaseState.ACTED, by="x", reason="x", now_us=1)
    assert get_case(floor.runtime.database, case_id).state is CaseState.OPEN

"""Appeals promise: one good code, one appeal, a reviewer who had no part, reinstatement, and nothing for guessers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from sqlalchemy import update

from notice_making import ACCOUNT, act, outbox, served_code, suspended_floor, the_action
from review_floor import Floor
from stormwatch.actions.appeals import receiving
from stormwatch.actions.appeals.appeal_file import get_appeal, list_appeals, open_text
from stormwatch.actions.appeals.receiving import CodeRefused, receive_appeal
from stormwatch.actions.appeals.reviewing import decide_appeal, may_review
from stormwatch.actions.appeals.settling import settle
from stormwatch.actions.decisions import decide
from stormwatch.actions.delivery import deliver
from stormwatch.actions.notices.codes import hash_of
from stormwatch.actions.notices.issuing import issue_again
from stormwatch.actions.notices.notice_file import list_notices
from stormwatch.actions.reversal import reverse
from stormwatch.adapters.decision_endpoint import DecisionEndpoint
from stormwatch.cases.review import note
from stormwatch.model.case import ActionKind, DecisionState
from stormwatch.model.errors import Conflict, FactorNeeded, Forbidden, InvalidInput, TooManyAttempts
from stormwatch.model.notice import Appeal, AppealDecision, AppealState, NoticeKind
from stormwatch.model.principal import Principal, Role
from stormwatch.runtime import Runtime
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.tables.actions import actions
from stormwatch.storage.tables.notices import appeals, notices

HOME = "198.51.100.7"
REVERSE, UPHOLD = AppealDecision.REVERSE, AppealDecision.UPHOLD


def _appealed(floor: Floor) -> Appeal:
    return receive_appeal(floor.runtime.desk, served_code(floor), "I teach this subject.", HOME)


def _state(floor: Floor) -> DecisionState:
    return decide(floor.runtime.database, ACCOUNT).state


def test_an_appeal_is_reviewed_by_a_third_person_and_the_account_is_let_in_again(suspended: Floor) -> None:
    runtime = suspended.runtime
    appeal = _appealed(suspended)
    assert appeal.due_us - appeal.received_us == runtime.desk.terms.review_us
    assert [each.appeal_id for each in list_appeals(runtime.database)] == [appeal.appeal_id]
    assert _state(suspended) is DecisionState.SUSPENDED

    done = decide_appeal(
        runtime.desk, suspended.people["cem"], appeal.appeal_id, REVERSE, "a teacher", "You showed that you teach."
    )
    assert (done.state, done.decided_by) == (AppealState.REVERSED, suspended.people["cem"].person.person_id)
    assert _state(suspended) is DecisionState.ALLOW
    gateway = DecisionEndpoint(runtime.database)
    assert deliver(runtime.database, runtime.ledger, [gateway]).failures == ()
    assert gateway.probe(ACCOUNT) is DecisionState.ALLOW

    runtime.send_notices()
    answer = outbox(runtime.settings.home)[-1]
    assert answer["kind"] == "appeal-reversed"
    assert "You showed that you teach." in answer["text"]
    assert "a teacher" not in answer["text"], "the reason for the record stays in the record"
    assert list_appeals(runtime.database) == ()
    assert runtime.ledger.verify().ok
    kinds = [entry.kind for entry in runtime.ledger.entries(subject=appeal.case_id)]
    wanted = ["appeal.received", "appeal.decided", "action.reversed", "appeal.settled"]
    assert [kind for kind in kinds if kind in wanted] == wanted


def test_an_appeal_that_fails_leaves_the_measure_and_is_answered(suspended: Floor) -> None:
    appeal = _appealed(suspended)
    done = decide_appeal(suspended.runtime.desk, suspended.people["cem"], appeal.appeal_id, UPHOLD, "no new facts")
    assert done.state is AppealState.UPHELD
    assert _state(suspended) is DecisionState.SUSPENDED
    suspended.runtime.send_notices()
    assert outbox(suspended.runtime.settings.home)[-1]["kind"] == "appeal-upheld"
    with pytest.raises(Conflict, match="upheld already"):
        decide_appeal(suspended.runtime.desk, suspended.people["cem"], appeal.appeal_id, REVERSE, "another day")


def test_nobody_reviews_what_they_proposed_or_approved_whatever_their_role_is_now(suspended: Floor) -> None:
    appeal = _appealed(suspended)
    for by in (suspended.with_role("ada", Role.APPROVER), suspended.approver):
        with pytest.raises(Forbidden, match="nobody reviews what they had a part in"):
            decide_appeal(suspended.runtime.desk, by, appeal.appeal_id, REVERSE, "I changed my mind")
        assert not may_review(suspended.runtime.database, appeal, by.person.person_id)
    assert get_appeal(suspended.runtime.database, appeal.appeal_id).state is AppealState.WAITING
    assert _state(suspended) is DecisionState.SUSPENDED


def test_only_an_approver_with_a_fresh_second_factor_reviews(suspended: Floor) -> None:
    desk, appeal = suspended.runtime.desk, _appealed(suspended)
    with pytest.raises(FactorNeeded):
        decide_appeal(
            desk, dataclasses.replace(suspended.people["cem"], owes_factor=True), appeal.appeal_id, UPHOLD, "no"
        )
    with pytest.raises(Forbidden, match="machine"):
        decide_appeal(desk, Principal(None, "t-1", frozenset(), "gateway"), appeal.appeal_id, REVERSE, "yes")
    for role in set(Role) - {Role.APPROVER}:
        by = suspended.with_role("cem", role)
        with pytest.raises(Forbidden, match="needs the role approver"):
            decide_appeal(desk, by, appeal.appeal_id, UPHOLD, "no")


def test_a_code_works_once_however_many_notices_carried_one(suspended: Floor) -> None:
    runtime = suspended.runtime
    first = served_code(suspended)
    issue_again(runtime.desk, suspended.analyst, the_action(suspended).action_id, "fr")
    second = served_code(suspended)
    assert first != second
    receive_appeal(runtime.desk, first, "It was not me.", HOME)
    for code in (first, second):
        with pytest.raises(CodeRefused):
            receive_appeal(runtime.desk, code, "Once more.", HOME)
    assert len(list_appeals(runtime.database)) == 1


def _expire(floor: Floor) -> None:
    with floor.runtime.database.write() as connection:
        connection.execute(update(notices).values(appeal_until_us=1))


def _undo(floor: Floor) -> None:
    runtime = floor.runtime
    reverse(runtime.database, runtime.ledger, floor.approver, [the_action(floor).action_id], "a mistake")


@pytest.mark.parametrize("over", [_expire, _undo])
def test_a_code_of_what_is_over_is_refused_in_the_words_for_a_code_that_never_was(
    suspended: Floor, over: Callable[[Floor], None]
) -> None:
    code = served_code(suspended)
    over(suspended)
    with pytest.raises(CodeRefused) as late:
        receive_appeal(suspended.runtime.desk, code, "Please.", HOME)
    with pytest.raises(CodeRefused) as never:
        receive_appeal(suspended.runtime.desk, "AAAA-BBBB-CCCC-DDDD-EEEE", "Please.", HOME)
    assert str(late.value) == str(never.value)


@pytest.mark.parametrize("typed", [str.lower, lambda c: c.replace("-", " "), lambda c: f" {c.replace('-', '')}\n"])
def test_a_code_is_known_however_it_is_typed(keyring: Keyring, typed: Callable[[str], str]) -> None:
    assert hash_of(keyring, typed("0V1A-2345-6789-BCDE-FGHJ")) == hash_of(keyring, "OVIA-2345-6789-BCDE-FGHJ")


def test_text_that_is_no_code_is_refused(runtime: Runtime) -> None:
    for code in ("", " ", "-", "\x00", "A" * 100_000, "' OR 1=1 --", "../../etc/passwd", "\ud800"):
        with pytest.raises(CodeRefused):
            receive_appeal(runtime.desk, code, "Please.", HOME)


def test_who_guesses_waits_and_others_do_not(suspended: Floor) -> None:
    desk, code = suspended.runtime.desk, served_code(suspended)
    for number in range(receiving.GUESSES.free):
        with pytest.raises(CodeRefused):
            receive_appeal(desk, f"AAAA-BBBB-CCCC-DDDD-{number:04}", "Please.", "203.0.113.9")
    with pytest.raises(TooManyAttempts) as closed:
        receive_appeal(desk, code, "A good code, after guessing.", "203.0.113.9")
    assert closed.value.wait_us > 0
    assert receive_appeal(desk, code, "From elsewhere.", HOME).state is AppealState.WAITING


def test_a_text_that_cannot_be_taken_uses_no_code_up(suspended: Floor) -> None:
    code = served_code(suspended)
    for text in ("", "  \n", "\x00", "x" * (receiving.LONGEST_APPEAL + 1)):
        with pytest.raises(InvalidInput):
            receive_appeal(suspended.runtime.desk, code, text, HOME)
    assert receive_appeal(suspended.runtime.desk, code, "With words.", HOME)


def test_neither_code_nor_text_lies_open_in_the_database_or_on_the_ledger(suspended: Floor) -> None:
    runtime, code = suspended.runtime, served_code(suspended)
    appeal = receive_appeal(runtime.desk, code, "My secret is Xanadu.", HOME)
    decide_appeal(runtime.desk, suspended.people["cem"], appeal.appeal_id, UPHOLD, "Kubla Khan said so")
    with runtime.database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        dump = "\n".join(raw.iterdump())  # type: ignore[union-attr]
    for words in ("Xanadu", "Kubla", code, code.replace("-", ""), "You can also go to a court"):
        assert words not in dump
    with runtime.database.read() as connection:
        assert open_text(connection, runtime.keyring, appeal.appeal_id) == "My secret is Xanadu."


def test_a_success_lifts_all_that_the_case_holds_on_the_account(floor: Floor) -> None:
    runtime = suspended_floor(floor).runtime
    with runtime.database.write() as connection:  # the same two people had limited it before
        row = dict(connection.execute(actions.select()).mappings().one())
        connection.execute(actions.insert().values({**row, "action_id": "action-earlier", "kind": "limit"}))
    appeal = receive_appeal(runtime.desk, served_code(floor), "Not me.", HOME)
    decide_appeal(runtime.desk, floor.people["cem"], appeal.appeal_id, REVERSE, "innocent")
    assert _state(floor) is DecisionState.ALLOW
    with runtime.database.read() as connection:
        assert not connection.execute(actions.select().where(actions.c.reversed_us.is_(None))).all()


def test_a_decision_that_was_not_carried_out_is_taken_up_again(suspended: Floor) -> None:
    """A process that dies between decision and reversal leaves `reversing`, which the next round finishes."""
    runtime, appeal = suspended.runtime, _appealed(suspended)
    decide_appeal(runtime.desk, suspended.people["cem"], appeal.appeal_id, UPHOLD, "for the record")
    with runtime.database.write() as connection:
        connection.execute(update(appeals).values(state="reversing", settled_us=None))
    assert [each.appeal_id for each in settle(runtime.desk)] == [appeal.appeal_id]
    assert settle(runtime.desk) == ()
    assert _state(suspended) is DecisionState.ALLOW


def test_a_reviewer_who_left_cannot_reverse_but_another_approver_can(suspended: Floor) -> None:
    runtime, appeal = suspended.runtime, _appealed(suspended)
    decide_appeal(runtime.desk, suspended.people["cem"], appeal.appeal_id, UPHOLD, "for the record")
    with runtime.database.write() as connection:
        connection.execute(update(appeals).values(state="reversing", settled_us=None))
    suspended.with_role("cem", Role.AUDITOR)
    assert settle(runtime.desk) == ()
    assert _state(suspended) is DecisionState.SUSPENDED
    _undo(suspended)
    assert len(settle(runtime.desk)) == 1


def test_a_reviewers_words_may_not_tip_off(suspended: Floor) -> None:
    runtime, appeal = suspended.runtime, _appealed(suspended)
    with pytest.raises(InvalidInput, match=r"the actor Emerald Sleet"):
        decide_appeal(
            runtime.desk, suspended.people["cem"], appeal.appeal_id, UPHOLD, "x", "You belong to EMERALD  sleet!"
        )
    assert get_appeal(runtime.database, appeal.appeal_id).state is AppealState.WAITING


def test_who_is_let_in_without_an_appeal_is_told_too(suspended: Floor) -> None:
    served_code(suspended)
    _undo(suspended)
    suspended.runtime.send_notices()
    suspended.runtime.send_notices()
    kinds = [each.kind for each in list_notices(suspended.runtime.database)]
    assert kinds.count(NoticeKind.REINSTATEMENT) == 1


def test_watching_is_told_to_nobody(floor: Floor) -> None:
    floor.suspect("acct-watched", ["acct-watched"])
    floor.hunt()
    act(floor, ActionKind.WATCH)
    floor.runtime.send_notices()
    assert outbox(floor.runtime.settings.home) == []


def test_a_note_on_the_case_makes_nobody_a_decider(suspended: Floor) -> None:
    """Reading along is no part in a decision; a reviewer may have asked a question."""
    appeal = _appealed(suspended)
    runtime, cem = suspended.runtime, suspended.people["cem"]
    note(runtime.database, runtime.ledger, cem, appeal.case_id, "why this one?")
    assert may_review(runtime.database, appeal, cem.person.person_id)

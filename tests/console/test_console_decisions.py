"""A case through its life: claim, answer, reveal, propose, a second person approves, reverse; and what is refused."""

from __future__ import annotations

import re

import pytest

from console_world import GROUP
from stormwatch.actions.decisions import decide
from stormwatch.actions.execution import list_actions
from stormwatch.actions.proposal_queue import ProposalState, list_proposals
from stormwatch.cases.queue import get_case, list_cases
from stormwatch.model.case import CaseState, DecisionState


class Review:
    """The group's case, seen by the analyst."""

    def __init__(self, world, browser):
        self.world = world
        self.browser = browser
        cases = list_cases(world.runtime.database)
        self.case_id = next(case.case_id for case in cases if GROUP[0] in case.account_ids)
        self.address = f"/console/cases/{self.case_id}"

    def page(self):
        return self.browser.get(self.address).text

    def do(self, what, **fields):
        return self.browser.post(f"{self.address}/{what}", self.page(), **fields)

    def prepare(self):
        self.do("claim")
        for alternative in sorted(set(re.findall(r'name="alternative" value="([^"]+)"', self.page()))):
            self.do("answer", alternative=alternative, text="The device is one of a kind.")

    def preview(self, *accounts):
        chosen = "".join(f"&account={account}" for account in accounts or GROUP)
        return self.browser.get(
            f"{self.address}/proposal?kind=suspend&reason_code=state-affiliated-misuse{chosen}"
        ).text

    def propose(self, *accounts):
        preview = self.preview(*accounts)
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', preview))
        fields["account"] = re.findall(r'name="account" value="([^"]*)"', preview)
        del fields["csrf"]
        return self.browser.post(f"{self.address}/propose", preview, **fields)

    def pending(self):
        return list_proposals(self.world.runtime.database, state=ProposalState.PENDING)[0]


@pytest.fixture
def review(world, analyst):
    return Review(world, analyst)


def test_texts_stay_closed_until_a_reason_is_given(review):
    review.do("claim")
    assert "stack trace" not in review.page()
    refused = review.do("reveal", event="ev_000", reason="  ")
    assert refused.status_code == 400
    assert "stack trace" not in refused.text
    opened = review.do("reveal", event=["ev_000", "ev_002"], reason="to see what was asked")
    assert "Explain this stack trace" in opened.text
    assert opened.headers["cache-control"] == "no-store"
    entry = next(review.world.runtime.ledger.entries(kind="text.revealed"))
    assert entry.by == review.world.runtime.access.person("ana").person_id
    assert entry.body["reason"] == "to see what was asked"
    assert "stack trace" not in review.page()


def test_texts_of_other_accounts_stay_closed(review):
    refused = review.do("reveal", event="ev_024", reason="curious")
    assert refused.status_code == 403
    assert 'role="alert"' in refused.text


def test_no_proposal_before_the_innocent_explanations_are_answered(review):
    review.do("claim")
    answer = review.propose()
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert "have no answer yet" in answer.text


def test_the_preview_shows_collateral_and_the_exact_hash(review):
    review.prepare()
    page = review.preview()
    assert "Who would be hit" in page
    assert re.search(r'<span class="hash">[^<]{40,}</span>', page)
    assert "The holder is told" in page


def test_two_people_suspend_and_one_reverses(review, approver, world):
    review.prepare()
    assert review.propose().status_code == 200
    proposal = review.pending()
    approve = f"{review.address}/proposals/{proposal.proposal_id}/approve"
    own = review.browser.post(approve, review.page(), evidence_hash=proposal.evidence_hash)
    assert own.status_code == 403
    page = approver.get(review.address).text
    assert proposal.evidence_hash in page
    wrong = approver.post(approve, page, evidence_hash="0" * 64)
    assert wrong.status_code == 409
    done = approver.post(approve, page, evidence_hash=proposal.evidence_hash)
    assert "Approved" in done.text
    assert decide(world.runtime.database, GROUP[0]).state is DecisionState.SUSPENDED
    assert "node-suspended" in done.text
    assert all(action.verified_us for action in list_actions(world.runtime.database))
    actions = re.findall(r'name="action" value="([^"]+)"', done.text)
    assert len(actions) == len(GROUP)
    back = approver.post(f"{review.address}/reverse", done.text, action=actions, reason="a mistake")
    assert "Reversed" in back.text
    assert decide(world.runtime.database, GROUP[0]).state is DecisionState.ALLOW


def test_evidence_that_changed_since_the_preview_is_not_proposed(review):
    review.prepare()
    fields = {"kind": "suspend", "reason_code": "fraud", "evidence_hash": "0" * 64, "account": list(GROUP)}
    answer = review.do("propose", **fields)
    assert answer.status_code == 409
    assert get_case(review.world.runtime.database, review.case_id).state is CaseState.IN_REVIEW


def test_a_proposal_is_declined_and_withdrawn(review, approver, world):
    review.prepare()
    review.propose(GROUP[0])
    address = f"{review.address}/proposals/{review.pending().proposal_id}"
    page = approver.get(review.address).text
    assert approver.post(f"{address}/decline", page, reason="too thin").status_code == 200
    review.propose(GROUP[1])
    address = f"{review.address}/proposals/{review.pending().proposal_id}"
    assert review.browser.post(f"{address}/withdraw", review.page(), reason="too early").status_code == 200
    assert {p.state for p in list_proposals(world.runtime.database)} == {
        ProposalState.DECLINED,
        ProposalState.WITHDRAWN,
    }


def test_a_case_is_noted_cleared_and_closed(review, world):
    review.do("claim")
    assert "looks like a class" in review.do("note", text="looks like a class").text
    assert review.do("note", text="   ").status_code == 400
    review.do("clear", reason="a class that shares a computer room")
    assert get_case(world.runtime.database, review.case_id).state is CaseState.CLEARED
    review.do("close", reason="done")
    assert get_case(world.runtime.database, review.case_id).state is CaseState.CLOSED

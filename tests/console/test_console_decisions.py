"""A case through its life: claim, answer, reveal, propose, a second person approves, reverse; and what is refused."""

from __future__ import annotations

import re

import pytest

from console_world import GROUP
from stormwatch.access.same_people import state_same_person
from stormwatch.actions.decisions import decide
from stormwatch.actions.execution import list_actions
from stormwatch.actions.proposal_queue import ProposalState, list_proposals
from stormwatch.adapters.decision_endpoint import DecisionEndpoint
from stormwatch.cases.queue import get_case, list_cases
from stormwatch.model.case import CaseState, DecisionState
from stormwatch.model.principal import Role
from stormwatch.model.times import DAY, format_rfc3339, now_us


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

    def preview(self, *accounts, **terms):
        chosen = "".join(f"&account={account}" for account in accounts or GROUP)
        chosen += "".join(f"&{name}={value}" for name, value in terms.items())
        return self.browser.get(
            f"{self.address}/proposal?kind=suspend&reason_code=state-affiliated-misuse{chosen}"
        ).text

    def propose(self, *accounts, **terms):
        preview = self.preview(*accounts, **terms)
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


def day_from_now(days):
    return format_rfc3339(now_us() + days * DAY)[:16]


def test_nobody_approves_their_own_after_a_change_of_role_nor_through_a_second_account(review, approver, world):
    runtime = world.runtime
    chief = runtime.access.authenticate(world.tokens["administrator"])
    review.prepare()
    review.propose()
    proposal = review.pending()
    approve = f"{review.address}/proposals/{proposal.proposal_id}/approve"
    state_same_person(runtime.database, runtime.ledger, chief, "ana", "paul")
    refused = approver.post(approve, approver.get(review.address).text, evidence_hash=proposal.evidence_hash)
    assert (refused.status_code, "one human being" in refused.text) == (403, True)
    runtime.access.change_role(chief, "ana", Role.APPROVER)
    page = review.page()
    assert "Approve: suspend" not in page
    own = review.browser.post(approve, page, evidence_hash=proposal.evidence_hash)
    assert (own.status_code, "nobody approves what they proposed" in own.text) == (403, True)
    assert list_actions(runtime.database) == ()


def test_an_embargo_shows_its_clock_and_is_ended_by_the_second_person(review, approver, world):
    review.prepare()
    terms = {"embargo": day_from_now(3), "until": day_from_now(9)}
    preview = review.preview(**terms)
    assert "when its embargo ends" in preview
    assert re.search(r'class="clock" data-until="[^"]+Z">2 d 23 h left', preview)
    review.propose(**terms)
    proposal = review.pending()
    address = f"{review.address}/proposals/{proposal.proposal_id}"
    page = approver.get(review.address).text
    done = approver.post(f"{address}/approve", page, evidence_hash=proposal.evidence_hash)
    assert "Under embargo: suspend 6 accounts, approved" in done.text
    assert "6 under-embargo" in done.text
    assert decide(world.runtime.database, GROUP[0]).state is DecisionState.ALLOW
    assert "Approved and under embargo: 6 accounts" in review.browser.get(f"{review.address}/plan").text
    assert "End the embargo now" not in review.page()
    assert approver.post(f"{address}/release", done.text, reason=" ").status_code == 400
    over = approver.post(f"{address}/release", done.text, reason="they noticed")
    assert "The embargo is over" in over.text
    assert "Through at the gateways: 6 of 6" in over.text
    assert decide(world.runtime.database, GROUP[0]).until_us is not None
    assert decide(world.runtime.database, GROUP[0]).state is DecisionState.SUSPENDED


@pytest.mark.parametrize(
    ("terms", "said"),
    [({"embargo": "soon"}, "this is no time"), ({"until": "2020-01-01T00:00"}, "end before it begins")],
)
def test_times_that_make_no_sense_are_explained(review, terms, said):
    review.prepare()
    assert said in review.preview(**terms)


def test_what_a_gateway_did_not_take_is_shown_and_tried_again_by_a_person(review, approver, world, monkeypatch):
    parts, runtime = vars(world.runtime), world.runtime
    monkeypatch.setitem(parts, "gateways", (DecisionEndpoint(runtime.database, url="http://127.0.0.1:9"),))
    monkeypatch.setitem(parts, "settings", runtime.settings.model_copy(update={"delivery_attempts": 1}))
    review.prepare()
    review.propose(GROUP[0], GROUP[1])
    proposal, page = review.pending(), approver.get(review.address).text
    approve = f"{review.address}/proposals/{proposal.proposal_id}/approve"
    done = approver.post(approve, page, evidence_hash=proposal.evidence_hash).text
    assert "Through at the gateways: 0 of 2" in done
    assert "2 did not come through so far" in done
    assert "the decision endpoint gave no decision" in done
    outbox = review.browser.get("/console/outbox").text
    orders = re.findall(r'name="order" value="(\d+)"', outbox)
    assert len(orders) == 2
    assert review.browser.post("/console/outbox/requeue", outbox).status_code == 400
    monkeypatch.setitem(parts, "gateways", (DecisionEndpoint(runtime.database),))
    again = review.browser.post("/console/outbox/requeue", outbox, order=orders).text
    assert "The marked orders are tried again" in again
    assert "None: nothing waits for a person" in again
    assert "Through at the gateways: 2 of 2" in review.page()


def test_the_preview_is_a_dry_run_with_who_else_would_be_near(review, world):
    page = review.preview(GROUP[0])
    assert "this is a dry run" in page
    assert "In the way" in page
    assert GROUP[1] in page  # behind the same address, and not acted on
    assert "<td>allow</td><td>suspended</td>" in page
    assert list_proposals(world.runtime.database) == ()

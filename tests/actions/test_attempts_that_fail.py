"""What must not work, by whichever door: approving one's own or something else, taking a role, a machine's token."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from acting import approved, kinds_on_ledger, proposal_on
from review_floor import Floor
from stormwatch.access.same_people import one_human_being, state_same_person
from stormwatch.actions.decisions import decide
from stormwatch.actions.execution import list_actions
from stormwatch.actions.proposal_queue import Proposal, ProposalState, get_proposal
from stormwatch.cli.main import command_line
from stormwatch.model.case import DecisionState
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, StormwatchError
from stormwatch.model.principal import Principal, Role, Scope
from stormwatch.storage.tables.actions import proposal_accounts, proposals
from stormwatch.storage.tables.people import people

COMMAND_LINE = command_line(["act", "user", "token"])


@pytest.fixture
def proposal(floor: Floor) -> Proposal:
    return proposal_on(floor)


def call(floor: Floor, token: str, *words: str) -> Result:
    environment = {"STORMWATCH_TOKEN": token}
    return CliRunner().invoke(COMMAND_LINE, ["--home", str(floor.runtime.settings.home), *words], env=environment)


def approve_words(proposal: Proposal) -> tuple[str, ...]:
    return ("act", "approve", proposal.proposal_id, "--evidence-hash", proposal.evidence_hash)


def nothing_happened(floor: Floor) -> bool:
    untouched = decide(floor.runtime.database, "a").state is DecisionState.ALLOW
    return untouched and not list_actions(floor.runtime.database) and floor.runtime.ledger.verify().ok


def test_nobody_approves_their_own_on_the_command_line_in_any_role(floor: Floor, proposal: Proposal) -> None:
    refused = call(floor, floor.tokens["ada"], *approve_words(proposal))
    assert isinstance(refused.exception, Forbidden)
    floor.with_role("ada", Role.APPROVER)
    again = call(floor, floor.tokens["ada"], *approve_words(proposal))
    assert "nobody approves what they proposed" in str(again.exception)
    fresh = floor.runtime.access.create_token(floor.people["ada"], "ada", [Scope.PERSON])
    assert isinstance(call(floor, fresh, *approve_words(proposal)).exception, Forbidden)
    assert nothing_happened(floor)


def test_two_accounts_of_one_human_being_count_as_one(floor: Floor, proposal: Proposal) -> None:
    runtime, chief = floor.runtime, floor.people["administrator"]
    with pytest.raises(Forbidden):
        state_same_person(runtime.database, runtime.ledger, floor.analyst, "ada", "bea")
    with pytest.raises(InvalidInput):
        state_same_person(runtime.database, runtime.ledger, chief, "ada", "ADA")
    stated = call(floor, floor.tokens["administrator"], "user", "same", "bea", "ann")
    assert stated.exit_code == 0, stated.output
    state_same_person(runtime.database, runtime.ledger, chief, "ann", "ada")
    with pytest.raises(Forbidden, match="one human being"):
        approved(floor, proposal)
    with pytest.raises(Conflict, match="already"):
        state_same_person(runtime.database, runtime.ledger, chief, "ada", "bea")
    assert kinds_on_ledger(floor).count("person.same") == 2
    assert nothing_happened(floor)
    assert floor.approver.person is not None
    with runtime.database.read() as connection:
        assert len(one_human_being(connection, floor.approver.person.person_id)) == 3


def test_a_token_that_the_proposer_made_for_another_approves_nothing(floor: Floor) -> None:
    runtime, chief = floor.runtime, floor.people["administrator"]
    _, token = runtime.access.add_person(chief, "root", Role.ADMINISTRATOR)
    root = runtime.access.authenticate(token)
    _, puppet = runtime.access.add_person(root, "puppet", Role.APPROVER)
    root = replace(root, person=runtime.access.change_role(chief, "root", Role.ANALYST))
    proposal = proposal_on(floor, by=root)
    refused = call(floor, puppet, *approve_words(proposal))
    assert "made the token" in str(refused.exception)
    assert nothing_happened(floor)
    own = runtime.access.create_token(runtime.access.authenticate(puppet), "puppet", [Scope.PERSON])
    assert call(floor, own, *approve_words(proposal)).exit_code == 0


def test_a_password_that_the_proposer_may_have_set_approves_nothing(floor: Floor) -> None:
    """The code was the proposer's when they were an administrator: whoever changes the password since may be they."""
    runtime, chief = floor.runtime, floor.people["administrator"]
    _, token = runtime.access.add_person(chief, "root", Role.ADMINISTRATOR)
    root = runtime.access.authenticate(token)
    runtime.access.add_person(root, "puppet", Role.APPROVER)
    puppet = runtime.passwords.redeem(runtime.passwords.invite(root, "puppet").code, "a ladder of nine green figs")
    acting = Principal(puppet, "session-of-puppet", frozenset({Scope.PERSON}), "a session")
    again = runtime.passwords.invite(acting, "puppet").code
    runtime.passwords.redeem(again, "another ladder of nine figs")
    root = replace(root, person=runtime.access.change_role(chief, "root", Role.ANALYST))
    proposal = proposal_on(floor, by=root)
    with pytest.raises(Forbidden, match="one-time code"):
        approved(floor, proposal, by=acting)
    assert nothing_happened(floor)
    runtime.passwords.redeem(runtime.passwords.invite(chief, "puppet").code, "the third ladder of figs")
    approved(floor, proposal, by=acting)
    assert not nothing_happened(floor)


@pytest.mark.parametrize("change", ["accounts", "proposer", "kind", "end"])
def test_a_proposal_that_was_written_into_the_database_is_void(floor: Floor, proposal: Proposal, change: str) -> None:
    runtime = floor.runtime
    assert floor.people["ann"].person is not None
    with runtime.database.write() as connection:
        if change == "accounts":
            connection.execute(proposal_accounts.delete().where(proposal_accounts.c.account_id == "b"))
        else:
            values = {
                "proposer": {"proposed_by": floor.people["ann"].person.person_id},
                "kind": {"kind": "terminate"},
                "end": {"until_us": 9_000_000_000_000_000},
            }
            connection.execute(update(proposals).values(values[change]))
    by = floor.with_role("ada", Role.APPROVER) if change == "proposer" else floor.approver
    with pytest.raises(Conflict, match="put on the ledger"):
        approved(floor, proposal, by=by)
    assert get_proposal(runtime.database, proposal.proposal_id).state is ProposalState.VOID
    assert nothing_happened(floor)


def test_a_proposal_that_the_ledger_does_not_know_is_void(floor: Floor, proposal: Proposal) -> None:
    forged = "proposal-forged"
    with floor.runtime.database.write() as connection:
        connection.execute(proposal_accounts.delete())
        connection.execute(update(proposals).values(proposal_id=forged))
        rows = [{"proposal_id": forged, "account_id": account} for account in ("a", "b")]
        connection.execute(proposal_accounts.insert(), rows)
    with pytest.raises(Conflict, match="does not know it"):
        approved(floor, replace(proposal, proposal_id=forged))
    assert nothing_happened(floor)


def test_a_changed_list_is_approved_neither_under_the_old_hash_nor_the_new(floor: Floor, proposal: Proposal) -> None:
    floor.suspect("cluster-1", ["a", "b", "c"])
    floor.hunt()
    shown = floor.file(proposal.case_id).digest
    assert shown != proposal.evidence_hash
    for digest in (shown, proposal.evidence_hash):
        words = ("act", "approve", proposal.proposal_id, "--evidence-hash", digest)
        assert isinstance(call(floor, floor.tokens["bea"], *words).exception, Conflict)
    assert nothing_happened(floor)


@pytest.mark.parametrize("name", ["ada", "bea", "ann"])
def test_nobody_but_an_administrator_gives_a_role_and_none_to_themselves(floor: Floor, name: str) -> None:
    for words in (
        ("user", "role", name, "--role", "approver"),
        ("user", "role", name, "--role", "administrator"),
        ("user", "add", "mine", "--role", "approver"),
        ("user", "same", "ada", "bea"),
    ):
        assert isinstance(call(floor, floor.tokens[name], *words).exception, StormwatchError), words
    assert isinstance(
        call(floor, floor.tokens["administrator"], "user", "role", "administrator", "--role", "approver").exception,
        Forbidden,
    )
    assert "role.changed" not in kinds_on_ledger(floor)


def test_a_role_written_into_the_database_is_at_least_no_way_round_the_proposer(
    floor: Floor, proposal: Proposal
) -> None:
    with floor.runtime.database.write() as connection:
        connection.execute(update(people).where(people.c.name == "ada").values(role="approver"))
    with pytest.raises(Forbidden, match="what they proposed"):
        approved(floor, proposal, by=floor.runtime.access.authenticate(floor.tokens["ada"]))


DEEDS = (
    ("propose", "CASE", "--kind", "suspend", "--reason-code", "fraud"),
    ("propose", "CASE", "--kind", "suspend", "--reason-code", "fraud", "--dry-run"),
    ("approve", "PROPOSAL", "--evidence-hash", "HASH"),
    ("decline", "PROPOSAL", "--reason", "why"),
    ("withdraw", "PROPOSAL", "--reason", "why"),
    ("release", "PROPOSAL", "--reason", "why"),
    ("reverse", "action-1", "--reason", "why"),
    ("deliver",),
    ("outbox",),
    ("requeue", "1"),
    ("plan", "CASE"),
    ("list",),
    ("show", "PROPOSAL"),
)


@pytest.mark.parametrize("words", DEEDS, ids=" ".join)
def test_a_token_without_the_scope_of_a_person_does_none_of_it(
    floor: Floor, proposal: Proposal, words: tuple[str, ...]
) -> None:
    chief = floor.people["administrator"]
    named = {"CASE": proposal.case_id, "PROPOSAL": proposal.proposal_id, "HASH": proposal.evidence_hash}
    before = floor.runtime.ledger.checkpoint().size
    tokens = [floor.runtime.access.machine_token(chief, "gateway", [Scope.DECIDE, Scope.INGEST]), "", "sw_unknown"]
    before = floor.runtime.ledger.checkpoint().size
    for token in tokens:
        refused = call(floor, token, "act", *(named.get(word, word) for word in words))
        assert isinstance(refused.exception, Forbidden), words
    assert floor.runtime.ledger.checkpoint().size == before
    assert nothing_happened(floor)

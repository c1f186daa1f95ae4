"""`notice` and `appeal` promise: the whole way by public commands, hostile words stay words, and refusals explain."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from command_line import Called, stormwatch
from notice_making import ACCOUNT, code_in, outbox, the_action
from review_floor import Floor
from stormwatch.actions.appeals.receiving import receive_appeal
from stormwatch.model.times import DAY, now_us
from stormwatch.reports.appeals import appeal_figures
from stormwatch.reports.figures import Period
from stormwatch.reports.sources import Sources

FORGED = "innocent\nappeal-0  reversed   due never\r\x1b[2J\u202e {{7*7}}"


@pytest.fixture
def run(suspended: Floor) -> Callable[..., Called]:
    def call(who: str, *arguments: str) -> Called:
        home = suspended.runtime.settings.home
        return stormwatch("--home", home, *arguments, environment={"STORMWATCH_TOKEN": suspended.tokens[who]})

    return call


def test_from_the_notice_to_the_answer(run: Callable[..., Called], suspended: Floor) -> None:
    runtime = suspended.runtime
    assert json.loads(run("bea", "notice", "send", "--json").stdout) == {"sent": 1, "waiting": 0}
    (statement,) = json.loads(run("ada", "notice", "list", "--json").stdout)["notices"]
    shown = run("ada", "notice", "show", statement["notice_id"])
    code = code_in(outbox(runtime.settings.home)[0]["text"])
    assert "[one-time code]" in shown.stdout
    assert code not in shown.stdout
    again = run("ada", "notice", "issue", the_action(suspended).action_id, "--language", "es")
    assert again.stdout.endswith("is sent.\n")
    assert run("ada", "notice", "issue", "action-none", "--language", "es").returncode == 1

    appeal = receive_appeal(runtime.desk, code, FORGED, "198.51.100.7")
    (waiting,) = json.loads(run("cem", "appeal", "list", "--json").stdout)["appeals"]
    assert (waiting["appeal_id"], waiting["late"]) == (appeal.appeal_id, False)
    read = run("cem", "appeal", "show", appeal.appeal_id)
    assert "  | appeal-0  reversed   due never\\x0d\\x1b[2J\\u202e {{7*7}}" in read.stdout
    assert run("ada", "appeal", "show", appeal.appeal_id).returncode == 1
    decision = ("appeal", "decide", appeal.appeal_id, "--decision", "reverse", "--reason", "a class")
    refused = run("bea", *decision)
    assert (refused.returncode, "nobody reviews what they had a part in" in refused.stderr) == (1, True)
    decided = json.loads(run("cem", *decision, "--tell", "You teach.", "--json").stdout)
    assert (decided["state"], decided["verified"]) == ("reversed", 1)
    assert [each["kind"] for each in outbox(runtime.settings.home)][-1] == "appeal-reversed"
    assert run("cem", "appeal", "list").stdout == "No appeal waits.\n"
    assert run("cem", *decision).returncode == 1

    now = now_us()
    figures = appeal_figures(Sources(runtime.database, runtime.lake, runtime.ledger), Period(now - DAY, now + DAY))
    counted = {figure.name: {cell.label: cell.count for cell in figure.cells} for figure in figures}
    assert counted["appeals-received"] == {"appeals": 1}
    assert counted["appeals-decided"] == {"measure upheld": 0, "measure reversed": 1}
    assert counted["time-to-appeal-decision"]["under a day"] == 1
    assert (counted["notices-sent"]["statement-of-reasons"], counted["notices-sent"]["appeal-reversed"]) == (2, 1)


def test_a_draft_by_two_people(run: Callable[..., Called], suspended: Floor) -> None:
    case_id = the_action(suspended).case_id
    words = ("--to", "Dr Ito", "--language", "fr", "--detail", "Une lettre d'une conférence.")
    drafted = run("ada", "notice", "draft", case_id, "--kind", "named-target", *words, "--json")
    notice = json.loads(drafted.stdout)
    shown = json.loads(run("bea", "notice", "show", notice["notice_id"], "--json").stdout)
    assert "Une lettre d'une conférence." in shown["words"]["text"]
    assert run("ada", "notice", "approve", notice["notice_id"], "--commitment", "00").returncode == 1
    approved = run("bea", "notice", "approve", notice["notice_id"], "--commitment", shown["commitment"])
    assert approved.stdout == f"{notice['notice_id']} is sent.\n"
    late = run("ada", "notice", "withdraw", notice["notice_id"], "--reason", "wrong person")
    assert (late.returncode, "not draft" in late.stderr) == (1, True)
    other = json.loads(
        run("ada", "notice", "draft", case_id, "--kind", "host", "--to", "x", "--about", "y", "--json").stdout
    )
    assert run("ada", "notice", "withdraw", other["notice_id"], "--reason", "wrong host").returncode == 0


def test_an_action_on_a_victim_waits_for_the_notice_to_its_owner(floor: Floor) -> None:
    floor.suspect("acct-robbed", ["acct-robbed"], compromised=0.8)
    floor.hunt()
    case = floor.reviewed_case()
    home, token = floor.runtime.settings.home, floor.tokens["ada"]
    arguments = ("act", "propose", case.case_id, "--kind", "suspend", "--reason-code", "compromised-account")
    early = stormwatch("--home", home, *arguments, environment={"STORMWATCH_TOKEN": token})
    assert (early.returncode, "the owner of acct-robbed comes first" in early.stderr) == (1, True)
    bea = {"STORMWATCH_TOKEN": floor.tokens["bea"]}
    stormwatch("--home", home, "notice", "send", environment=bea)
    (draft,) = json.loads(stormwatch("--home", home, "notice", "list", "--json", environment=bea).stdout)["notices"]
    let = ("notice", "approve", draft["notice_id"], "--commitment", draft["commitment"])
    assert stormwatch("--home", home, *let, environment=bea).returncode == 0
    assert stormwatch("--home", home, *arguments, environment={"STORMWATCH_TOKEN": token}).returncode == 0


def test_approving_tells_the_holder_at_once(floor: Floor) -> None:
    floor.suspect(ACCOUNT, [ACCOUNT])
    floor.hunt()
    case = floor.reviewed_case()
    home = floor.runtime.settings.home

    def call(who: str, *arguments: str) -> Called:
        return stormwatch("--home", home, *arguments, environment={"STORMWATCH_TOKEN": floor.tokens[who]})

    kind = ("--kind", "suspend", "--reason-code", "fraud", "--json")
    proposal = json.loads(call("ada", "act", "propose", case.case_id, *kind).stdout)
    approved = call("bea", "act", "approve", proposal["proposal_id"], "--evidence-hash", proposal["evidence_hash"])
    assert approved.returncode == 0
    assert [each["account"] for each in outbox(home)] == [ACCOUNT]

"""The commands of the review, called as a person at a terminal calls them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from review_floor import Floor
from stormwatch.cli.main import command_line
from stormwatch.model.errors import StormwatchError

ESCAPE = "\x1b[2J"
COMMAND_LINE = command_line(["case", "act", "reveal"])


@pytest.fixture
def case_id(floor: Floor) -> str:
    floor.write_traffic([{"event_id": "a-e0", "account_id": "a", "text": f"hello {ESCAPE} <b>"}])
    floor.suspect("cluster-1", ["a", "b"])
    floor.evidence["a"][0]["summary"] = f"a summary {ESCAPE} that clears the screen"
    floor.hunt()
    return floor.case().case_id


def _run(floor: Floor, who: str, *words: str) -> Result:
    environment = {"STORMWATCH_TOKEN": floor.tokens.get(who, "")}
    return CliRunner().invoke(COMMAND_LINE, ["--home", str(floor.runtime.settings.home), *words], env=environment)


def _json(floor: Floor, who: str, *words: str) -> Any:
    result = _run(floor, who, *words, "--json")
    assert result.exit_code == 0, result.output or result.exception
    return json.loads(result.stdout)


def test_from_the_queue_to_the_suspension_and_back(floor: Floor, case_id: str) -> None:
    assert [found["case_id"] for found in _json(floor, "ada", "case", "list")["cases"]] == [case_id]
    _json(floor, "ada", "case", "claim", case_id)
    shown = _json(floor, "ada", "case", "show", case_id)
    for alternative in shown["alternatives"]:
        _json(floor, "ada", "case", "answer", case_id, alternative["alternative_id"], "no job runs at these hours")
    words = ("act", "propose", case_id, "--kind", "suspend", "--reason-code", "fraud")
    proposal = _json(floor, "ada", *words)
    assert proposal["evidence_hash"] == shown["evidence_hash"]
    approval = ("act", "approve", proposal["proposal_id"], "--evidence-hash", shown["evidence_hash"])
    taken = _json(floor, "bea", *approval)
    assert [action["progress"] for action in taken["actions"]] == ["verified", "verified"]
    ids = [action["action_id"] for action in taken["actions"]]
    _json(floor, "bea", "act", "reverse", *ids, "--reason", "a class of students")
    listed = _json(floor, "ada", "act", "list")
    assert {action["progress"] for action in listed["actions"]} == {"reversed"}
    _json(floor, "ada", "case", "clear", case_id, "--reason", "a class of students")
    assert _json(floor, "ada", "case", "close", case_id, "--reason", "done")["state"] == "closed"


def test_the_sheet_shows_hostile_text_as_text_and_no_prompt(floor: Floor, case_id: str) -> None:
    result = _run(floor, "ada", "case", "show", case_id)
    assert result.exit_code == 0
    assert ESCAPE not in result.stdout
    assert "\\x1b[2J" in result.stdout
    assert "hello" not in result.stdout
    assert "may be innocent: a scheduled job of an ordinary customer" in result.stdout


def test_the_sheet_tells_weights_and_likelihoods_in_words(floor: Floor, case_id: str) -> None:
    sheet = _run(floor, "ada", "case", "show", case_id).stdout
    assert " bits" not in sheet
    assert "Calibrated on simulated worlds." in sheet
    assert re.search(r"innocent use +(almost no chance|very unlikely|unlikely|roughly even chance|likely)", sheet)


def test_an_approver_sees_what_a_proposal_covers_and_its_hash(floor: Floor, case_id: str) -> None:
    _json(floor, "ada", "case", "claim", case_id)
    whole = _json(floor, "ada", "case", "show", case_id)
    for alternative in whole["alternatives"]:
        _json(floor, "ada", "case", "answer", case_id, alternative["alternative_id"], "no job runs at these hours")
    one = whole["accounts"][0]["facts"]["account_id"]
    words = ("act", "propose", case_id, "--kind", "limit", "--reason-code", "fraud", "--account", one)
    proposal = _json(floor, "ada", *words)
    shown = _json(floor, "bea", "case", "show", case_id, "--proposal", proposal["proposal_id"])
    assert [entry["facts"]["account_id"] for entry in shown["accounts"]] == [one]
    assert shown["evidence_hash"] == proposal["evidence_hash"] != whole["evidence_hash"]


def test_revealed_text_shows_as_text(floor: Floor, case_id: str) -> None:
    result = _run(floor, "ada", "reveal", case_id, "--event", "a-e0", "--reason", "to judge the draft")
    assert result.exit_code == 0
    assert ESCAPE not in result.stdout
    assert "hello \\x1b[2J <b>" in result.stdout


@pytest.mark.parametrize(
    "words",
    [("case", "list"), ("act", "list"), ("case", "show", "x"), ("reveal", "x", "--event", "e", "--reason", "r")],
)
def test_every_command_that_decides_or_opens_needs_a_person(floor: Floor, case_id: str, words: tuple[str, ...]) -> None:
    result = _run(floor, "nobody", *words)
    assert isinstance(result.exception, StormwatchError)
    assert "person" in str(result.exception)


def test_wrong_usage_exits_with_2_and_an_unknown_case_is_explained(floor: Floor, case_id: str) -> None:
    assert _run(floor, "ada", "act", "propose", case_id).exit_code == 2
    assert _run(floor, "ada", "act", "propose", case_id, "--kind", "burn", "--reason-code", "fraud").exit_code == 2
    assert "no such case" in str(_run(floor, "ada", "case", "show", "case-0").exception)
    words = ("act", "propose", case_id, "--kind", "limit", "--reason-code", "fraud", "--until", "soon")
    assert "is no time" in str(_run(floor, "ada", *words).exception)


def test_the_work_around_a_case_by_command(floor: Floor, case_id: str) -> None:
    floor.suspect("v", ["v"], risk=0.8, compromised=0.6)
    floor.hunt()
    cases = {found["subject_id"]: found for found in _json(floor, "ada", "case", "list")["cases"]}
    victim = cases["v"]["case_id"]
    assert cases["v"]["queue"] == "compromised-account"
    assert "notice to the owner" in _run(floor, "ada", "case", "show", victim).stdout
    listed = _json(floor, "ada", "case", "list", "--queue", "compromised-account", "--order", "due")
    assert [found["case_id"] for found in listed["cases"]] == [victim]

    _json(floor, "ada", "case", "claim", case_id, "--seen", str(cases["cluster-1"]["version"]))
    stale = _run(floor, "ann", "case", "claim", case_id, "--seen", str(cases["cluster-1"]["version"]))
    assert "claimed by ada" in str(stale.exception)
    assert "ada holds this case" in str(_run(floor, "ann", "case", "claim", case_id).exception)
    _json(floor, "ann", "case", "claim", case_id, "--take-over")
    _json(floor, "ann", "case", "release", case_id, "--reason", "on leave")
    _json(floor, "ada", "case", "due", case_id, "2099-01-01", "--reason", "the peer waits")
    assert (
        _json(floor, "ada", "case", "route", case_id, "tracked-actors", "--reason", "a tip")["queue"]
        == "tracked-actors"
    )
    task = _json(floor, "ada", "case", "task", "add", case_id, "ask the host", "--for", "bea", "--due", "2099-01-01")
    assert _json(floor, "bea", "case", "task", "done", task["task_id"], "--remark", "it answered")["outcome"] == "done"
    assert "ask the host (it answered)" in _run(floor, "ada", "case", "show", case_id).stdout

    new = _json(floor, "ada", "case", "split", case_id, "--account", "b", "--reason", "another household")
    assert new["account_ids"] == ["b"]
    (similar,) = _json(floor, "ada", "case", "similar", case_id)["cases"]
    assert (similar["case_id"], similar["shared"][0]["value"]) == (new["case_id"], "d-1")
    merged = _json(floor, "ada", "case", "merge", new["case_id"], "--into", case_id, "--reason", "one after all")
    assert merged["account_ids"] == ["a", "b"]
    kinds = {entry.kind for entry in floor.runtime.ledger.entries(subject=case_id)}
    assert {"case.claimed", "case.due-set", "case.routed", "case.task-added", "case.task-ended", "case.split"} <= kinds
    assert floor.runtime.ledger.verify().ok


def test_saved_queries_and_openings_by_command(floor: Floor, case_id: str) -> None:
    saved = _json(floor, "ada", "case", "save-query", "mine", "--assignee", "me", "--state", "all", "--shared")
    assert saved["address"] == "state=all&assignee=me"
    assert _json(floor, "bea", "case", "list", "--saved", "mine")["cases"] == []  # `me` is whoever asks
    _json(floor, "ada", "case", "claim", case_id)
    assert len(_json(floor, "ada", "case", "list", "--saved", "mine")["cases"]) == 1
    assert "somebody else saved" in str(_run(floor, "bea", "case", "drop-query", "mine").exception)
    _json(floor, "ada", "case", "drop-query", "mine")
    assert _json(floor, "ada", "case", "queries")["queries"] == []
    assert {each["queue"] for each in _json(floor, "ada", "case", "queues")["queues"]} >= {
        "compromised-account",
        "general",
    }
    _json(floor, "ada", "reveal", case_id, "--event", "a-e0", "--reason", "to judge it")
    (opened,) = _json(floor, "bea", "case", "opened", case_id)["opened"]
    assert (opened["reason"], opened["event_ids"]) == ("to judge it", ["a-e0"])
    assert "nobody here has this name" in str(_run(floor, "ada", "case", "list", "--assignee", "zoe").exception)

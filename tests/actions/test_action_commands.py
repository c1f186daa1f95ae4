"""The commands of actions, called as a person at a terminal calls them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from acting import proposal_on
from review_floor import Floor
from stormwatch.cli.main import command_line
from stormwatch.model.times import DAY, format_rfc3339, now_us

COMMAND_LINE = command_line(["act"])


def _run(floor: Floor, who: str, *words: str, **environment: str) -> Result:
    given = {"STORMWATCH_TOKEN": floor.tokens[who], **environment}
    return CliRunner().invoke(COMMAND_LINE, ["--home", str(floor.runtime.settings.home), "act", *words], env=given)


def _json(floor: Floor, who: str, *words: str, **environment: str) -> Any:
    result = _run(floor, who, *words, "--json", **environment)
    assert result.exit_code == 0, result.output or result.exception
    return json.loads(result.stdout)


@pytest.fixture
def case_id(floor: Floor) -> str:
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    return floor.reviewed_case().case_id


def test_a_dry_run_an_embargo_and_its_early_end(floor: Floor, case_id: str) -> None:
    until = format_rfc3339(now_us() + 3 * DAY)
    words = ("propose", case_id, "--kind", "suspend", "--reason-code", "fraud", "--embargo", until)
    shown = _run(floor, "ada", *words, "--dry-run").stdout
    assert "a: allow -> suspended" in shown
    assert "(in 2 d 23 h)" in shown
    assert shown.endswith("Nothing was changed.\n")
    assert _json(floor, "ada", "list")["proposals"] == []
    proposal = _json(floor, "ada", *words)
    assert proposal["embargo_time"] == until
    sheet = _run(floor, "bea", "show", proposal["proposal_id"]).stdout
    assert f"Takes effect at {until}, under embargo" in sheet
    assert f"Evidence hash {proposal['evidence_hash']}" in sheet
    assert "Ends never by itself." in sheet
    approval = ("approve", proposal["proposal_id"], "--evidence-hash", proposal["evidence_hash"])
    assert _json(floor, "bea", *approval)["progress"] == {"under-embargo": 2}
    assert "under embargo until" in _run(floor, "ada", "list").stdout
    assert (
        f"{proposal['proposal_id']}: 2 accounts approved, under embargo" in _run(floor, "ada", "plan", case_id).stdout
    )
    assert _json(floor, "ada", "plan", case_id)["accounts"] == 2
    assert _json(floor, "ada", "deliver")["released"] == 0
    released = _json(floor, "bea", "release", proposal["proposal_id"], "--reason", "they noticed")
    assert released["progress"] == {"verified": 2}


def test_what_failed_is_told_listed_and_tried_again(floor: Floor, case_id: str) -> None:
    proposal = proposal_on(floor)
    away = {"STORMWATCH_DECISION_URL": "http://127.0.0.1:9", "STORMWATCH_DELIVERY_ATTEMPTS": "1"}
    approval = ("approve", proposal.proposal_id, "--evidence-hash", proposal.evidence_hash)
    told = _run(floor, "bea", *approval, **away)
    assert "Not all came through: 2 given-up." in told.stdout
    assert "given up after 1 attempts: 2" in told.stderr
    orders = _json(floor, "ada", "outbox", "--given-up")["orders"]
    assert [(order["account_id"], order["attempts"]) for order in orders] == [("a", 1), ("b", 1)]
    assert "given up: decision-endpoint: the decision endpoint gave no decision" in _run(floor, "ada", "outbox").stdout
    assert _json(floor, "ada", "deliver")["given_up"] == 2
    assert _json(floor, "ada", "requeue")["verified"] == 2
    assert _run(floor, "ada", "outbox").stdout == "Nothing.\n"
    assert _json(floor, "ada", "list", "--case", case_id)["progress"] == {"verified": 2}

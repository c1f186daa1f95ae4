"""Account holders for tests of notices and appeals: a suspension by two people, and what the mail system then reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from review_floor import Floor
from stormwatch.actions.execution import list_actions
from stormwatch.actions.proposals import approve, propose
from stormwatch.model.case import Action, ActionKind
from stormwatch.model.principal import Role

ACCOUNT = "acct-holder"
CODE = re.compile(r"\b(?:[0-9A-HJKMNP-TV-Z]{4}-){4}[0-9A-HJKMNP-TV-Z]{4}\b")


def suspended_floor(floor: Floor, account: str = ACCOUNT, reason_code: str = "fraud", **attributes: str) -> Floor:
    """The floor with one account suspended by ada and bea, and an approver (cem) who had no part in it."""
    administrator = floor.people["administrator"]
    _, token = floor.runtime.access.add_person(administrator, "cem", Role.APPROVER)
    floor.tokens["cem"] = token  # type: ignore[index]
    floor.people["cem"] = floor.runtime.access.authenticate(token)  # type: ignore[index]
    floor.suspect(account, [account])
    record = {"account_id": account, "attributes": json.dumps(attributes) if attributes else None}
    floor.write_traffic([{"event_id": f"{account}-e0", "account_id": account}], [record])
    floor.hunt()
    act(floor, reason_code=reason_code)
    return floor


def act(floor: Floor, kind: ActionKind = ActionKind.SUSPEND, reason_code: str = "fraud") -> Action:
    """Another action on the reviewed case, by the same two people."""
    case, runtime = floor.reviewed_case(), floor.runtime
    stores = runtime.database, runtime.ledger, runtime.lake
    proposal = propose(*stores, floor.analyst, case.case_id, kind, reason_code)
    (action,) = approve(*stores, floor.approver, proposal.proposal_id, proposal.evidence_hash)
    return action


def the_action(floor: Floor) -> Action:
    """The one action there is."""
    (action,) = list_actions(floor.runtime.database)
    return action


def outbox(home: Path) -> list[dict[str, Any]]:
    """What the operator's mail system finds, oldest first."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((home / "notices").glob("*.json"))]


def code_in(text: str) -> str:
    """The one-time code printed in a notice."""
    found = CODE.search(text)
    assert found is not None, text
    return found[0]


def served_code(floor: Floor) -> str:
    """Sends what is owed and gives the code that the account holder reads."""
    floor.runtime.send_notices()
    statements = [each for each in outbox(floor.runtime.settings.home) if each["kind"] == "statement-of-reasons"]
    return code_in(statements[-1]["text"])

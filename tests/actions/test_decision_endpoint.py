"""What gateways get from the decision endpoint, and what they do not."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from review_floor import Floor
from stormwatch.actions.proposals import approve, propose
from stormwatch.actions.reversal import reverse
from stormwatch.api import decision
from stormwatch.model.case import Action, ActionKind
from stormwatch.model.principal import Scope
from stormwatch.model.times import now_us, parse_rfc3339


@pytest.fixture
def client(floor: Floor) -> TestClient:
    app = FastAPI()
    app.state.runtime = floor.runtime
    app.include_router(decision.router)
    token = floor.runtime.access.machine_token(floor.people["administrator"], "gateway", [Scope.DECIDE])
    return TestClient(app, headers={"Authorization": f"Bearer {token}"})


def _act(floor: Floor, kind: ActionKind, until_us: int | None = None) -> tuple[Action, ...]:
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    runtime, case_id = floor.runtime, floor.reviewed_case().case_id
    args = (runtime.database, runtime.ledger, runtime.lake)
    proposal = propose(*args, floor.analyst, case_id, kind, "fraud", until_us=until_us)
    return approve(*args, floor.approver, proposal.proposal_id, proposal.evidence_hash)


def test_an_unheard_of_account_is_allowed(client: TestClient) -> None:
    response = client.get("/v1/decision", params={"account": "nobody", "org": "o", "end_user": "u", "key": "k"})
    assert response.json() == {"state": "allow", "reason_code": None, "appeal_url": None, "until": None}
    assert client.get("/v1/decision/auth", headers={"X-Stormwatch-Account": "nobody"}).status_code == 204


def test_a_suspension_shows_at_once_with_reason_and_appeal_address(floor: Floor, client: TestClient) -> None:
    until = now_us() + 3_600_000_000
    _act(floor, ActionKind.SUSPEND, until)
    found = client.get("/v1/decision", params={"account": "a"}).json()
    appeal = floor.runtime.settings.appeal_url
    assert (found["state"], found["reason_code"], found["appeal_url"]) == ("suspended", "fraud", appeal)
    assert parse_rfc3339(found["until"]) == until
    refused = client.get("/v1/decision/auth", headers={"X-Stormwatch-Account": "a"})
    assert refused.status_code == 403
    assert refused.json() == {"error": "account_suspended", "reason_code": "fraud", "appeal_url": appeal}
    assert (refused.headers["X-Stormwatch-Reason"], refused.headers["X-Stormwatch-Appeal"]) == ("fraud", appeal)
    assert refused.headers["Cache-Control"] == "no-store"


def test_a_limited_account_passes_with_its_state(floor: Floor, client: TestClient) -> None:
    _act(floor, ActionKind.LIMIT)
    response = client.get("/v1/decision/auth", headers={"X-Stormwatch-Account": "a"})
    assert (response.status_code, response.headers["X-Stormwatch-State"]) == (204, "limit")


def test_a_reversal_shows_at_once(floor: Floor, client: TestClient) -> None:
    taken = _act(floor, ActionKind.SUSPEND)
    ids = [action.action_id for action in taken]
    reverse(floor.runtime.database, floor.runtime.ledger, floor.approver, ids, "a class")
    assert client.get("/v1/decision/auth", headers={"X-Stormwatch-Account": "a"}).status_code == 204


def test_the_list_is_sent_again_only_when_it_changed(floor: Floor, client: TestClient) -> None:
    empty = client.get("/v1/decisions")
    assert empty.json() == {"decisions": []}
    unchanged = client.get("/v1/decisions", headers={"If-None-Match": f'W/"other", {empty.headers["ETag"]}'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    _act(floor, ActionKind.SUSPEND)
    changed = client.get("/v1/decisions", headers={"If-None-Match": empty.headers["ETag"]})
    assert changed.status_code == 200
    assert [entry["account"] for entry in changed.json()["decisions"]] == ["a", "b"]


def test_only_a_token_with_the_scope_is_answered(floor: Floor, client: TestClient) -> None:
    administrator = floor.people["administrator"]
    ingest = floor.runtime.access.machine_token(administrator, "collector", [Scope.INGEST])
    paths = ("/v1/decision?account=a", "/v1/decisions")
    for path in paths:
        assert client.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert client.get(path, headers={"Authorization": ""}).status_code == 401
        assert client.get(path, headers={"Authorization": f"Bearer {ingest}"}).status_code == 403


@pytest.mark.parametrize("token", ["", "Bearer wrong", "Bearer {ingest}"])
def test_a_gateway_with_a_wrong_token_never_reads_403_which_would_mean_suspended(
    floor: Floor, client: TestClient, token: str
) -> None:
    ingest = floor.runtime.access.machine_token(floor.people["administrator"], "collector", [Scope.INGEST])
    headers = {"Authorization": token.format(ingest=ingest), "X-Stormwatch-Account": "a"}
    assert client.get("/v1/decision/auth", headers=headers).status_code == 401


def test_a_question_about_nobody_is_a_mistake_of_the_gateway(client: TestClient) -> None:
    assert client.get("/v1/decision").status_code == 422
    assert client.get("/v1/decision", params={"account": ""}).status_code == 422
    assert client.get("/v1/decision/auth").status_code == 422


@pytest.mark.parametrize("account", ["a\x00b", "' OR 1=1 --", "\u202egnp", "a" * 1024])
def test_hostile_account_ids_are_just_ids(client: TestClient, account: str) -> None:
    assert client.get("/v1/decision", params={"account": account}).json()["state"] == "allow"

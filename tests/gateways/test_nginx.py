"""The loop closed at a real gateway: nginx lets an account in, the hunt finds it, two people suspend it, and back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from nginx_gateway import EXAMPLE, free_port, model_service, nginx, served
from review_floor import Floor
from serving import deciding
from stormwatch.actions.delivery import deliver
from stormwatch.actions.execution import list_actions
from stormwatch.actions.proposals import approve, propose
from stormwatch.actions.reversal import reverse
from stormwatch.adapters.decision_endpoint import DecisionEndpoint
from stormwatch.cases.queue import cases_of_account, list_cases
from stormwatch.cases.review import claim
from stormwatch.intel.leads import add_lead, new_lead_id
from stormwatch.model.case import Action, ActionKind
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade, Lead, SourceKind
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.model.principal import Scope
from stormwatch.model.times import now_us

pytestmark = pytest.mark.nginx

KEYS = {"sk-suspect": "acct-suspect", **{f"sk-{number}": f"acct-{number}" for number in range(20)}}
HOSTILE_ADDRESS = "203.0.113.66"


@dataclass
class Gateway:
    floor: Floor
    port: int
    decide_port: int
    decide_token: str
    states: list[str]
    stop_deciding: Callable[[], None]

    def ask(self, key: str = "sk-suspect", address: str = HOSTILE_ADDRESS, **headers: str) -> httpx.Response:
        return httpx.post(
            f"http://127.0.0.1:{self.port}/v1/chat",
            json={"prompt": "write a polite mail to a regional expert"},
            headers={"Authorization": f"Bearer {key}", "X-Forwarded-For": address, **headers},
            trust_env=False,
        )

    def deliver(self) -> int:
        """Verifies over HTTP what the decision process answers, once it has heard of the decision."""
        url = f"http://127.0.0.1:{self.decide_port}"
        endpoint = DecisionEndpoint(self.floor.runtime.database, url=url, token=self.decide_token)
        return deliver(self.floor.runtime.database, self.floor.runtime.ledger, [endpoint]).verified

    def suspend(self, case_id: str) -> tuple[Action, ...]:
        """Ada claims, answers and proposes; Bea approves what she was shown."""
        runtime, floor = self.floor.runtime, self.floor
        stores = (runtime.database, runtime.ledger, runtime.lake)
        claim(runtime.database, runtime.ledger, floor.analyst, case_id)
        floor.answer_all(case_id)
        proposal = propose(*stores, floor.analyst, case_id, ActionKind.SUSPEND, "state-affiliated-misuse")
        return approve(*stores, floor.approver, proposal.proposal_id, floor.file(case_id).digest)


@pytest.fixture
def program() -> Path:
    found = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    assert found is not None
    return Path(found)


@pytest.fixture
def gateway(floor: Floor, program: Path, tmp_path: Path) -> Iterator[Gateway]:
    administrator, access = floor.people["administrator"], floor.runtime.access
    decide = access.machine_token(administrator, "gateway", [Scope.DECIDE])
    ingest = access.machine_token(administrator, "service", [Scope.INGEST])
    front, watch, gate, service = free_port(), free_port(), free_port(), free_port()
    ports = {"8080": front, "8788": gate, "9000": service}
    with ExitStack() as stack, ExitStack() as asked:
        stack.enter_context(served(floor.runtime, watch))
        asked.enter_context(deciding(floor.runtime.settings.home, tmp_path / "decide.log", port=gate))
        states = stack.enter_context(model_service(service, watch, ingest))
        stack.enter_context(nginx(program, tmp_path / "nginx", ports, token=decide, keys=KEYS))
        yield Gateway(floor, front, gate, decide, states, asked.close)


def test_from_telemetry_to_a_refusal_with_an_appeal_address_and_back(gateway: Gateway) -> None:
    floor, runtime = gateway.floor, gateway.floor.runtime
    for number in range(20):
        assert gateway.ask(f"sk-{number}", f"198.51.100.{number + 1}").status_code == 200
    for _ in range(5):
        answer = gateway.ask()
        assert answer.status_code == 200
        assert answer.json()["accepted"] == 1
    add_lead(runtime.database, runtime.ledger, _lead(), "test")

    report = runtime.hunt()
    assert report.events == 25
    (case,) = list_cases(runtime.database)
    assert case.account_ids == ("acct-suspect",)

    gateway.suspend(case.case_id)
    assert gateway.deliver() == 1
    refused = gateway.ask()
    assert refused.status_code == 403
    assert refused.json() == {
        "error": "account_suspended",
        "reason_code": "state-affiliated-misuse",
        "appeal_url": runtime.settings.appeal_url,
    }
    assert gateway.ask("sk-1", "198.51.100.2").status_code == 200
    (action,) = list_actions(runtime.database)
    assert action.verified_us is not None
    assert runtime.hunt().cases_opened == 0  # more traffic of others is no new evidence

    reverse(runtime.database, runtime.ledger, floor.approver, [action.action_id], "it was a class of students")
    assert gateway.deliver() == 1
    assert gateway.ask().status_code == 200
    assert runtime.ledger.verify().ok
    assert [found.case_id for found in cases_of_account(runtime.database, "acct-suspect")] == [case.case_id]


def test_who_is_asking_follows_from_the_key_alone(gateway: Gateway) -> None:
    _suspend_without_hunt(gateway)
    assert gateway.ask(**{"X-Stormwatch-Account": "acct-1"}).status_code == 403
    assert gateway.ask("sk-1", **{"X-Stormwatch-Account": "acct-suspect"}).status_code == 200
    assert gateway.ask("sk-unknown").status_code == 401


def test_a_limited_account_passes_and_the_service_is_told(gateway: Gateway) -> None:
    _suspend_without_hunt(gateway, ActionKind.LIMIT)
    assert gateway.ask().status_code == 200
    assert gateway.ask("sk-1").status_code == 200
    assert gateway.states == ["limit", "allow"]


def test_while_nobody_decides_everybody_is_let_in_as_the_shipped_choice_says(gateway: Gateway) -> None:
    _suspend_without_hunt(gateway)
    assert gateway.ask().status_code == 403
    gateway.stop_deciding()
    assert gateway.ask().status_code == 200


@pytest.mark.parametrize(("choice", "status"), [("204", 200), ("403", 503)])
def test_a_gateway_whose_token_is_wrong_follows_the_choice_and_suspends_nobody(
    floor: Floor, program: Path, tmp_path: Path, choice: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "stormwatch.conf"
    text = EXAMPLE.read_text()
    assert text.count("        return 204;") == 1
    changed.write_text(text.replace("        return 204;", f"        return {choice};"))
    monkeypatch.setattr("nginx_gateway.EXAMPLE", changed)
    token = floor.runtime.access.machine_token(floor.people["administrator"], "service", [Scope.INGEST])
    front, gate, service = free_port(), free_port(), free_port()
    ports = {"8080": front, "8788": gate, "9000": service}
    with (
        deciding(floor.runtime.settings.home, tmp_path / "decide.log", port=gate),
        model_service(service, free_port(), token) as states,
        nginx(program, tmp_path / "nginx", ports, token=token, keys=KEYS),
    ):
        answer = Gateway(floor, front, gate, token, states, lambda: None).ask()
    assert answer.status_code == status
    if status == 503:
        assert answer.json() == {"error": "decision_unavailable"}


def _suspend_without_hunt(gateway: Gateway, kind: ActionKind = ActionKind.SUSPEND) -> None:
    floor, runtime = gateway.floor, gateway.floor.runtime
    floor.suspect("acct-suspect", ["acct-suspect"])
    floor.hunt()
    case_id = floor.reviewed_case().case_id
    stores = (runtime.database, runtime.ledger, runtime.lake)
    proposal = propose(*stores, floor.analyst, case_id, kind, "fraud")
    approve(*stores, floor.approver, proposal.proposal_id, proposal.evidence_hash)
    assert gateway.deliver() == 1


def _lead() -> Lead:
    return Lead(
        lead_id=new_lead_id(),
        title="An address of a known operator",
        source="a peer",
        source_kind=SourceKind.PEER_PROVIDER,
        grade=AdmiraltyGrade("A", 1),
        tlp=TLP.AMBER,
        pap=PAP.AMBER,
        received_us=now_us(),
        actor="Emerald Sleet",
        observables=(Observable(ObservableKind.IPV4, HOSTILE_ADDRESS),),
    )

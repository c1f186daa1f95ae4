"""Gateways that keep accounts of their own: what others shut stays shut, what others opened is shut again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import gateway_benches as benches
from gateway_benches import Bench, order
from review_floor import Floor
from stormwatch.actions.delivery import deliver
from stormwatch.actions.execution import list_actions
from stormwatch.actions.ports import DeliveryFailed
from stormwatch.actions.proposals import approve, propose
from stormwatch.actions.reversal import reverse
from stormwatch.actions.upkeep import Upkeep
from stormwatch.adapters.gateways import gateways
from stormwatch.config import Settings
from stormwatch.model.case import ActionKind, DecisionState
from stormwatch.model.errors import InvalidInput
from stormwatch.runtime import Runtime

SUSPENDED, ALLOW = DecisionState.SUSPENDED, DecisionState.ALLOW


@pytest.fixture
def litellm(runtime: Runtime, tmp_path: Path) -> Iterator[Bench]:
    with benches.litellm(runtime, tmp_path) as bench:
        yield bench


@pytest.fixture
def scim(runtime: Runtime, tmp_path: Path) -> Iterator[Bench]:
    with benches.scim(runtime, tmp_path) as bench:
        yield bench


def suspend(floor: Floor, *accounts: str) -> None:
    floor.suspect("cluster-1", list(accounts))
    floor.hunt()
    stores = (floor.runtime.database, floor.runtime.ledger, floor.runtime.lake)
    proposal = propose(*stores, floor.analyst, floor.reviewed_case().case_id, ActionKind.SUSPEND, "fraud")
    approve(*stores, floor.approver, proposal.proposal_id, proposal.evidence_hash)


def test_a_key_made_after_the_suspension_is_blocked_by_the_next_look(floor: Floor, litellm: Bench) -> None:
    database, ledger = floor.runtime.database, floor.runtime.ledger
    for account in ("a", "b"):
        litellm.add(account)
    suspend(floor, "a", "b")
    assert deliver(database, ledger, [litellm.gateway]).verified == 2
    new = litellm.parts.add_key("a")
    assert litellm.parts.chat(new) == 200
    upkeep = Upkeep(database, ledger, [litellm.gateway], at_once=1)
    assert [upkeep.look().shut_again for _ in range(4)] == [1, 0, 0, 0]
    assert litellm.parts.chat(new) == 401
    (entry,) = ledger.entries(kind="action.shut-again")
    assert ledger.verify().ok
    actions = [action.action_id for action in list_actions(database)]
    assert entry.kind == "action.shut-again"
    reverse(database, ledger, floor.approver, actions, "a class")
    assert deliver(database, ledger, [litellm.gateway]).verified == 2
    assert (litellm.parts.chat(new), litellm.passes("a"), upkeep.look().looked_at) == (200, True, 0)


def test_a_key_that_its_owner_had_blocked_stays_blocked(litellm: Bench) -> None:
    lost = litellm.parts.add_key("u", blocked=True)
    used = litellm.parts.add_key("u")
    litellm.gateway.apply(order("u", SUSPENDED))
    litellm.gateway.apply(order("u", ALLOW, 2))
    assert [litellm.parts.chat(key) for key in (lost, used)] == [401, 200]
    assert len(litellm.parts.calls) == 2


def test_a_user_without_keys_is_shut_until_there_is_one(litellm: Bench) -> None:
    litellm.parts.users.add("u")
    litellm.gateway.apply(order("u", SUSPENDED))
    assert litellm.gateway.probe("u") is SUSPENDED
    litellm.parts.add_key("u")
    assert litellm.gateway.probe("u") is ALLOW


def test_an_account_that_is_a_key_and_one_that_is_a_team(litellm: Bench) -> None:
    key = litellm.parts.add_key("u")
    (token,) = litellm.parts.keys
    litellm.gateway.apply(order(f"key:{token}", SUSPENDED))
    assert (litellm.parts.chat(key), litellm.gateway.probe(f"key:{token}")) == (401, SUSPENDED)
    with pytest.raises(DeliveryFailed, match="block the team in LiteLLM"):
        litellm.gateway.apply(order("team:t-1", SUSPENDED))
    with pytest.raises(DeliveryFailed, match="does not know this account"):
        litellm.gateway.apply(order("nobody", SUSPENDED))


def test_a_user_who_had_left_stays_inactive_and_one_who_was_switched_on_is_shut_again(
    floor: Floor, scim: Bench
) -> None:
    database, ledger, client = floor.runtime.database, floor.runtime.ledger, scim.parts
    for account in ("gone", "here"):
        scim.add(account)
    path = {user["externalId"]: f"/Users/{user['id']}" for user in client.get("/Users").json()["Resources"]}

    def switch(account: str, *, active: bool) -> None:
        operation = {"op": "replace", "path": "active", "value": active}
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}
        headers = {"Content-Type": "application/scim+json"}
        assert client.patch(path[account], json=body, headers=headers).is_success

    switch("gone", active=False)
    suspend(floor, "gone", "here")
    assert deliver(database, ledger, [scim.gateway]).verified == 2
    switch("here", active=True)
    upkeep = Upkeep(database, ledger, [scim.gateway])
    assert upkeep.look().shut_again == 1
    assert not scim.passes("here")
    reverse(database, ledger, floor.approver, [action.action_id for action in list_actions(database)], "a class")
    assert deliver(database, ledger, [scim.gateway]).verified == 2
    assert (scim.passes("here"), scim.passes("gone")) == (True, False)


def test_no_user_or_two_users_of_that_name_are_a_failure_and_change_nothing(scim: Bench) -> None:
    scim.add("twin")
    scim.add("twin")
    for account, count in (("twin", 2), ("nobody", 0)):
        with pytest.raises(DeliveryFailed, match=f"knows {count} users with this externalId"):
            scim.gateway.apply(order(account, SUSPENDED))
    assert scim.passes("twin")


def test_a_webhook_s_message_says_what_was_decided_and_keeps_its_id(runtime: Runtime, tmp_path: Path) -> None:
    with benches.webhook(runtime, tmp_path) as bench:
        for _ in range(2):
            bench.gateway.apply(order("a", SUSPENDED))
        assert bench.parts == [
            {
                "account": "a",
                "state": "suspended",
                "reason_code": "fraud",
                "until": None,
                "appeal_url": "https://models.example/appeal",
                "action": "action-1",
            }
        ]


def test_settings_make_the_gateways(runtime: Runtime) -> None:
    home = runtime.settings.home
    plain = Settings(home=home)
    assert [gateway.name for gateway in gateways(runtime.database, plain)] == ["decision-endpoint"]
    whole = Settings(
        home=home,
        litellm_url="https://litellm.example",
        litellm_key="sk-1",
        gateway_webhook_url="https://gateway.example/hook",
        gateway_webhook_secrets=(benches.SECRET,),
        scim_url="http://127.0.0.1:9/scim/v2",
    )
    names = [gateway.name for gateway in gateways(runtime.database, whole)]
    assert names == ["decision-endpoint", "litellm-keys", "webhook", "scim"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"litellm_url": "http://litellm.example"}, "unencrypted, to litellm.example"),
        ({"scim_url": "ldap://idp.example"}, "no address that can be called"),
        ({"gateway_webhook_url": "https://gateway.example"}, "there is no secret"),
        ({"gateway_webhook_url": "https://g.example", "gateway_webhook_secrets": ("whsec_c2hvcnQ=",)}, "secret 1 for"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(runtime: Runtime, settings: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        gateways(runtime.database, Settings(home=runtime.settings.home, **settings))  # type: ignore[arg-type]

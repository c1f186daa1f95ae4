"""Who else would be hit is counted and said before anybody decides."""

from __future__ import annotations

from review_floor import Floor
from stormwatch.actions.collateral import collateral
from stormwatch.actions.proposals import propose
from stormwatch.model.case import ActionKind


def _traffic(floor: Floor) -> None:
    seen = [("a", "192.0.2.1"), ("b", "192.0.2.2"), ("x", "192.0.2.1"), ("y", "192.0.2.1"), ("z", "198.51.100.1")]
    requests = [
        {"event_id": f"e{number}", "account_id": account_id, "source_ip": address}
        for number, (account_id, address) in enumerate([*seen, *seen])
    ]
    records = [
        {"account_id": "a", "org_id": "o1", "verified_researcher": True},
        {"account_id": "y", "verified_researcher": True},
        {"account_id": "w", "org_id": "o1"},
        {"account_id": "z", "org_id": "o2", "verified_researcher": True},
    ]
    floor.write_traffic(requests, records)


def test_it_counts_others_at_the_same_addresses_and_organisation(floor: Floor) -> None:
    _traffic(floor)
    found = collateral(floor.runtime.lake, ["a", "b"])
    assert (found.accounts, found.same_address, found.same_org) == (2, 2, 1)
    assert (found.verified_researchers, found.researchers_nearby) == (("a",), 1)
    assert [(shared.address, shared.other_accounts) for shared in found.busiest_addresses] == [("192.0.2.1", 2)]
    assert found.warnings[0].startswith("VERIFIED RESEARCHER")


def test_an_account_that_shares_nothing_has_none(floor: Floor) -> None:
    _traffic(floor)
    assert collateral(floor.runtime.lake, ["b"]).warnings == ()
    assert collateral(floor.runtime.lake, ["unheard-of"]).warnings == ()


def test_accounts_that_links_alone_put_there_are_told_before_anybody_decides(floor: Floor) -> None:
    _traffic(floor)
    assert collateral(floor.runtime.lake, ["a", "b"], by_links_alone=1).by_links_alone == 1
    assert "no evidence of their own" in collateral(floor.runtime.lake, ["b"], by_links_alone=1).warnings[0]


def test_a_proposal_carries_it_and_the_ledger_its_warnings(floor: Floor) -> None:
    _traffic(floor)
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    runtime, case_id = floor.runtime, floor.reviewed_case().case_id
    proposal = propose(
        runtime.database, runtime.ledger, runtime.lake, floor.analyst, case_id, ActionKind.LIMIT, "fraud"
    )
    assert proposal.collateral.verified_researchers == ("a",)
    (entry,) = runtime.ledger.entries(kind="action.proposed")
    assert list(entry.body["warnings"]) == list(proposal.collateral.warnings)  # type: ignore[arg-type]

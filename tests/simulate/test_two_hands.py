"""The demo's analyst acts on no account that somebody else worked on beside its holder."""

from __future__ import annotations

from typing import Any

import pytest

from review_floor import MOMENT, Floor, floor
from stormwatch.cases.evidence_file import build_evidence_file
from stormwatch.cli.story.two_hands import used_by_two

__all__ = ["floor"]
HOME, SHARED = "203.0.113.10", "198.51.100.9"
HOLDERS, INTRUDERS = "Go-http-client/2.0", "example-python/1.0"


def _left_out(floor: Floor, requests: list[tuple[str, str]]) -> dict[str, str]:
    accounts = ["acct-key", "acct-other"]
    floor.suspect("cluster-1", accounts, risk=0.9)
    floor.hunt()
    floor.write_traffic(
        [
            {"event_id": f"e{n}", "account_id": "acct-key", "source_ip": address, "user_agent": client}
            for n, (address, client) in enumerate(requests)
        ],
        [{"account_id": "acct-key", "signup_ip": HOME, "created_us": MOMENT}],
    )
    part = {
        "identifier_kind": "address",
        "shared_values": [SHARED],
        "weight_bits": 8.0,
        "innocent_explanation": "one exit",
    }
    link: dict[str, Any] = {"account_id_a": accounts[0], "account_id_b": accounts[1], "match_weight": 8.0}
    floor._put("links", [{**link, "probability": 0.9, "evidence": [part]}])
    file = build_evidence_file(floor.runtime.lake, floor.runtime.database, floor.case())
    return dict(used_by_two(floor.runtime.lake, file))


def test_a_holder_at_home_and_another_client_elsewhere_are_two(floor: Floor) -> None:
    found = _left_out(floor, [(SHARED, INTRUDERS), (HOME, HOLDERS), (SHARED, INTRUDERS)])
    assert list(found) == ["acct-key"]
    assert "perhaps a victim" in found["acct-key"]


@pytest.mark.parametrize(
    "requests",
    [
        [(HOME, HOLDERS), (SHARED, HOLDERS)],
        [(HOME, HOLDERS), (SHARED, HOLDERS), (SHARED, INTRUDERS)],
        [(SHARED, INTRUDERS)],
        [(HOME, HOLDERS)],
    ],
    ids=["one client everywhere", "the holder's client there as well", "never at home", "never elsewhere"],
)
def test_otherwise_it_is_one(floor: Floor, requests: list[tuple[str, str]]) -> None:
    assert _left_out(floor, requests) == {}

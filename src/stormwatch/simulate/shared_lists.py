"""Lists of what many share in the made-up internet, in the form of MISP warning lists: VPN exits, carriers, mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stormwatch.simulate.identities import mail_services
from stormwatch.simulate.network import SHARED_RANGES


def shared_lists() -> Mapping[str, dict[str, Any]]:
    """Each list by the name of its file."""
    lists = {
        f"shared-{kind}.json": _list(f"Made-up {words}", kind, "cidr", [entry]) for kind, words, entry in SHARED_RANGES
    }
    return {**lists, "shared-mail.json": _list("Made-up mail services", "freemail", "hostname", mail_services())}


def _list(name: str, kind: str, matching: str, entries: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "type": matching,
        "version": 1,
        "description": f"{name} of a simulated world",
        "matching_attributes": ["hostname", "domain"] if matching == "hostname" else ["ip-src", "ip-dst"],
        "list": entries,
    }

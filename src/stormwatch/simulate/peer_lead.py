"""A peer's lead about one campaign, partly wrong as leads are: one address is an innocent office's only exit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from stormwatch.simulate.campaigns import Campaign
from stormwatch.simulate.cast import Account
from stormwatch.simulate.dice import Dice

# Offices whose work looks like the campaigns': the first that has colleagues enough is the one mistaken.
_MISTAKEN: Final = ("satellite-engineer", "policy-analyst", "security-vendor", "corporate-nat")
_ENOUGH: Final = 3


def peer_lead(campaigns: Sequence[Campaign], accounts: Sequence[Account], dice: Dice) -> dict[str, Any]:
    """The lead as the peer writes it: title, source, Admiralty grade, markings, the actor's name and observables."""
    teams = [campaign for campaign in campaigns if campaign.kind.names]
    chosen = dice.pick(teams or list(campaigns))
    addresses = [address.ip for address in chosen.servers[:2]] + _mistaken_exit(accounts)
    return {
        "title": "Infrastructure of one operator seen at a peer",
        "source": "a peer provider",
        "source_kind": "peer-provider",
        "grade": "B2",
        "tlp": "amber",
        "pap": "amber",
        "permitted_use": "search your own logs, act on your own accounts",
        "actor": dice.pick(chosen.kind.names) if chosen.kind.names else None,
        "observables": [
            *({"kind": "ipv4-addr", "value": ip} for ip in addresses),
            {"kind": "domain-name", "value": chosen.domains[0]},
        ],
    }


def _mistaken_exit(accounts: Sequence[Account]) -> list[str]:
    """The exit of the first group of colleagues of the first kind that has enough of them."""
    for kind in _MISTAKEN:
        groups = defaultdict[str, list[Account]](list)
        for account in accounts:
            if account.role.kind == kind:
                groups[account.role.group_id].append(account)
        fit = [group for _, group in sorted(groups.items()) if len(group) >= _ENOUGH]
        if fit:
            return [min(fit, key=len)[0].personas[0].addresses[0].ip]
    return []

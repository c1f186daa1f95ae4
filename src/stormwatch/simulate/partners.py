"""What partners tell the provider: a STIX bundle of true, stale, wrong and irrelevant indicators."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from stormwatch.model.times import DAY, format_rfc3339
from stormwatch.simulate.campaigns import Campaign, campaign_kinds
from stormwatch.simulate.dice import Dice
from stormwatch.simulate.identities import Identities
from stormwatch.simulate.knobs import Knobs
from stormwatch.simulate.network import Internet

_NAMESPACE: Final = uuid.UUID("7d9f1f5e-4c58-4a7c-9f0b-6d8f3f0a7c11")
# FIRST's TLP 2.0 marking objects as OASIS publishes them.
_TLP: Final = {
    "clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
}
_TLP_EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
_PARTNERS: Final = ("Meridian Threat Exchange", "Northlight Research", "a peer provider", "Sector CERT Delta")
_OTHER_GROUPS: Final = ("Paper Heron", "Granite Ibex", "TA-Quartz", "Cobalt Lantern", "Dusk Orchid")


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that a partner says, before it is written as STIX."""

    pattern: str
    actor: str
    from_us: int
    until_us: int | None
    confidence: int | None


class Partners:
    """Makes the bundle. It knows the campaigns' plans, as far as the knobs let partners know."""

    def __init__(self, dice: Dice, internet: Internet, knobs: Knobs, seed: int) -> None:
        self._dice = dice
        self._internet = internet
        self._knobs = knobs
        self._seed = seed
        self._identities = Identities(dice)

    def sightings(self, campaigns: Sequence[Campaign]) -> list[Sighting]:
        """All that partners say, in random order."""
        found = [item for campaign in campaigns for item in (*self._true(campaign), *self._stale(campaign))]
        found += self._wrong() + self._irrelevant()
        order = self._dice.numbers.permutation(len(found))
        return [found[int(index)] for index in order]

    def _true(self, campaign: Campaign) -> list[Sighting]:
        dice = self._dice
        values = [_ip(address.ip) for address in campaign.servers] + [_domain(name) for name in campaign.domains]
        known = [value for value in values if dice.chance(self._knobs.intel_known)]
        first = campaign.start_us - 20 * DAY
        return [
            Sighting(value, self._name(campaign), first, campaign.start_us + 90 * DAY, dice.pick((50, 70, 85)))
            for value in known
        ]

    def _stale(self, campaign: Campaign) -> list[Sighting]:
        """An address that was the actor's two years ago and is a household's now; half say until when."""
        dice, long_ago = self._dice, self._knobs.start_us - 700 * DAY
        address = self._internet.home(dice.pick(campaign.kind.claims), dice)
        until = long_ago + 120 * DAY if dice.chance(0.5) else None
        return [Sighting(_ip(address.ip), self._name(campaign), long_ago, until, 60)]

    def _wrong(self) -> list[Sighting]:
        """Shared exits that somebody took for an actor's own."""
        dice, actors = self._dice, [name for kind in campaign_kinds().values() for name in kind.names]
        exits = [
            self._internet.vpn(dice.below(2), dice),
            self._internet.carrier("IN", dice),
            self._internet.vpn(2, dice),
        ]
        when = self._knobs.start_us - 30 * DAY
        return [Sighting(_ip(address.ip), dice.pick(actors), when, None, 30) for address in exits]

    def _irrelevant(self) -> list[Sighting]:
        return [self._noise() for _ in range(int(self._knobs.intel_noise))]

    def _noise(self) -> Sighting:
        dice = self._dice
        kind = dice.below(4)
        if kind == 0:
            pattern = f"[file:hashes.'SHA-256' = '{''.join(dice.token() for _ in range(4))}']"
        elif kind == 1:
            pattern = _ip(self._internet.quoted())
        elif kind == 2:
            pattern = f"[url:value = 'https://{self._identities.domain()}/gate/{dice.below(900)}']"
        else:
            pattern = _domain(self._identities.domain())
        when = self._knobs.start_us - int(dice.real() * 300 * DAY)
        return Sighting(pattern, dice.pick(_OTHER_GROUPS), when, None, dice.pick((None, 30, 50, 70)))

    def _name(self, campaign: Campaign) -> str:
        return self._dice.pick(campaign.kind.names) if campaign.kind.names else ""

    def bundle(self, sightings: Sequence[Sighting]) -> dict[str, Any]:
        """The STIX 2.1 bundle: markings, partners, intrusion sets, indicators, `indicates` relationships."""
        told = format_rfc3339(self._knobs.start_us - 20 * DAY)
        objects: list[dict[str, Any]] = [_marking(name, ref) for name, ref in _TLP.items()]
        objects += [
            self._object("identity", name, told, name=name, identity_class="organization") for name in _PARTNERS
        ]
        sets = {item.actor for item in sightings if item.actor}
        objects += [self._object("intrusion-set", name, told, name=name) for name in sorted(sets)]
        for number, item in enumerate(sightings):
            objects += self._indicator(number, item, told)
        return {"type": "bundle", "id": f"bundle--{self._uuid('bundle', '')}", "objects": objects}

    def _indicator(self, number: int, item: Sighting, told: str) -> list[dict[str, Any]]:
        partner, tlp = _PARTNERS[number % len(_PARTNERS)], tuple(_TLP)[number % len(_TLP)]
        common = {
            "created_by_ref": f"identity--{self._uuid('identity', partner)}",
            "object_marking_refs": [_TLP[tlp]],
        }
        more: dict[str, Any] = {} if item.confidence is None else {"confidence": item.confidence}
        if item.until_us is not None:
            more["valid_until"] = format_rfc3339(item.until_us)
        indicator = self._object(
            "indicator",
            f"{number}{item.pattern}",
            told,
            pattern=item.pattern,
            pattern_type="stix",
            valid_from=format_rfc3339(item.from_us // 1000 * 1000),
            indicator_types=["malicious-activity"],
            **common,
            **more,
        )
        if not item.actor:
            return [indicator]
        target = f"intrusion-set--{self._uuid('intrusion-set', item.actor)}"
        link = self._object(
            "relationship",
            f"{number}",
            told,
            relationship_type="indicates",
            source_ref=indicator["id"],
            target_ref=target,
            **common,
        )
        return [indicator, link]

    def _object(self, kind: str, key: str, told: str, **properties: Any) -> dict[str, Any]:
        return {
            "type": kind,
            "spec_version": "2.1",
            "id": f"{kind}--{self._uuid(kind, key)}",
            "created": told,
            "modified": told,
            **properties,
        }

    def _uuid(self, kind: str, key: str) -> uuid.UUID:
        # Version 5 is what STIX gives to ids that follow from content.
        return uuid.uuid5(_NAMESPACE, f"{self._seed}/{kind}/{key}")


def _ip(address: str) -> str:
    kind = "ipv6-addr" if ":" in address else "ipv4-addr"
    return f"[{kind}:value = '{address}']"


def _domain(name: str) -> str:
    return f"[domain-name:value = '{name}']"


def _marking(name: str, ref: str) -> dict[str, Any]:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": ref,
        "created": "2022-10-01T00:00:00.000Z",
        "name": f"TLP:{name.upper()}",
        "extensions": {_TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": name}},
    }

"""The made-up internet: addresses from ranges that belong to nobody, each with an invented network and a country.

RFC 5737 and RFC 3849 (documentation), RFC 2544 (benchmarks), RFC 6598 (carrier NAT) and RFC 1112's reserved class E.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stormwatch.simulate.dice import Dice
from stormwatch.simulate.places import places

_FIRST_ASN: Final = 4_200_000_000  # RFC 6996: for private use
_ISPS: Final = 5
_CARRIER_EXITS: Final = 12
_VPN_FIRMS: Final = 5
_VPN_EXITS: Final = 24
# Ranges of exits that unrelated people share: kind of shared list, words, range.
SHARED_RANGES: Final = (
    ("vpn", "VPN exits", "198.18.0.0/16"),
    ("nat", "carrier NAT", "100.64.0.0/10"),
)


@dataclass(frozen=True, slots=True)
class Address:
    """An address with the network and the country that geolocation would give."""

    ip: str
    asn: int
    country: str


class Internet:
    """Hands out addresses: homes, offices, carriers' and VPN firms' shared exits, rented servers."""

    def __init__(self) -> None:
        self._countries = {code: index for index, code in enumerate(sorted(places()))}
        self._codes = sorted(places())
        self._rented = 0
        self._offices = 0
        self._quoted = 0

    def home(self, country: str, dice: Dice) -> Address:
        """An access line: class E, one /16 per provider; one in eight speaks IPv6."""
        isp = self._countries[country] * _ISPS + dice.below(_ISPS)
        asn = _FIRST_ASN + isp
        if dice.chance(0.125):
            return Address(f"2001:db8:{isp:x}:{dice.below(65536):x}::{dice.between(1, 9)}", asn, country)
        return Address(f"{240 + isp // 256}.{isp % 256}.{dice.below(256)}.{dice.between(1, 254)}", asn, country)

    def office(self, country: str) -> Address:
        """The single exit of an organisation: class E from 250.0.0.0 upwards, never given twice."""
        self._offices += 1
        number = self._offices
        ip = f"{250 + number // 65536}.{number // 256 % 256}.{number % 256}.1"
        return Address(ip, _FIRST_ASN + 10_000 + number % 400, country)

    def carrier(self, country: str, dice: Dice) -> Address:
        """An exit of a mobile carrier, shared by very many."""
        index = self._countries[country]
        ip = f"100.{64 + index}.{dice.below(2)}.{1 + dice.below(_CARRIER_EXITS)}"
        return Address(ip, _FIRST_ASN + 20_000 + index, country)

    def vpn(self, firm: int, dice: Dice) -> Address:
        """An exit of a VPN firm (198.18.0.0/16), shared by all its customers."""
        number = dice.below(_VPN_EXITS)
        country = self._codes[(firm * 7 + number) % len(self._codes)]
        return Address(f"198.18.{firm}.{1 + number}", _FIRST_ASN + 30_000 + firm, country)

    def vpn_firm(self, dice: Dice) -> int:
        """The number of a VPN firm, the first ones with most customers."""
        return min(int(dice.real() ** 2 * _VPN_FIRMS), _VPN_FIRMS - 1)

    def server(self, country: str) -> Address:
        """A rented server (198.19.0.0/16), never given twice."""
        self._rented += 1
        ip = f"198.19.{self._rented // 250 % 256}.{1 + self._rented % 250}"
        return Address(ip, _FIRST_ASN + 40_000 + self._rented % 23, country)

    def quoted(self) -> str:
        """An address that occurs in texts and indicators alone (RFC 5737's three ranges), in turn."""
        self._quoted += 1
        prefix = ("203.0.113", "198.51.100", "192.0.2")[self._quoted % 3]
        return f"{prefix}.{1 + self._quoted // 3 % 254}"

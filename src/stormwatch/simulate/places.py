"""Countries with their hours and languages, read from places.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import msgspec

from stormwatch.simulate.dice import Choice


@dataclass(frozen=True, slots=True)
class Place:
    """A country: ISO code, hours from UTC, languages with weights, invented phone prefix, share of users."""

    code: str
    utc_offset: float
    languages: Choice[str]
    phone: str
    share: float


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    share: float
    utc_offset: float
    languages: dict[str, float]
    phone: str


@cache
def places() -> dict[str, Place]:
    """All countries by code."""
    raw = resources.files("stormwatch.simulate").joinpath("places.yaml").read_bytes()
    rows = msgspec.yaml.decode(raw, type=dict[str, _Row])
    return {
        code: Place(code, row.utc_offset, Choice(row.languages), row.phone, row.share) for code, row in rows.items()
    }


@cache
def usual_places() -> Choice[str]:
    """Countries as often as the provider has users there."""
    return Choice({code: place.share for code, place in places().items()})

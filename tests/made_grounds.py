"""Grounds for tests: a few pieces of evidence and habits, put together as a hunt would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stormwatch.attribution.base_rates import load_base_rates
from stormwatch.attribution.grounds import Grounds
from stormwatch.attribution.habits import named_actors
from stormwatch.attribution.hypotheses import Habits
from stormwatch.attribution.profiles import load_profiles
from stormwatch.config import shipped
from stormwatch.model.evidence import Evidence

PROFILES = load_profiles((shipped("profiles"),))
RATES = load_base_rates(len(PROFILES))


def piece(kind: str, group: str, bits: float, summary: str = "seen", account: str = "a", **more: Any) -> Evidence:
    return Evidence(account, kind, group, bits, summary, "somebody innocent", 0.01, 1, **more)


def tie(actor: str, address: str, source: str = "a feed", bits: float = 8.0, kind: str = "indicator-hit") -> Evidence:
    return piece(kind, "indicators", bits, f"connected from {address}", actors=(actor,), sources=(source,))


def grounds(pieces: Sequence[Evidence], **habits: Any) -> Grounds:
    known = {"techniques": frozenset(), "topics": frozenset(), "scripts": {}, "hours_utc": {}, **habits}
    accounts = tuple(sorted({one.account_id for one in pieces} or {"a"}))
    return Grounds("c", accounts, tuple(pieces), Habits(named=named_actors(pieces, 0.001, {}), **known), 0.001, 0.5)

"""Evidence for one explanation raises that one; what makes somebody a victim accuses nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.attribution.base_rates import load_base_rates
from stormwatch.attribution.hypotheses import Habits, hypotheses
from stormwatch.attribution.profiles import load_profiles
from stormwatch.attribution.risk import risk_of
from stormwatch.attribution.speaking import spoken_bits
from stormwatch.config import shipped
from stormwatch.model.evidence import Evidence

PROFILES = load_profiles((shipped("profiles"),))
RATES = load_base_rates(len(PROFILES))
PRIOR = 0.001
NO_HABITS = Habits({}, frozenset(), frozenset(), {}, {})


def piece(kind: str, bits: float, account: str = "a", group: str = "") -> Evidence:
    return Evidence(account, kind, group or kind, bits, "seen", "somebody innocent", 0.01, 1)


def ranked(pieces: list[Evidence], accounts: int = 1) -> dict[str, float]:
    risk = risk_of(pieces, PRIOR, RATES, accounts)
    spoken = spoken_bits(pieces, RATES, accounts, raising_only=False)
    found = hypotheses(risk, NO_HABITS, PROFILES, RATES, spoken)
    assert sum(h.probability for h in found) == pytest.approx(1.0)
    return {h.hypothesis: h.probability for h in found}


@given(st.floats(0, 12), st.floats(0, 12))
def test_a_stolen_key_changes_no_risk_whatever_else_is_known(bits: float, other: float) -> None:
    rest = [piece("indicator-hit", other)]
    assert risk_of([*rest, piece("key-misuse", bits)], PRIOR, RATES) == risk_of(rest, PRIOR, RATES)


def test_a_stolen_key_puts_the_victim_before_the_offenders() -> None:
    before = ranked([piece("indicator-hit", 10.0)])
    after = ranked([piece("indicator-hit", 10.0), piece("key-misuse", 6.0)])
    assert before["compromised-account"] < before["unknown-actor"]
    assert after["compromised-account"] > after["unknown-actor"] + after["non-state-abuse"]
    assert after["benign"] == pytest.approx(before["benign"])


def test_a_population_raises_abuse_by_its_share_of_the_odds_and_leaves_the_other_odds_alone() -> None:
    before, after = ranked([]), ranked([piece("template-population", 6.0)])
    assert after["non-state-abuse"] / after["benign"] == pytest.approx(
        64 * before["non-state-abuse"] / before["benign"], rel=1e-6
    )
    for other in ("unknown-actor", "compromised-account"):
        assert after[other] / after["benign"] == pytest.approx(before[other] / before["benign"], rel=1e-6)
    assert after["benign"] > 0.9


def test_no_finding_of_abuse_alone_comes_near_a_case() -> None:
    everything = [piece(kind, 99.0, group="service-abuse") for kind in RATES.speaks_for]
    assert risk_of(everything, PRIOR, RATES) < 0.1


def test_one_member_does_not_speak_for_its_cluster() -> None:
    pieces = [piece("indicator-hit", 10.0, "a"), piece("key-misuse", 6.0, "b")]
    assert ranked(pieces, accounts=4)["compromised-account"] == pytest.approx(
        ranked(pieces[:1], accounts=4)["compromised-account"]
    )
    assert ranked(pieces, accounts=2)["compromised-account"] > ranked(pieces[:1], accounts=2)["compromised-account"]

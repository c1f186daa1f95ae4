"""Evidence of conduct from daily counts: throw-away use, weak and capped. What takes single events, detectors see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stormwatch.accounts.facts import AccountFacts
from stormwatch.accounts.odds import weight_from_rates
from stormwatch.accounts.weights import ConductWeights, ThrowAwayUse
from stormwatch.model.evidence import Evidence
from stormwatch.model.times import DAY, HOUR


def conduct_evidence(facts: Sequence[AccountFacts], weights: ConductWeights) -> Iterator[Evidence]:
    """Evidence for every account that was thrown away, weighed by how many accounts here were."""
    seen = [account for account in facts if account.last_us is not None]
    horizon_us = max((account.last_us or 0 for account in seen), default=0)
    throw_away = weights.throw_away_use
    showing = [account for account in seen if _is_throw_away(account, throw_away, horizon_us)]
    frequency = len(showing) / len(seen) if seen else 0.0
    bits = weight_from_rates(throw_away.shown_by_operators, frequency, len(seen), throw_away.cap_bits)
    for account in showing:
        yield Evidence(
            account_id=account.account_id,
            kind="throw-away-use",
            group="conduct",
            weight_bits=bits,
            summary=f"made, used for {account.events} requests within hours, and left",
            innocent_explanation="a trial: people look at a new service once",
            innocent_frequency=frequency,
            event_time_us=account.last_us or 0,
        )


def _is_throw_away(account: AccountFacts, weights: ThrowAwayUse, horizon_us: int) -> bool:
    if account.first_us is None or account.last_us is None or account.created_us is None:
        return False
    # Reckoned from either side, so that neither a clock that is off nor other hours of work turn the answer.
    young = abs(account.first_us - account.created_us) <= weights.age_hours * HOUR
    brief = account.last_us - account.first_us <= weights.life_hours * HOUR
    left = account.last_us <= horizon_us - weights.silent_days * DAY
    return young and brief and left and account.events >= weights.minimum_events

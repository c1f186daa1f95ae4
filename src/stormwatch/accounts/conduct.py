"""Evidence of conduct from counts: machine tempo, retry after refusal, throw-away use. Weak each, capped, measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stormwatch.accounts.facts import AccountFacts
from stormwatch.accounts.odds import weight_from_rates
from stormwatch.accounts.weights import ConductWeights, ThrowAwayUse
from stormwatch.model.evidence import Evidence
from stormwatch.model.times import DAY, HOUR


@dataclass(frozen=True, slots=True)
class _Conduct:
    kind: str
    shown: Callable[[AccountFacts], bool]
    summary: Callable[[AccountFacts], str]
    innocent: str
    shown_by_operators: float
    cap_bits: float


def conduct_evidence(facts: Sequence[AccountFacts], weights: ConductWeights) -> Iterator[Evidence]:
    """Evidence for every account that shows a kind of conduct, weighed by how many accounts here show it."""
    seen = [account for account in facts if account.last_us is not None]
    horizon_us = max((account.last_us or 0 for account in seen), default=0)
    for conduct in _kinds(weights, horizon_us):
        showing = [account for account in seen if conduct.shown(account)]
        frequency = len(showing) / len(seen) if seen else 0.0
        bits = weight_from_rates(conduct.shown_by_operators, frequency, len(seen), conduct.cap_bits)
        for account in showing:
            yield Evidence(
                account_id=account.account_id,
                kind=conduct.kind,
                group="conduct",
                weight_bits=bits,
                summary=conduct.summary(account),
                innocent_explanation=conduct.innocent,
                innocent_frequency=frequency,
                event_time_us=account.last_us or 0,
            )


def _kinds(weights: ConductWeights, horizon_us: int) -> tuple[_Conduct, ...]:
    tempo, retry, throw_away = weights.machine_tempo, weights.refusal_and_retry, weights.throw_away_use
    return (
        _Conduct(
            "machine-tempo",
            lambda a: a.gaps >= tempo.minimum_gaps and a.quick_gaps / a.gaps >= tempo.quick_share,
            lambda a: f"{a.quick_gaps} of {a.gaps} requests came under two seconds after the one before",
            "a program of the account holder: an API client, a batch job or a test run",
            tempo.shown_by_operators,
            tempo.cap_bits,
        ),
        _Conduct(
            "refusal-and-retry",
            lambda a: a.retries >= retry.minimum_retries,
            lambda a: f"{a.retries} requests within two minutes of a refusal, {a.refused} refusals in all",
            "someone whose honest question was declined and who words it anew, or a jailbreak hobbyist",
            retry.shown_by_operators,
            retry.cap_bits,
        ),
        _Conduct(
            "throw-away-use",
            lambda a: _is_throw_away(a, throw_away, horizon_us),
            lambda a: f"made, used for {a.events} requests within hours, and left",
            "a trial: people look at a new service once",
            throw_away.shown_by_operators,
            throw_away.cap_bits,
        ),
    )


def _is_throw_away(account: AccountFacts, weights: ThrowAwayUse, horizon_us: int) -> bool:
    if account.first_us is None or account.last_us is None or account.created_us is None:
        return False
    # Reckoned from either side, so that neither a clock that is off nor other hours of work turn the answer.
    young = abs(account.first_us - account.created_us) <= weights.age_hours * HOUR
    brief = account.last_us - account.first_us <= weights.life_hours * HOUR
    left = account.last_us <= horizon_us - weights.silent_days * DAY
    return young and brief and left and account.events >= weights.minimum_events

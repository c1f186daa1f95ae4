"""The four headings of a write-up (Actor, Behaviour, Completions, Impact), filled with what is known and no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stormwatch.attribution.naming import hypothesis_words
from stormwatch.cases.account_facts import AccountFacts
from stormwatch.cases.findings import Finding
from stormwatch.cases.impact import ImpactFacts, impact_sentences
from stormwatch.model.times import format_rfc3339

_TECHNIQUES_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Sections:
    """Sentences under each heading."""

    actor: tuple[str, ...]
    behaviour: tuple[str, ...]
    completions: tuple[str, ...]
    impact: tuple[str, ...]


def write_sections(
    finding: Finding | None, facts: Sequence[AccountFacts], techniques: Counter[str], impact: ImpactFacts
) -> Sections:
    """Sections from counts and the assessment; a heading of which nothing is known says so."""
    return Sections(
        actor=_actor(finding),
        behaviour=_behaviour(facts, techniques),
        completions=_completions(facts),
        impact=impact_sentences(impact),
    )


def _actor(finding: Finding | None) -> tuple[str, ...]:
    if finding is None or not finding.hypotheses:
        return ("The last hunt assessed this subject no more.",)
    # Likelihood and confidence are two judgements and never share a sentence (ICD 203).
    return (
        f"First-ranked hypothesis: {hypothesis_words(finding.hypotheses[0].hypothesis)} ({finding.likelihood}).",
        f"Confidence in this assessment: {finding.confidence.value}.",
        f"Calibrated on {finding.calibrated_on}.",
    )


def _behaviour(facts: Sequence[AccountFacts], techniques: Counter[str]) -> tuple[str, ...]:
    events = sum(fact.events for fact in facts)
    if not events:
        return ("No requests of these accounts are stored.",)
    first = min(fact.first_us for fact in facts if fact.first_us is not None)
    last = max(fact.last_us for fact in facts if fact.last_us is not None)
    sentences = [
        f"{events:,} requests by {len(facts)} account{'s' if len(facts) > 1 else ''}, {_day(first)} to {_day(last)}."
    ]
    calls = sum(fact.tool_calls for fact in facts)
    if calls:
        sentences.append(f"{calls:,} tool calls.")
    if techniques:
        ranked = sorted(techniques.items(), key=lambda pair: (-pair[1], pair[0]))[:_TECHNIQUES_SHOWN]
        seen = ", ".join(f"{technique} ({count:,})" for technique, count in ranked)
        sentences.append(f"Requests in which rules saw a technique: {seen}.")
    return tuple(sentences)


def _day(time_us: int) -> str:
    return format_rfc3339(time_us)[:10]


def _completions(facts: Sequence[AccountFacts]) -> tuple[str, ...]:
    refused, blocked = sum(fact.refused for fact in facts), sum(fact.blocked for fact in facts)
    events = sum(fact.events for fact in facts)
    return (
        f"Of {events:,} requests refused: {refused:,}; blocked: {blocked:,}.",
        f"Asked again within two minutes of a refusal: {sum(fact.retries for fact in facts):,}.",
    )

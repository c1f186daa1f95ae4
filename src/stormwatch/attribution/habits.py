"""Collects the habits of subjects: named infrastructure, techniques, topics, writing systems, hours."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from stormwatch.attribution.hypotheses import Habits
from stormwatch.attribution.traits import AccountTraits, TraitFamily
from stormwatch.model.evidence import Evidence
from stormwatch.storage.engine import QueryEngine, sql_file

_Key = TypeVar("_Key")


class HabitBook:
    """Habits by account, read from the view `events`, put together for a subject when asked."""

    def __init__(self, engine: QueryEngine, traits: AccountTraits) -> None:
        self._traits = traits
        self._scripts: dict[str, Counter[str]] = defaultdict(Counter)
        self._hours: dict[str, Counter[int]] = defaultdict(Counter)
        for batch in engine.batches(sql_file("stormwatch.attribution", "account_habits")):
            for row in batch.to_pylist():
                self._scripts[row["account_id"]][row["script"] or "Zyyy"] += row["events"]
                self._hours[row["account_id"]][row["hour_utc"]] += row["events"]

    def of(self, account_ids: Sequence[str], evidence: Iterable[Evidence]) -> Habits:
        """The habits of accounts taken together."""
        shown = {trait for account in account_ids for trait in self._traits.get(account, ())}
        return Habits(
            named=named_actors(evidence),
            techniques=frozenset(trait.name for trait in shown if trait.family is TraitFamily.TECHNIQUE),
            topics=frozenset(trait.name for trait in shown if trait.family is TraitFamily.TOPIC),
            scripts=_shares(self._scripts[account] for account in account_ids if account in self._scripts),
            hours_utc=_shares(self._hours[account] for account in account_ids if account in self._hours),
        )


def named_actors(evidence: Iterable[Evidence]) -> Mapping[str, int]:
    """How many different pieces a source ties to each actor; an ambiguous name speaks for nobody."""
    pieces = {
        (piece.actors[0], piece.summary) for piece in evidence if len(piece.actors) == 1 and piece.weight_bits > 0
    }
    return Counter(actor for actor, _ in pieces)


def _shares(counters: Iterable[Counter[_Key]]) -> Mapping[_Key, float]:
    total: Counter[_Key] = Counter()
    for counter in counters:
        total.update(counter)
    events = total.total()
    return {key: count / events for key, count in total.items()} if events else {}

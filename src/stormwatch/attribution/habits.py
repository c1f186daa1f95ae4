"""Collects the habits of subjects: named infrastructure, techniques, topics, writing systems, hours."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from stormwatch.accounts.odds import log2_odds, probability_of
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

    def of(
        self, account_ids: Sequence[str], evidence: Iterable[Evidence], prior: float, meant: Mapping[str, float]
    ) -> Habits:
        """The habits of accounts taken together; `prior` is P(hidden operator) of an account before evidence.

        `meant` gives by finding how likely it is that its source means these accounts (meant.py).
        """
        shown = {trait for account in account_ids for trait in self._traits.get(account, ())}
        return Habits(
            named=named_actors(evidence, prior, meant),
            techniques=frozenset(trait.name for trait in shown if trait.family is TraitFamily.TECHNIQUE),
            topics=frozenset(trait.name for trait in shown if trait.family is TraitFamily.TOPIC),
            scripts=_shares(self._scripts[account] for account in account_ids if account in self._scripts),
            hours_utc=_shares(self._hours[account] for account in account_ids if account in self._hours),
            meant=meant,
        )


def named_actors(
    evidence: Iterable[Evidence], prior: float, meant: Mapping[str, float]
) -> Mapping[str, tuple[float, ...]]:
    """Of each actor, how far each match that a source ties to it is believed to be an operator's, strongest first.

    A match is believed as far as it takes an account from the prior: that of an address which a hundred accounts share
    hardly at all, unless the rest of the evidence says which of them is meant (`meant`, by finding). An ambiguous name
    speaks for nobody, and two names of one actor on one observable count once.
    """
    found: dict[tuple[str, str, tuple[str, ...]], Evidence] = {}
    for piece in evidence:
        if len(piece.actors) == 1 and piece.weight_bits > 0:
            key = piece.actors[0], piece.account_id, piece.event_ids
            held = found.get(key)
            if held is None or (piece.weight_bits, held.summary) > (held.weight_bits, piece.summary):
                found[key] = piece
    matches: dict[tuple[str, str], float] = {}
    for (actor, _, _), piece in found.items():
        alone = probability_of(log2_odds(prior) + piece.weight_bits)
        believed = max(alone, meant.get(piece.summary, 0.0))
        matches[actor, piece.summary] = max(believed, matches.get((actor, piece.summary), 0.0))
    by_actor: dict[str, list[float]] = defaultdict(list)
    for (actor, _), believed in matches.items():
        by_actor[actor].append(believed)
    return {actor: tuple(sorted(beliefs, reverse=True)) for actor, beliefs in sorted(by_actor.items())}


def _shares(counters: Iterable[Counter[_Key]]) -> Mapping[_Key, float]:
    total: Counter[_Key] = Counter()
    for counter in counters:
        total.update(counter)
    events = total.total()
    return {key: count / events for key, count in total.items()} if events else {}

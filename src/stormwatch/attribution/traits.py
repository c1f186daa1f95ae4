"""Traits of accounts that weigh only when several accounts of one operator have them: techniques, topics, conduct."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from stormwatch.model.evidence import Evidence
from stormwatch.storage.engine import QueryEngine, sql_file
from stormwatch.storage.lake import Lake


class TraitFamily(StrEnum):
    """Families of traits; each is one feature of a cluster."""

    TECHNIQUE = "technique"
    TOPIC = "topic"
    CONDUCT = "conduct"


@dataclass(frozen=True, slots=True, order=True)
class Trait:
    """One trait: an LLM-nn technique (whatever the language of the rule that saw it), a topic, or a kind of conduct."""

    family: TraitFamily
    name: str


# account -> trait -> event time at which it first showed
AccountTraits = Mapping[str, Mapping[Trait, int]]


def account_traits(engine: QueryEngine, lake: Lake, evidence: Iterable[Evidence]) -> AccountTraits:
    """The traits of every account that has any, from the view `detections` and the evidence of conduct."""
    techniques = _techniques_by_rule(lake)
    found: dict[str, dict[Trait, int]] = defaultdict(dict)
    for row in engine.query(sql_file("stormwatch.attribution", "account_rules")).to_pylist():
        for trait in _traits_of_rule(row["topic"], techniques.get(row["rule_id"], ())):
            _keep_first(found[row["account_id"]], trait, row["first_us"])
    for piece in evidence:
        if piece.group == "conduct":
            _keep_first(found[piece.account_id], Trait(TraitFamily.CONDUCT, piece.kind), piece.event_time_us)
    return found


def _traits_of_rule(topic: str | None, techniques: Iterable[str]) -> Iterable[Trait]:
    if topic is not None:
        return (Trait(TraitFamily.TOPIC, topic),)
    return tuple(Trait(TraitFamily.TECHNIQUE, name) for name in techniques if name.startswith("LLM-"))


def _techniques_by_rule(lake: Lake) -> Mapping[str, tuple[str, ...]]:
    rows: pa.Table = lake.read("detections", ("rule_id", "techniques"))
    by_rule: dict[str, tuple[str, ...]] = {}
    for batch in rows.to_batches(max_chunksize=65_536):
        names = batch.column("rule_id")
        for rule_id in names.unique().to_pylist():
            if rule_id not in by_rule:
                first = names.index(rule_id).as_py()
                by_rule[rule_id] = tuple(batch.column("techniques")[first].as_py() or ())
    return by_rule


def _keep_first(traits: dict[Trait, int], trait: Trait, time_us: int) -> None:
    traits[trait] = min(time_us, traits.get(trait, time_us))

"""Stage 4: from events, records and detections to `account_evidence`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import pyarrow as pa

from stormwatch.accounts.conduct import conduct_evidence
from stormwatch.accounts.facts import AccountFacts, account_facts, count_days
from stormwatch.accounts.findings import finding_evidence, read_findings
from stormwatch.accounts.hits import hit_evidence, read_hits
from stormwatch.accounts.weights import Weights
from stormwatch.model.evidence import Evidence
from stormwatch.model.intel import Indicator
from stormwatch.storage.engine import QueryEngine
from stormwatch.storage.lake import Lake
from stormwatch.storage.schemas import ACCOUNT_EVIDENCE


def gather_evidence(
    engine: QueryEngine,
    lake: Lake,
    weights: Weights,
    *,
    indicators: Mapping[str, Indicator],
    shared_names: Callable[[str, str], Sequence[str]],
    actors_named: Callable[[str], Sequence[str]],
) -> Sequence[AccountFacts]:
    """Writes `account_day` and `account_evidence`; gives back the facts for the stages that follow.

    What a prompt is about is no evidence here: content counts only over accounts that one operator runs (ADR 0007).
    """
    count_days(engine, lake)
    facts = account_facts(engine, lake)
    evidence = [
        *conduct_evidence(facts, weights.conduct),
        *finding_evidence(read_findings(lake), weights.findings, population=sum(fact.events > 0 for fact in facts)),
        *hit_evidence(
            read_hits(engine, indicators),
            weights.indicators,
            prior=weights.prior.hidden_operator,
            population=len(facts),
            shared_names=shared_names,
            actors_named=actors_named,
        ),
    ]
    lake.replace("account_evidence", evidence_table(evidence))
    return facts


def evidence_table(evidence: Sequence[Evidence]) -> pa.Table:
    """Evidence as rows of the lake, in an order of its own so that equal evidence gives an equal table."""
    ordered = sorted(
        evidence, key=lambda e: (e.account_id, e.group, -e.weight_bits, e.kind, e.event_time_us, e.summary)
    )
    return pa.Table.from_pylist([asdict(piece) for piece in ordered], schema=ACCOUNT_EVIDENCE)


def read_evidence(lake: Lake) -> Sequence[Evidence]:
    """The evidence of the last hunt."""
    rows = lake.read("account_evidence").to_pylist()
    lists = ("actors", "event_ids", "sources")
    return [Evidence(**{**row, **{name: tuple(row[name] or ()) for name in lists}}) for row in rows]

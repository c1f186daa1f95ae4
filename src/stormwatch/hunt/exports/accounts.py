"""Rows of the table `accounts`: every account's counts, risk, rank, evidence, cluster and case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from stormwatch.accounts.weights import load_weights
from stormwatch.hunt.exports.case_index import case_of_accounts
from stormwatch.hunt.exports.rows import AccountRow, EvidenceRow
from stormwatch.model.times import optional_rfc3339
from stormwatch.storage.database import Database
from stormwatch.storage.engine import QueryEngine, sql_file
from stormwatch.storage.lake import Lake
from stormwatch.storage.schemas import TABLES


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where an account stands: its subject's assessment."""

    subject_id: str
    risk: float
    flagged_us: int | None
    clustered: bool


def account_rows(
    engine: QueryEngine, lake: Lake, database: Database, *, threshold: float, everyone: bool
) -> Iterator[AccountRow]:
    """Accounts by falling risk: those with any evidence or in a cluster, or everyone; `threshold` is that of cases."""
    prior = load_weights().prior.hidden_operator
    standings = _standings(lake, prior, threshold)
    evidence = _evidence(lake)
    of_case = case_of_accounts(database)
    for table in ("account_day", "account_records"):
        engine.register_files(table, lake.paths(table), TABLES[table])
    facts = engine.query(sql_file("stormwatch.accounts", "account_facts")).to_pylist()
    facts.sort(key=lambda f: (-_risk(standings, f["account_id"], prior), f["account_id"]))
    for rank, fact in enumerate(facts, start=1):
        account = fact["account_id"]
        standing = standings.get(account)
        if standing is None and account not in evidence and not everyone:
            continue
        flagged = standing.flagged_us if standing else None
        if flagged is not None and fact["first_us"] is not None:
            flagged = max(flagged, fact["first_us"])
        yield AccountRow(
            account_id=account,
            event_count=fact["events"],
            risk=_risk(standings, account, prior),
            risk_rank=rank,
            first_event_time=optional_rfc3339(fact["first_us"]),
            last_event_time=optional_rfc3339(fact["last_us"]),
            flagged_time=optional_rfc3339(flagged),
            evidence=evidence.get(account, []),
            cluster_id=standing.subject_id if standing and standing.clustered else None,
            case_id=of_case.get(account),
        )


def _standings(lake: Lake, prior: float, threshold: float) -> Mapping[str, _Standing]:
    """Of each account its subject's assessment, in a cluster as far as it is held to belong to it."""
    firmly: dict[str, dict[str, float]] = {}
    for row in lake.read("clusters", ("cluster_id", "account_ids", "membership")).to_pylist():
        belongs = row["membership"] or [1.0] * len(row["account_ids"])
        firmly[row["cluster_id"]] = dict(zip(row["account_ids"], belongs, strict=True))
    found: dict[str, _Standing] = {}
    for row in lake.read("assessments", ("subject_id", "account_ids", "risk", "flagged_us")).to_pylist():
        cluster = firmly.get(row["subject_id"])
        for account in row["account_ids"]:
            belongs = 1.0 if cluster is None else cluster.get(account, 1.0)
            risk = belongs * row["risk"] + (1.0 - belongs) * min(prior, row["risk"])
            # Who hardly belongs to a cluster was not taken over the threshold with it.
            flagged = row["flagged_us"] if risk >= threshold else None
            found[account] = _Standing(row["subject_id"], risk, flagged, cluster is not None)
    return found


def _risk(standings: Mapping[str, _Standing], account: str, prior: float) -> float:
    standing = standings.get(account)
    return standing.risk if standing else prior


def _evidence(lake: Lake) -> Mapping[str, list[EvidenceRow]]:
    """Each account's own pieces, then those of its cluster as a whole."""
    columns = ("account_id", "kind", "weight_bits", "summary", "innocent_explanation")
    found: dict[str, list[EvidenceRow]] = {}
    for row in lake.read("account_evidence", columns).to_pylist():
        found.setdefault(row["account_id"], []).append(msgspec.convert(row, EvidenceRow))
    own = {piece.kind for pieces in found.values() for piece in pieces}
    for row in lake.read("assessments", ("account_ids", "evidence")).to_pylist():
        whole = [msgspec.convert(piece, EvidenceRow) for piece in row["evidence"] if piece["kind"] not in own]
        for account in row["account_ids"]:
            found.setdefault(account, []).extend(whole)
    return {account: pieces for account, pieces in found.items() if pieces}

"""Correlations over the lake: hits of rules and what correlations ask of their events, to rows of `detections`.

The whole answer is computed from the tables whenever one of them changed, so that it never depends on what was
computed before. What is grouped by cluster waits for the clusters and stands in a file of its own.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stormwatch.detections.correlations.correlating_batch import correlate_all
from stormwatch.detections.correlations.correlation import (
    ACCOUNT,
    CLUSTER,
    Correlation,
    Firing,
    RuleHit,
    fields_of,
    member_ids,
)
from stormwatch.detections.rows import DetectionRows
from stormwatch.model.detection import DetectionKind
from stormwatch.storage.lake import Lake, LakeChange, LakeFile, Manifest

LAYER: Final = "correlations"
CLUSTER_LAYER: Final = "cluster-correlations"
CORRELATION_LAYERS: Final = (LAYER, CLUSTER_LAYER)
_KEYS: Final = ("event_id", "account_id", "time_us")


def correlate(
    lake: Lake,
    correlations: Sequence[Correlation],
    *,
    clusters: Mapping[str, str] | None = None,
    full: bool = False,
) -> int:
    """Brings the firings in `detections` up to date; gives how many there are.

    Without `clusters` (account to cluster) those over accounts, sessions and the like; with them those over clusters.
    """
    layer = LAYER if clusters is None else CLUSTER_LAYER
    mine = [one for one in correlations if one.by_cluster is (clusters is not None)]
    manifest = lake.manifest()
    old = [file for file in manifest.tables.get("detections", ()) if file.marks.get("layer") == layer]
    marks = {"layer": layer, **_marks(manifest, mine, clusters)}
    if not full and len(old) == 1 and dict(old[0].marks) == marks:
        return old[0].rows
    if not mine and not old:
        return 0
    # What is grouped by cluster may build on what is not.
    firings = correlate_all(correlations, hits_of_lake(lake, correlations, clusters=clusters)) if mine else []
    rows = _rows(firings, {one.rule_id: one for one in mine})
    add = [lake.write("detections", rows, marks=marks)] if mine else []
    lake.commit(LakeChange(add={"detections": add}, drop=frozenset(file.path for file in old)))
    return int(rows.num_rows)


def _marks(
    manifest: Manifest, correlations: Sequence[Correlation], clusters: Mapping[str, str] | None
) -> dict[str, str]:
    files = [*_rule_files(manifest), *manifest.tables.get("events", ())]
    state = (sorted(file.path for file in files), sorted((clusters or {}).items()))
    versions = ",".join(sorted(one.rule_version for one in correlations))
    return {"source": hashlib.sha256(repr(state).encode()).hexdigest()[:32], "correlations": versions}


def _rule_files(manifest: Manifest) -> list[LakeFile]:
    return [file for file in manifest.tables.get("detections", ()) if file.marks.get("layer") == "rules"]


def hits_of_lake(
    lake: Lake,
    correlations: Sequence[Correlation],
    *,
    clusters: Mapping[str, str] | None = None,
    since_us: int | None = None,
) -> Iterator[RuleHit]:
    """The hits of the rules that these correlations build on, from `since_us` on, with the fields that they ask for."""
    wanted = pa.array(sorted(member_ids(correlations)), pa.string())
    names = sorted(fields_of(correlations) - {ACCOUNT, *_KEYS})
    manifest = lake.manifest()
    events: dict[str, list[LakeFile]] = defaultdict(list)
    for file in manifest.tables.get("events", ()):
        events[file.segment].append(file)
    for file in _rule_files(manifest):
        where = pc.field("rule_id").isin(wanted)
        if since_us is not None:
            where &= pc.field("time_us") >= since_us
        columns = [*_KEYS, "rule_id"]
        found = pq.read_table(lake.root / file.path, columns=columns, filters=where, partitioning=None)
        if found.num_rows:
            fields = _fields(lake, events.get(file.segment, ()), found, names)
            yield from _hits(found, fields, clusters or {})


def _fields(
    lake: Lake, files: Sequence[LakeFile], found: pa.Table, names: Sequence[str]
) -> Mapping[tuple[Any, ...], Mapping[str, Any]]:
    """The columns of the events hit, by event; of two events with one key always the same one."""
    if not names:
        return {}
    known: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    ids = pc.unique(found["event_id"])
    for file in files:
        where = pc.field("event_id").isin(ids)
        rows = pq.read_table(lake.root / file.path, columns=[*_KEYS, *names], filters=where, partitioning=None)
        for row in rows.to_pylist():
            key = (row["event_id"], row["account_id"], row["time_us"])
            fields = {name: row[name] for name in names}
            if key not in known or _content(fields) < _content(known[key]):
                known[key] = fields
    return known


def _content(fields: Mapping[str, Any]) -> str:
    return repr(sorted((name, str(value)) for name, value in fields.items()))


def _hits(
    found: pa.Table, fields: Mapping[tuple[Any, ...], Mapping[str, Any]], clusters: Mapping[str, str]
) -> Iterator[RuleHit]:
    columns = [found[name].to_pylist() for name in (*_KEYS, "rule_id")]
    for event_id, account_id, time_us, rule_id in zip(*columns, strict=True):
        told = {**fields.get((event_id, account_id, time_us), {}), ACCOUNT: account_id}
        cluster = clusters.get(account_id)
        yield RuleHit(time_us, event_id, account_id, rule_id, told if cluster is None else {**told, CLUSTER: cluster})


def _rows(firings: Sequence[Firing], correlations: Mapping[str, Correlation]) -> pa.Table:
    rows = DetectionRows()
    for firing in firings:
        correlation = correlations.get(firing.correlation_id)
        if correlation is not None:
            rows.add(**firing_row(firing, correlation))
    return rows.table()


def firing_row(firing: Firing, correlation: Correlation) -> dict[str, Any]:
    """A firing as a row of `detections`.

    One that is not about an account carries neither techniques nor topic, so that nothing is held against whoever
    happened to come last.
    """
    return {
        "event_id": firing.event_id,
        "account_id": firing.account_id,
        "time_us": firing.time_us,
        "rule_id": correlation.rule_id,
        "rule_version": correlation.rule_version,
        "kind": DetectionKind.CORRELATION.value,
        "techniques": list(correlation.techniques) if correlation.of_an_account else [],
        "score": correlation.score,
        "shadow": correlation.shadow,
        "topic": correlation.topic if correlation.of_an_account else None,
        "observable_kind": ",".join(correlation.group_by),
        "observable_value": ",".join(firing.group),
    }

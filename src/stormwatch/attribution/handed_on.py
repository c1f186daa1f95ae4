"""From fingerprints of code to programs that went through a cluster, each account taking over from the last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.attribution.cluster_evidence import HandedOn, Subject
from stormwatch.detections.fingerprints.blocks import BlockKind
from stormwatch.detections.fingerprints.lineage import Fragment, Step, fragments_of, lineage
from stormwatch.detections.fingerprints.shared_fingerprints import frequencies
from stormwatch.storage.engine import QueryEngine
from stormwatch.storage.lake import Lake

_FEWEST_ACCOUNTS: Final = 3
_KINDS: Final = (BlockKind.CODE_TEXT.value,)


def programs_handed_on(
    engine: QueryEngine, lake: Lake, clusters: Sequence[Subject], shared_code: Mapping[str, Sequence[str]]
) -> Mapping[str, HandedOn]:
    """By cluster id, the program that went through most accounts; looks at clusters that share code at all."""
    looked_at = [cluster for cluster in clusters if len(shared_code.get(cluster.subject_id, ())) >= _FEWEST_ACCOUNTS]
    if not looked_at:
        return {}
    rows = lake.read("fingerprints", where=pc.field("kind").isin(_KINDS))
    frequency = frequencies(engine, rows)
    found = {}
    for cluster in looked_at:
        own = rows.filter(pc.is_in(rows["account_id"], value_set=pa.array(cluster.account_ids, pa.string())))
        handed = handed_on(fragments_of(own, frequency, _KINDS))
        if handed is not None:
            found[cluster.subject_id] = handed
    return found


def handed_on(fragments: Sequence[Fragment]) -> HandedOn | None:
    """The line of descent that three accounts or more worked on one after another; None where there is none.

    Each has its one turn: no account comes back once another took over. There are more versions than accounts, since
    people who paste one published program once each hand on nothing.
    """
    found = [turns for line in lineage(fragments) if (turns := _turns(line)) is not None]
    return max(found, key=lambda one: (len(one.account_ids), one.versions), default=None)


def _turns(line: Sequence[Step]) -> HandedOn | None:
    accounts = [step.fragment.account_id for step in line]
    in_turn = list(_without_repeats(accounts))
    versions = len({step.fragment.hashes for step in line})
    if len(in_turn) < _FEWEST_ACCOUNTS or len(set(in_turn)) < len(in_turn) or len(line) <= len(in_turn) + 1:
        return None
    third = accounts.index(in_turn[_FEWEST_ACCOUNTS - 1])
    return HandedOn(tuple(in_turn), versions, line[third].fragment.time_us)


def _without_repeats(accounts: Sequence[str]) -> Iterator[str]:
    for place, account in enumerate(accounts):
        if place == 0 or account != accounts[place - 1]:
            yield account

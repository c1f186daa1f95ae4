"""Lineage: fragments of one program or document over accounts, in the order in which one grew from another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.detections.fingerprints.blocks import BlockKind
from stormwatch.detections.fingerprints.shared_fingerprints import FEWEST_SHARED, FREQUENCY_CAP

# A step of a history leaves most of a program as it was; with less of the smaller in common it is a common passage.
LEAST_CONTAINMENT: Final = 0.6
# Renaming everything hides a program from `code-text`; shape finds it, and many a stranger's copy of the same source.
BY_TEXT: Final = (BlockKind.CODE_TEXT.value, BlockKind.DOCUMENT.value)
BY_SHAPE: Final = (BlockKind.CODE.value,)


@dataclass(frozen=True, slots=True)
class Fragment:
    """One block of an event, by its fingerprints; popular ones are left out before fragments are compared."""

    account_id: str
    event_id: str
    time_us: int
    kind: str
    tokens: int
    hashes: frozenset[int]


@dataclass(frozen=True, slots=True)
class Similarity:
    """How much two fragments have in common: of both (`jaccard`) and of the smaller (`containment`), 0 to 1."""

    jaccard: float
    containment: float
    shared: int


@dataclass(frozen=True, slots=True)
class Step:
    """A fragment and the earlier one that it is nearest to; the first of a line has none."""

    fragment: Fragment
    parent: Fragment | None
    similarity: Similarity


def similarity(first: frozenset[int], second: frozenset[int]) -> Similarity:
    """Compares two sets of fingerprints."""
    shared = len(first & second)
    smaller, both = min(len(first), len(second)), len(first | second)
    return Similarity(shared / both if both else 0.0, shared / smaller if smaller else 0.0, shared)


def fragments_of(
    fingerprints: pa.Table,
    frequency: Mapping[int, int],
    kinds: Collection[str] = BY_TEXT,
    cap: int = FREQUENCY_CAP,
) -> list[Fragment]:
    """Rows of `fingerprints` of these kinds without what more than `cap` accounts have; a row left empty is popular."""
    found = []
    chosen = fingerprints.filter(pc.is_in(fingerprints["kind"], value_set=pa.array(list(kinds), pa.string())))
    for row in chosen.to_pylist():
        rare = frozenset(number for number in row["hashes"] if frequency.get(number, 1) <= cap)
        if rare:
            found.append(Fragment(row["account_id"], row["event_id"], row["time_us"], row["kind"], row["tokens"], rare))
    return found


def related(fragments: Sequence[Fragment], account_id: str) -> list[Fragment]:
    """The fragments of an account, and whatever is tied to them, near or far, by enough common fingerprints."""
    holders: dict[tuple[str, int], list[int]] = defaultdict(list)
    for place, fragment in enumerate(fragments):
        for number in fragment.hashes:
            holders[fragment.kind, number].append(place)
    waiting = [place for place, fragment in enumerate(fragments) if fragment.account_id == account_id]
    found = set(waiting)
    while waiting:
        fragment = fragments[waiting.pop()]
        common: dict[int, int] = defaultdict(int)
        for number in fragment.hashes:
            for place in holders[fragment.kind, number]:
                common[place] += 1
        for place, shared in common.items():
            if place not in found and _is_kin(fragment, fragments[place], shared):
                found.add(place)
                waiting.append(place)
    return [fragments[place] for place in sorted(found)]


def lineage(fragments: Sequence[Fragment]) -> list[list[Step]]:
    """Lines of descent, the longest first: each fragment behind the earlier one that it has most in common with.

    Where several are equally near the latest is the parent, for a program goes on from where it was left.
    """
    ordered = sorted(fragments, key=lambda fragment: (fragment.time_us, fragment.event_id, sorted(fragment.hashes)))
    line_of: dict[int, int] = {}
    lines: list[list[Step]] = []
    holders: dict[tuple[str, int], list[int]] = defaultdict(list)
    for place, fragment in enumerate(ordered):
        best, nearest = _nearest(ordered, holders, fragment)
        if best is None:
            line_of[place] = len(lines)
            lines.append([Step(fragment, None, nearest)])
        else:
            line_of[place] = line_of[best]
            lines[line_of[best]].append(Step(fragment, ordered[best], nearest))
        for number in fragment.hashes:
            holders[fragment.kind, number].append(place)
    return sorted(lines, key=lambda line: (-len(line), line[0].fragment.time_us, line[0].fragment.event_id))


def _nearest(
    ordered: Sequence[Fragment], holders: Mapping[tuple[str, int], Sequence[int]], fragment: Fragment
) -> tuple[int | None, Similarity]:
    """The place of the earlier fragment that one has most in common with; only those that share something are met."""
    common: dict[int, int] = defaultdict(int)
    for number in fragment.hashes:
        for earlier in holders.get((fragment.kind, number), ()):
            common[earlier] += 1
    best, nearest = None, Similarity(0.0, 0.0, 0)
    for earlier in sorted(common, reverse=True):
        if not _is_kin(ordered[earlier], fragment, common[earlier]):
            continue
        found = similarity(ordered[earlier].hashes, fragment.hashes)
        if found.jaccard > nearest.jaccard:
            best, nearest = earlier, found
    return best, nearest


def lineage_of_account(fragments: Sequence[Fragment], account_id: str) -> list[list[Step]]:
    """The lines that a fragment of the account is in, the longest first; empty when it has none."""
    lines = lineage(related(fragments, account_id))
    return [line for line in lines if any(step.fragment.account_id == account_id for step in line)]


def _is_kin(first: Fragment, second: Fragment, shared: int) -> bool:
    smaller = min(len(first.hashes), len(second.hashes))
    return shared >= min(FEWEST_SHARED, smaller) and shared >= LEAST_CONTAINMENT * smaller

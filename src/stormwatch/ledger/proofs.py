"""Inclusion and consistency proofs after RFC 9162 sections 2.1.3 and 2.1.4: made from leaves, checked without them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from stormwatch.ledger.tree import node_hash


def tree_head(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes (RFC 9162 section 2.1.1); that of none is the hash of nothing."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = list(leaves)
    while len(level) > 1:  # a node without a neighbour rises as it is
        paired = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    """The audit path of leaf `index` (from 0), the lowest node first; ValueError when there is no such leaf."""
    if not 0 <= index < len(leaves):
        raise ValueError("there is no such leaf")
    path = []
    level, at = list(leaves), index
    while len(level) > 1:
        neighbour = at ^ 1
        if neighbour < len(level):
            path.append(level[neighbour])
        paired = [node_hash(level[pair], level[pair + 1]) for pair in range(0, len(level) - 1, 2)]
        level, at = paired + level[len(paired) * 2 :], at // 2
    return tuple(path)


def consistency_proof(first: int, leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    """What shows that the tree of `leaves` begins with that of its first `first`; ValueError where that is nothing."""
    if not 0 < first <= len(leaves):
        raise ValueError("there is no such earlier tree")
    return tuple(_subproof(first, leaves, whole=True))


def includes(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path leads from leaf `index` to the root of a tree of `size` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def continues(first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the path shows that a tree of `second` leaves begins with one of `first` (RFC 9162 section 2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    nodes = [first_root, *path] if first & (first - 1) == 0 else list(path)
    if not nodes:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, node)
        at, last = at >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _subproof(first: int, leaves: Sequence[bytes], *, whole: bool) -> list[bytes]:
    size = len(leaves)
    if first == size:
        return [] if whole else [tree_head(leaves)]
    split = 1 << (size - 1).bit_length() - 1  # the largest power of two below the size
    if first <= split:
        return [*_subproof(first, leaves[:split], whole=whole), tree_head(leaves[split:])]
    return [*_subproof(first - split, leaves[split:], whole=False), tree_head(leaves[:split])]

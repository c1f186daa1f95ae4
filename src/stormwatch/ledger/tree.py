"""Merkle tree hashing after RFC 9162 section 2.1, and the right edge of a tree, which is all an append needs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_LEAF = b"\x00"
_NODE = b"\x01"


def leaf_hash(entry: bytes) -> bytes:
    """Hash of a leaf: SHA-256(0x00 || entry)."""
    return hashlib.sha256(_LEAF + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(_NODE + left + right).digest()


@dataclass(frozen=True, slots=True)
class RightEdge:
    """The roots of the full subtrees of a tree of `size` leaves, the largest first: one for each 1 bit of `size`."""

    size: int = 0
    subtrees: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> RightEdge:
        """The edge with one more leaf, after at most log2(size) hashes."""
        subtrees = list(self.subtrees)
        node, size = leaf, self.size
        while size & 1:
            node = node_hash(subtrees.pop(), node)
            size >>= 1
        return RightEdge(self.size + 1, (*subtrees, node))

    @property
    def root(self) -> bytes:
        """The tree head; that of an empty tree is the hash of nothing."""
        if not self.subtrees:
            return hashlib.sha256(b"").digest()
        node = self.subtrees[-1]
        for left in reversed(self.subtrees[:-1]):
            node = node_hash(left, node)
        return node

"""The tree promises the hashes of RFC 9162 section 2.1 and an append from the right edge alone."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.ledger.tree import RightEdge, leaf_hash, node_hash

# The known-answer vectors that implementations of Certificate Transparency test themselves with.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def _edge(entries: list[bytes]) -> RightEdge:
    edge = RightEdge()
    for entry in entries:
        edge = edge.append(leaf_hash(entry))
    return edge


def _by_definition(entries: list[bytes]) -> bytes:
    """MTH(D[n]) as section 2.1.1 writes it down."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return leaf_hash(entries[0])
    split = 1 << (len(entries) - 1).bit_length() - 1
    return node_hash(_by_definition(entries[:split]), _by_definition(entries[split:]))


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_known_answers(size: int) -> None:
    assert _edge([bytes.fromhex(leaf) for leaf in LEAVES[:size]]).root.hex() == ROOTS[size]


@given(st.lists(st.binary(max_size=8), max_size=80))
def test_the_edge_has_the_root_of_the_definition(entries: list[bytes]) -> None:
    assert _edge(entries).root == _by_definition(entries)


@given(st.integers(min_value=1, max_value=300))
def test_the_edge_keeps_one_hash_for_each_set_bit_of_its_size(size: int) -> None:
    edge = _edge([b"x"] * size)
    assert len(edge.subtrees) == size.bit_count()


def test_leaves_and_nodes_cannot_be_mistaken_for_each_other() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)

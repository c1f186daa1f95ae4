"""Turns accounts and links into a drawing: a deterministic force layout in plain numbers, large graphs folded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stormwatch.console.plain_text import shortened
from stormwatch.console.wording import link_band
from stormwatch.model.evidence import Link

MOST_NODES: Final = 200
LABELLED_NODES: Final = 40
WIDTH: Final = 960
HEIGHT: Final = 540
_MARGIN: Final = 60
_ROUNDS: Final = 220


@dataclass(frozen=True, slots=True)
class Node:
    """One account in the drawing, or a fold of several that hang on the same one."""

    node_id: str
    label: str
    role: str
    x: float
    y: float
    radius: float
    folded: int = 0


@dataclass(frozen=True, slots=True)
class Edge:
    """A line between two nodes; `band` names how firm the link is, `what` the identifiers that carry it."""

    x1: float
    y1: float
    x2: float
    y2: float
    band: str
    title: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """What the SVG template draws, in its own units."""

    width: int
    height: int
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    folded: int
    labelled: bool


def draw(account_ids: Sequence[str], links: Sequence[Link], roles: Mapping[str, str]) -> Drawing:
    """A drawing of at most MOST_NODES nodes; the same input in any order gives the same drawing.

    `roles` gives an account's class name (`suspended`, `focus`, ...); the accounts with the fewest links are folded
    into their firmest neighbour first, as one node that says how many it stands for.
    """
    known = sorted(set(account_ids))
    inside = sorted(
        (link for link in links if {link.account_id_a, link.account_id_b} <= set(known)),
        key=lambda link: (link.account_id_a, link.account_id_b),
    )
    kept, folds = _fold(known, inside)
    fold_nodes = {f"+{host}": (host, count) for host, count in folds.items()}
    names = [*kept, *fold_nodes]
    place = {name: index for index, name in enumerate(names)}
    pairs = [(place[link.account_id_a], place[link.account_id_b]) for link in inside if _both(link, place)]
    pairs += [(place[host], place[name]) for name, (host, _) in fold_nodes.items() if host in place]
    spots = _layout(len(names), pairs)
    nodes = [_account_node(name, roles.get(name, "account"), spots[place[name]]) for name in kept]
    nodes += [_fold_node(name, count, spots[place[name]]) for name, (_, count) in fold_nodes.items()]
    edges = [
        _edge(link, spots[place[link.account_id_a]], spots[place[link.account_id_b]])
        for link in inside
        if _both(link, place)
    ]
    hung = [(host, name) for name, (host, _) in fold_nodes.items() if host in place]
    edges += [_fold_edge(spots[place[host]], spots[place[name]]) for host, name in hung]
    folded = sum(folds.values())
    return Drawing(WIDTH, HEIGHT, tuple(nodes), tuple(edges), folded, len(names) <= LABELLED_NODES)


def _fold(known: Sequence[str], links: Sequence[Link]) -> tuple[list[str], dict[str, int]]:
    """The accounts to draw, and for each host how many accounts are folded into it."""
    if len(known) <= MOST_NODES:
        return list(known), {}
    weight: dict[str, float] = defaultdict(float)
    for link in links:
        weight[link.account_id_a] += link.match_weight
        weight[link.account_id_b] += link.match_weight
    # Half of the room is for accounts, half for the folds that hang on them.
    kept = sorted(sorted(known, key=lambda name: (-weight[name], name))[: MOST_NODES // 2])
    hosts = set(kept)
    firmest: dict[str, tuple[float, str]] = {}
    for link in links:
        for guest, host in ((link.account_id_a, link.account_id_b), (link.account_id_b, link.account_id_a)):
            if guest not in hosts and host in hosts:
                firmest[guest] = max(firmest.get(guest, (float("-inf"), "")), (link.match_weight, host))
    folds: dict[str, int] = defaultdict(int)
    for name in known:
        if name not in hosts:
            folds[firmest[name][1] if name in firmest else ""] += 1
    return kept, dict(sorted(folds.items()))


def _both(link: Link, place: Mapping[str, int]) -> bool:
    return link.account_id_a in place and link.account_id_b in place


def _layout(count: int, pairs: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Places on the canvas by Fruchterman and Reingold (1991) from a circle, with a pull to the middle."""
    if count == 0:
        return np.zeros((0, 2))
    angles = np.linspace(0.0, 2 * np.pi, count, endpoint=False)
    spots = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ideal = 1.6 / np.sqrt(count)
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    for step in range(_ROUNDS if count > 1 else 0):
        apart = spots[:, None, :] - spots[None, :, :]
        distance = np.sqrt((apart**2).sum(axis=2)) + 1e-6
        force = (apart * (ideal**2 / distance**2)[:, :, None]).sum(axis=1) - 0.9 * ideal * spots
        if len(ends):
            along = spots[ends[:, 0]] - spots[ends[:, 1]]
            pull = along * (np.sqrt((along**2).sum(axis=1)) / ideal)[:, None]
            np.add.at(force, ends[:, 0], -pull)
            np.add.at(force, ends[:, 1], pull)
        length = np.sqrt((force**2).sum(axis=1))[:, None] + 1e-9
        spots = spots + force / length * np.minimum(length, 0.15 * (1 - step / _ROUNDS) + 0.002)
    return _to_canvas(spots)


def _to_canvas(spots: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = spots.min(axis=0), spots.max(axis=0)
    span = np.where(high - low < 1e-6, 1.0, high - low)
    room = np.array([WIDTH - 2 * _MARGIN, HEIGHT - 2 * _MARGIN], dtype=np.float64)
    centred = np.where(high - low < 1e-6, 0.5, (spots - low) / span)
    # Rounded, so that the last bits of the platform's arithmetic do not change the page.
    return np.round(centred * room + _MARGIN, 1)


def _account_node(name: str, role: str, spot: NDArray[np.float64]) -> Node:
    return Node(name, shortened(name), role, float(spot[0]), float(spot[1]), 9.0)


def _fold_node(name: str, count: int, spot: NDArray[np.float64]) -> Node:
    radius = 9.0 + min(14.0, count**0.5)
    return Node(name, f"+{count}", "fold", float(spot[0]), float(spot[1]), radius, count)


def _edge(link: Link, start: NDArray[np.float64], end: NDArray[np.float64]) -> Edge:
    kinds = ", ".join(sorted({piece.identifier_kind for piece in link.evidence})) or "no shared identifier"
    title = f"{link.account_id_a} – {link.account_id_b}: {kinds}"
    return _line(start, end, link_band(link.probability), title)


def _fold_edge(start: NDArray[np.float64], end: NDArray[np.float64]) -> Edge:
    return _line(start, end, "fold", "accounts folded into this one")


def _line(start: NDArray[np.float64], end: NDArray[np.float64], band: str, title: str) -> Edge:
    return Edge(float(start[0]), float(start[1]), float(end[0]), float(end[1]), band, title)

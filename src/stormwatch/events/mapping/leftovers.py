"""What no field of an event took from a record, so that nothing which a log says is dropped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from stormwatch.events.mapping.paths import EVERY, Path, Step

USED: Final = "used"
Taken = dict[Step, Any]  # a step to what was taken below it, or to USED


def taken(paths: Iterable[Path]) -> Taken:
    """The places that paths lead to, as a tree of steps."""
    tree: Taken = {}
    for path in paths:
        node = tree
        for step in path.steps[:-1]:
            below = node.setdefault(step, {})
            if below == USED:
                break
            node = below
        else:
            node[path.steps[-1]] = USED
    return tree


def leftovers(record: dict[str, Any], tree: Taken) -> dict[str, Any]:
    """The record without what was taken, without nulls and without what is empty then."""
    rest: dict[str, Any] = {}
    for key, value in record.items():
        below = tree.get(key)
        if below is USED:
            continue
        kept = value if below is None else _below(value, below)
        if kept is not None and kept != "" and kept != [] and kept != {}:
            rest[key] = kept
    return rest


def _below(value: Any, tree: Taken) -> Any:
    if type(value) is dict:
        return leftovers(value, tree)
    if type(value) is not list:
        return value
    kept = []
    for number, item in enumerate(value):
        below = tree.get(number, tree.get(EVERY))
        if below is USED:
            continue
        rest = item if below is None else _below(item, below)
        if rest is not None and rest != {}:
            kept.append(rest)
    return kept

"""Turns what stayed and what is new between two versions into words; the shares stand beside them."""

from __future__ import annotations

from typing import Final

from stormwatch.console.lineage_view import Version

_KEPT: Final = ((0.995, "all"), (0.9, "nearly all"), (0.6, "most"), (0.4, "about half"), (0.1, "some"))


def change_of_version(version: Version) -> str:
    """What a version did with the one it grew from."""
    if version.kept is None or version.fresh is None:
        return "the first that was seen"
    kept, fresh = amount(version.kept), amount(version.fresh)
    if kept == "all" and version.fresh < 0.005:
        return "the same again"
    if kept == "all":
        return f"kept all of it, and {fresh} of this one is new"
    if version.fresh < 0.005:
        return f"kept {kept} of it and added nothing"
    return f"kept {kept} of it; {fresh} of this one is new"


def amount(share: float) -> str:
    """A share of 0 to 1 as an amount."""
    return next((words for least, words in _KEPT if share >= least), "little")

"""What this installation cannot see, said in sentences that are made from the data it holds."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.storage.lake import Lake

_GENERAL: Final = (
    "Misuse of other providers, of local models, and whatever was not logged here is invisible to these figures.",
    "They count what was found and acted on. They say nothing about how much was missed.",
)
_ASSESSED_ALONE: Final = (
    "An actor whose accounts share nothing that can be seen, and who asks for nothing unusual, is not found this way."
)

# Field of an event -> what cannot be seen where it is missing.
_FIELDS: Final = (
    ("source_ip", "the client's address is missing, so that no infrastructure can be matched"),
    ("user_agent", "the client's software is not named"),
    ("session_id", "no conversation is named, so that requests cannot be put in their order with certainty"),
)


def blind_spots(lake: Lake) -> tuple[str, ...]:
    """Sentences about coverage; shares are of stored requests, rounded to 5 % so that they tell nothing of anyone."""
    names = ["account_id", "prompt_chars", "ip_source", *(name for name, _ in _FIELDS)]
    events = lake.read("events", names)
    if not events.num_rows:
        return ("No request is stored at this moment, so that coverage cannot be measured.", *_GENERAL)
    sentences = [_missing(events[name], consequence) for name, consequence in _FIELDS]
    sentences.append(_share(_without_text(events), "no prompt text was handed over, so that no rule could read it"))
    sentences.append(
        _share(_asserted(events), "the client's address is one that the client itself asserted, which can be forged")
    )
    sentences.append(_unknown_accounts(events, lake))
    return (*(sentence for sentence in sentences if sentence), _ASSESSED_ALONE, *_GENERAL)


def _missing(column: pa.ChunkedArray, consequence: str) -> str:
    return _share(float(column.null_count) / len(column), consequence)


def _without_text(events: pa.Table) -> float:
    empty = pc.sum(pc.equal(pc.fill_null(events["prompt_chars"], 0), 0)).as_py() or 0
    return float(empty / events.num_rows)


def _asserted(events: pa.Table) -> float:
    asserted = pc.sum(pc.equal(events["ip_source"], "asserted")).as_py() or 0
    return float(asserted / events.num_rows)


def _unknown_accounts(events: pa.Table, lake: Lake) -> str:
    seen = pc.unique(events["account_id"])
    known = pc.unique(lake.read("account_records", ["account_id"])["account_id"])
    unknown = pc.sum(pc.invert(pc.is_in(seen, value_set=known))).as_py() or 0
    share = rounded(unknown / len(seen))
    return f"Of the accounts, for {share} nothing is known beside their requests (sign-up, payment)." if share else ""


def _share(share: float, consequence: str) -> str:
    words = rounded(share)
    return f"On {words} of stored requests {consequence}." if words else ""


def rounded(share: float) -> str:
    """A share of 0 to 1 in steps of 5 %; empty when there is nothing."""
    if share <= 0:
        return ""
    step = round(share * 20) * 5
    return (
        "under 5 %" if step < 5 else "nearly all" if step >= 100 and share < 1 else "all" if share >= 1 else f"{step} %"
    )

"""Turns the assessments of the lake into how accounts stand: in order of risk, or for some accounts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from stormwatch.console.lake_query import lake_query
from stormwatch.console.paging import PAGE_ROWS, Page, cut, decode_cursor
from stormwatch.runtime import Runtime

_ABOVE_ALL: Final = 2.0


@dataclass(frozen=True, slots=True)
class Standing:
    """The risk of an account by its assessment; `together` is how many accounts that assessment covers."""

    account_id: str
    risk: float
    calibrated_on: str
    together: int
    flagged_us: int | None


def riskiest(runtime: Runtime, after: str = "") -> Page[Standing]:
    """A page of all assessed accounts, the highest risk first; InvalidInput for a cursor that is none."""
    below, after_id = decode_cursor(after, (0.0, "")) if after else (_ABOVE_ALL, "")
    with lake_query(runtime, ("assessments",)) as query:
        rows = query.rows(
            "account_standings", everybody=True, accounts=[""], below=below, after_id=after_id, rows=PAGE_ROWS + 1
        )
    return cut([Standing(**row) for row in rows], lambda row: (row.risk, row.account_id))


def standings(runtime: Runtime, account_ids: Collection[str]) -> Mapping[str, Standing]:
    """How these accounts stand, by account; one that no hunt assessed is not among them."""
    if not account_ids:
        return {}
    with lake_query(runtime, ("assessments",)) as query:
        rows = query.rows(
            "account_standings",
            everybody=False,
            accounts=sorted(account_ids),
            below=_ABOVE_ALL,
            after_id="",
            rows=len(account_ids),
        )
    return {row["account_id"]: Standing(**row) for row in rows}

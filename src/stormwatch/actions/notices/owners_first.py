"""From a case of a stolen key to the account whose owner does not know yet: victims hear of it before anything else."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, Exists, exists, select

from stormwatch.cases.findings import hypotheses_of
from stormwatch.model.case import Case
from stormwatch.model.notice import NoticeKind, NoticeState
from stormwatch.storage.lake import Lake
from stormwatch.storage.tables.notices import notices

VICTIM: Final = "compromised-account"  # the hypothesis, and the reason code that rests on it
_LET_GO: Final = (NoticeState.WAITING.value, NoticeState.SENT.value)


def is_victims(lake: Lake, case: Case) -> bool:
    """Whether the likeliest explanation of a case is that somebody else uses its accounts."""
    found = hypotheses_of(lake, [case.subject_id]).get(case.subject_id, ())
    return bool(found) and found[0].hypothesis == VICTIM


def untold_owner(
    connection: Connection, lake: Lake, case: Case, account_ids: Collection[str], reason_code: str
) -> str | None:
    """The first of the accounts whose owner's notice was not let go; None where nobody is a victim or all know."""
    if reason_code != VICTIM and not is_victims(lake, case):
        return None
    untold = (
        account_id
        for account_id in sorted(account_ids)
        if not connection.execute(select(notice_to_owner(case.case_id, account_id, _LET_GO))).scalar_one()
    )
    return next(untold, None)


def notice_to_owner(case_id: str, account_id: str, states: Collection[str] | None = None) -> Exists:
    """Whether there is a notice to the owner of an account's key, in one of the states if any are given."""
    about = exists().where(
        notices.c.case_id == case_id,
        notices.c.account_id == account_id,
        notices.c.kind == NoticeKind.KEY_OWNER.value,
    )
    return about if states is None else about.where(notices.c.state.in_(states))

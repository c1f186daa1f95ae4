"""Evidence from a model's verdicts: a fixed, small weight for accounts that show something else already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from stormwatch.accounts.weights import JudgeWeights
from stormwatch.model.evidence import Evidence

_EVENTS_SHOWN: Final = 20
_INNOCENT = "models misread fiction, translation and security work, and a text can mislead the model that reads it"


@dataclass(frozen=True, slots=True)
class JudgedAccount:
    """What a judge said of an account's texts: how many it saw, and the concerning ones as (time, event id)."""

    account_id: str
    judge: str
    judged: int
    concerning: tuple[tuple[int, str], ...]


def judge_evidence(accounts: Sequence[JudgedAccount], weights: JudgeWeights, population: int) -> Iterator[Evidence]:
    """One piece for each account of which enough texts were found concerning; `ordinary` takes nothing away."""
    showing = [account for account in accounts if len(account.concerning) >= weights.minimum_concerning]
    for account in showing:
        concerning = sorted(account.concerning)
        yield Evidence(
            account_id=account.account_id,
            kind="judge-verdict",
            group="judge",
            weight_bits=weights.bits,
            summary=f"{account.judge} finds {len(concerning)} of {account.judged} requests that it saw concerning",
            innocent_explanation=_INNOCENT,
            innocent_frequency=len(showing) / population if population else 0.0,
            event_time_us=concerning[weights.minimum_concerning - 1][0],
            event_ids=tuple(event_id for _, event_id in concerning)[:_EVENTS_SHOWN],
        )

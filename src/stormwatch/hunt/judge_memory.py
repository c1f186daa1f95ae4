"""What a judge said before, kept in the lake: the same text is not asked about twice, and the budget is kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import pyarrow as pa

from stormwatch.detections.judge.judge import Verdict
from stormwatch.model.times import DAY
from stormwatch.storage.lake import Lake
from stormwatch.storage.schemas import JUDGEMENTS

UNUSABLE: Final = "unusable"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One exchange about a text: what it cost, and the verdict, `unusable`, or None where no answer came."""

    text_hash: str
    model: str
    prompt_version: str
    asked_us: int
    requests: int
    tokens: int
    verdict: str | None


class JudgeMemory:
    """The judgements of one model and prompt version, and what all of them cost. No text is in it."""

    def __init__(self, lake: Lake, model: str, prompt_version: str) -> None:
        self._lake = lake
        self._all = [Judgement(**row) for row in lake.read("judgements").to_pylist()]
        self._unsaved = False
        self._known = {
            each.text_hash: each.verdict
            for each in self._all
            if each.verdict is not None and (each.model, each.prompt_version) == (model, prompt_version)
        }

    def __contains__(self, text_hash: str) -> bool:
        return text_hash in self._known

    def verdict(self, text_hash: str) -> Verdict | None:
        """The verdict on a text; None where none is known or the answer was of no use."""
        known = self._known.get(text_hash)
        return Verdict(known) if known is not None and known != UNUSABLE else None

    def spent(self, now_us: int) -> tuple[int, int]:
        """Requests and tokens of the last 24 hours, of every model."""
        recent = [each for each in self._all if each.asked_us > now_us - DAY]
        return sum(each.requests for each in recent), sum(each.tokens for each in recent)

    def add(self, judgement: Judgement) -> None:
        """Keeps one exchange; it is on disk after `save`."""
        self._all.append(judgement)
        self._unsaved = True
        if judgement.verdict is not None:
            self._known[judgement.text_hash] = judgement.verdict

    def save(self) -> None:
        """Writes what is new."""
        if self._unsaved:
            rows = pa.Table.from_pylist([asdict(each) for each in self._all], schema=JUDGEMENTS)
            self._lake.replace("judgements", rows)
            self._unsaved = False

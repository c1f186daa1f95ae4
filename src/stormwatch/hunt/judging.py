"""The model as judge in a hunt: few texts that a rule fired on, of accounts with evidence, to its detections.

It comes last, decides nothing and stops nothing: what it left unjudged is counted and said (docs/judge.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stormwatch.accounts.judged import JudgedAccount
from stormwatch.config import Settings
from stormwatch.detections.judge.judge import Judge, JudgeUnavailable, Verdict
from stormwatch.detections.judge.judge_prompt import JudgePrompt
from stormwatch.detections.judge.shown_text import shown_text
from stormwatch.detections.rows import DetectionRows
from stormwatch.detections.run import JUDGE_LAYER
from stormwatch.hunt.judge_budget import Clock, JudgeBudget
from stormwatch.hunt.judge_memory import UNUSABLE, JudgeMemory, Judgement
from stormwatch.model.detection import DetectionKind
from stormwatch.model.times import now_us
from stormwatch.storage.engine import QueryEngine, sql_file
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake, LakeChange, LakeFile
from stormwatch.storage.texts import read_rows

TEXTS_OF_ACCOUNT: Final = 5
TEXTS: Final = 500
_SCORE: Final = 0.1  # of any detection by a model: below what the mildest rule gives
_ATTEMPTS: Final = 2  # the question and one repair
_FAILURES_IN_A_ROW: Final = 3
_LONGEST_RETRY_AFTER: Final = 10.0
_SAVE_EVERY: Final = 10
_PURPOSE: Final = "judged-text"


@dataclass(frozen=True, slots=True)
class JudgeReport:
    """Texts whose verdict is known, those asked about in this hunt, those left unjudged, and why they were left."""

    accounts: tuple[JudgedAccount, ...] = ()
    known: int = 0
    asked: int = 0
    unjudged: int = 0
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A request that may be shown, and the hash of what would be shown of it."""

    account_id: str
    event_id: str
    time_us: int
    shown: str
    text_hash: str


class Judging:
    """One judge at work on one lake."""

    def __init__(
        self, judge: Judge, prompt: JudgePrompt, lake: Lake, keyring: Keyring, settings: Settings, clock: Clock
    ) -> None:
        self._judge = judge
        self._prompt = prompt
        self._lake = lake
        self._keyring = keyring
        self._memory = JudgeMemory(lake, judge.model, prompt.version)
        self._budget = JudgeBudget(settings, self._memory.spent(now_us()), clock)
        self._failures = 0
        self._trouble: str | None = None
        self._stopped = False

    @property
    def rule_id(self) -> str:
        """Which model and prompt a detection is of."""
        return f"judge:{self._judge.model}@{self._prompt.version}"

    def run(self, engine: QueryEngine, minimum_bits: float) -> JudgeReport:
        """Judges what the views `events`, `detections` and `account_evidence_now` offer; writes the detections."""
        candidates = list(self._candidates(engine, minimum_bits))
        asked = self._ask_about(candidates)
        accounts = self._accounts(candidates)
        replace_detections(self._lake, self._detections(accounts))
        known = sum(candidate.text_hash in self._memory for candidate in candidates)
        return JudgeReport(accounts, known, asked, len(candidates) - known, self._trouble)

    def _candidates(self, engine: QueryEngine, minimum_bits: float) -> Iterator[_Candidate]:
        bound = {"minimum_bits": minimum_bits, "texts_of_account": TEXTS_OF_ACCOUNT, "texts": TEXTS}
        rows = engine.query(sql_file("stormwatch.hunt", "judge_candidates"), bound).to_pylist()
        places: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for row in rows:
            places[row["segment"]].append((row["text_chunk"], row["text_row"]))
        shown = {
            (segment, *place): shown_text(text.prompt, self._prompt.most_characters)
            for segment, wanted in places.items()
            for place, text in read_rows(self._lake, self._keyring, segment, wanted)
        }
        for row in rows:
            text = shown.get((row["segment"], row["text_chunk"], row["text_row"]))
            if text:  # one that was erased, or is empty, is no candidate
                text_hash = self._keyring.keyed_hash(_PURPOSE, text)
                yield _Candidate(row["account_id"], row["event_id"], row["time_us"], text, text_hash)

    def _ask_about(self, candidates: Sequence[_Candidate]) -> int:
        asked = 0
        try:
            for candidate in candidates:
                if candidate.text_hash in self._memory:
                    continue
                if self._stopped:
                    break
                asked += self._judge_one(candidate)
                if asked and asked % _SAVE_EVERY == 0:
                    self._memory.save()
        finally:
            self._memory.save()
        return asked

    def _judge_one(self, candidate: _Candidate) -> bool:
        """Asks about one text, and once more where the answer was none of the schema; whether it was asked at all."""
        asked_us, requests, tokens = now_us(), 0, 0
        verdict: str | None = None
        for attempt in range(_ATTEMPTS):
            if not self._may_ask(candidate):
                verdict = None
                break
            requests += 1
            estimate = self._prompt.tokens(candidate.shown)
            try:
                reply = self._judge.ask(self._prompt.question(candidate.shown, again=attempt > 0))
            except JudgeUnavailable as error:
                self._budget.spend(estimate)
                tokens += estimate
                self._note_failure(error)
                verdict = None
                break
            cost = reply.tokens or estimate
            self._budget.spend(cost)
            tokens += cost
            self._failures = 0
            found = self._prompt.verdict(reply)
            verdict = found.value if found is not None else UNUSABLE
            if found is not None:
                break
        if requests:
            version = self._prompt.version
            self._memory.add(
                Judgement(candidate.text_hash, self._judge.model, version, asked_us, requests, tokens, verdict)
            )
        return requests > 0

    def _may_ask(self, candidate: _Candidate) -> bool:
        refusal = self._budget.refusal(self._prompt.tokens(candidate.shown))
        if refusal is None and self._budget.wait():
            return True
        self._stop(refusal or "judge_seconds_per_hunt is over")
        return False

    def _note_failure(self, error: JudgeUnavailable) -> None:
        """After several failures in a row, or when the server asks for a long pause, this hunt asks no more."""
        self._failures += 1
        self._trouble = str(error)
        pause = error.retry_after_seconds
        if self._failures >= _FAILURES_IN_A_ROW:
            self._stop(str(error))
        elif pause is not None and (pause > _LONGEST_RETRY_AFTER or not self._budget.wait(pause)):
            self._stop(f"{error}, and asks for a pause of {pause:g} s")

    def _stop(self, reason: str) -> None:
        self._stopped = True
        self._trouble = reason

    def _accounts(self, candidates: Sequence[_Candidate]) -> tuple[JudgedAccount, ...]:
        by_account: dict[str, list[tuple[_Candidate, Verdict]]] = defaultdict(list)
        for candidate in candidates:
            verdict = self._memory.verdict(candidate.text_hash)
            if verdict is not None:
                by_account[candidate.account_id].append((candidate, verdict))
        name = f"{self._judge.model} (prompt {self._prompt.version})"
        return tuple(
            JudgedAccount(account_id, name, len(found), _concerning(found)) for account_id, found in by_account.items()
        )

    def _detections(self, accounts: Sequence[JudgedAccount]) -> DetectionRows:
        rows = DetectionRows()
        for account in accounts:
            for time_us, event_id in account.concerning:
                rows.add(
                    event_id=event_id,
                    account_id=account.account_id,
                    time_us=time_us,
                    rule_id=self.rule_id,
                    rule_version=self._prompt.version,
                    kind=DetectionKind.JUDGE.value,
                    techniques=[],  # a model's word counts as no technique, topic or trait of anybody
                    score=_SCORE,
                    shadow=False,
                )
        return rows


def _concerning(found: Sequence[tuple[_Candidate, Verdict]]) -> tuple[tuple[int, str], ...]:
    return tuple(
        sorted((candidate.time_us, candidate.event_id) for candidate, verdict in found if verdict is Verdict.CONCERNING)
    )


def replace_detections(lake: Lake, rows: DetectionRows) -> None:
    """Puts these in the place of what a judge found before; a judge that is switched off leaves none behind."""
    old = [file for file in lake.files("detections") if _is_judges(file.marks)]
    table = rows.table()
    add: dict[str, list[LakeFile]] = {}
    if table.num_rows:
        add["detections"] = [lake.write("detections", table, marks=JUDGE_LAYER)]
    if old or add:
        lake.commit(LakeChange(add=add, drop=frozenset(file.path for file in old)))


def _is_judges(marks: Mapping[str, str]) -> bool:
    return JUDGE_LAYER.items() <= marks.items()

"""Who is judged, how often and at what cost; the judge here is a double that says what a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from review_floor import MOMENT, Floor, floor
from stormwatch.config import Settings
from stormwatch.detections.judge.judge import JudgeUnavailable, Question, Reply
from stormwatch.detections.judge.judge_prompt import load_prompt
from stormwatch.hunt.judge_budget import Clock
from stormwatch.hunt.judging import TEXTS_OF_ACCOUNT, JudgeReport, Judging
from stormwatch.hunt.window import open_window
from stormwatch.storage.lake import LakeChange
from stormwatch.storage.schemas import TABLES

__all__ = ["floor"]

CONCERNING, ORDINARY = '{"verdict": "concerning"}', '{"verdict": "ordinary"}'


@dataclass
class ScriptedJudge:
    """A double of a model: gives each answer in turn, the last one for ever; an exception is raised."""

    answers: Sequence[str | JudgeUnavailable]
    model: str = "small"
    tokens: int = 100
    questions: list[Question] = field(default_factory=list)

    def ask(self, question: Question) -> Reply:
        answer = self.answers[min(len(self.questions), len(self.answers) - 1)]
        self.questions.append(question)
        if isinstance(answer, JudgeUnavailable):
            raise answer
        return Reply(answer, self.tokens)


@dataclass
class FakeTime:
    """A clock that moves when somebody waits."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@dataclass
class Bench:
    """A lake with traffic and rule hits, and a way to judge it."""

    floor: Floor
    time: FakeTime = field(default_factory=FakeTime)

    def judge(self, judge: ScriptedJudge, **settings: float) -> JudgeReport:
        runtime = self.floor.runtime
        chosen = runtime.settings.model_copy(update=settings)
        assert isinstance(chosen, Settings)
        judging = Judging(judge, load_prompt(), runtime.lake, runtime.keyring, chosen, self.time.clock())
        with runtime.engine() as engine:
            open_window(engine, runtime.lake, None, None)
            rows = runtime.lake.read("account_evidence", ("account_id", "group", "weight_bits"))
            engine.register(
                "account_evidence_now", rows.rename_columns(["account_id", "evidence_group", "weight_bits"])
            )
            return judging.run(engine, 1.0)

    def detections(self) -> list[dict]:
        rows = self.floor.runtime.lake.read("detections").to_pylist()
        return [row for row in rows if row["kind"] == "judge"]


@pytest.fixture
def bench(floor: Floor) -> Bench:
    """Two accounts with evidence, `strong` the more, one without; each with requests that a rule fired on or not."""
    requests = [
        {"event_id": f"{account}-{number}", "account_id": account, "text": f"request {number} of {account}"}
        for account, count in (("strong", 8), ("weak", 3), ("nobody", 3))
        for number in range(count)
    ]
    requests.append({"event_id": "weak-quiet", "account_id": "weak", "text": "no rule fired here"})
    floor.write_traffic(requests)
    fired = [
        {
            "event_id": request["event_id"],
            "account_id": request["account_id"],
            "time_us": MOMENT + number,
            "rule_id": "rule",
            "rule_version": "1",
            "kind": "rule",
            "techniques": ["LLM-07"],
            "score": 0.5,
            "shadow": request["event_id"] == "weak-2",
        }
        for number, request in enumerate(requests)
        if request["event_id"] != "weak-quiet"
    ]
    floor.add_evidence("strong", bits=4.0)
    floor.add_evidence("weak", bits=1.0)
    floor.add_evidence("nobody", bits=0.5)
    floor.write()
    schema = TABLES["detections"]
    table = pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in fired], schema=schema)
    lake = floor.runtime.lake
    lake.commit(LakeChange(add={"detections": [lake.write("detections", table)]}))
    return Bench(floor)


def _shown(judge: ScriptedJudge) -> list[str]:
    return [question.messages[1][1].splitlines()[2] for question in judge.questions]


def test_only_requests_with_a_hit_of_accounts_with_evidence_are_shown_and_few_of_each(bench: Bench) -> None:
    judge = ScriptedJudge([ORDINARY])
    report = bench.judge(judge)
    assert _shown(judge) == [
        *(f"request {number} of strong" for number in range(TEXTS_OF_ACCOUNT)),
        "request 0 of weak",
        "request 1 of weak",  # the third is of a rule in shadow
    ]
    assert (report.known, report.asked, report.unjudged, report.trouble) == (7, 7, 0, None)


def test_a_concerning_request_is_a_detection_that_names_model_and_prompt_and_stands_for_no_technique(
    bench: Bench,
) -> None:
    bench.judge(ScriptedJudge([CONCERNING, ORDINARY, '{"verdict": "unclear"}', ORDINARY]))
    (row,) = bench.detections()
    assert row["rule_id"] == f"judge:small@{load_prompt().version}"
    assert (row["event_id"], row["account_id"], row["time_us"]) == ("strong-0", "strong", MOMENT)
    assert (row["techniques"], row["topic"], row["shadow"]) == ([], None, False)
    assert row["score"] < 0.25


def test_the_same_text_is_not_asked_about_twice_and_the_result_is_the_same(bench: Bench) -> None:
    bench.judge(ScriptedJudge([CONCERNING, ORDINARY]))
    before = bench.detections()
    again = ScriptedJudge([CONCERNING])
    report = bench.judge(again)
    assert again.questions == []
    assert (report.known, report.asked) == (7, 0)
    assert bench.detections() == before


def test_another_model_is_asked_anew(bench: Bench) -> None:
    bench.judge(ScriptedJudge([CONCERNING]))
    other = ScriptedJudge([ORDINARY], model="other")
    bench.judge(other)
    assert len(other.questions) == 7
    assert bench.detections() == []


def test_an_answer_of_no_use_gets_one_repair_and_then_the_text_is_let_be(bench: Bench) -> None:
    judge = ScriptedJudge(["Sure!", "I obey: guilty", ORDINARY])
    report = bench.judge(judge)
    assert [len(question.messages) for question in judge.questions[:3]] == [2, 3, 2]
    assert len(judge.questions) == 8
    assert (report.known, report.unjudged) == (7, 0)
    assert [len(account.concerning) for account in report.accounts] == [0, 0]
    again = ScriptedJudge([CONCERNING])
    bench.judge(again)
    assert again.questions == []


def test_a_repair_that_works_counts(bench: Bench) -> None:
    bench.judge(ScriptedJudge(["Sure!", CONCERNING, ORDINARY]))
    assert [row["event_id"] for row in bench.detections()] == ["strong-0"]


@pytest.mark.parametrize(
    ("limits", "asked", "reason"),
    [
        ({"judge_requests_per_hunt": 3}, 3, "judge_requests_per_hunt is used up"),
        ({"judge_requests_per_day": 2}, 2, "judge_requests_per_day is used up"),
        ({"judge_requests_per_hunt": 0}, 0, "judge_requests_per_hunt is used up"),
        ({"judge_tokens_per_hunt": 1200}, 1, "judge_tokens_per_hunt is used up"),
        ({"judge_tokens_per_day": 1200}, 1, "judge_tokens_per_day is used up"),
        ({"judge_seconds_per_hunt": 2.5}, 3, "judge_seconds_per_hunt is over"),
    ],
)
def test_a_budget_that_is_used_up_leaves_the_rest_unjudged_and_says_so(
    bench: Bench, limits: dict[str, float], asked: int, reason: str
) -> None:
    judge = ScriptedJudge([ORDINARY], tokens=1000)
    report = bench.judge(judge, **limits)
    assert len(judge.questions) == report.asked == asked
    assert (report.unjudged, report.trouble) == (7 - asked, reason)


def test_what_a_hunt_left_the_next_one_takes_up_until_the_day_s_budget_is_gone(bench: Bench) -> None:
    limits = {"judge_requests_per_hunt": 3, "judge_requests_per_day": 5}
    asked = [bench.judge(ScriptedJudge([ORDINARY]), **limits).asked for _ in range(3)]
    assert asked == [3, 2, 0]


def test_questions_come_no_faster_than_allowed(bench: Bench) -> None:
    bench.judge(ScriptedJudge([ORDINARY]), judge_requests_per_minute=120)
    assert bench.time.waits == [0.5] * 6


def test_a_judge_that_is_away_is_left_alone_after_three_tries_and_tried_again_in_the_next_hunt(bench: Bench) -> None:
    away = ScriptedJudge([JudgeUnavailable("the judge is away")])
    report = bench.judge(away)
    assert len(away.questions) == 3
    assert (report.known, report.unjudged, report.trouble) == (0, 7, "the judge is away")
    assert bench.judge(ScriptedJudge([ORDINARY])).known == 7


def test_one_failure_costs_one_text(bench: Bench) -> None:
    report = bench.judge(ScriptedJudge([ORDINARY, JudgeUnavailable("once"), ORDINARY]))
    assert (report.known, report.unjudged, report.trouble) == (6, 1, "once")


@pytest.mark.parametrize(("pause", "known"), [(4.0, 6), (3600.0, 0), (None, 6)])
def test_a_short_pause_is_kept_and_a_long_one_ends_the_asking(bench: Bench, pause: float | None, known: int) -> None:
    busy = JudgeUnavailable("the judge answered 429", retry_after_seconds=pause)
    report = bench.judge(ScriptedJudge([busy, ORDINARY]))
    assert report.known == known
    assert (4.0 in bench.time.waits) == (pause == 4.0)
    assert bench.time.now < 60


def test_a_text_that_was_erased_is_no_candidate(bench: Bench) -> None:
    lake = bench.floor.runtime.lake
    lake.commit(LakeChange(drop=frozenset(file.path for file in lake.files("texts"))))
    judge = ScriptedJudge([CONCERNING])
    report = bench.judge(judge)
    assert judge.questions == []
    assert (report.known, report.unjudged) == (0, 0)


def test_neither_memory_nor_detections_hold_a_word_of_the_text(bench: Bench) -> None:
    bench.judge(ScriptedJudge([CONCERNING]))
    kept = bench.floor.runtime.lake.read("judgements").to_pylist()
    assert len(kept) == 7
    assert "of strong" not in repr(kept) + repr(bench.detections())

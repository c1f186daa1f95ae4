"""The linter of a rule pack: every fault with its line, advice, and what each rule costs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import hyperscan as hs

from stormwatch.detections.correlations.correlation import Correlation
from stormwatch.detections.rulebook.correlation_tests import read_scenes
from stormwatch.detections.rulebook.cost import RuleCost, measure
from stormwatch.detections.rulebook.pattern_scans import compile_fault
from stormwatch.detections.rulebook.rule_tests import read_test_events
from stormwatch.detections.rulebook.rules import read_pack
from stormwatch.detections.sigma.conditions import needs_text
from stormwatch.detections.sigma.problems import RuleProblem, Severity
from stormwatch.detections.sigma.rule import Rule

_TECHNIQUE: Final = re.compile(r"LLM-\d{2}|T\d{4}(?:\.\d{3})?|AML\.T\d{4}(?:\.\d{3})?")


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """A rule that the scanner takes, and its cost."""

    rule: Rule
    cost: RuleCost


@dataclass(frozen=True, slots=True)
class LintReport:
    """What the linter found in a pack."""

    rules: tuple[CheckedRule, ...]
    problems: tuple[RuleProblem, ...]
    correlations: tuple[Correlation, ...] = ()

    @property
    def errors(self) -> tuple[RuleProblem, ...]:
        """Problems that a hunt would refuse."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)


def lint(paths: Sequence[Path]) -> LintReport:
    """Checks every rule below the paths; a broken one does not keep the others from being checked."""
    pack = read_pack(paths)
    problems = list(pack.problems)
    checked: list[CheckedRule] = []
    for rule in pack.rules:
        try:
            cost = measure(rule)
        except hs.error as error:
            what = f"the scanner cannot take this rule: {compile_fault(rule.patterns) or error}"
            problems.append(RuleProblem(rule.path, rule.line, Severity.ERROR, what, "simplify the expression"))
            continue
        checked.append(CheckedRule(rule, cost))
        problems += _advice(rule, cost)
        problems += read_test_events(rule)[1]
    for correlation in pack.correlations:
        problems += _technique_advice(correlation)
        problems += read_scenes(correlation)[1]
    order = sorted(problems, key=lambda problem: (str(problem.path), problem.line or 0))
    return LintReport(tuple(checked), tuple(order), pack.correlations)


def _advice(rule: Rule, cost: RuleCost) -> Iterator[RuleProblem]:
    if cost.is_high:
        what = f"the rule is costly: {cost.microseconds_per_kb} us a kB, {cost.compile_milliseconds} ms to compile"
        yield _warning(rule, what, "use longer literals, shorter gaps and no classes such as \\w beside other scripts")
    if not needs_text(rule.condition) and rule.patterns:
        what = "the condition can hold without any text match, so every event that its fields allow is tried"
        yield _warning(rule, what, "demand a text match where that is meant")
    yield from _technique_advice(rule)


def _technique_advice(rule: Rule | Correlation) -> Iterator[RuleProblem]:
    if not any(technique.startswith("LLM-") for technique in rule.techniques):
        yield _warning(rule, "the rule names no LLM technique", "add a tag such as llm.02")
    for technique in rule.techniques:
        if not _TECHNIQUE.fullmatch(technique):
            yield _warning(
                rule, f"{technique!r} is no technique id", "write llm.02, attack.t1059 or atlas.aml.t0016.002"
            )


def _warning(rule: Rule | Correlation, what: str, remedy: str) -> RuleProblem:
    return RuleProblem(rule.path, rule.line, Severity.WARNING, what, remedy)

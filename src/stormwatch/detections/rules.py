"""Folders of Sigma files to typed rules: every fault located, one broken rule never hiding the others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sigma.exceptions import SigmaError
from sigma.policy.profiles import TrustedPolicy
from sigma.rule import SigmaRule

from stormwatch.detections.conditions import needs_text
from stormwatch.detections.normalise import NORMALISER_VERSION
from stormwatch.detections.patterns import UnsupportedValue
from stormwatch.detections.problems import RuleProblem, Severity
from stormwatch.detections.rule import LEVEL_SCORES, Rule
from stormwatch.detections.sigma_conditions import condition_of
from stormwatch.detections.sigma_fields import mapping_faults, missing_advice
from stormwatch.model.errors import InvalidInput
from stormwatch.model.located_yaml import LocatedDocument, YamlProblem, read_documents

TESTS_SUFFIXES: Final = (".tests.yml", ".tests.yaml")
# Raised whenever the same rule may hit differently.
_EVALUATOR_VERSION: Final = "2"
# A fault may quote the file, and a file may hold a line of megabytes.
_LONGEST_QUOTE: Final = 300
# What of a rule decides its detections; the rest may be reworded without rescanning history.
_VERSIONED: Final = ("id", "detection", "tags", "level", "topic", "shadow")
# The part of pySigma's error name that tells which key it is about.
_KEY_OF_ERROR: Final = (
    ("Identifier", ("id",)),
    ("Status", ("status",)),
    ("Level", ("level",)),
    ("Tag", ("tags",)),
    ("Date", ("date",)),
    ("Modified", ("modified",)),
    ("Title", ("title",)),
    ("Author", ("author",)),
    ("Description", ("description",)),
    ("References", ("references",)),
    ("FalsePositives", ("falsepositives",)),
    ("Logsource", ("logsource",)),
    ("Condition", ("detection", "condition")),
)


@dataclass(frozen=True, slots=True)
class RulePack:
    """What a set of files holds: the rules that can be run, and what is wrong with the others."""

    rules: tuple[Rule, ...]
    problems: tuple[RuleProblem, ...]

    @property
    def errors(self) -> tuple[RuleProblem, ...]:
        """Problems that kept a rule out."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)


def load_rules(paths: Sequence[Path]) -> tuple[Rule, ...]:
    """All rules below the paths, in the order of their ids.

    One broken rule stops the load: a hunt that silently lacked a rule would look like a quiet day. InvalidInput names
    the first fault and counts the rest; `rules check` lists them all.
    """
    pack = read_pack(paths)
    if pack.errors:
        first, others = pack.errors[0], len(pack.errors) - 1
        more = f" (and {others} more)" if others else ""
        raise InvalidInput(first.what + more, where=first.where, remedy=f"{first.remedy}; see `stormwatch rules check`")
    return pack.rules


def read_pack(paths: Sequence[Path]) -> RulePack:
    """Reads every rule file below the paths; never raises for what a file holds."""
    rules: dict[str, Rule] = {}
    problems: list[RuleProblem] = []
    for path in rule_files(paths, problems):
        for item in _read_file(path):
            if isinstance(item, RuleProblem):
                problems.append(item)
            elif item.rule_id in rules:
                other = rules[item.rule_id]
                problems.append(
                    _error(
                        path, item.line, f"the id {item.rule_id} is taken by {other.path}", "give it an id of its own"
                    )
                )
            else:
                rules[item.rule_id] = item
    return RulePack(tuple(rules[key] for key in sorted(rules)), tuple(problems))


def rule_files(paths: Sequence[Path], problems: list[RuleProblem] | None = None) -> Iterator[Path]:
    """The rule files below the paths, each once, sorted; a path that does not exist becomes a problem."""
    seen: set[Path] = set()
    for path in paths:
        if not path.exists() and problems is not None:
            problems.append(_error(path, None, "this path does not exist", "name a rule file or a folder of rules"))
        candidates = sorted(path.rglob("*.y*ml")) if path.is_dir() else [path] if path.exists() else []
        for file in candidates:
            is_rule = file.suffix in (".yml", ".yaml") and not file.name.endswith(TESTS_SUFFIXES)
            if is_rule and file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _read_file(path: Path) -> Iterator[Rule | RuleProblem]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        yield _error(path, None, f"the file cannot be read: {error}", "save it as UTF-8")
        return
    found = False
    try:
        for document in read_documents(text):
            found = True
            yield from _read_document(path, document)
    except YamlProblem as problem:
        yield _error(path, problem.line, problem.what, "correct the YAML")
        return
    if not found:
        yield _error(path, None, "the file is empty", "write a rule or delete the file")


def _read_document(path: Path, document: LocatedDocument) -> Iterable[Rule | RuleProblem]:
    if not isinstance(document.value, dict):
        return [_error(path, document.line, "a rule is a mapping of keys", "write a Sigma rule")]
    faults = [_error(path, document.line_of(*place), what, remedy) for place, what, remedy in mapping_faults(document)]
    if faults:
        return faults
    condition_line = document.line_of("detection", "condition")
    try:
        # pySigma's other engine, RE2, writes a pattern that it refuses to stderr, raw. Neither engine ever runs it.
        sigma = SigmaRule.from_dict(document.value, collect_errors=True, policy=TrustedPolicy)
        if sigma.errors:
            return [_sigma_error(path, document, error) for error in sigma.errors]
        condition = condition_of(sigma.detection.parsed_condition[0].parsed)
    except (SigmaError, TypeError, AttributeError, LookupError, ArithmeticError, ValueError, RecursionError) as error:
        # pySigma trusts types, so any of these may come of a value that it did not expect.
        return [_sigma_error(path, document, error)]
    except UnsupportedValue as error:
        return [_error(path, document.line_of("detection"), str(error), "change the value")]
    if not needs_text(condition):
        what = "the condition can hold without any text match (a pure negation, or event fields alone)"
        return [_error(path, condition_line, what, "demand at least one positive match on a text field")]
    advice = [
        _warning(path, document.line_of(*place), what, remedy) for place, what, remedy in missing_advice(document)
    ]
    return [
        *advice,
        Rule(
            rule_id=str(sigma.id),
            rule_version=_version(document.value),
            title=sigma.title,
            description=str(sigma.description or ""),
            status=str(sigma.status or "experimental").lower(),
            level=_level(document.value),
            techniques=tuple(_technique(str(tag)) for tag in document.value["tags"]),
            condition=condition,
            path=path,
            line=document.line,
            topic=document.value.get("topic"),
            shadow=document.value.get("shadow", False),
            references=tuple(sigma.references),
            falsepositives=tuple(sigma.falsepositives),
        ),
    ]


def _level(document: dict[str, Any]) -> str:
    level = str(document["level"]).lower()
    return level if level in LEVEL_SCORES else "low"


def _technique(tag: str) -> str:
    """`llm.02` is LLM-02, `attack.t1059` T1059, `atlas.aml.t0016.002` AML.T0016.002: as their frameworks write them."""
    namespace, _, name = tag.partition(".")
    return f"LLM-{name}" if namespace == "llm" else name.upper()


def _version(document: dict[str, Any]) -> str:
    content = {key: document.get(key) for key in _VERSIONED}
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(f"{_EVALUATOR_VERSION}.{NORMALISER_VERSION}.{canonical}".encode()).hexdigest()[:12]


def _sigma_error(path: Path, document: LocatedDocument, error: Exception) -> RuleProblem:
    name = type(error).__name__
    place = next((place for part, place in _KEY_OF_ERROR if part in name), ("detection",))
    return _error(path, document.line_of(*place), str(error), "see the Sigma specification")


def _error(path: Path, line: int | None, what: str, remedy: str) -> RuleProblem:
    return RuleProblem(path, line, Severity.ERROR, _shortened(what), remedy)


def _shortened(sentence: str) -> str:
    return sentence if len(sentence) <= 2 * _LONGEST_QUOTE else f"{sentence[:_LONGEST_QUOTE]} … {sentence[-80:]}"


def _warning(path: Path, line: int | None, what: str, remedy: str) -> RuleProblem:
    return RuleProblem(path, line, Severity.WARNING, what, remedy)

"""Folders of Sigma files to typed rules and correlations: every fault located, one broken rule never hiding others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from stormwatch.detections.correlations.correlation import Correlation
from stormwatch.detections.correlations.sigma_correlations import CorrelationDraft, read_correlation, resolve
from stormwatch.detections.sigma.conditions import AllOf
from stormwatch.detections.sigma.placeholders import FILE_NAMES, expand, placeholders_for
from stormwatch.detections.sigma.problems import RuleProblem, Severity, error_at, warning_at
from stormwatch.detections.sigma.rule import Rule
from stormwatch.detections.sigma.rule_versions import combined_version
from stormwatch.detections.sigma.sigma_rules import RuleFilter, read_filter, read_rule
from stormwatch.model.errors import InvalidInput
from stormwatch.model.located_yaml import LocatedDocument, YamlProblem, read_documents

TESTS_SUFFIXES: Final = (".tests.yml", ".tests.yaml")

_Item = Rule | RuleFilter | CorrelationDraft | RuleProblem


@dataclass(frozen=True, slots=True)
class RulePack:
    """What a set of files holds: what can be run, and what is wrong with the rest.

    `correlations` stand after those that they build on.
    """

    rules: tuple[Rule, ...]
    problems: tuple[RuleProblem, ...]
    correlations: tuple[Correlation, ...] = ()

    @property
    def entries(self) -> tuple[Rule | Correlation, ...]:
        """Rules and correlations."""
        return (*self.rules, *self.correlations)

    @property
    def errors(self) -> tuple[RuleProblem, ...]:
        """Problems that kept a rule out."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)


def load_rules(paths: Sequence[Path]) -> tuple[Rule, ...]:
    """The rules of `load_pack`, without correlations."""
    return load_pack(paths).rules


def load_pack(paths: Sequence[Path]) -> RulePack:
    """All rules and correlations below the paths, rules in the order of their ids.

    One broken rule stops the load: a hunt that silently lacked a rule would look like a quiet day. InvalidInput names
    the first fault and counts the rest; `rules check` lists them all.
    """
    pack = read_pack(paths)
    if pack.errors:
        first, others = pack.errors[0], len(pack.errors) - 1
        more = f" (and {others} more)" if others else ""
        raise InvalidInput(first.what + more, where=first.where, remedy=f"{first.remedy}; see `stormwatch rules check`")
    return pack


def read_pack(paths: Sequence[Path], *, over: Sequence[Path] = ()) -> RulePack:
    """Reads every rule file below the paths; never raises for what a file holds.

    Documents of files in `over` take the place of those with the same id: a pack as it would be with them in force.
    """
    reader = _PackReader()
    for path, root in _files(paths, reader.problems):
        reader.add_file(path, root)
    for path, root in _files(over, reader.problems):
        reader.add_file(path, root, replacing=True)
    return reader.pack()


def rule_files(paths: Sequence[Path], problems: list[RuleProblem] | None = None) -> Iterator[Path]:
    """The rule files below the paths, each once, sorted; a path that does not exist becomes a problem."""
    for path, _ in _files(paths, problems):
        yield path


def _files(paths: Sequence[Path], problems: list[RuleProblem] | None) -> Iterator[tuple[Path, Path]]:
    """Each file with the path below which it was found."""
    seen: set[Path] = set()
    for path in paths:
        if not path.exists() and problems is not None:
            problems.append(error_at(path, None, "this path does not exist", "name a rule file or a folder of rules"))
        candidates = sorted(path.rglob("*.y*ml")) if path.is_dir() else [path] if path.exists() else []
        for file in candidates:
            if _is_rule_file(file) and file.resolve() not in seen:
                seen.add(file.resolve())
                yield file, path


def _is_rule_file(file: Path) -> bool:
    named = file.suffix in (".yml", ".yaml") and file.name not in FILE_NAMES
    return named and not file.name.endswith(TESTS_SUFFIXES)


class _PackReader:
    """Gathers what files hold, then ties filters and correlations to the rules they name."""

    def __init__(self) -> None:
        self.problems: list[RuleProblem] = []
        self._items: dict[str, Rule | RuleFilter | CorrelationDraft] = {}

    def add_file(self, path: Path, root: Path, *, replacing: bool = False) -> None:
        """Takes in one file."""
        for item in _read_file(path, root):
            if isinstance(item, RuleProblem):
                self.problems.append(item)
                continue
            item_id, line = _id_and_line(item)
            other = self._items.get(item_id)
            if other is not None and (not replacing or other.path == item.path):
                what = f"the id {item_id} is taken by {other.path}"
                self.problems.append(error_at(path, line, what, "give it an id of its own"))
            else:
                self._items[item_id] = item

    def pack(self) -> RulePack:
        """The pack of all that was taken in."""
        rules = {item.rule_id: item for item in self._items.values() if isinstance(item, Rule)}
        for item in self._items.values():
            if isinstance(item, RuleFilter):
                self._filter(item, rules)
        drafts = [item for item in self._items.values() if isinstance(item, CorrelationDraft)]
        correlations = self._resolved(drafts, rules)
        self._quieten(correlations, rules)
        return RulePack(tuple(rules[key] for key in sorted(rules)), tuple(self.problems), correlations)

    def _filter(self, narrowing: RuleFilter, rules: dict[str, Rule]) -> None:
        named = [rule for rule in rules.values() if narrowing.applies_to(rule)]
        if not named:
            what = "the filter names no rule of this pack"
            self.problems.append(warning_at(narrowing.path, narrowing.line, what, "name rules by id or name"))
        for rule in named:
            rules[rule.rule_id] = replace(
                rule,
                condition=AllOf((rule.condition, narrowing.condition)),
                rule_version=combined_version(rule.rule_version, (narrowing.version,)),
                filters=(*rule.filters, narrowing.filter_id),
            )

    def _resolved(self, drafts: Sequence[CorrelationDraft], rules: Mapping[str, Rule]) -> tuple[Correlation, ...]:
        """Each correlation after those that it builds on; what goes in a circle is a fault."""
        by_name: dict[str, Rule | Correlation] = {rule.name: rule for rule in rules.values() if rule.name}
        by_name.update(rules)
        waiting = sorted(drafts, key=lambda draft: draft.rule_id)
        done: list[Correlation] = []
        while waiting:
            names = {name for draft in waiting for name in draft.names}
            ready = [draft for draft in waiting if not names.intersection(draft.references)]
            if not ready:
                what = "correlations build on each other in a circle"
                self.problems += [draft.fault("rules", what, "take one out of the circle") for draft in waiting]
                break
            for draft in ready:
                made = resolve(draft, by_name.get)
                if isinstance(made, RuleProblem):
                    self.problems.append(made)
                else:
                    done.append(made)
                    by_name.update(dict.fromkeys(draft.names, made))
            waiting = [draft for draft in waiting if draft not in ready]
        return tuple(done)

    def _quieten(self, correlations: Sequence[Correlation], rules: dict[str, Rule]) -> None:
        """Rules that are only steps: correlations name them, and none with `generate: true`."""
        steps: dict[str, list[Correlation]] = {}
        for correlation in correlations:
            for rule_id in {member.rule_id for member in correlation.members} & rules.keys():
                steps.setdefault(rule_id, []).append(correlation)
        for rule_id, users in steps.items():
            if any(user.generate for user in users):
                continue
            rule = rules[rule_id]
            version = combined_version(rule.rule_version, ("component",))
            ids = tuple(user.rule_id for user in users)
            rules[rule_id] = replace(rule, shadow=True, component_of=ids, rule_version=version)
            self.problems += [_silenced(rule, user) for user in users if user.path != rule.path]


def _silenced(rule: Rule, user: Correlation) -> RuleProblem:
    what = f"hits of {rule.title!r} ({rule.path.name}) count for nothing by themselves, because generate is not true"
    return warning_at(user.path, user.line, what, "write generate: true below correlation, or leave it so")


def _id_and_line(item: Rule | RuleFilter | CorrelationDraft) -> tuple[str, int]:
    if isinstance(item, RuleFilter):
        return item.filter_id, item.line
    return item.rule_id, item.line if isinstance(item, Rule) else item.document.line


def _read_file(path: Path, root: Path) -> Iterator[_Item]:
    try:
        text = path.read_text(encoding="utf-8")
        lists = tuple(sorted(placeholders_for(path, root).items()))
    except InvalidInput as error:
        yield error_at(path, None, f"{error.what} ({error.where})", error.remedy or "correct it")
        return
    except (OSError, UnicodeDecodeError) as error:
        yield error_at(path, None, f"the file cannot be read: {error}", "save it as UTF-8")
        return
    yield from _read_text(path, text, lists)


@lru_cache(maxsize=4096)
def _read_text(path: Path, text: str, lists: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[_Item, ...]:
    """What a file holds; a server, whose every hunt reads all files anew, judges only those that changed."""
    return tuple(_documents(path, text, dict(lists)))


def _documents(path: Path, text: str, lists: Mapping[str, tuple[str, ...]]) -> Iterator[_Item]:
    found = False
    try:
        for document in read_documents(text):
            found = True
            expanded, fault = expand(document, lists)
            if fault:
                yield error_at(path, document.line_of(*fault[0]), *fault[1:])
            else:
                yield from _read_document(path, expanded)
    except YamlProblem as problem:
        yield error_at(path, problem.line, problem.what, "correct the YAML")
        return
    if not found:
        yield error_at(path, None, "the file is empty", "write a rule or delete the file")


def _read_document(path: Path, document: LocatedDocument) -> Sequence[_Item]:
    if not isinstance(document.value, dict):
        return [error_at(path, document.line, "a rule is a mapping of keys", "write a Sigma rule")]
    if "correlation" in document.value:
        return read_correlation(path, document)
    return read_filter(path, document) if "filter" in document.value else read_rule(path, document)

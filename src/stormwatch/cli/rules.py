"""`stormwatch rules`: the pack checked with its cost, tried on its own events, or listed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from stormwatch.cli.context import person_of, runtime_of, session_of
from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.cli.rules_backtest import run_on_history
from stormwatch.cli.rules_import import import_rules
from stormwatch.config import load_settings, shipped
from stormwatch.detections.correlations.correlation import Correlation
from stormwatch.detections.rulebook.acceptance import accept
from stormwatch.detections.rulebook.correlation_tests import SceneResult, failures_of, run_scenes
from stormwatch.detections.rulebook.lint import CheckedRule, lint
from stormwatch.detections.rulebook.rule_tests import TestResult, run_tests
from stormwatch.detections.rulebook.rules import load_pack, read_pack
from stormwatch.detections.sigma.problems import RuleProblem
from stormwatch.detections.sigma.rule import Rule
from stormwatch.model.errors import InvalidInput

rules = typer.Typer(help="Sigma rules: check, test, try on history, list.", no_args_is_help=True)
rules.command("backtest")(run_on_history)
rules.command("import-nova")(import_rules)

PathArgument = Annotated[
    Path | None, typer.Argument(help="A rule file or folder; default: the shipped rules and those of the settings.")
]


@rules.command()
def check(ctx: typer.Context, path: PathArgument = None, as_json: JsonOption = False) -> None:
    """Lint the rules and measure what each costs; exit 1 when a hunt would refuse one."""
    report = lint(_paths(ctx, path))
    payload = {
        "rules": [_rule_payload(checked.rule) | _cost_payload(checked) for checked in report.rules],
        "correlations": [_correlation_payload(one) for one in report.correlations],
        "problems": [_problem_payload(problem) for problem in report.problems],
        "errors": len(report.errors),
    }
    lines = [f"{'us/kB':>7} {'compile ms':>10} {'bytes':>9} {'cost':8} rule"]
    by_cost = sorted(report.rules, key=lambda checked: -checked.cost.microseconds_per_kb)
    lines += [
        f"{item.cost.microseconds_per_kb:7.2f} {item.cost.compile_milliseconds:10.1f} {item.cost.database_bytes:9d} "
        f"{item.cost.cost_class:8} {item.rule.title}"
        for item in by_cost
    ]
    lines += [f"{problem.severity}: {problem}" for problem in report.problems]
    counted = f"{len(report.rules)} rules and {len(report.correlations)} correlations can be run"
    lines.append(f"{counted}, {len(report.errors)} errors")
    emit(payload, lines_of(lines), as_json=as_json)
    if report.errors:
        raise _refused(report.errors)


@rules.command("test")
def run_own_tests(ctx: typer.Context, path: PathArgument = None, as_json: JsonOption = False) -> None:
    """Run each rule on the matching and near-miss events beside it; exit 1 when one does the contrary."""
    pack = read_pack(_paths(ctx, path))
    kept_in = _kept_in(ctx) if path is None else None
    results, scenes = run_tests(pack.rules, kept_in=kept_in), run_scenes(pack, kept_in=kept_in)
    tried: list[TestResult | SceneResult] = [*results, *scenes]
    problems = [*pack.errors, *(problem for result in tried for problem in result.problems)]
    failures = [*(str(failure) for result in results for failure in result.failures), *failures_of(scenes)]
    payload = {
        "rules": [_result_payload(result) for result in results],
        "correlations": [_scene_payload(result) for result in scenes],
        "failures": failures,
        "problems": [_problem_payload(problem) for problem in problems],
    }
    events = sum(result.matching + result.near_misses for result in tried)
    lines = [f"failed: {failure}" for failure in failures] + [f"error: {problem}" for problem in problems]
    counted = f"{len(results)} rules, {len(scenes)} correlations, {events} events"
    lines.append(f"{counted}, {len(failures)} failures, {len(problems)} errors")
    emit(payload, lines_of(lines), as_json=as_json)
    if problems:
        raise _refused(problems)
    if failures:
        what = f"of {events} test events, {len(failures)} did the contrary"
        raise InvalidInput(what, remedy="correct the rule or the event")


@rules.command("accept")
def accept_draft(
    ctx: typer.Context,
    draft: Annotated[Path, typer.Argument(metavar="DRAFT", help="A rule file with its tests beside it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is taken over; goes on the ledger.")],
    as_json: JsonOption = False,
) -> None:
    """Take a draft rule over into the first folder of the setting rules, as detection engineer."""
    runtime = runtime_of(ctx)
    folders = runtime.settings.rules
    if not folders:
        raise InvalidInput(
            "there is no folder of rules of your own", where="STORMWATCH_RULES", remedy="set one, and start again"
        )
    known = [shipped("rules"), *(folder for folder in folders if folder.exists())]
    accepted = accept(
        runtime.database, runtime.ledger, person_of(runtime), draft, known=known, target=folders[0], reason=reason
    )
    payload = _rule_payload(accepted.rule) | {"path": str(accepted.path), "ledger_sequence": accepted.ledger_sequence}
    still = " It is in shadow: recorded, counted for nothing." if accepted.rule.shadow else ""
    emit(payload, f"{accepted.path}, on the ledger as entry {accepted.ledger_sequence}.{still}", as_json=as_json)


@rules.command("list")
def list_rules(ctx: typer.Context, path: PathArgument = None, as_json: JsonOption = False) -> None:
    """List the rules with what they stand for."""
    pack = load_pack(_paths(ctx, path))
    loaded = sorted(pack.rules, key=lambda rule: (rule.techniques, rule.title))
    lines = [_line(rule) for rule in loaded] + [_correlation_line(one) for one in pack.correlations]
    payload = {
        "rules": [_rule_payload(rule) for rule in loaded],
        "correlations": [_correlation_payload(one) for one in pack.correlations],
    }
    emit(payload, lines_of(lines), as_json=as_json)


def _paths(ctx: typer.Context, path: Path | None) -> list[Path]:
    if path is not None:
        if not path.exists():
            raise InvalidInput("this path does not exist", where=str(path), remedy="name a rule file or a folder")
        return [path]
    return [shipped("rules"), *load_settings(session_of(ctx).home).rules]


def _kept_in(ctx: typer.Context) -> Path | None:
    """Where hunts keep the same rules compiled; None before there is a home, which this command does not make."""
    settings = load_settings(session_of(ctx).home)
    return settings.compiled_rules_folder if settings.home.is_dir() else None


def _refused(errors: Sequence[RuleProblem]) -> InvalidInput:
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return InvalidInput(first.what + more, where=first.where, remedy=first.remedy)


def _line(rule: Rule) -> str:
    quiet = "shadow" if rule.declared_shadow else "counts within correlations alone" if rule.component_of else None
    narrowed = f"{len(rule.filters)} filter(s)" if rule.filters else None
    notes = [note for note in (rule.topic and f"topic {rule.topic}", quiet, narrowed) if note]
    return f"{rule.rule_id}  {rule.level:13} {', '.join(rule.techniques[:1]):7} {rule.title}" + (
        f" ({', '.join(notes)})" if notes else ""
    )


def _rule_payload(rule: Rule) -> dict[str, Any]:
    return {
        "rule_id": rule.rule_id,
        "rule_version": rule.rule_version,
        "title": rule.title,
        "status": rule.status,
        "level": rule.level,
        "techniques": list(rule.techniques),
        "topic": rule.topic,
        "shadow": rule.shadow,
        "declared_shadow": rule.declared_shadow,
        "component_of": list(rule.component_of),
        "filters": list(rule.filters),
        "path": str(rule.path),
    }


def _correlation_line(one: Correlation) -> str:
    notes = f"{one.type} of {len(one.members)} by {', '.join(one.group_by)}" + (", shadow" if one.shadow else "")
    return f"{one.rule_id}  {one.level:13} {', '.join(one.techniques[:1]):7} {one.title} ({notes})"


def _correlation_payload(one: Correlation) -> dict[str, Any]:
    return {
        "rule_id": one.rule_id,
        "rule_version": one.rule_version,
        "title": one.title,
        "status": one.status,
        "level": one.level,
        "type": one.type.value,
        "rules": [member.rule_id for member in one.members],
        "group_by": list(one.group_by),
        "timespan_seconds": one.timespan_us // 1_000_000,
        "techniques": list(one.techniques),
        "topic": one.topic,
        "shadow": one.shadow,
        "declared_shadow": one.declared_shadow,
        "path": str(one.path),
    }


def _cost_payload(checked: CheckedRule) -> dict[str, Any]:
    cost = checked.cost
    return {
        "microseconds_per_kb": cost.microseconds_per_kb,
        "compile_milliseconds": cost.compile_milliseconds,
        "database_bytes": cost.database_bytes,
        "cost_class": cost.cost_class,
    }


def _problem_payload(problem: RuleProblem) -> dict[str, Any]:
    return {
        "file": str(problem.path),
        "line": problem.line,
        "severity": problem.severity.value,
        "what": problem.what,
        "remedy": problem.remedy,
    }


def _scene_payload(result: SceneResult) -> dict[str, Any]:
    return {
        "rule_id": result.correlation.rule_id,
        "title": result.correlation.title,
        "matching": result.matching,
        "near_misses": result.near_misses,
        "failures": len(result.failures),
    }


def _result_payload(result: TestResult) -> dict[str, Any]:
    return {
        "rule_id": result.rule.rule_id,
        "title": result.rule.title,
        "matching": result.matching,
        "near_misses": result.near_misses,
        "failures": len(result.failures),
    }

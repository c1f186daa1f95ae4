"""`stormwatch rules backtest`: a rule file over history, with the accounts it would hit and what would change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stormwatch.cli.context import runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of, progress_bars
from stormwatch.cli.times import moment
from stormwatch.config import shipped
from stormwatch.detections.history import Window
from stormwatch.hunt.backtest import BacktestParts, BacktestReport, RuleBacktest, backtest
from stormwatch.model.errors import InvalidInput

_SHOWN = 10


def run_on_history(
    ctx: typer.Context,
    rule: Annotated[Path, typer.Argument(help="A rule file, installed or not; correlations and filters too.")],
    since: Annotated[str | None, typer.Option(help="Only events from this RFC 3339 time or day on.")] = None,
    until: Annotated[str | None, typer.Option(help="Only events before this RFC 3339 time or day.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Try a rule on history: events, accounts, known-benign accounts, cost, and what would change. Writes nothing."""
    window = Window(moment(since, "--since"), moment(until, "--until"))
    if not rule.exists():
        raise InvalidInput("this path does not exist", where=str(rule), remedy="name a rule file")
    runtime = runtime_of(ctx)
    installed = [shipped("rules"), *runtime.settings.rules]
    parts = BacktestParts(runtime.lake, runtime.keyring, runtime.database, installed)
    with progress_bars() as progress:
        report = backtest(parts, rule, window, progress)
    emit(asdict(report), lines_of(_lines(report)), as_json=as_json)


def _lines(report: BacktestReport) -> Iterator[str]:
    unread = f", {report.events_without_text} without a text" if report.events_without_text else ""
    yield f"searched {report.events} events of {report.accounts} accounts{unread}"
    for one in report.rules:
        yield from _rule_lines(one)


def _rule_lines(one: RuleBacktest) -> Iterator[str]:
    yield f"{one.title} ({one.kind} {one.rule_id}, version {one.rule_version}{', in shadow' if one.shadow else ''})"
    yield (
        f"  hits {one.events_hit} events ({one.share_of_events:.2%}) of {one.accounts_hit} accounts "
        f"({one.share_of_accounts:.2%}), {one.known_benign_accounts} of them known to be benign"
    )
    for account in one.accounts[:_SHOWN]:
        known = f", {account.known_benign}" if account.known_benign else ""
        yield f"    {account.account_id}: {account.events} events{known}"
    if one.accounts_hit > _SHOWN:
        yield f"    and {one.accounts_hit - _SHOWN} more accounts"
    share = f" ({one.cost.alone / one.cost.whole_set:.0%})" if one.cost.whole_set else ""
    yield f"  costs {one.cost.alone} us an event beside {one.cost.whole_set} for the whole set{share}: {one.cost_class}"
    if one.in_force:
        old = one.in_force
        yield (
            f"  against version {old.rule_version} ({old.found_by}): {old.gained} events gained, {old.lost} lost, "
            f"{old.same} the same; {old.accounts_gained} accounts gained, {old.accounts_lost} lost"
        )
    if one.examples:
        yield f"  examples: {', '.join(one.examples)}"
    if one.advice:
        yield f"  note: {one.advice}"

"""`stormwatch report`: builds a transparency report, publishes it in a reporter's name, verifies one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from stormwatch.attribution.estimative_language import Finding, faults, faults_in_html
from stormwatch.cli.context import person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.model.errors import IntegrityError, InvalidInput
from stormwatch.model.times import format_rfc3339
from stormwatch.reports.building import build_report
from stormwatch.reports.figures import Period
from stormwatch.reports.publication import publish_report, verify_report, write_report
from stormwatch.reports.published import Publication
from stormwatch.reports.sources import Sources
from stormwatch.reports.statements import read_statements
from stormwatch.runtime import Runtime

report = typer.Typer(help="The transparency report: build, publish, verify.", no_args_is_help=True)


@report.command()
def build(
    ctx: typer.Context,
    first: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD (UTC), or an RFC 3339 time.")],
    last: Annotated[str, typer.Option("--to", help="Last day, included; or an RFC 3339 time, excluded.")],
    output: Annotated[Path, typer.Option("--output", help="Directory for report.html and report.json.")],
    statements: Annotated[
        Path | None, typer.Option("--statements", help="YAML with summary, responses, dissents, corrections.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Build the report of a period; nothing is published."""
    runtime = runtime_of(ctx)
    period, added = Period.parse(first, last), read_statements(statements)
    built = build_report(_sources(runtime), runtime.settings, period, added)
    files = write_report(built, output)
    suppressed = sum(figure.is_suppressed for figure in built.figures)
    payload = {
        "from": period.first,
        "to": period.end,
        "figures": len(built.figures),
        "figures_with_suppression": suppressed,
        "files": {name: str(path) for name, path in files.items()},
    }
    prose = f"{len(built.figures)} figures, {suppressed} of them with suppressed counts.\n"
    emit(payload, prose + lines_of(str(path) for path in files.values()), as_json=as_json)


@report.command("lint")
def lint(
    files: Annotated[list[Path], typer.Argument(help="Texts to check: plain, Markdown, YAML or HTML.")],
    as_json: JsonOption = False,
) -> None:
    """Refuse texts that put a likelihood and a confidence into one sentence (ICD 203), with file and line."""
    found = [(path, fault) for path in files for fault in _faults_of(path)]
    payload = [{"file": str(path), **msgspec.to_builtins(fault)} for path, fault in found]
    told = [f"{path}, {fault.told()}" for path, fault in found]
    emit({"faults": payload}, lines_of(told) or f"{len(files)} file(s) without fault.", as_json=as_json)
    if found:
        raise InvalidInput(f"{len(found)} sentence(s) break ICD 203", where=str(found[0][0]), remedy="split them")


def _faults_of(path: Path) -> list[Finding]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"this text cannot be read: {error}", where=str(path)) from error
    return list(faults_in_html(text) if path.suffix in {".html", ".htm"} else faults(text))


@report.command()
def publish(
    ctx: typer.Context,
    directory: Annotated[Path, typer.Argument(help="What `report build` wrote.")],
    as_json: JsonOption = False,
) -> None:
    """Put a built report's hashes on the ledger (role: reporter)."""
    runtime = runtime_of(ctx)
    published = publish_report(_sources(runtime), directory, person_of(runtime))
    emit(_payload(published), f"Published as {_words(published)}.", as_json=as_json)


@report.command()
def verify(
    ctx: typer.Context,
    directory: Annotated[Path, typer.Argument(help="A published report's directory.")],
    as_json: JsonOption = False,
) -> None:
    """Check a report's files against the ledger, and the ledger against the report's checkpoint."""
    runtime = runtime_of(ctx)
    found, ledger = verify_report(_sources(runtime), directory)
    prose = f"The files are those of {_words(found)}."
    if ledger.ok:
        prose += "\nThe ledger is whole and continues the report's checkpoint."
    emit({**_payload(found), "ledger_whole": ledger.ok}, prose, as_json=as_json)
    if not ledger.ok:
        raise IntegrityError("the files are right, but the ledger is damaged", remedy="see `stormwatch audit verify`")


def _sources(runtime: Runtime) -> Sources:
    return Sources(runtime.database, runtime.lake, runtime.ledger)


def _words(publication: Publication) -> str:
    return (
        f"{publication.publication_id}, entry {publication.ledger_sequence} of the ledger, "
        f"{format_rfc3339(publication.published_us)}"
    )


def _payload(publication: Publication) -> dict[str, object]:
    return {
        "publication_id": publication.publication_id,
        "from": publication.period.first,
        "to": publication.period.end,
        "published_time": format_rfc3339(publication.published_us),
        "published_by": publication.published_by,
        "ledger_sequence": publication.ledger_sequence,
        "files": dict(publication.files),
    }

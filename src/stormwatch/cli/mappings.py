"""`stormwatch mappings`: mappings of log formats checked, listed, and tried on records without storing anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from stormwatch.cli.context import session_of
from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.config import load_settings
from stormwatch.events.client_address import TrustedProxies
from stormwatch.events.mapping.compiled import CompiledMapping
from stormwatch.events.mapping.loading import read_mappings, shipped_mappings
from stormwatch.events.mapping.reading import read_specification
from stormwatch.events.mapping.specification import Specification
from stormwatch.events.readers.choice import RESERVED
from stormwatch.events.readers.mapped import MappedReader, Outcome
from stormwatch.events.sources import file_chunks
from stormwatch.events.splitting import split_records
from stormwatch.model.errors import InvalidInput

_TRIED_AT_MOST = 100

mappings = typer.Typer(help="Mappings of log formats: check, list, try.", no_args_is_help=True)

PathArgument = Annotated[
    Path | None, typer.Argument(help="A mapping file or folder; default: those of the settings and the shipped ones.")
]
FileArgument = Annotated[Path, typer.Argument(help="The mapping file.", metavar="FILE")]
RecordsArgument = Annotated[Path, typer.Argument(help="Records to try it on: NDJSON or JSON.", metavar="RECORDS")]


@mappings.command()
def check(ctx: typer.Context, path: PathArgument = None, as_json: JsonOption = False) -> None:
    """Check mapping files; exit 1 at the first fault, with its file, line and key."""
    found = _read(ctx, path)
    lines = [f"{item.name}: {len(item.event)} fields, from {item.file}" for item in found]
    lines.append(f"{len(found)} mappings can be used")
    emit({"mappings": [_payload(item) for item in found]}, lines_of(lines), as_json=as_json)


@mappings.command("list")
def list_mappings(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the formats that `ingest --format` takes beside the built-in ones."""
    found = _read(ctx, None)
    lines = [f"{item.name:20} {item.title}" for item in found]
    emit({"mappings": [_payload(item) for item in found]}, lines_of(lines), as_json=as_json)


@mappings.command("try")
def try_mapping(ctx: typer.Context, file: FileArgument, records: RecordsArgument, as_json: JsonOption = False) -> None:
    """Show the events that a mapping makes of records; nothing is stored, and secrets are not redacted here.

    Looks at the first 100 records. Exits with 1 when one of them gives no event.
    """
    settings = load_settings(session_of(ctx).home)
    proxies = TrustedProxies.of(settings.trusted_proxies, settings.forwarded_header)
    mapping = CompiledMapping(read_specification(file), proxies)
    outcomes = _outcomes(mapping, records, settings.max_record_bytes)
    events = [msgspec.to_builtins(outcome.event) for outcome in outcomes if outcome.event is not None]
    refused = [outcome for outcome in outcomes if outcome.event is None]
    payload = {"events": events, "refused": [{"line": item.mark, "reason": item.reason} for item in refused]}
    lines = [msgspec.json.format(msgspec.json.encode(event), indent=2).decode() for event in events]
    lines += [f"line {item.mark}: {item.reason}" for item in refused]
    emit(payload, "\n".join(lines) or "no records", as_json=as_json)
    if refused:
        what = f"{len(refused)} records gave no event, the first for: {refused[0].reason}"
        raise InvalidInput(what, where=f"{records}, line {refused[0].mark}")


def _outcomes(mapping: CompiledMapping, records: Path, max_bytes: int) -> list[Outcome[int]]:
    reader: MappedReader[int] = MappedReader(mapping)
    outcomes: list[Outcome[int]] = []
    for number, piece in enumerate(split_records(file_chunks(records), max_bytes)):
        if number >= _TRIED_AT_MOST:
            break
        try:
            outcomes += reader.read(piece.data, piece.line)
        except InvalidInput as error:
            outcomes.append(Outcome(None, str(error), piece.data, piece.line))
    return outcomes + reader.rest()


def _read(ctx: typer.Context, path: Path | None) -> list[Specification]:
    if path is not None:
        found = read_mappings([path], RESERVED)
        if not found:
            raise InvalidInput("no mapping file is here", where=str(path), remedy="name a .yaml file or its folder")
        return found
    return read_mappings([*load_settings(session_of(ctx).home).mappings, shipped_mappings()], RESERVED)


def _payload(item: Specification) -> dict[str, Any]:
    return {"name": item.name, "title": item.title, "file": str(item.file), "fields": [name for name, _ in item.event]}

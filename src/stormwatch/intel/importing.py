"""One file of intelligence, of whatever format, into the case database in one transaction, with a report."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from stormwatch.intel.catalogues import import_atlas, import_attack, import_galaxy, import_microsoft_names
from stormwatch.intel.csv_import import CsvDefaults, import_csv
from stormwatch.intel.files import IntelFormat, decode_json, format_of_json, format_of_text, read_bytes
from stormwatch.intel.import_report import ImportReport, Tally
from stormwatch.intel.shared_infrastructure import SharedKind
from stormwatch.intel.stix_import import StixImport
from stormwatch.intel.warninglists import import_warninglist
from stormwatch.ledger.log import SYSTEM, Ledger
from stormwatch.model.errors import InvalidInput
from stormwatch.model.intel import TLP
from stormwatch.stix.bundles import bundle_of
from stormwatch.storage.database import Database

AUTO: Final = "auto"
_TEXT_FORMATS: Final = frozenset({IntelFormat.CSV, IntelFormat.ATLAS})


@dataclass(frozen=True, slots=True)
class ImportDefaults:
    """What holds where a file says nothing: its source (None: the file's name), its TLP, the kind of a shared list."""

    source: str | None = None
    tlp: TLP = TLP.AMBER
    list_kind: SharedKind | None = None


def import_file(
    database: Database,
    path: Path,
    format: str = AUTO,  # noqa: A002 - the option's name on the command line
    ledger: Ledger | None = None,
    *,
    by: str = SYSTEM,
    defaults: ImportDefaults | None = None,
) -> ImportReport:
    """Takes in one file; the same file again changes nothing. With a ledger the import is recorded there.

    Raises NotFound or InvalidInput, and then nothing of the file is stored.
    """
    content = read_bytes(path)
    known, document = _recognise(content, str(path), format)
    tally = Tally()
    with database.write() as connection:
        _take_in(connection, known, document, path, defaults or ImportDefaults(), tally)
        report = tally.report(path.name, known.value)
        if ledger is not None:
            body: dict[str, str | int] = {
                "format": report.format,
                "sha256": hashlib.sha256(content).hexdigest(),
                "indicators": report.indicators,
                "actors": report.actors,
                "lists": report.lists,
                "skipped": report.skipped,
            }
            ledger.append(connection, "intel.imported", by, report.file, body)
    return report


def _recognise(content: bytes, where: str, wanted: str) -> tuple[IntelFormat, Any]:
    """The format and, for JSON formats, the decoded document."""
    asked = None if wanted == AUTO else _format(wanted)
    if asked in _TEXT_FORMATS:
        return asked, content
    if asked is None and content.lstrip()[:1] not in {b"{", b"["}:
        found = format_of_text(content)
        if found is None:
            raise _unknown(where)
        return found, content
    document = decode_json(content, where)
    found = format_of_json(document)
    if asked is not None and found is not asked and {asked, found} != {IntelFormat.STIX, IntelFormat.ATTACK}:
        raise InvalidInput(f"this file is not of format {asked.value}", where=where, remedy="leave --format out")
    if found is None:
        raise _unknown(where)
    return asked or found, document


def _format(name: str) -> IntelFormat:
    try:
        return IntelFormat(name)
    except ValueError as error:
        raise InvalidInput(f"format {name!r} is none of auto, {', '.join(IntelFormat)}", where="--format") from error


def _unknown(where: str) -> InvalidInput:
    return InvalidInput(
        "this is no STIX bundle, indicator table, warning list or catalogue of names",
        where=where,
        remedy="docs/intel.md shows the formats; a CSV table starts with a line that names its columns",
    )


def _take_in(
    connection: Connection, known: IntelFormat, document: Any, path: Path, defaults: ImportDefaults, tally: Tally
) -> None:
    where, source = str(path), defaults.source or path.name
    match known:
        case IntelFormat.STIX:
            StixImport(connection, bundle_of(document, where), source, defaults.tlp, tally).run()
        case IntelFormat.ATTACK:
            import_attack(connection, bundle_of(document, where), tally)
        case IntelFormat.CSV:
            import_csv(connection, document, where, CsvDefaults(source, defaults.tlp), tally)
        case IntelFormat.WARNINGLIST:
            import_warninglist(connection, document, where, defaults.list_kind, tally)
        case IntelFormat.ATLAS:
            import_atlas(connection, document, where, tally)
        case IntelFormat.MISP_GALAXY:
            import_galaxy(connection, document, where, tally)
        case IntelFormat.MICROSOFT_NAMES:
            import_microsoft_names(connection, document, tally)
